//! How far names were masked: what told them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// From where names could be learned. A name that nothing told stays in clear, so that this says how far names are masked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// How many names of hosts and domains each source told first.
    pub hosts: BTreeMap<Source, u64>,
    /// How many names of users.
    pub users: BTreeMap<Source, u64>,
    /// How many names, of hosts, domains and users, were told that are too short to be masked as words: those of hosts are masked before their
    /// domain, and in addresses.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub short: u64,
    /// More names were told than are learned, or more words that may be names of hosts than are remembered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full: bool,
}

/// What tells a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The one who collects, or the profile.
    Given,
    /// A file that lists names (`etc/hosts`, `etc/passwd` and their like), in the evidence or on the host that is collected.
    Lists,
    /// The column of a system's log in which its host stands.
    Logs,
    /// Texts that mention it: addresses, connection strings, homes of users, who logged in.
    Texts,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
