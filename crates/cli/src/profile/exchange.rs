//! `vouch profile publish` and `fetch`: from a file to the vendor, and from the partner into a file with its signature beside it.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use tonic::service::interceptor::InterceptedService;
use tonic::{Code, Status};
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::vendor_directory_service_client::VendorDirectoryServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::profile_service_client::ProfileServiceClient;
use vouch_core::World;
use vouch_diagnostics::profile::Profile;

use super::signed;
use crate::DataFolder;
use crate::folder::Folder;
use crate::identities::Role;
use crate::output::{self, Problem};
use crate::refusal::{self, Called};

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
    /// Verify the signature with the vendor's public keys in this file, as its `GetKeySet` answers them; by default with those that
    /// the partner tells, which is the partner's word for the vendor's.
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
    let answer = match client.publish_profile(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let rpc = "vendor.v1.ProfileService/PublishProfile";
            return Err(refusal::problem(&status, &Called::plainly(arguments.role, rpc)));
        }
    };
    let is_new = !answer.published_before;
    let published = answer.profile.unwrap_or_default();
    let title = format!("{}/{}", published.name, published.version);
    output::done(&if is_new {
        format!("published {title}")
    } else {
        format!("{title} was published before: the same")
    });
    output::field("for", &published.product_ids.join(", "));
    output::field("digest", &data_encoding::HEXLOWER.encode(&published.sha256));
    if !published.retire_note.is_empty() {
        output::field("retired", &published.retire_note);
    }
    if is_new && !answer.products_verified {
        output::remark("The licence service did not answer: nobody has looked whether there are these products.");
    }
    Ok(ExitCode::SUCCESS)
}

/// A profile to be fetched.
pub(crate) struct Wanted<'a> {
    /// Who asks the partner.
    pub(crate) role: Role,
    /// The vendor, as the partner's directory names it.
    pub(crate) vendor: &'a str,
    /// `NAME/VERSION`, or `NAME` for the newest version.
    pub(crate) title: &'a str,
    /// The vendor's keys, where they are not to be those that the partner tells.
    pub(crate) keys: Option<&'a Path>,
}

/// A profile that is what its vendor signed.
pub(crate) struct Fetched {
    pub(crate) profile: Profile,
    /// The vendor that signed it.
    pub(crate) issuer: String,
    text: String,
    signature: String,
    jwks: String,
}

/// Asks the partner for a profile, and verifies its signature.
pub(crate) async fn fetch_from(folder: &Folder, wanted: &Wanted<'_>) -> Result<Result<Fetched, Status>, Problem> {
    let (name, version) = wanted.title.split_once('/').unwrap_or((wanted.title, "0"));
    let version =
        version.parse().map_err(|_| Problem::new(format!("{version} is no version")).next("Write NAME/VERSION."))?;
    let bearer = wanted.role.bearer(folder, vouch_partner::DOMAIN)?;
    let channel = wanted.role.channel(folder, "partner")?;
    let request = partner::GetProfileRequest { vendor_id: wanted.vendor.to_owned(), name: name.to_owned(), version };
    let mut client = VendorDirectoryServiceClient::new(InterceptedService::new(channel, bearer));
    let told = match client.get_profile(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return Ok(Err(status)),
    };
    let found = told.profile.unwrap_or_default();
    let jwks = wanted.keys.map_or(Ok(told.jwks), signed::keys)?;
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
    Ok(Ok(Fetched { profile, issuer, text, signature: found.signature, jwks }))
}

impl Fetched {
    /// Writes it into a file, with its signature and the keys beside it. Another text is not written over.
    pub(crate) fn write(&self, file: &Path) -> Result<(), Problem> {
        match std::fs::read(file) {
            Ok(there) if there == self.text.as_bytes() => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Ok(_) => {
                let problem = Problem::there(file);
                return Err(Problem { what: format!("{}, with another text", problem.what), ..problem });
            }
            Err(error) => return Err(Problem::new(format!("{} cannot be read: {error}", file.display()))),
        }
        let (signature, keys) = signed::beside(file);
        let signed = format!("{}\n", self.signature);
        // The text last: until it is there, nothing is signed.
        for (path, content) in [(signature.as_path(), &signed), (&keys, &self.jwks), (file, &self.text)] {
            write(path, content)?;
        }
        Ok(())
    }
}

pub(super) async fn fetch(arguments: &FetchArguments) -> Result<ExitCode, Problem> {
    let folder = Folder::open(&arguments.folder.data)?;
    let wanted = Wanted {
        role: arguments.role,
        vendor: &arguments.vendor,
        title: &arguments.profile,
        keys: arguments.keys.as_deref(),
    };
    let fetched = match fetch_from(&folder, &wanted).await? {
        Ok(fetched) => fetched,
        Err(status) => {
            let rpc = "partner.v1.VendorDirectoryService/GetProfile";
            let problem = refusal::problem(&status, &Called::plainly(arguments.role, rpc));
            let (program, data) = (output::program(), folder.flag());
            return Err(match status.code() {
                Code::NotFound => problem.next(format!(
                    "Those that there are: {program} vendor-directory list-profiles {}{data}",
                    arguments.vendor
                )),
                _ => problem,
            });
        }
    };
    let Fetched { profile, issuer, .. } = &fetched;
    let file = arguments.output.clone().unwrap_or_else(|| super::file_of(&profile.name, profile.version));
    fetched.write(&file)?;
    let (signature, keys) = signed::beside(&file);
    if arguments.json {
        let told = json!({
            "file": file, "signature": signature, "keys": keys, "profile": profile.title(), "signed_by": issuer,
            "verified_with": if arguments.keys.is_some() { "given" } else { "partner" }, "digest": profile.digest(),
        });
        output::line(&told.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    output::done(&format!("fetched {} into {}", profile.title(), file.display()));
    output::field("signed by", &signed::named(issuer));
    let whose = match &arguments.keys {
        Some(_) => "the keys that you gave",
        None => "the keys that the partner tells: its word for the vendor's; --keys FILE takes yours",
    };
    output::field("verified with", whose);
    output::field("beside it", &format!("{}, {}", signature.display(), keys.display()));
    // The name under which it is looked for, where it lies under that.
    let named = arguments.output.as_ref().map_or_else(|| profile.title(), |file| output::path(file));
    output::remark(&format!("To collect by it: {} collect --profile {named}", output::program()));
    Ok(ExitCode::SUCCESS)
}

/// Writes a file whole, or leaves what was there.
fn write(path: &Path, content: &str) -> Result<(), Problem> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Nothing in it is secret, and another account may have to read it.
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let written = builder.tempfile_in(folder).and_then(|mut file| {
        file.write_all(content.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|refused| refused.error)
    });
    written.map(|_| ()).map_err(|error| Problem::new(format!("{} cannot be written: {error}", path.display())))
}
