//! The policy: what is masked, as data.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::{Digest, Redaction};

/// The text of `standard/1`.
const STANDARD: &str = include_str!("standard-1.toml");

/// A redaction policy: names of secrets, beginnings of tokens, words that are no names.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(super) rules: Rules,
    digest: Digest,
}

/// A policy cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the redaction policy cannot be read: {0}")]
pub struct PolicyError(pub(super) String);

impl Policy {
    /// The policy that this program brings along: `standard/1`.
    pub fn standard() -> Result<Self, PolicyError> {
        Self::parse(STANDARD)
    }

    /// Reads a policy (TOML). A field that it does not know is refused.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let rules = toml::from_str(text).map_err(|error| PolicyError(error.message().to_owned()))?;
        Ok(Self { rules, digest: Digest::of(text.as_bytes()) })
    }

    /// What a manifest says of it: its name with its version, and the digest of its text.
    pub fn redaction(&self) -> Redaction {
        Redaction { policy: format!("{}/{}", self.rules.name, self.rules.version), policy_sha256: self.digest }
    }

    /// Whether a file is left out whole, by its path.
    pub(super) fn drops(&self, path: &str) -> bool {
        let Drop { paths, endings } = &self.rules.drop;
        let ends = |whole: &String| {
            path.strip_suffix(whole.as_str()).is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        // Every process has its own view of the network: `proc/17/net/tcp`.
        let of_process = path.rsplit_once("/net/").is_some_and(|(before, file)| {
            before.contains("proc") && paths.iter().any(|dropped| dropped.strip_prefix("proc/net/") == Some(file))
        });
        paths.iter().any(ends) || of_process || endings.iter().any(|ending| path.ends_with(ending.as_str()))
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    name: String,
    version: u32,
    pub(super) words: Vec<Words>,
    pub(super) secret_names: SecretNames,
    pub(super) tokens: Vec<Tokens>,
    pub(super) commands: Vec<Commands>,
    pub(super) pipes: Pipes,
    pub(super) names: Names,
    drop: Drop,
}

/// Words that name a secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) rule: Rule,
    /// They count only as a whole part of a name.
    #[serde(default)]
    pub(super) whole: bool,
    /// They count only where the value looks random.
    #[serde(default)]
    pub(super) random: bool,
    pub(super) names: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretNames {
    pub(super) harmless_endings: BTreeSet<String>,
    pub(super) directives: Vec<String>,
    pub(super) harmless_values: BTreeSet<String>,
    pub(super) harmless_rows: Vec<String>,
}

/// Tokens that are known by how they begin.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tokens {
    pub(super) rule: Rule,
    /// How many characters follow at least.
    pub(super) least: usize,
    /// Exactly that many capitals and digits follow.
    #[serde(default)]
    pub(super) exact: bool,
    pub(super) begin: Vec<String>,
}

/// Commands whose passwords are short flags.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Commands {
    pub(super) names: Vec<String>,
    /// Flags whose value is the next word.
    #[serde(default)]
    pub(super) next: Vec<String>,
    /// Flags whose value follows without a blank.
    #[serde(default)]
    pub(super) attached: Vec<String>,
    /// Letters of short flags with which the last word is a password.
    #[serde(default)]
    pub(super) last: String,
}

/// Passwords that one command writes to another: `echo x | sudo -S`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pipes {
    pub(super) writers: Vec<String>,
    /// A command, and the flag with which it reads a password, if it needs one.
    pub(super) readers: Vec<(String, String)>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Names {
    pub(super) user_phrases: Vec<String>,
    pub(super) host_logs: Vec<String>,
    pub(super) common: Vec<String>,
    pub(super) harmless_mail: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Drop {
    paths: Vec<String>,
    endings: Vec<String>,
}

/// The rules, as a manifest counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Rule {
    PrivateKey,
    Password,
    Token,
    Header,
    UrlPassword,
    Jwt,
    CloudKey,
    ApiKey,
    Webhook,
    LicenceKey,
    PasswordHash,
    Repeated,
    Mail,
    Ipv4,
    Ipv6,
    Mac,
    Host,
    Domain,
    User,
}

impl Rule {
    /// Its name in masks and manifests.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PrivateKey => "private-key",
            Self::Password => "password",
            Self::Token => "token",
            Self::Header => "header",
            Self::UrlPassword => "url-password",
            Self::Jwt => "jwt",
            Self::CloudKey => "cloud-key",
            Self::ApiKey => "api-key",
            Self::Webhook => "webhook",
            Self::LicenceKey => "licence-key",
            Self::PasswordHash => "password-hash",
            Self::Repeated => "repeated",
            Self::Mail => "mail",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Mac => "mac",
            Self::Host => "host",
            Self::Domain => "domain",
            Self::User => "user",
        }
    }
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::*;

    #[test]
    fn v07_the_standard_policy_is_named_with_its_digest() {
        let policy = Policy::standard().unwrap();
        assert_eq!(policy.redaction().policy, "standard/1");
        assert_eq!(policy.redaction().policy_sha256, Digest::of(STANDARD.as_bytes()));
    }

    #[test]
    fn a_policy_with_an_unknown_field_is_refused() {
        let text = STANDARD.replacen("version = 1", "version = 1\nmercy = true", 1);
        assert!(Policy::parse(&text).unwrap_err().to_string().contains("mercy"));
    }

    #[test]
    fn v07_files_that_are_secrets_themselves_are_left_out_whole() {
        let policy = Policy::standard().unwrap();
        for path in
            ["etc/shadow", "a/etc/shadow", "home/x/.ssh/id_rsa", "proc/net/tcp", "proc/25739/net/route", "x/store.jks"]
        {
            assert!(policy.drops(path), "{path}");
        }
        for path in ["etc/passwd", "shadow.log", "proc/net/dev", "var/log/net/tcp", "etc/shadow.conf/x"] {
            assert!(!policy.drops(path), "{path}");
        }
    }
}
