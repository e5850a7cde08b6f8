//! What differs between two bundles.

use std::cmp::Ordering;

use crate::{Entry, Manifest};

/// An entry that is not the same in both bundles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'m> {
    /// Only the later one has it.
    Added(&'m Entry),
    /// Only the earlier one has it.
    Removed(&'m Entry),
    /// Both have it: with other contents, of another collector, or one without content.
    Changed(&'m Entry, &'m Entry),
}

impl<'m> Change<'m> {
    /// The entry's path.
    pub fn path(&self) -> &'m str {
        match self {
            Self::Added(entry) | Self::Removed(entry) | Self::Changed(_, entry) => &entry.path,
        }
    }

    /// The entry as it was.
    pub fn before(&self) -> Option<&'m Entry> {
        match self {
            Self::Added(_) => None,
            Self::Removed(before) | Self::Changed(before, _) => Some(before),
        }
    }

    /// The entry as it is.
    pub fn after(&self) -> Option<&'m Entry> {
        match self {
            Self::Removed(_) => None,
            Self::Added(after) | Self::Changed(_, after) => Some(after),
        }
    }
}

impl Manifest {
    /// What is not the same in a later bundle, by path. How often something was masked is no difference by itself.
    pub fn changes<'m>(&'m self, later: &'m Self) -> Vec<Change<'m>> {
        // Both are in order by path, as every manifest is.
        let (mut earlier, mut later) = (self.entries.as_slice(), later.entries.as_slice());
        let mut changes = Vec::new();
        while let ([before, earlier_rest @ ..], [after, later_rest @ ..]) = (earlier, later) {
            let order = before.path.cmp(&after.path);
            match order {
                Ordering::Less => changes.push(Change::Removed(before)),
                Ordering::Greater => changes.push(Change::Added(after)),
                Ordering::Equal if !is_same(before, after) => changes.push(Change::Changed(before, after)),
                Ordering::Equal => {}
            }
            if order.is_le() {
                earlier = earlier_rest;
            }
            if order.is_ge() {
                later = later_rest;
            }
        }
        changes.extend(earlier.iter().map(Change::Removed));
        changes.extend(later.iter().map(Change::Added));
        changes
    }
}

fn is_same(before: &Entry, after: &Entry) -> bool {
    (before.sha256, before.size_bytes, &before.collector, &before.failed)
        == (after.sha256, after.size_bytes, &after.collector, &after.failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Digest, Masked, Redaction};

    fn manifest(entries: &[(&str, &str, Option<&str>)]) -> Manifest {
        let entry = |(path, text, failed): &(&str, &str, Option<&str>)| Entry {
            path: (*path).into(),
            media_type: "text/plain".into(),
            size_bytes: text.len() as u64,
            sha256: Digest::of(text.as_bytes()),
            collector: "logs".into(),
            failed: failed.map(str::to_owned),
            packed: None,
            masked: Masked::default(),
        };
        Manifest {
            format: 1,
            profile: "linux-host/1".into(),
            ticket: None,
            pseudonyms_for: None,
            collected_at: "2026-06-08T12:00:00Z".parse().unwrap(),
            redaction: Redaction { policy: "standard/1".into(), policy_sha256: Digest::of(b"policy"), coverage: None },
            packs: Vec::new(),
            entries: entries.iter().map(entry).collect(),
        }
    }

    #[test]
    fn what_was_added_removed_or_changed_is_told_by_path() {
        let before = manifest(&[
            ("a", "1", None),
            ("b", "1", None),
            ("d", "1", None),
            ("e", "", Some("gone")),
            ("z", "1", None),
        ]);
        let after = manifest(&[("b", "2", None), ("c", "1", None), ("d", "1", None), ("e", "1", None)]);
        let told: Vec<_> = before
            .changes(&after)
            .iter()
            .map(|change| (change.path(), change.before().is_some(), change.after().is_some()))
            .collect();
        assert_eq!(
            told,
            [("a", true, false), ("b", true, true), ("c", false, true), ("e", true, true), ("z", true, false)]
        );
        assert!(before.changes(&before).is_empty());
        assert_eq!(manifest(&[]).changes(&before).len(), 5);
    }
}
