//! `vouch profile publish` and `fetch`: from a file to the vendor, and from the partner into a file with its signature beside it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use tempfile::NamedTempFile;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::vendor_directory_service_client::VendorDirectoryServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::profile_service_client::ProfileServiceClient;
use vouch_core::World;
use vouch_diagnostics::profile::Profile;

use super::signed;
use crate::folder::Folder;
use crate::identities::Role;
use crate::output::{self, Problem};
use crate::{DataFolder, call};

#[derive(Args)]
pub(crate) struct PublishArguments {
    /// The profile (TOML).
    pub(super) file: PathBuf,
    /// A product that it is for; may be given several times.
    #[arg(long = "product", value_name = "PRODUCT", required = true)]
    products: Vec<String>,
    /// Who publishes it.
    #[arg(long = "as", value_enum, default_value_t = Role::Administrator)]
    role: Role,
    #[command(flatten)]
    folder: DataFolder,
}

#[derive(Args)]
pub(crate) struct FetchArguments {
    /// The profile: `NAME/VERSION`, or `NAME` for the newest version.
    profile: String,
    /// The vendor whose it is, as the partner's directory names it.
    #[arg(long, value_name = "VENDOR", default_value = "acme")]
    vendor: String,
    /// The file to write; the signature and the keys are written beside it. By default `NAME-VERSION.toml`.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A file with the vendor's public keys, as its `GetKeySet` answers them; by default those that the partner tells.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Print one line of JSON, for machines.
    #[arg(long)]
    json: bool,
    /// Who asks the partner.
    #[arg(long = "as", value_enum, default_value_t = Role::Agent)]
    role: Role,
    #[command(flatten)]
    folder: DataFolder,
}

/// Publishes a text that was found to be a profile.
pub(super) async fn publish(arguments: &PublishArguments, text: String) -> Result<ExitCode, Problem> {
    let folder = Folder::open(&arguments.folder.data)?;
    let bearer = arguments.role.bearer(&folder, vouch_vendor::DOMAIN)?;
    let channel = arguments.role.channel(&folder, "vendor")?;
    let request = vendor::PublishProfileRequest {
        request_id: data_encoding::HEXLOWER.encode(&World::system().random::<16>()),
        content: text.into_bytes().into(),
        product_ids: arguments.products.clone(),
    };
    let mut client = ProfileServiceClient::new(InterceptedService::new(channel, bearer));
    let published = match client.publish_profile(request).await {
        Ok(answer) => answer.into_inner().profile.unwrap_or_default(),
        Err(status) => return Ok(refused(&status)),
    };
    output::done(&format!("published {}/{}", published.name, published.version));
    output::field("for", &published.product_ids.join(", "));
    output::field("digest", &data_encoding::HEXLOWER.encode(&published.sha256));
    if !published.retire_note.is_empty() {
        output::field("retired", &published.retire_note);
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn fetch(arguments: &FetchArguments) -> Result<ExitCode, Problem> {
    let (name, version) = arguments.profile.split_once('/').unwrap_or((&arguments.profile, "0"));
    let version =
        version.parse().map_err(|_| Problem::new(format!("{version} is no version")).next("Write NAME/VERSION."))?;
    let folder = Folder::open(&arguments.folder.data)?;
    let bearer = arguments.role.bearer(&folder, vouch_partner::DOMAIN)?;
    let channel = arguments.role.channel(&folder, "partner")?;
    let request = partner::GetProfileRequest { vendor_id: arguments.vendor.clone(), name: name.to_owned(), version };
    let mut client = VendorDirectoryServiceClient::new(InterceptedService::new(channel, bearer));
    let told = match client.get_profile(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return Ok(refused(&status)),
    };
    let found = told.profile.unwrap_or_default();
    let jwks = match &arguments.keys {
        None => told.jwks,
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Problem::new(format!("{} cannot be read: {error}", file.display())))?;
            crate::verify::unwrap_answer(&text)
        }
    };
    let text = String::from_utf8(found.content.to_vec()).map_err(|_| Problem::new("the profile is no text"))?;
    let profile = Profile::parse(&text)
        .map_err(|_| Problem::new("the profile needs a later version of this program").next("Install that first."))?;
    let issuer = signed::verify(&text, &profile, &found.signature, &jwks)
        .map_err(|problem| Problem::new(format!("{} is not to be trusted: {problem}", profile.title())))?;
    if !told.issuer.is_empty() && told.issuer != issuer {
        return Err(Problem::new(format!(
            "{} is signed by {issuer}, and the vendor is {}",
            profile.title(),
            told.issuer
        )));
    }
    if name != profile.name || (version != 0 && version != i64::from(profile.version)) {
        return Err(Problem::new(format!("the partner answered with {}", profile.title())));
    }
    let file = arguments.output.clone().unwrap_or_else(|| super::file_of(&profile.name, profile.version));
    let (signature, keys) = signed::beside(&file);
    if std::fs::read(&file).is_ok_and(|there| there != text.as_bytes()) {
        return Err(Problem::new(format!("{} is there already, with another text", file.display()))
            .next("Name another file with --output, or remove that one."));
    }
    // The text last: until it is there, nothing is signed.
    for (path, content) in [(&signature, found.signature + "\n"), (&keys, jwks), (&file, text)] {
        write(path, &content)?;
    }
    if arguments.json {
        let told = json!({
            "file": file, "signature": signature, "keys": keys, "profile": profile.title(), "signed_by": issuer,
            "digest": profile.digest(),
        });
        output::line(&told.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    output::done(&format!("fetched {} into {}", profile.title(), file.display()));
    output::field("signed by", &issuer);
    let whose =
        if arguments.keys.is_some() { "yours" } else { "those that the partner tells; --keys FILE takes others" };
    output::field("with the keys", whose);
    output::field("beside it", &format!("{}, {}", signature.display(), keys.display()));
    output::remark(&format!("To collect by it: {} collect --profile {}", output::program(), output::path(&file)));
    Ok(ExitCode::SUCCESS)
}

/// Writes a file whole, or leaves what was there.
fn write(path: &Path, content: &str) -> Result<(), Problem> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = NamedTempFile::new_in(folder).and_then(|mut file| {
        file.write_all(content.as_bytes())?;
        file.persist(path).map_err(|refused| refused.error)
    });
    written.map(|_| ()).map_err(|error| Problem::new(format!("{} cannot be written: {error}", path.display())))
}

fn refused(status: &Status) -> ExitCode {
    call::tell(status, &|_| None);
    ExitCode::FAILURE
}
