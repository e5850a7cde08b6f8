//! `vouch verify`: signed texts, checked without a network; and the text beside a signature, held against it (`text`).

mod text;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use vouch_core::World;
use vouch_proof::{
    AdmissionReceipt, EntitlementProof, KeySet, LicenseFile, LicensedTerms, ManifestSignature, ProfileSignature,
    VerifyError,
};

use self::text::{Compared, Over};
use crate::output::{self, Problem};

#[derive(Args)]
pub(crate) struct VerifyArguments {
    /// A file with a proof, a receipt, a licence file, or the signature of a manifest or a profile: a compact JWS, or the answer
    /// that it came in.
    file: PathBuf,
    /// A file with the public keys of whom it should be from: a JSON Web Key Set, as `GetKeySet` answers it. By default
    /// keys.json beside the file; of a profile's signature, the keys with which it was fetched.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// The text that a signature is over: the profile, or the sealed bundle. By default the one that lies beside it: FILE without `.jws`.
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Print what it says as JSON only; of a signature that is over a text of its own, with a member `text`: `same` as what was signed, or
    /// `not_compared`.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &VerifyArguments) -> Result<ExitCode, Problem> {
    let answer = read(&arguments.file)?;
    let signature = signature_of(&arguments.file);
    if compact(&unwrap_signed(&answer)).is_none() && signature.is_file() {
        return Err(Problem::new(format!(
            "{} is no signed text: its signature is {}",
            arguments.file.display(),
            signature.display()
        ))
        .next(format!("Verify that one: {} verify {}", output::program(), output::path(&signature))));
    }
    let keys_file = arguments.keys.clone().unwrap_or_else(|| keys_beside(&arguments.file));
    let keys = read(&keys_file).map_err(|problem| {
        problem.next("Name a file with the issuer's keys, as GetKeySet answers them: --keys FILE.")
    })?;
    let keys = KeySet::from_jwks(&unwrap_answer(&keys))
        .map_err(|problem| Problem::new(format!("{} {problem}", keys_file.display())))?;
    let signed = unwrap_signed(&answer);
    let signed = signed.trim();
    let mut genuine = identify(signed, &keys).map_err(|error| {
        let since = if matches!(error, VerifyError::Expired) { since(signed, &keys) } else { String::new() };
        Problem::new(format!("{} is not to be trusted: {error}{since}", arguments.file.display()))
            .next("Ask for it again, and for the keys of the service that issued it.")
    })?;
    let named = arguments.text.as_deref();
    if named.is_some() && genuine.over.is_none() {
        return Err(Problem::new(format!("{} says all that it signs: there is no text beside it", genuine.kind))
            .next("Leave --text out."));
    }
    // A signature says nothing of a text but its digest: who sees it verified is to know of which text.
    let over = genuine.over.as_ref();
    let compared = over.map(|over| over.compare(&arguments.file, &answer, named)).transpose()?;
    if arguments.json
        && let (Some(compared), Some(claims)) = (&compared, genuine.claims.as_object_mut())
    {
        claims.insert("text".into(), compared.word().into());
    }
    if !arguments.json {
        output::done(&format!("genuine: {}", genuine.kind));
    }
    output::line(&serde_json::to_string_pretty(&genuine.claims).unwrap_or_default());
    if !arguments.json {
        for (name, value) in words(&genuine) {
            output::field(name, &value);
        }
    }
    match (compared, genuine.over.as_ref()) {
        (Some(Compared::Same(text)), _) if !arguments.json => {
            output::field("text", &format!("{text} is what was signed"));
        }
        (Some(Compared::Nothing), Some(over)) if !arguments.json => output::warning("text", over.hint()),
        (Some(Compared::Nothing), Some(over)) => output::remark(&format!("The text was {}.", over.hint())),
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => Problem::new(format!("{} is no text", path.display())).next(format!(
            "A sealed bundle is verified with: {} bundle verify {}",
            output::program(),
            output::path(path)
        )),
        _ => Problem::unreadable(path, &error),
    })
}

/// Where the signature of a text lies beside it.
fn signature_of(text: &Path) -> PathBuf {
    let mut name = text.as_os_str().to_owned();
    name.push(".jws");
    PathBuf::from(name)
}

/// Where the keys lie beside a signed text: those with which it was fetched, or those that were written out for it.
fn keys_beside(file: &Path) -> PathBuf {
    let fetched = file.with_extension("keys.json");
    let is_signature = file.extension().is_some_and(|ending| ending == "jws");
    if is_signature && fetched.is_file() { fetched } else { file.with_file_name("keys.json") }
}

