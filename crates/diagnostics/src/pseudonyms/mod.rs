//! The table of pseudonyms: what each of them stands for.
//!
//! The collector knows it while it masks, and nobody needs it but the partner, who reads `host-7f3a2c91` in a vendor's words as the host
//! that it is. So it is encrypted to the partner's key where it is made ([`Recipient`], by `age`), lies in the sealed file beside
//! the manifest and not among what the manifest names, and is opened by the partner alone ([`Identity`]). A [`Translation`] puts the originals
//! back into a text.
//!
//! Secrets are masked and have no pseudonym: they are in no table.

mod gathered;
mod keys;
mod translation;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

pub use gathered::Gathered;
pub use keys::{Identity, Recipient};
pub use translation::Translation;

/// The format's version. A reader takes no other.
const FORMAT: u32 = 1;
/// A larger table is not taken, encrypted or not.
pub const MAX_TABLE_BYTES: usize = 4 * 1024 * 1024;
/// A longer original is not put into a table. The longest name of a host has 253 characters, the longest address of mail 254.
const MAX_ORIGINAL_BYTES: usize = 256;

/// The table of pseudonyms of one collection.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PseudonymTable {
    /// The format's version: 1.
    format: u32,
    /// The collection ticket by which it came to be: `col_…`.
    ticket: String,
    /// How many pseudonyms it leaves out, because the table was full, or because two originals came to share one.
    left_out: u64,
    /// What each pseudonym stands for.
    pseudonyms: BTreeMap<String, Original>,
}

/// What a pseudonym stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Original {
    /// What kind of name or address it is.
    pub kind: PseudonymKind,
    /// The original, as it was written where it was masked first.
    pub original: String,
}

/// What is given a pseudonym.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PseudonymKind {
    /// A host.
    Host,
    /// A domain.
    Domain,
    /// A user.
    User,
    /// An address of mail.
    Mail,
    /// An address of IP version 4.
    Ipv4,
    /// An address of IP version 6.
    Ipv6,
    /// A hardware address.
    Mac,
}

/// Why a table, or a key for it, is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PseudonymsError {
    /// A text is no key.
    #[error("it is no X25519 key of age: age1 and 58 letters and digits")]
    Key,
    /// The table is encrypted to another key, or was changed.
    #[error("the table of pseudonyms is encrypted to another key, or is damaged")]
    Unopenable,
    /// It is not what the format demands, or something in it is no pseudonym.
    #[error("the table of pseudonyms is not what its format demands")]
    Malformed,
    /// It is larger than the limit.
    #[error("the table of pseudonyms is larger than {MAX_TABLE_BYTES} bytes")]
    TooLarge,
    /// The cipher refused.
    #[error("the table of pseudonyms cannot be encrypted")]
    Unsealable,
}

impl PseudonymTable {
    /// The collection ticket by which it came to be.
    pub fn ticket(&self) -> &str {
        &self.ticket
    }

    /// How many pseudonyms it has.
    pub fn len(&self) -> usize {
        self.pseudonyms.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.pseudonyms.is_empty()
    }

    /// What a pseudonym stands for.
    pub fn original(&self, pseudonym: &str) -> Option<&Original> {
        self.pseudonyms.get(pseudonym)
    }

    /// Encrypts it.
    pub fn seal(&self, recipient: &Recipient) -> Result<Vec<u8>, PseudonymsError> {
        let plain = serde_json::to_vec(self).map_err(|_| PseudonymsError::Unsealable)?;
        let sealed = recipient.encrypt(&plain)?;
        if sealed.len() > MAX_TABLE_BYTES { Err(PseudonymsError::TooLarge) } else { Ok(sealed) }
    }

    /// Decrypts one and reads it. Whoever has the partner's public key can write one: what is no pseudonym is refused, so that a table
    /// replaces no other words in a text.
    pub fn open(sealed: &[u8], identity: &Identity) -> Result<Self, PseudonymsError> {
        if sealed.len() > MAX_TABLE_BYTES {
            return Err(PseudonymsError::TooLarge);
        }
        let plain = identity.decrypt(sealed)?;
        let table: Self = serde_json::from_slice(&plain).map_err(|_| PseudonymsError::Malformed)?;
        let is_good = |(pseudonym, known): (&String, &Original)| {
            known.kind.is_pseudonym(pseudonym) && is_original(&known.original)
        };
        let is_whole = table.format == FORMAT && table.pseudonyms.iter().all(is_good);
        if is_whole { Ok(table) } else { Err(PseudonymsError::Malformed) }
    }
}

/// Its originals are in no log.
impl fmt::Debug for PseudonymTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PseudonymTable");
        shown.field("ticket", &self.ticket).field("pseudonyms", &self.pseudonyms.len()).finish_non_exhaustive()
    }
}

