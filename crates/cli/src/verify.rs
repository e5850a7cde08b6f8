//! `vouch verify`: signed texts, checked without a network.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vouch_core::World;
use vouch_proof::{AdmissionReceipt, EntitlementProof, KeySet, LicenseFile, ManifestSignature, VerifyError};

use crate::output::{self, Problem};

#[derive(Args)]
pub(crate) struct VerifyArguments {
    /// A file with a proof, a receipt, a licence file or a manifest signature: a compact JWS, or the answer that it came in.
    file: PathBuf,
    /// A file with the public keys of whom it should be from: a JSON Web Key Set, as `GetKeySet` answers it. By default
    /// keys.json beside the file.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Print what it says as JSON only.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &VerifyArguments) -> Result<ExitCode, Problem> {
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path)
            .map_err(|error| Problem::new(format!("{} cannot be read: {error}", path.display())))
    };
    let signed = read(&arguments.file)?;
    let keys_file = arguments.keys.clone().unwrap_or_else(|| arguments.file.with_file_name("keys.json"));
    let keys = read(&keys_file).map_err(|problem| {
        problem.next("Name a file with the issuer's keys, as GetKeySet answers them: --keys FILE.")
    })?;
    let keys = KeySet::from_jwks(&unwrap_answer(&keys))
        .map_err(|problem| Problem::new(format!("{} {problem}", keys_file.display())))?;
    let signed = unwrap_signed(&signed);
    let signed = signed.trim();
    let (kind, claims) = identify(signed, &keys).map_err(|error| {
        Problem::new(format!("{} is not to be trusted: {error}", arguments.file.display()))
            .next("Ask for it again, and for the keys of the service that issued it.")
    })?;
    if !arguments.json {
        output::done(&format!("genuine: {kind}"));
    }
    output::line(&claims);
    Ok(ExitCode::SUCCESS)
}

/// Tries each kind: a text of another kind says so, and anything else is final.
fn identify(signed: &str, keys: &KeySet) -> Result<(&'static str, String), VerifyError> {
    match EntitlementProof::verify_origin(signed, keys) {
        Ok(claims) => {
            return Ok(("an entitlement proof (whether it is in its time, its reader judges)", show(&claims)));
        }
        Err(VerifyError::WrongKind) => {}
        Err(error) => return Err(error),
    }
    match AdmissionReceipt::verify(signed, keys) {
        Ok(claims) => return Ok(("an admission receipt", show(&claims))),
        Err(VerifyError::WrongKind) => {}
        Err(error) => return Err(error),
    }
    match LicenseFile::verify(signed, keys, World::system().now()) {
        Ok(claims) => return Ok(("a licence file, to be relied on until its end", show(&claims))),
        Err(VerifyError::WrongKind) => {}
        Err(error) => return Err(error),
    }
    ManifestSignature::verify(signed, keys).map(|claims| ("a manifest signature", show(&claims)))
}

fn show(claims: &impl Serialize) -> String {
    serde_json::to_string_pretty(claims).unwrap_or_default()
}

/// Takes the signed text itself, or an answer with one in it.
fn unwrap_signed(text: &str) -> String {
    let answer: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let member = |name: &str| answer.as_ref()?.pointer(name)?.as_str().map(str::to_owned);
    ["/proof", "/case/receipt", "/licenseFile", "/manifestSignature"]
        .into_iter()
        .find_map(member)
        .unwrap_or_else(|| text.to_owned())
}

/// Takes the key set itself, or the answer of `GetKeySet` with the set in it.
fn unwrap_answer(text: &str) -> String {
    let answer: Option<serde_json::Value> = serde_json::from_str(text).ok();
    answer
        .as_ref()
        .and_then(|answer| answer.pointer("/keySet/jwks"))
        .and_then(serde_json::Value::as_str)
        .map_or_else(|| text.to_owned(), str::to_owned)
}
