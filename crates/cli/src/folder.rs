//! The data folder: an authority for the vendor, one for a partner, token issuers, and each service's configuration.
//!
//! Everything in it is made once and kept, so that a second start carries on with the same data. It is for development: an
//! operator brings certificates and issuers of its own.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use vouch_core::World;
use vouch_identity::development::{Authority, Identity, TokenIssuer};

use crate::output::Problem;

/// The partner that the sample catalogue registers, and whose partner service runs on the folder.
pub(crate) const PARTNER: &str = "north";

/// Another partner of the sample catalogue: what is the first one's is none of its business.
pub(crate) const OTHER_PARTNER: &str = "south";

/// The three services, in the order in which they start.
pub(crate) const SERVICES: [&str; 3] = ["license", "vendor", "partner"];

/// A token issuer of the folder: its file name, its `iss`, and what its subjects are.
pub(crate) struct IssuerEntry {
    pub(crate) name: &'static str,
    pub(crate) issuer: &'static str,
    pub(crate) kind: &'static str,
}

/// The issuers of the folder.
pub(crate) const ISSUERS: [IssuerEntry; 3] = [
    IssuerEntry { name: "vendor-staff", issuer: "https://staff.vendor.example", kind: "vendor-staff" },
    IssuerEntry { name: "partner-staff", issuer: "https://id.partners.example", kind: "partner-staff" },
    IssuerEntry { name: "end-users", issuer: "https://id.customers.example", kind: "end-user" },
];

/// A data folder that is ready for use.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    /// As it was named.
    named: PathBuf,
    /// Held while services run on the folder.
    _lock: Option<File>,
}