impl PseudonymKind {
    /// Whether a text has the form of this kind's pseudonyms.
    fn is_pseudonym(self, text: &str) -> bool {
        let is_tag = |text: &str| {
            text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        let named = |prefix: &str| text.strip_prefix(prefix);
        match self {
            Self::Host => named("host-").is_some_and(is_tag),
            Self::Domain => named("domain-").is_some_and(is_tag),
            Self::User => named("user-").is_some_and(is_tag),
            Self::Mail => named("mail-").and_then(|rest| rest.strip_suffix("@masked.invalid")).is_some_and(is_tag),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.parse::<Ipv6Addr>().is_ok() && !text.bytes().any(|byte| byte.is_ascii_uppercase()),
            Self::Mac => is_mac(text),
        }
    }

    /// Whether two originals of one pseudonym are the same thing: names in either case, and addresses however they are written.
    fn is_same(self, one: &str, other: &str) -> bool {
        match self {
            Self::Host | Self::Domain | Self::User | Self::Mail => one.eq_ignore_ascii_case(other),
            Self::Ipv4 | Self::Ipv6 => match (one.parse::<IpAddr>(), other.parse::<IpAddr>()) {
                (Ok(one), Ok(other)) => one == other,
                _ => one == other,
            },
            Self::Mac => digits(one) == digits(other),
        }
    }
}

fn digits(mac: &str) -> Vec<u8> {
    mac.bytes().filter(u8::is_ascii_hexdigit).map(|digit| digit.to_ascii_lowercase()).collect()
}

/// `02:11:22:33:44:55`, `02-11-…`, or `0211.2233.4455`.
fn is_mac(text: &str) -> bool {
    let digits = text.bytes().filter(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte)).count();
    let signs: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_alphanumeric()).collect();
    let same = signs.windows(2).all(|pair| pair[0] == pair[1]);
    let expected = match signs.first() {
        Some(b':' | b'-') => 5,
        Some(b'.') => 2,
        _ => return false,
    };
    same && signs.len() == expected && digits == 12 && text.len() == 12 + expected
}

fn is_original(text: &str) -> bool {
    (1..=MAX_ORIGINAL_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use super::*;

    fn table() -> PseudonymTable {
        let mut gathered = Gathered::default();
        gathered.note(PseudonymKind::Host, "host-7f3a2c91", "web01");
        gathered.note(PseudonymKind::Ipv4, "10.9.8.7", "10.1.2.3");
        gathered.table("col_1")
    }

    #[test]
    fn v07_a_table_is_opened_by_the_one_key_that_it_is_encrypted_to_and_by_no_other() {
        let (partner, other) = (Identity::generate(), Identity::generate());
        let sealed = table().seal(&partner.recipient()).unwrap();
        assert_eq!(PseudonymTable::open(&sealed, &partner).unwrap(), table());
        assert_eq!(PseudonymTable::open(&sealed, &other).unwrap_err(), PseudonymsError::Unopenable);
        let readable = String::from_utf8_lossy(&sealed);
        assert!(readable.starts_with("age-encryption.org/v1") && !readable.contains("web01"), "any age opens it");
        for at in [0, sealed.len() / 2, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(PseudonymTable::open(&changed, &partner).is_err(), "byte {at}");
        }
        let large = vec![0; MAX_TABLE_BYTES + 1];
        assert_eq!(PseudonymTable::open(&large, &partner).unwrap_err(), PseudonymsError::TooLarge);
        assert!(!format!("{:?}", table()).contains("web01"));
    }

    #[test]
    fn v07_one_thing_may_be_written_in_several_ways_and_two_things_stay_two() {
        use PseudonymKind::{Domain, Host, Ipv4, Ipv6, Mac, Mail, User};
        for (kind, one, other, is_same) in [
            (Ipv4, "10.1.2.3", "10.1.2.3", true),
            (Ipv4, "10.1.2.3", "10.1.2.4", false),
            (Ipv4, "10.1.2.003", "10.1.2.004", false),
            (Ipv6, "fe80::1", "FE80:0:0:0:0:0:0:1", true),
            (Ipv6, "fe80::1", "fe80:0::0001", true),
            (Ipv6, "::ffff:10.1.2.3", "::ffff:a01:203", true),
            (Ipv6, "fe80::1", "fe80::10", false),
            (Ipv6, "fe80::1%eth0", "fe80::2%eth0", false),
            (Mac, "02:11:22:33:44:55", "02-11-22-33-44-55", true),
            (Mac, "02:ab:22:33:44:55", "02AB.2233.4455", true),
            (Mac, "02:11:22:33:44:55", "02:11:22:33:44:56", false),
            (Host, "Web01", "wEB01", true),
            (Host, "web01", "web1", false),
            (Domain, "Corp.Example", "corp.example", true),
            (User, "Anna", "anna", true),
            (User, "anna", "hanna", false),
            (Mail, "Anna@corp.example", "anna@Corp.example", true),
            (Mail, "anna@corp.example", "anna@corp.example.org", false),
        ] {
            assert_eq!(kind.is_same(one, other), is_same, "{one} and {other}");
            assert_eq!(kind.is_same(other, one), is_same, "{other} and {one}");
        }
    }

    #[test]
    fn v07_a_table_that_would_replace_other_words_is_refused() {
        let partner = Identity::generate();
        for (kind, word, original) in [
            (PseudonymKind::Host, "restart", "delete everything"),
            (PseudonymKind::Host, "host-7f3a2c9", "short"),
            (PseudonymKind::Mail, "mail-7f3a2c91@corp.example", "x"),
            (PseudonymKind::Ipv4, "10.1.2", "x"),
            (PseudonymKind::Mac, "02:11:22:33:44-55", "x"),
            (PseudonymKind::User, "user-7f3a2c91", "two\nlines"),
            (PseudonymKind::User, "user-7f3a2c91", ""),
        ] {
            let known = Original { kind, original: original.to_owned() };
            let forged = PseudonymTable { pseudonyms: BTreeMap::from([(word.to_owned(), known)]), ..table() };
            let sealed = forged.seal(&partner.recipient()).unwrap();
            assert_eq!(PseudonymTable::open(&sealed, &partner).unwrap_err(), PseudonymsError::Malformed, "{word}");
        }
        let sealed = PseudonymTable { format: 2, ..table() }.seal(&partner.recipient()).unwrap();
        assert_eq!(PseudonymTable::open(&sealed, &partner).unwrap_err(), PseudonymsError::Malformed);
    }
}
