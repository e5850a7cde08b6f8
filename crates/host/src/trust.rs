//! Whose certificates are believed: the operator's files, and the partners' own authorities from a registry.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use vouch_identity::{TrustBundles, TrustDomain};

/// The two sources of authorities, kept together as one set of bundles.
#[derive(Debug)]
pub struct Trust {
    bundles: TrustBundles,
    files: Vec<(TrustDomain, PathBuf)>,
    sources: Mutex<Sources>,
}

#[derive(Debug, Default)]
struct Sources {
    configured: Vec<(TrustDomain, String)>,
    registered: Vec<(TrustDomain, String)>,
}

impl Trust {
    /// Reads the operator's files.
    pub fn new(bundles: TrustBundles, files: Vec<(TrustDomain, PathBuf)>) -> Result<Self, String> {
        let trust = Self { bundles, files, sources: Mutex::default() };
        trust.reload()?;
        Ok(trust)
    }

    /// The bundles that come of it.
    pub fn bundles(&self) -> &TrustBundles {
        &self.bundles
    }

    /// Reads the operator's files again. When one cannot be used, everything stays as it was.
    pub fn reload(&self) -> Result<(), String> {
        let configured = self
            .files
            .iter()
            .map(|(domain, path)| Ok((domain.clone(), read(path)?)))
            .collect::<Result<Vec<_>, String>>()?;
        let mut sources = self.sources();
        if sources.configured == configured {
            return Ok(());
        }
        let next = Sources { configured, registered: sources.registered.clone() };
        self.apply(&next)?;
        *sources = next;
        Ok(())
    }

    /// Takes the registry's authorities in place of those before. A trust domain that the operator configured is the
    /// operator's: a registry entry for it counts for nothing.
    pub fn set_registered(&self, registered: Vec<(TrustDomain, String)>) -> Result<(), String> {
        let mut sources = self.sources();
        if sources.registered == registered {
            return Ok(());
        }
        let next = Sources { configured: sources.configured.clone(), registered };
        self.apply(&next)?;
        *sources = next;
        Ok(())
    }

    fn apply(&self, sources: &Sources) -> Result<(), String> {
        let registered = sources
            .registered
            .iter()
            .filter(|(domain, _)| !sources.configured.iter().any(|(configured, _)| configured == domain));
        self.bundles
            .replace(sources.configured.iter().chain(registered).map(|(domain, pem)| (domain.clone(), pem.as_str())))
            .map_err(|(domain, problem)| format!("the authorities of {domain}: {problem}"))
    }

    fn sources(&self) -> std::sync::MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
