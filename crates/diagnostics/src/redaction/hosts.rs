//! Hosts by their full names: `db-01.corp.example` tells that `db-01` is a host too, once `corp.example` is known to be theirs.

use std::collections::BTreeSet;

use regex::bytes::Regex;

/// More full names are not remembered: most of them are no hosts at all.
const MAX_SEEN: usize = 20_000;
/// A shorter name is too often another word.
const MIN_LABEL: usize = 4;

/// Words with dots that may be full names of hosts.
#[derive(Debug)]
pub(super) struct Hosts {
    shape: Regex,
    seen: BTreeSet<String>,
}

impl Hosts {
    pub(super) fn new() -> Result<Self, regex::Error> {
        let shape = Regex::new(r"(?-u)[0-9A-Za-z-]{4,}(?:\.[0-9A-Za-z-]+)+\.[A-Za-z]{2,}")?;
        Ok(Self { shape, seen: BTreeSet::new() })
    }

    pub(super) fn find(&mut self, text: &[u8]) {
        for name in self.shape.find_iter(text) {
            // A name in DNS has at most 253 bytes.
            if self.seen.len() < MAX_SEEN && name.len() <= 253 {
                let name = String::from_utf8_lossy(name.as_bytes()).to_lowercase();
                self.seen.insert(name);
            }
        }
    }

    /// The bare names of those whose domain, or one above it, is one of theirs.
    pub(super) fn of<'a>(&'a self, is_theirs: &'a dyn Fn(&str) -> bool) -> impl Iterator<Item = &'a str> {
        self.seen.iter().filter_map(|name| {
            let (label, mut domain) = name.split_once('.')?;
            while !is_theirs(domain) {
                (_, domain) = domain.split_once('.')?;
            }
            (label.len() >= MIN_LABEL).then_some(label)
        })
    }
}
