//! Redaction: what a bundle may not carry is masked before it is sealed.
//!
//! Two passes. A [`Learner`] reads everything once and learns the names of hosts, domains and users, and secrets that stand
//! beside their names (`syslog` reads the hosts of a log, `hosts` full names); then a [`Redactor`] masks, so that what was learned late is masked in earlier files too, and in paths.
//!
//! Candidates are found by one automaton over bytes: [`policy`](Policy) names the anchors, a profile adds its own ([`CustomRules`](crate::profile::CustomRules)), `automaton` walks
//! (over a `table`, but for very many patterns), `anchors` knows what each leads to, and each kind has its own reader for the window behind it: `pairs`, `lines`, `markup`, `prose` and `values`
//! (`password = …` in its many spellings), `blocks` (private keys), `prefixes` (tokens known by how they begin), `urls`, `commands`, `pipes`, `mail`,
//! `custom`, `mentions` (hosts in addresses and connection strings), `users` (where logs and settings name them), `names` (what was learned). What has no beginning is known by its shape: `sieve` tells, by sets of bits, where one may be, and `shapes` looks there
//! and hands over to `addresses` and `numbers` (licence keys, payment cards) and `iban`. `span` puts what they found together. Tests hold all of this to
//! `slowly`, which looks for everything everywhere.
//!
//! A secret becomes `[masked:rule]`. A name or an address becomes a pseudonym: the same one within a key, unreadable without
//! it. Lines stay lines, and JSON stays JSON.

mod addresses;
mod ahead;
mod anchors;
mod automaton;
mod blocks;
mod commands;
mod custom;
mod eights;
#[cfg(test)]
mod hostile;
mod hosts;
mod iban;
mod learn;
mod lines;
mod mail;
mod markup;
mod mentions;
mod names;
mod numbers;
mod pairs;
mod pieces;
mod pipes;
mod policy;
mod prefixes;
mod prose;
mod pseudonym;
mod redactor;
mod shapes;
mod sieve;
#[cfg(test)]
mod slowly;
mod span;
mod syslog;
mod table;
mod text;
mod urls;
mod users;
mod values;

pub use learn::{Learner, Refused};
pub use names::NameKind;
pub use policy::{Policy, PolicyError};
pub use redactor::{Outcome, Redactor};
