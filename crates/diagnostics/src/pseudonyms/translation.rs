//! Putting originals back into a text.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::fmt;

use super::{Gathered, Original, PseudonymKind, PseudonymTable};

/// Puts originals back where their pseudonyms stand as whole words, in either case.
#[derive(Default)]
pub struct Translation {
    originals: HashMap<String, Original>,
    /// How long pseudonyms are, the longest first.
    lengths: BTreeSet<Reverse<usize>>,
}

impl Translation {
    /// By the tables of a ticket. Where they disagree nothing is put back.
    pub fn of(tables: impl IntoIterator<Item = PseudonymTable>) -> Self {
        let mut gathered = Gathered::unlimited();
        for table in tables {
            for (pseudonym, Original { kind, original }) in &table.pseudonyms {
                gathered.note(*kind, pseudonym, original);
            }
        }
        let originals: HashMap<String, Original> = gathered.table("").pseudonyms.into_iter().collect();
        let lengths = originals.keys().map(|pseudonym| Reverse(pseudonym.len())).collect();
        Self { originals, lengths }
    }

    /// A text with originals in it, and how many were put back.
    pub fn translate(&self, text: &str) -> (String, usize) {
        let lower = text.to_ascii_lowercase();
        let (mut out, mut copied, mut count) = (String::with_capacity(text.len()), 0, 0);
        for (at, first) in lower.char_indices() {
            // Pseudonyms begin with a letter, a digit, or the colons of an address.
            if at < copied || !(first.is_ascii_alphanumeric() || first == ':') {
                continue;
            }
            if let Some((end, original)) = self.at(&lower, at) {
                out.push_str(&text[copied..at]);
                out.push_str(original);
                (copied, count) = (end, count + 1);
            }
        }
        out.push_str(&text[copied..]);
        (out, count)
    }

    /// The longest pseudonym that stands here: where it ends, and its original.
    fn at(&self, lower: &str, at: usize) -> Option<(usize, &str)> {
        self.lengths.iter().find_map(|Reverse(length)| {
            let end = at + length;
            let known = self.originals.get(lower.get(at..end)?)?;
            let is_whole = begins(&lower[..at], known.kind) && ends(&lower[end..], known.kind);
            is_whole.then_some((end, known.original.as_str()))
        })
    }
}

/// Its originals are in no log.
impl fmt::Debug for Translation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Translation").field("originals", &self.originals.len()).finish_non_exhaustive()
    }
}

/// Whether a word of a kind begins behind this. Behind an escape (`\n`, `%20`) one does, though letters stand before it.
fn begins(before: &str, kind: PseudonymKind) -> bool {
    let mut back = before.chars().rev();
    match (back.next(), back.next()) {
        (Some(last), _) if last.is_alphanumeric() => is_escape(before.as_bytes()),
        (Some(last), Some(further)) => !(joins(kind, last) && further.is_alphanumeric()),
        _ => true,
    }
}

/// Whether a word of a kind ends before this.
fn ends(behind: &str, kind: PseudonymKind) -> bool {
    let mut ahead = behind.chars();
    match (ahead.next(), ahead.next()) {
        (Some(first), _) if first.is_alphanumeric() => false,
        (Some(first), Some(further)) => !(joins(kind, first) && further.is_alphanumeric()),
        _ => true,
    }
}

/// Whether an address goes on behind this sign: `10.1.2.3` is no word of `10.1.2.3.4`.
fn joins(kind: PseudonymKind, sign: char) -> bool {
    match kind {
        PseudonymKind::Host | PseudonymKind::Domain | PseudonymKind::User | PseudonymKind::Mail => false,
        PseudonymKind::Ipv4 => sign == '.',
        PseudonymKind::Ipv6 => sign == ':',
        PseudonymKind::Mac => matches!(sign, ':' | '-' | '.'),
    }
}

fn is_escape(before: &[u8]) -> bool {
    match before {
        [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f'] => true,
        [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => true,
        [.., b'\\', b'u', a, b, c, d] => [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use proptest::prelude::*;

    use super::*;

    fn translation() -> Translation {
        let mut gathered = Gathered::default();
        for (kind, pseudonym, original) in [
            (PseudonymKind::Host, "host-7f3a2c91", "web01"),
            (PseudonymKind::Domain, "domain-00aa11bb", "corp.example"),
            (PseudonymKind::User, "user-12345678", "anna"),
            (PseudonymKind::Mail, "mail-12345678@masked.invalid", "anna@corp.example"),
            (PseudonymKind::Ipv4, "10.1.2.3", "10.77.0.9"),
            (PseudonymKind::Ipv4, "10.1.2.30", "10.77.0.10"),
            (PseudonymKind::Ipv6, "fe80::1", "fe80::beef"),
            (PseudonymKind::Mac, "02:11:22:33:44:55", "00:1b:21:aa:bb:cc"),
        ] {
            gathered.note(kind, pseudonym, original);
        }
        Translation::of([gathered.table("col_1")])
    }

    #[test]
    fn v07_originals_are_put_back_as_whole_words_and_the_longest_first() {
        for (text, wanted) in [
            ("Restart host-7f3a2c91.domain-00aa11bb, please.", "Restart web01.corp.example, please."),
            ("HOST-7F3A2C91 and xhost-7f3a2c91 and host-7f3a2c912", "web01 and xhost-7f3a2c91 and host-7f3a2c912"),
            ("10.1.2.30:443, 10.1.2.3, 10.1.2.31, 10.1.2.3.4", "10.77.0.10:443, 10.77.0.9, 10.1.2.31, 10.1.2.3.4"),
            ("10.1.2.3. And [fe80::1]:80, fe80::1:2", "10.77.0.9. And [fe80::beef]:80, fe80::1:2"),
            ("02:11:22:33:44:55 02:11:22:33:44:55:66", "00:1b:21:aa:bb:cc 02:11:22:33:44:55:66"),
            (r"line\nuser-12345678%20host-7f3a2c91\u0022user-12345678", r"line\nanna%20web01\u0022anna"),
            ("<mail-12345678@masked.invalid> /home/user-12345678/x", "<anna@corp.example> /home/anna/x"),
            ("üuser-12345678ü ü user-12345678", "üuser-12345678ü ü anna"),
            ("nothing of it", "nothing of it"),
        ] {
            assert_eq!(translation().translate(text).0, wanted);
        }
        assert_eq!(translation().translate("host-7f3a2c91 host-7f3a2c91").1, 2);
    }

    #[test]
    fn v07_tables_that_disagree_put_nothing_back() {
        let table = |original: &str| {
            let mut gathered = Gathered::default();
            gathered.note(PseudonymKind::User, "user-12345678", original);
            gathered.table("col_1")
        };
        let translate = |tables: Vec<PseudonymTable>| Translation::of(tables).translate("user-12345678").0;
        assert_eq!(translate(vec![table("anna"), table("Anna")]), "anna");
        assert_eq!(translate(vec![table("anna"), table("bob")]), "user-12345678");
    }

    proptest! {
        #[test]
        fn any_text_is_translated_without_a_panic_and_unknown_words_stay(text in "\\PC{0,80}") {
            prop_assert_eq!(Translation::default().translate(&text), (text.clone(), 0));
            translation().translate(&text);
        }
    }
}
