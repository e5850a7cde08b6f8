//! The settings that every service has.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vouch_core::code::PartnerId;
use vouch_identity::{Algorithm, CallerKind, Issuer, SpiffeId, TrustDomain};
use vouch_storage::StoreConfig;

use super::Loaded;

/// The settings that every service has, understood.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Where it listens.
    pub listen: ListenConfig,
    /// Its own certificate.
    pub tls: TlsConfig,
    /// Whose certificates are believed.
    pub trust: Vec<(TrustDomain, PathBuf)>,
    /// The vendor's own services that may call, by exact id.
    pub workloads: Vec<SpiffeId>,
    /// Whose tokens are believed.
    pub issuers: Vec<IssuerConfig>,
    /// Where the data lie.
    pub store: StoreConfig,
    /// The file with the root secret.
    pub root_secret: PathBuf,
    /// Limits.
    pub limits: LimitsConfig,
    /// Logs.
    pub log: LogConfig,
}

/// `[listen]`: where the service listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListenConfig {
    /// gRPC and gRPC-Web, with TLS; client certificates are asked for and optional.
    pub address: SocketAddr,
    /// Health and metrics for the operator, plain HTTP: loopback addresses only.
    pub ops: SocketAddr,
    /// A second TLS listener that never asks for a client certificate: browsers would show their owner a dialogue.
    pub browsers: Option<SocketAddr>,
    /// The origins from which browsers may call.
    pub origins: Vec<String>,
}

impl Default for ListenConfig {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self { address: loopback(0), ops: loopback(0), browsers: None, origins: Vec::new() }
    }
}

/// `[tls]`: the service's own certificate, read again when the files change.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// The certificate and its intermediates, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// `[[trust]]`: the authorities of one trust domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustConfig {
    /// The trust domain: `vendor.example`.
    pub domain: String,
    /// Its authorities, PEM.
    pub bundle: PathBuf,
}

/// `[[workloads]]`: a service of the vendor that may call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkloadConfig {
    id: String,
}

/// `[[issuers]]`: an OpenID Connect issuer whose tokens are believed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// Its `iss`.
    pub issuer: String,
    /// The `aud` that its tokens must carry.
    pub audience: String,
    /// What its subjects are: `vendor-staff`, `partner-staff` or `end-user`.
    pub kind: String,
    /// The organisation of all of its subjects; without it each token carries its own in the claim `org`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// The algorithms that it may sign with: `EdDSA`, `ES256`, `RS256`, `PS256`.
    pub algorithms: Vec<String>,
    /// A file with its keys (a JSON Web Key Set), read again when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_file: Option<PathBuf>,
    /// An `https://` address of its keys, fetched again every five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
}

impl IssuerConfig {
    /// The issuer as the gate knows it.
    pub fn to_issuer(&self) -> Result<Issuer, String> {
        let kind = match self.kind.as_str() {
            "vendor-staff" => CallerKind::VendorStaff,
            "partner-staff" => CallerKind::PartnerStaff,
            "end-user" => CallerKind::EndUser,
            other => {
                return Err(format!("kind must be vendor-staff, partner-staff or end-user, and is {other:?}"));
            }
        };
        let algorithms = self
            .algorithms
            .iter()
            .map(|name| match name.as_str() {
                "EdDSA" => Ok(Algorithm::EdDSA),
                "ES256" => Ok(Algorithm::ES256),
                "RS256" => Ok(Algorithm::RS256),
                "PS256" => Ok(Algorithm::PS256),
                other => Err(format!("algorithms must be of EdDSA, ES256, RS256, PS256, and one is {other:?}")),
            })
            .collect::<Result<Vec<_>, _>>()?;
        if self.issuer.is_empty() || self.audience.is_empty() || algorithms.is_empty() {
            return Err("issuer, audience and algorithms must not be empty".into());
        }
        if let Some(organisation) = &self.organisation {
            PartnerId::parse(organisation).map_err(|problem| format!("organisation {problem}"))?;
        }
        match (&self.jwks_file, &self.jwks_url) {
            (Some(_), None) => {}
            (None, Some(url)) if url.starts_with("https://") => {}
            (None, Some(_)) => return Err("jwks_url must begin with https://".into()),
            _ => return Err("give either jwks_file or jwks_url".into()),
        }
        Ok(Issuer {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            algorithms,
            kind,
            organisation: self.organisation.clone(),
        })
    }
}

/// `[store]`: where the data lie.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSettings {
    /// `sqlite:FOLDER/FILE` or `postgres://…`.
    pub address: String,
    /// How many connections may be open at a time.
    pub connections: u32,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { address: String::new(), connections: 8 }
    }
}

/// `[secrets]`: the root secret under which keys and digests are kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsConfig {
    /// A file of 32 random bytes.
    pub root: PathBuf,
}

/// `[limits]`: what one caller may take.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// The largest message, in bytes.
    pub message_bytes: usize,
    /// The longest time a request may take; a caller's own deadline may be shorter.
    pub request_seconds: u64,
    /// Requests at a time on one connection; more wait.
    pub requests_per_connection: u32,
    /// Connections at a time; more wait in the operating system's queue.
    pub connections: usize,
    /// How long a connection may live before it is asked to reconnect.
    pub connection_minutes: u64,
    /// How long requests under way may go on when the service stops.
    pub drain_seconds: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            message_bytes: 4 * 1024 * 1024,
            request_seconds: 30,
            requests_per_connection: 256,
            connections: 4096,
            connection_minutes: 60,
            drain_seconds: 20,
        }
    }
}

