//! Pseudonyms as they are made.

use std::collections::BTreeMap;
use std::fmt;

use super::{FORMAT, MAX_TABLE_BYTES, Original, PseudonymKind, PseudonymTable, is_original};

/// What a table may have before it is encrypted: that adds a head, and 16 bytes to every 64 KiB.
const MAX_BYTES: usize = MAX_TABLE_BYTES - 64 * 1024;
/// What an entry has beside its two texts: names of fields, and signs.
const AROUND: usize = 48;

/// Gathers what pseudonyms stand for, up to the size of a table.
pub struct Gathered {
    known: BTreeMap<String, Known>,
    bytes: usize,
    most_bytes: usize,
    left_out: u64,
}

struct Known {
    original: Original,
    /// Another original came to have the same pseudonym: neither is told.
    is_shared: bool,
}

impl Default for Gathered {
    fn default() -> Self {
        Self { known: BTreeMap::new(), bytes: 0, most_bytes: MAX_BYTES, left_out: 0 }
    }
}

impl Gathered {
    /// For several tables, each of which is limited already.
    pub(super) fn unlimited() -> Self {
        Self { most_bytes: usize::MAX, ..Self::default() }
    }

    /// Notes what a pseudonym stands for. What is the same as its pseudonym was not masked.
    pub fn note(&mut self, kind: PseudonymKind, pseudonym: &str, original: &str) {
        if pseudonym == original {
            return;
        }
        if let Some(known) = self.known.get_mut(pseudonym) {
            known.is_shared |= !kind.is_same(&known.original.original, original);
            return;
        }
        // A quotation mark or a backslash is written as two.
        let bytes = pseudonym.len() + 2 * original.len() + AROUND;
        if !is_original(original) || self.bytes + bytes > self.most_bytes {
            self.left_out += 1;
            return;
        }
        self.bytes += bytes;
        let original = Original { kind, original: original.to_owned() };
        self.known.insert(pseudonym.to_owned(), Known { original, is_shared: false });
    }

    /// The table of a collection ticket.
    pub fn table(&self, ticket: &str) -> PseudonymTable {
        let told = self.known.iter().filter(|(_, known)| !known.is_shared);
        let pseudonyms: BTreeMap<String, Original> =
            told.map(|(pseudonym, known)| (pseudonym.clone(), known.original.clone())).collect();
        let shared = u64::try_from(self.known.len() - pseudonyms.len()).unwrap_or(u64::MAX);
        let left_out = self.left_out.saturating_add(shared);
        PseudonymTable { format: FORMAT, ticket: ticket.to_owned(), left_out, pseudonyms }
    }
}

/// Its originals are in no log.
impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathered").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::super::{Identity, PseudonymTable};
    use super::*;

    #[test]
    fn v07_two_originals_that_share_a_pseudonym_are_told_as_neither() {
        let mut gathered = Gathered::default();
        for original in ["Web01", "web01", "mail01"] {
            gathered.note(PseudonymKind::Host, "host-7f3a2c91", original);
        }
        gathered.note(PseudonymKind::Ipv6, "fe80::7", "fe80::1");
        gathered.note(PseudonymKind::Ipv6, "fe80::7", "FE80:0::1");
        gathered.note(PseudonymKind::Ipv4, "127.0.0.1", "127.0.0.1");
        let table = gathered.table("col_1");
        assert!(table.original("host-7f3a2c91").is_none() && table.original("127.0.0.1").is_none());
        assert_eq!(table.original("fe80::7").unwrap().original, "fe80::1", "one address, written in two ways");
        assert_eq!((table.len(), table.left_out), (1, 1));
    }

    #[test]
    fn v07_a_full_table_can_be_sealed_and_counts_what_it_leaves_out() {
        let mut gathered = Gathered::default();
        for number in 0..40_000_u32 {
            gathered.note(PseudonymKind::User, &format!("user-{number:08x}"), &format!("\\{number:0>60}\""));
        }
        gathered.note(PseudonymKind::User, "user-ffffffff", &"x".repeat(257));
        let table = gathered.table("col_1");
        assert!(table.len() > 10_000 && table.left_out > 1, "{table:?}");
        let partner = Identity::generate();
        let sealed = table.seal(&partner.recipient()).unwrap();
        assert_eq!(PseudonymTable::open(&sealed, &partner).unwrap(), table);
    }
}
