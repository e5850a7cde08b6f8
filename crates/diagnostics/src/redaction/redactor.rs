//! The second pass: masking.

use std::io::{self, Read, Write};

use super::anchors::Finder;
use super::pieces::{self, Sizes, Unfit};
use super::policy::Policy;
use super::pseudonym::Pseudonyms;
use super::shapes;
use super::span::{self, Counts, Found};
use super::text::{HEAD, begins_binary};
use crate::pseudonyms::Gathered;
use crate::{Coverage, Masked, Redaction};

/// What a manifest says of a binary that was kept as it is.
const KEPT: &str = "kept-whole";

/// Masks texts and paths.
#[derive(Debug)]
pub struct Redactor {
    policy: Policy,
    finder: Finder,
    coverage: Coverage,
    pseudonyms: Pseudonyms,
    /// Room for a piece, for what is found in it, and for what is written of it: the next file needs it too.
    room: Vec<u8>,
    found: Found,
    masked: Vec<u8>,
    /// How files are cut.
    pub(super) sizes: Sizes,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was written, with so much masked.
    Written(Masked),
    /// It is left out whole, for this reason. What was written of it so far is to be thrown away.
    Dropped(&'static str),
}

impl Redactor {
    /// The finder knows what was learned, the coverage from where.
    pub(super) fn new(policy: Policy, finder: Finder, coverage: Coverage, key: &[u8; 32]) -> Self {
        let (room, found, masked) = (Vec::new(), Found::default(), Vec::new());
        let sizes = Sizes::default();
        Self { policy, finder, coverage, pseudonyms: Pseudonyms::new(key), room, found, masked, sizes }
    }

    /// What a manifest says of the policy, and of what was learned.
    pub fn redaction(&self) -> Redaction {
        Redaction { coverage: Some(self.coverage.clone()), ..self.policy.redaction() }
    }

    /// From where names could be learned.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// What the pseudonyms stand for that were written so far, in files that were dropped in the end too.
    pub fn pseudonyms(&self) -> &Gathered {
        self.pseudonyms.known()
    }

    /// Masks a file's content, as it is read: memory does not grow with it. The path tells what kind of file it is.
    pub fn mask(&mut self, path: &str, content: &mut dyn Read, out: &mut dyn Write) -> io::Result<Outcome> {
        if self.policy.drops(path) {
            return Ok(Outcome::Dropped("left out by the redaction policy: what it holds cannot be masked"));
        }
        let mut head = Vec::new();
        if self.policy.keeps(path) {
            (&mut *content).take(HEAD).read_to_end(&mut head)?;
            if begins_binary(&head) {
                io::copy(&mut head.as_slice().chain(content), out)?;
                return Ok(Outcome::Written(Masked([(KEPT.to_owned(), 1)].into())));
            }
        }
        let mut counts = Counts::default();
        let Self { policy, finder, pseudonyms, room, found, masked, sizes, .. } = self;
        let read = pieces::read(&mut head.as_slice().chain(content), *sizes, room, &mut |piece, latest| {
            find(finder, piece, found);
            let cut = found.cut(piece, latest);
            let settled = found.settle();
            let within = settled.partition_point(|span| span.end <= cut);
            masked.clear();
            span::replace(&piece[..cut], &settled[..within], policy, pseudonyms, &mut counts, masked);
            out.write_all(masked)?;
            Ok(cut)
        })?;
        Ok(match read {
            Ok(()) => Outcome::Written(counts.masked(&self.policy)),
            Err(Unfit::Binary) => Outcome::Dropped("binary: left out by the redaction policy"),
            Err(Unfit::LongLine) => {
                Outcome::Dropped("a line or a secret is longer than 16 MiB: left out by the redaction policy")
            }
        })
    }

    /// Masks a path. It stays relative and plain: a mask's own signs are written so that every system takes them.
    pub fn mask_path(&mut self, path: &str) -> String {
        // As an absolute one, so that `home/anna` is the home of a user here too.
        let masked = self.mask_line(&format!("/{path}"));
        let plain = |c: char| if matches!(c, ':' | '\\') { '_' } else { c };
        let text: String = masked.chars().map(plain).collect();
        let parts = text.split('/').filter(|part| !part.is_empty());
        let parts: Vec<&str> = parts.map(|part| if matches!(part, "." | "..") { "_" } else { part }).collect();
        if parts.is_empty() { "_".to_owned() } else { parts.join("/") }
    }