impl LimitsConfig {
    /// The longest time a request may take.
    pub fn request(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }

    /// How long requests under way may go on when the service stops.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// For people.
    Text,
}

/// `[log]`: what is logged.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// A filter such as `info` or `info,vouch_license=debug`.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Json, level: "info".into() }
    }
}

impl HostConfig {
    /// Takes the settings that every service has out of what was loaded. Problems are noted there; with any, the result is
    /// not to be used.
    pub fn take(loaded: &mut Loaded) -> Option<Self> {
        let listen: ListenConfig = loaded.section("listen");
        let tls: TlsConfig = loaded.section("tls");
        let store: StoreSettings = loaded.section("store");
        let secrets: SecretsConfig = loaded.section("secrets");
        let limits: LimitsConfig = loaded.section("limits");
        let log: LogConfig = loaded.section("log");
        let trust: Vec<TrustConfig> = loaded.list("trust");
        let workloads: Vec<WorkloadConfig> = loaded.list("workloads");
        let issuers: Vec<IssuerConfig> = loaded.list("issuers");

        if !listen.ops.ip().is_loopback() {
            loaded.problems.add("listen.ops", "must be a loopback address: it is served without TLS");
        }
        if limits.message_bytes == 0
            || limits.request_seconds == 0
            || limits.requests_per_connection == 0
            || limits.connections == 0
            || limits.connection_minutes == 0
        {
            loaded.problems.add("limits", "must all be above zero, except drain_seconds");
        }
        let tls = TlsConfig {
            certificate: file(loaded, "tls.certificate", &tls.certificate),
            key: file(loaded, "tls.key", &tls.key),
        };
        let root_secret = file(loaded, "secrets.root", &secrets.root);
        let trust = trust
            .into_iter()
            .enumerate()
            .filter_map(|(index, trust)| {
                let place = format!("trust[{index}]");
                let bundle = file(loaded, &format!("{place}.bundle"), &trust.bundle);
                loaded.problems.take(&format!("{place}.domain"), TrustDomain::parse(&trust.domain)).map(|d| (d, bundle))
            })
            .collect();
        let workloads = workloads
            .iter()
            .enumerate()
            .filter_map(|(index, workload)| {
                loaded.problems.take(&format!("workloads[{index}].id"), SpiffeId::parse(&workload.id))
            })
            .collect();
        let issuers = issuers
            .into_iter()
            .enumerate()
            .map(|(index, issuer)| {
                let place = format!("issuers[{index}]");
                loaded.problems.take(&place, issuer.to_issuer());
                let jwks_file = issuer.jwks_file.as_ref().map(|path| file(loaded, &format!("{place}.jwks_file"), path));
                IssuerConfig { jwks_file, ..issuer }
            })
            .collect();
        let address = match store.address.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => format!("sqlite:{}", loaded.path(path.as_ref()).display()),
            _ => store.address.clone(),
        };
        let store = loaded.problems.take("store.address", StoreConfig::parse(&address, store.connections))?;
        Some(Self { listen, tls, trust, workloads, issuers, store, root_secret, limits, log })
    }

    /// The settings as TOML, without secrets.
    pub fn show(&self) -> String {
        #[derive(Serialize)]
        struct Shown<'a> {
            listen: &'a ListenConfig,
            tls: &'a TlsConfig,
            store: StoreSettings,
            secrets: SecretsConfig,
            limits: &'a LimitsConfig,
            log: &'a LogConfig,
            trust: Vec<TrustConfig>,
            workloads: Vec<WorkloadConfig>,
            issuers: &'a [IssuerConfig],
        }
        let connections = match &self.store {
            StoreConfig::Sqlite { readers, .. } => *readers,
            StoreConfig::Postgres { connections, .. } => *connections,
        };
        let trust = self.trust.iter();
        let shown = Shown {
            listen: &self.listen,
            tls: &self.tls,
            store: StoreSettings { address: format!("{:?}", self.store), connections },
            secrets: SecretsConfig { root: self.root_secret.clone() },
            limits: &self.limits,
            log: &self.log,
            trust: trust.map(|(d, b)| TrustConfig { domain: d.to_string(), bundle: b.clone() }).collect(),
            workloads: self.workloads.iter().map(|id| WorkloadConfig { id: id.to_string() }).collect(),
            issuers: &self.issuers,
        };
        toml::to_string(&shown).unwrap_or_default()
    }
}

/// A file that must be there when the service starts.
fn file(loaded: &mut Loaded, place: &str, path: &std::path::Path) -> PathBuf {
    if path.as_os_str().is_empty() {
        loaded.problems.add(place, "is required: the name of a file");
        return PathBuf::new();
    }
    let path = loaded.path(path);
    if !path.is_file() {
        loaded.problems.add(place, format!("{} is not a file", path.display()));
    }
    path
}
