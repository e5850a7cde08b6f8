//! Profiles: what is collected, as data.

use serde::Deserialize;

use crate::redaction::CustomRules;

/// The text of `linux-host/1`.
const LINUX_HOST: &str = include_str!("linux-host-1.toml");
/// A longer file is cut at its beginning, unless its collector says otherwise.
const TAIL_BYTES: u64 = 8_000_000;

/// A profile: what is collected of a kind of host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Words that are never masked as names of hosts or users.
    #[serde(default)]
    pub keep: Vec<String>,
    /// What it adds to the redaction policy.
    #[serde(default)]
    pub redaction: CustomRules,
    /// Its collectors.
    pub collectors: Vec<Collector>,
}

/// A collector. Its name is the name of the artefact.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collector {
    /// Its name: `os`.
    pub name: String,
    /// What it collects, in a few words.
    pub about: String,
    /// Files by absolute paths; `*` stands for any part of a name.
    #[serde(default)]
    pub files: Vec<String>,
    /// Commands with their arguments. They run without a shell.
    #[serde(default)]
    pub commands: Vec<Vec<String>>,
    /// What this program finds out itself.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// How much of a file is kept at most, from its end.
    #[serde(default = "tail_bytes")]
    pub tail_bytes: u64,
}

/// What this program finds out itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// What runs, from `/proc`.
    Processes,
    /// What listens, from `/proc/net`, with addresses as they are usually written.
    Sockets,
    /// The clock and the zone.
    Time,
    /// The names of variables of the environment.
    Environment,
}

impl Probe {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Sockets => "sockets",
            Self::Time => "time",
            Self::Environment => "environment",
        }
    }
}

/// A profile is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// It cannot be read.
    #[error("the profile cannot be read: {0}")]
    Malformed(String),
    /// A file's path is not absolute, or leads elsewhere.
    #[error("the profile's collector {0} names a file by a path that is not absolute and plain")]
    File(String),
    /// A command is empty, or named by a path.
    #[error("the profile's collector {0} has a command that is not a plain name with arguments")]
    Command(String),
    /// Two collectors have one name, or one has none.
    #[error("the profile has a collector without a name of its own: {0:?}")]
    Name(String),
    /// What it adds to the redaction policy is not taken.
    #[error("the profile's redaction.{0}")]
    Redaction(String),
}

impl Profile {
    /// The profile that this program brings along: `linux-host/1`.
    pub fn linux_host() -> Result<Self, ProfileError> {
        Self::parse(LINUX_HOST)
    }

    /// Reads a profile (TOML). A field that it does not know is refused.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let profile: Self =
            toml::from_str(text).map_err(|error| ProfileError::Malformed(error.message().to_owned()))?;
        for (index, collector) in profile.collectors.iter().enumerate() {
            let name = &collector.name;
            let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            if !plain || profile.collectors[..index].iter().any(|other| other.name == *name) {
                return Err(ProfileError::Name(name.clone()));
            }
            if !collector.files.iter().all(|file| file.starts_with('/') && !file.split('/').any(|part| part == "..")) {
                return Err(ProfileError::File(name.clone()));
            }
            let runs = |command: &Vec<String>| {
                command.first().is_some_and(|program| !program.is_empty() && !program.contains('/'))
            };
            if !collector.commands.iter().all(runs) {
                return Err(ProfileError::Command(name.clone()));
            }
        }
        match profile.redaction.mistakes().first() {
            Some((place, what)) => Err(ProfileError::Redaction(format!("{place} {what}"))),
            None => Ok(profile),
        }
    }

    /// `name/version`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }
}

fn tail_bytes() -> u64 {
    TAIL_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_for_a_linux_host_has_the_artefacts_that_vendors_ask_for() {
        let profile = Profile::linux_host().unwrap();
        assert_eq!(profile.title(), "linux-host/1");
        for name in ["os", "hardware", "disks", "processes", "packages", "logs", "time", "environment"] {
            assert!(profile.collectors.iter().any(|collector| collector.name == name), "{name}");
        }
    }

    #[test]
    fn a_profile_that_asks_for_something_odd_is_refused() {
        let profile = |line: &str| {
            Profile::parse(&format!("name = \"x\"\nversion = 1\n[[collectors]]\nname = \"a\"\nabout = \"b\"\n{line}"))
                .unwrap_err()
        };
        assert!(matches!(profile("shell = \"rm\""), ProfileError::Malformed(why) if why.contains("shell")));
        assert_eq!(profile("files = [\"etc/passwd\"]"), ProfileError::File("a".into()));
        assert_eq!(profile("files = [\"/var/../etc\"]"), ProfileError::File("a".into()));
        assert_eq!(profile("commands = [[\"/tmp/x\"]]"), ProfileError::Command("a".into()));
        assert_eq!(profile("commands = [[]]"), ProfileError::Command("a".into()));
        assert_eq!(profile("[[collectors]]\nname = \"a\"\nabout = \"c\""), ProfileError::Name("a".into()));
        let rule = profile("[[redaction.rules]]\nname = \"password\"\nwords = [\"badge\"]");
        assert!(matches!(&rule, ProfileError::Redaction(why) if why.contains("rules[0].name")), "{rule}");
    }
}