    /// Masks a line that is no file's. It stays one.
    pub fn mask_line(&mut self, line: &str) -> String {
        let Self { policy, finder, pseudonyms, found, .. } = self;
        find(finder, line.as_bytes(), found);
        let mut out = Vec::new();
        span::replace(line.as_bytes(), found.settle(), policy, pseudonyms, &mut Counts::default(), &mut out);
        let plain = |c: char| if c.is_control() { '_' } else { c };
        String::from_utf8_lossy(&out).chars().map(plain).collect()
    }
}

#[cfg(test)]
impl Redactor {
    /// Masks a text whole, by looking for everything everywhere.
    pub(super) fn mask_slowly(&mut self, text: &[u8]) -> Vec<u8> {
        let mut found = Found::default();
        self.finder.find_slowly(text, &mut found);
        shapes::find_slowly(text, &mut found);
        let settled = super::slowly::settled(found.spans());
        let (mut counts, mut out) = (Counts::default(), Vec::new());
        span::replace(text, &settled, &self.policy, &mut self.pseudonyms, &mut counts, &mut out);
        out
    }
}

/// Finds all that has to be masked in a piece, and forgets what was found before.
fn find(finder: &Finder, piece: &[u8], found: &mut Found) {
    found.clear();
    finder.find(piece, found, &mut |_, _| {});
    found.again();
    shapes::find(piece, found);
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use std::sync::{LazyLock, Mutex};

    use proptest::prelude::*;

    use super::super::Learner;
    use super::super::pieces::{AHEAD, PIECE};
    use super::*;

    fn redactor() -> Redactor {
        Learner::new(Policy::standard().unwrap()).unwrap().finish(&[7; 32]).unwrap()
    }

    /// Its automata are made once: a property has hundreds of cases.
    static SHARED: LazyLock<Mutex<Redactor>> = LazyLock::new(|| Mutex::new(redactor()));

    #[test]
    fn v07_a_secret_across_the_end_of_a_piece_is_masked_whole() {
        let block = format!(
            "-----BEGIN RSA PRIVATE KEY-----\n{}-----END RSA PRIVATE KEY-----\n",
            "TUlJRQ+secretpart/x\n".repeat(1200)
        );
        let mut redactor = redactor();
        for fill in [PIECE - AHEAD - 10 * 1024, PIECE - 100, PIECE - 12_000] {
            let text = format!("{}\n{block}after\n", "filled line\n".repeat(fill / 12));
            let mut out = Vec::new();
            let outcome = redactor.mask("x", &mut text.as_bytes(), &mut out).unwrap();
            let out = String::from_utf8(out).unwrap();
            assert!(!out.contains("secretpart") && out.ends_with("after\n"));
            assert_eq!(out.lines().count(), text.lines().count(), "lines stay lines");
            assert!(matches!(outcome, Outcome::Written(masked) if masked.0["private-key"] == 1));
        }
    }

    #[test]
    fn v07_what_is_no_text_is_dropped_whole_and_says_why() {
        let mut redactor = redactor();
        for (path, content) in
            [("a.bin", b"ELF\0\x01".to_vec()), ("etc/shadow", b"root:x".to_vec()), ("one.json", vec![b'a'; 17 << 20])]
        {
            let outcome = redactor.mask(path, &mut content.as_slice(), &mut std::io::sink()).unwrap();
            assert!(matches!(outcome, Outcome::Dropped(_)), "{path}");
        }
    }

    #[test]
    fn v07_a_masked_path_is_still_a_path() {
        let mut redactor = redactor();
        for (path, gone) in [
            ("logs/bob@corp.example/x.log", "bob"),
            ("net/00:1a:2b:3c:4d:5e/x", "1a:2b"),
            ("dump-10.1.2.3.log", "10.1.2.3"),
            ("x/token=abcdef1234567/y", "abcdef"),
            ("a/../b\\c", ".."),
        ] {
            let masked = redactor.mask_path(path);
            assert!(!masked.contains(gone) && !masked.contains([':', '\\']), "{masked}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_masked_or_dropped_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = SHARED.lock().unwrap().mask("x", &mut bytes.as_slice(), &mut Vec::new()).unwrap();
        }

        #[test]
        fn any_text_of_tricky_parts_keeps_its_lines(parts in prop::collection::vec(prop::sample::select(vec![
            "password", "=", ":", "\"", "\\", "'", "token", " ", "\n", "{", "}", "[", "]", ",", "://", "@", "a.b", "<", ">", "value",
            "-p", "mysql", "-----BEGIN ", "PRIVATE KEY-----", "eyJ", "1.2.3.4", "::", "fe80::1", "|", "\u{fc}", "%40", "\"kty\"",
        ]), 0..40)) {
            let text = parts.concat();
            let mut out = Vec::new();
            let mut shared = SHARED.lock().unwrap();
            let outcome = shared.mask("x", &mut text.as_bytes(), &mut out).unwrap();
            let lines = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').count();
            prop_assert!(matches!(outcome, Outcome::Written(_)));
            prop_assert_eq!(lines(&out), lines(text.as_bytes()));
            shared.mask_path(&text);
        }
    }
}