/// A signed text that is what it says.
struct Genuine {
    kind: &'static str,
    claims: Value,
    /// What a licence file licenses.
    terms: Option<LicensedTerms>,
    /// The text that it is over, where it has one of its own.
    over: Option<Over>,
}

impl Genuine {
    fn new(kind: &'static str, claims: &impl Serialize) -> Self {
        Self { kind, claims: serde_json::to_value(claims).unwrap_or_default(), terms: None, over: None }
    }
}

/// Tries each kind: a text of another kind says so, and anything else is final.
fn identify(signed: &str, keys: &KeySet) -> Result<Genuine, VerifyError> {
    match EntitlementProof::verify_origin(signed, keys) {
        Ok(claims) => {
            return Ok(Genuine::new("an entitlement proof (whether it is in its time, its reader judges)", &claims));
        }
        Err(VerifyError::WrongKind) => {}
        Err(error) => return Err(error),
    }
    match AdmissionReceipt::verify(signed, keys) {
        Ok(claims) => return Ok(Genuine::new("an admission receipt", &claims)),
        Err(VerifyError::WrongKind) => {}
        Err(error) => return Err(error),
    }
    match LicenseFile::verify(signed, keys, World::system().now()) {
        Ok(file) => {
            let genuine = Genuine::new("a licence file, to be relied on until its end", &file);
            return Ok(Genuine { terms: Some(file.lic), ..genuine });
        }
        Err(VerifyError::WrongKind) => {}
        Err(error) => return Err(error),
    }
    match ProfileSignature::verify(signed, keys) {
        Ok(claims) => {
            let genuine = Genuine::new("the signature of a profile", &claims);
            return Ok(Genuine { over: Some(Over::Profile(claims)), ..genuine });
        }
        Err(VerifyError::WrongKind) => {}
        Err(error) => return Err(error),
    }
    ManifestSignature::verify(signed, keys).map(|claims| {
        let genuine = Genuine::new("a manifest signature", &claims);
        Genuine { over: Some(Over::Manifest(claims)), ..genuine }
    })
}

/// Since when the time of a licence file is over.
fn since(signed: &str, keys: &KeySet) -> String {
    let file = LicenseFile::verify_origin(signed, keys);
    let end = file.map(|file| file.exp.min(file.iat.saturating_add(LicenseFile::MAX_LIFETIME.as_secs())));
    end.ok().and_then(date).map(|end| format!(" since {end}")).unwrap_or_default()
}

/// What claims say, as people read it: instants as dates, and the days of a licence.
fn words(genuine: &Genuine) -> Vec<(&'static str, String)> {
    let instant = |name| {
        let seconds = genuine.claims.get(name)?.as_i64()?;
        Some((name, format!("{seconds}  {}", date(seconds)?)))
    };
    let mut words: Vec<_> = ["iat", "nbf", "exp"].into_iter().filter_map(instant).collect();
    words.extend(genuine.terms.as_ref().map(|terms| ("licensed", days(terms))));
    words
}

fn days(terms: &LicensedTerms) -> String {
    let LicensedTerms { valid_from, valid_until, grace_days, zone, .. } = terms;
    let grace = if *grace_days == 0 { String::new() } else { format!(", and {grace_days} days of grace") };
    match valid_until {
        Some(last) => format!("from {valid_from} to {last}, both included{grace}; days of {zone}"),
        None => format!("from {valid_from} on, without a last day; days of {zone}"),
    }
}

fn date(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|instant| instant.to_string())
}

/// Takes the signed text itself, or an answer with one in it: as JSON, or as a person reads it.
fn unwrap_signed(text: &str) -> String {
    let answer: Option<Value> = serde_json::from_str(text).ok();
    let member = |name: &str| answer.as_ref()?.pointer(name)?.as_str().map(str::to_owned);
    ["/proof", "/case/receipt", "/licenseFile", "/manifestSignature", "/profile/signature"]
        .into_iter()
        .find_map(member)
        .or_else(|| compact(text).map(str::to_owned))
        .unwrap_or_else(|| text.to_owned())
}

/// The first compact JWS in a text: three parts in base64url, of which the first is a JSON object.
fn compact(text: &str) -> Option<&str> {
    let is_part =
        |part: &str| part.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character));
    text.split(|character: char| character.is_whitespace() || character == '"')
        .find(|word| word.starts_with("eyJ") && word.split('.').count() == 3 && word.split('.').all(is_part))
}