impl Folder {
    /// Makes what is missing in the folder, and the folder itself.
    pub(crate) fn prepare(root: &Path) -> Result<Self, Problem> {
        let folder = Self { root: absolute(root)?, named: root.to_owned(), _lock: None };
        let cannot = |error: std::io::Error| Problem::new(format!("{} cannot be made: {error}", folder.root.display()));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder.root).map_err(cannot)?;
        let folder = Self { _lock: Some(folder.lock()?), ..folder };
        // It holds private keys: none of it belongs into a repository.
        folder.make(".gitignore", || {
            Ok(b"*
"
            .to_vec())
        })?;
        let vendor = folder.authority("authority/vendor", "Vouch development vendor")?;
        let partner = folder.authority(&format!("authority/{PARTNER}"), "Vouch development partner")?;
        for service in SERVICES {
            let id = format!("spiffe://vendor.example/vendor/{service}");
            folder.identity(&vendor, &format!("{service}/service"), &id)?;
            folder.make(&format!("{service}/root.key"), || Ok(World::system().random::<32>().to_vec()))?;
        }
        let other = folder.authority(&format!("authority/{OTHER_PARTNER}"), "Vouch development partner")?;
        let other_id = format!("spiffe://{OTHER_PARTNER}.example/partner/{OTHER_PARTNER}");
        folder.identity(&other, "identities/other-partner", &other_id)?;
        let id = |kind: &str| format!("spiffe://{PARTNER}.example/{kind}/{PARTNER}");
        folder.identity(&partner, "identities/partner", &id("partner"))?;
        folder.identity(&partner, "identities/reseller", &id("reseller"))?;
        for entry in ISSUERS {
            folder.issuer(&entry)?;
        }
        Ok(folder)
    }

    /// Opens a folder that was prepared before.
    pub(crate) fn open(root: &Path) -> Result<Self, Problem> {
        let folder = Self { root: absolute(root)?, named: root.to_owned(), _lock: None };
        if folder.path("authority/vendor.pem").is_file() {
            return Ok(folder);
        }
        Err(Problem::new(format!("{} is not a data folder of vouch", root.display()))
            .next("Start the services first: vouch up. Or name the folder: --data DIR."))
    }

    /// Keeps other processes from starting services on the folder.
    fn lock(&self) -> Result<File, Problem> {
        let path = self.path("up.lock");
        let cannot = |error: std::io::Error| Problem::new(format!("{} cannot be opened: {error}", path.display()));
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => {
                Err(Problem::new(format!("another `vouch up` is running on {}", self.root.display()))
                    .next("Stop it first, or name another folder: --data DIR."))
            }
            Err(TryLockError::Error(error)) => Err(cannot(error)),
        }
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The flag that names the folder, with a blank before it; nothing for the one that is taken without it.
    pub(crate) fn flag(&self) -> String {
        crate::up::flag(&self.named)
    }

    /// The content of a file.
    pub(crate) fn read(&self, name: &str) -> Result<String, Problem> {
        let path = self.path(name);
        std::fs::read_to_string(&path)
            .map_err(|error| Problem::new(format!("{} cannot be read: {error}", path.display())))
    }

    /// Writes a file anew.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<(), Problem> {
        let path = self.path(name);
        std::fs::write(&path, content)
            .map_err(|error| Problem::new(format!("{} cannot be written: {error}", path.display())))
    }

    /// Makes a file that only its owner reads, unless it is there.
    pub(crate) fn make(&self, name: &str, content: impl FnOnce() -> Result<Vec<u8>, Problem>) -> Result<(), Problem> {
        let path = self.path(name);
        if path.exists() {
            return Ok(());
        }
        let cannot = |error: std::io::Error| Problem::new(format!("{} cannot be made: {error}", path.display()));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(cannot)?;
        }
        // Written beside and moved into place: a file that is there is whole.
        let beside = path.with_extension("new");
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&beside).map_err(cannot)?;
        file.write_all(&content()?).and_then(|()| file.sync_all()).map_err(cannot)?;
        std::fs::rename(&beside, &path).map_err(cannot)
    }

    /// A token issuer of the folder.
    pub(crate) fn token_issuer(&self, entry: &IssuerEntry) -> Result<TokenIssuer, Problem> {
        Ok(TokenIssuer::restore(entry.issuer, &self.read(&format!("issuers/{}-key.pem", entry.name))?))
    }

    fn issuer(&self, entry: &IssuerEntry) -> Result<(), Problem> {
        self.make(&format!("issuers/{}-key.pem", entry.name), || {
            Ok(TokenIssuer::new(entry.issuer).map_err(crypto)?.key_pem().as_bytes().to_vec())
        })?;
        let issuer = self.token_issuer(entry)?;
        self.make(&format!("issuers/{}.jwks", entry.name), || Ok(issuer.jwks().map_err(crypto)?.into_bytes()))
    }

    fn authority(&self, name: &str, title: &str) -> Result<Authority, Problem> {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}-key.pem"));
        if !self.path(&certificate).exists() {
            let fresh = Authority::new(title).map_err(crypto)?;
            // A key without its certificate was left by a start that was cut off, and fits no other certificate.
            let _ = std::fs::remove_file(self.path(&key));
            self.make(&key, || Ok(fresh.key_pem().as_bytes().to_vec()))?;
            self.make(&certificate, || Ok(fresh.certificate_pem().as_bytes().to_vec()))?;
        }
        Authority::restore(&self.read(&certificate)?, &self.read(&key)?).map_err(crypto)
    }

    fn identity(&self, authority: &Authority, name: &str, spiffe_id: &str) -> Result<(), Problem> {
        if self.path(&format!("{name}.pem")).exists() {
            return Ok(());
        }
        let Identity { certificate_pem, key_pem } = authority.workload(spiffe_id).map_err(crypto)?;
        let _ = std::fs::remove_file(self.path(&format!("{name}-key.pem")));
        self.make(&format!("{name}-key.pem"), || Ok(key_pem.into_bytes()))?;
        self.make(&format!("{name}.pem"), || Ok(certificate_pem.into_bytes()))
    }
}

fn absolute(root: &Path) -> Result<PathBuf, Problem> {
    std::path::absolute(root).map_err(|error| Problem::new(format!("{}: {error}", root.display())))
}

fn crypto(error: impl std::fmt::Display) -> Problem {
    Problem::new(format!("a key or certificate could not be made: {error}"))
}
