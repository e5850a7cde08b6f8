//! Hosts by their full names: `db-01.corp.example` tells that `db-01` is a host too, once `corp.example` is known to be theirs.

use std::collections::{BTreeSet, HashSet};

use foldhash::fast::RandomState;

use super::ahead::run;
use super::sieve;

/// More full names are not remembered: most of them are no hosts at all.
const MAX_SEEN: usize = 20_000;
/// A name in DNS has at most 253 bytes.
const MAX_NAME: usize = 253;

/// Words with dots that may be full names of hosts.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    seen: HashSet<Vec<u8>, RandomState>,
    /// A name in small letters, to be looked up.
    lower: Vec<u8>,
    /// There were more.
    pub(super) full: bool,
}

impl Hosts {
    /// Looks for names of at least three parts: the first of four characters, the last of letters.
    pub(super) fn find(&mut self, text: &[u8]) {
        let mut at = 0;
        sieve::each_dot(text, &mut |dot| {
            if dot >= at {
                let (name, end) = name(text, dot);
                if let Some((start, end)) = name {
                    self.add(&text[start..end]);
                }
                at = end;
            }
        });
    }

    fn add(&mut self, name: &[u8]) {
        if self.full || name.len() > MAX_NAME {
            return;
        }
        self.lower.clear();
        self.lower.extend(name.iter().map(u8::to_ascii_lowercase));
        if self.seen.contains(&self.lower) {
            return;
        }
        self.full = self.seen.len() >= MAX_SEEN;
        if !self.full {
            self.seen.insert(self.lower.clone());
        }
    }

    /// The bare names of those whose domain, or one above it, is one of theirs, in order.
    pub(super) fn of(&self, is_theirs: &dyn Fn(&str) -> bool) -> BTreeSet<&str> {
        let bare = self.seen.iter().filter_map(|name| {
            let (label, mut domain) = str::from_utf8(name).ok()?.split_once('.')?;
            while !is_theirs(domain) {
                (_, domain) = domain.split_once('.')?;
            }
            Some(label)
        });
        bare.collect()
    }
}

/// Which bytes a part of a name has.
const PARTS: [bool; 256] = {
    let mut parts = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        parts[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'-';
        byte += 1;
    }
    parts
};

/// The name whose first part ends at a dot (it has four characters, as a shorter one is too often another word), and how far was looked for it.
fn name(text: &[u8], dot: usize) -> (Option<(usize, usize)>, usize) {
    let is_part = |byte: u8| PARTS[usize::from(byte)];
    if !text.get(dot + 1).is_some_and(|byte| is_part(*byte)) {
        return (None, dot + 1);
    }
    let near = &text[dot.saturating_sub(MAX_NAME)..dot];
    let start = dot - near.iter().rev().take_while(|byte| is_part(**byte)).count();
    // The last part that begins with two letters ends the name. If no part does, none of those behind it begins another.
    let (mut at, mut parts, mut end) = (dot, 0, None);
    while text.get(at) == Some(&b'.') && text.get(at + 1).is_some_and(|byte| is_part(*byte)) {
        let letters = run(text, at + 1, |byte| byte.is_ascii_alphabetic());
        if parts > 0 && letters > at + 2 {
            end = Some((start, letters));
        }
        parts += 1;
        at = run(text, letters, is_part);
    }
    (end, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names_of_hosts_are_seen_whatever_stands_around_them() {
        let mut hosts = Hosts::default();
        hosts.find(b"to falcon.corp.example.org:22, (HERON.corp.example.org.), 10.0.0.1, 1234.5678, a.b.example.org, x-1.y.org-9 db1.example.org9");
        let bare = hosts.of(&|domain| matches!(domain, "example.org" | "y.org"));
        // Of `a.b.example.org` every part before the domain is short.
        assert_eq!(bare, ["falcon", "heron"].into());
    }

    #[test]
    fn a_run_of_parts_is_looked_at_once() {
        let text = "abcd.".repeat(40_000);
        let mut hosts = Hosts::default();
        super::super::ahead::tests::take_examined();
        hosts.find(text.as_bytes());
        assert!(super::super::ahead::tests::take_examined() < 20 * text.len() as u64);
    }
}