/// Takes the key set itself, or the answer of `GetKeySet` with the set in it: as JSON, or as a person reads it.
pub(crate) fn unwrap_answer(text: &str) -> String {
    let answer: Option<Value> = serde_json::from_str(text).ok();
    let within = answer.as_ref().and_then(|answer| answer.pointer("/keySet/jwks")).and_then(Value::as_str);
    let told = text.lines().find_map(|line| line.strip_prefix("jwks "));
    within.or(told).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use vouch_proof::SigningKey;

    use super::*;

    fn file(exp: i64, valid_until: Option<&str>) -> LicenseFile {
        LicenseFile {
            iss: "license.vouch".into(),
            sub: "contoso".into(),
            iat: 1_767_225_600,
            nbf: 1_767_225_600,
            exp,
            lic: LicensedTerms {
                id: "lic_1".into(),
                rev: 1,
                hint: "7QK4".into(),
                product: "atlas".into(),
                quantity: 25,
                kind: "paid".into(),
                valid_from: "2026-01-01".into(),
                valid_until: valid_until.map(str::to_owned),
                grace_days: 14,
                maintenance_until: None,
                zone: "UTC".into(),
            },
        }
    }

    #[test]
    fn a_signed_text_is_found_in_an_answer_as_it_is_printed() {
        let told = "license_file  eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJ4In0.c2ln-_\nexpires_at    2026-06-30T12:00:00Z\n";
        assert_eq!(unwrap_signed(told), "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJ4In0.c2ln-_");
        assert_eq!(unwrap_signed("{\"licenseFile\":\"a.b.c\"}"), "a.b.c");
        assert_eq!(unwrap_signed("no.such.thing"), "no.such.thing");
        assert_eq!(unwrap_answer("jwks         {\"keys\":[]}\nfresh_until  x\n").trim(), "{\"keys\":[]}");
        assert_eq!(unwrap_answer(r#"{"keySet":{"jwks":"{}"}}"#), "{}");
    }

    #[test]
    fn instants_are_said_as_dates_and_the_days_of_a_licence_in_words() {
        let file = file(1_775_001_600, Some("2026-12-31"));
        let genuine = Genuine { terms: Some(file.lic.clone()), ..Genuine::new("a licence file", &file) };
        assert_eq!(
            words(&genuine),
            [
                ("iat", "1767225600  2026-01-01T00:00:00Z".to_owned()),
                ("nbf", "1767225600  2026-01-01T00:00:00Z".to_owned()),
                ("exp", "1775001600  2026-04-01T00:00:00Z".to_owned()),
                (
                    "licensed",
                    "from 2026-01-01 to 2026-12-31, both included, and 14 days of grace; days of UTC".to_owned()
                ),
            ]
        );
        assert_eq!(days(&self::file(0, None).lic), "from 2026-01-01 on, without a last day; days of UTC");
    }

    #[test]
    fn keys_lie_beside_a_signature_as_they_were_fetched_and_a_bundle_is_sent_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        assert_eq!(keys_beside(&file("a.toml.jws")), file("keys.json"));
        std::fs::write(file("a.toml.keys.json"), "{}").unwrap();
        assert_eq!(keys_beside(&file("a.toml.jws")), file("a.toml.keys.json"));
        std::fs::write(file("host.vouch"), b"\xff\xfe").unwrap();
        let refused = read(&file("host.vouch")).unwrap_err();
        assert!(refused.what.ends_with("is no text") && refused.next.unwrap().contains("bundle verify"));
    }

    #[test]
    fn who_names_a_text_is_told_which_file_is_its_signature() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("own.toml");
        std::fs::write(&text, "name = \"own\"\n").unwrap();
        let refused = |file: &Path| {
            run(&VerifyArguments { file: file.to_owned(), keys: None, text: None, json: false }).unwrap_err()
        };
        assert!(refused(&text).what.starts_with("there is no file "), "its keys, where it has no signature");
        std::fs::write(folder.path().join("own.toml.jws"), "a.b.c").unwrap();
        let told = refused(&text);
        assert!(told.what.ends_with("own.toml.jws") && told.what.contains("its signature is"), "{}", told.what);
        assert!(refused(&folder.path().join("nope")).what.starts_with("there is no file "));
    }

    #[test]
    fn of_a_file_whose_time_is_over_it_is_said_since_when() {
        let key = SigningKey::generate(&World::system()).unwrap();
        let keys = KeySet::from_jwks(&format!("{{\"keys\":[{}]}}", key.public_jwk())).unwrap();
        let signed = file(1_767_312_000, None).sign(&key).unwrap();
        assert_eq!(since(&signed, &keys), " since 2026-01-02T00:00:00Z");
    }
}
