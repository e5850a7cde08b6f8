//! Pseudonyms: the same under one key, unreadable without it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use foldhash::fast::RandomState;

use super::policy::Rule;
use super::span::Real;
use crate::pseudonyms::{Gathered, PseudonymKind};

/// How many pseudonyms of a kind are remembered: a log repeats them a thousand times.
const REMEMBERED: usize = 100_000;

/// Makes pseudonyms under a key.
#[derive(Debug)]
pub(super) struct Pseudonyms {
    key: hmac::Key,
    /// What was made, by the rule and the text as it was written.
    made: Vec<(Rule, Made)>,
    /// The same for addresses of version 4, which stand in most lines of many logs: as numbers, which lie close together.
    addresses: HashMap<u32, u32, RandomState>,
    /// What they stand for.
    known: Gathered,
}

/// Pseudonyms by what they stand for.
type Made = HashMap<Vec<u8>, String, RandomState>;

impl Pseudonyms {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let (made, addresses) = (Vec::new(), HashMap::default());
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), made, addresses, known: Gathered::default() }
    }

    /// Writes the pseudonym of what stands in a text. The rule and its name say what kind of name it is.
    pub(super) fn write(&mut self, (rule, name): (Rule, &str), real: Real, text: &[u8], out: &mut Vec<u8>) {
        if let Real::Ipv4(address) = real {
            return self.write_ipv4(address, out);
        }
        let place = self.made.iter().position(|(made, _)| *made == rule).unwrap_or_else(|| {
            self.made.push((rule, Made::default()));
            self.made.len() - 1
        });
        if let Some(made) = self.made[place].1.get(text) {
            out.extend_from_slice(made.as_bytes());
            return;
        }
        let made = self.make(name, real, text);
        self.known.note(kind(rule, real), &made, &original(real, text));
        out.extend_from_slice(made.as_bytes());
        let all = &mut self.made[place].1;
        if all.len() >= REMEMBERED {
            all.clear();
        }
        all.insert(text.to_vec(), made);
    }

    fn write_ipv4(&mut self, address: Ipv4Addr, out: &mut Vec<u8>) {
        let made = if let Some(made) = self.addresses.get(&address.to_bits()) {
            Ipv4Addr::from_bits(*made)
        } else {
            let made = self.ipv4(address);
            self.known.note(PseudonymKind::Ipv4, &made.to_string(), &address.to_string());
            if self.addresses.len() >= REMEMBERED {
                self.addresses.clear();
            }
            self.addresses.insert(address.to_bits(), made.to_bits());
            made
        };
        for (place, octet) in made.octets().into_iter().enumerate() {
            if place > 0 {
                out.push(b'.');
            }
            let digits = [octet / 100, octet / 10 % 10, octet % 10].map(|digit| b'0' + digit);
            out.extend_from_slice(
                &digits[if octet >= 100 {
                    0
                } else if octet >= 10 {
                    1
                } else {
                    2
                }..],
            );
        }
    }

    /// What those that were written stand for.
    pub(super) fn known(&self) -> &Gathered {
        &self.known
    }

    fn make(&self, name: &str, real: Real, text: &[u8]) -> String {
        match real {
            Real::Name => self.name(name, text),
            Real::Mail => self.mail(text),
            Real::Ipv4(address) => self.ipv4(address).to_string(),
            Real::Ipv6(address) => self.ipv6(address).to_string(),
            Real::Mac(address, separator) => self.mac(address, separator),
        }
    }

    fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            // The length goes first, so that no two lists of parts are the same bytes.
            context.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            context.update(part);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }

    /// `host-7f3a2c91`. Letters count as the same in either case, as they do in names of hosts.
    fn name(&self, kind: &str, name: &[u8]) -> String {
        let tag = self.tag(&[kind.as_bytes(), &name.to_ascii_lowercase()]);
        format!("{kind}-{}", HEXLOWER.encode(&tag[..4]))
    }

    /// `mail-7f3a2c91@masked.invalid`.
    fn mail(&self, address: &[u8]) -> String {
        format!("{}@masked.invalid", self.name("mail", address))
    }

    /// An address of the same kind (private stays private); two that share a prefix share one afterwards.
    fn ipv4(&self, address: Ipv4Addr) -> Ipv4Addr {
        // Walking on until the kind fits keeps it one to one, and it ends: the walk is a cycle through the address itself.
        let kind = class(address);
        let mut walked = self.walk(address.octets(), kind.kept_bits());
        while class(Ipv4Addr::from(walked)) != kind {
            walked = self.walk(walked, kind.kept_bits());
        }
        Ipv4Addr::from(walked)
    }

    /// An address with the same first 16 bits, which tell its kind; two that share a prefix share one afterwards.
    fn ipv6(&self, address: Ipv6Addr) -> Ipv6Addr {
        Ipv6Addr::from(self.walk(address.octets(), 16))
    }

    /// Flips each bit behind the kept ones by what stands before it: after Fan, Xu, Ammar and Moon, "Prefix-preserving IP
    /// address anonymization" (2004), with HMAC in the place of AES. One digest has a flip for each way in which a byte can begin, so that
    /// an address takes as many digests as it has bytes.
    fn walk<const BYTES: usize>(&self, address: [u8; BYTES], kept_bits: usize) -> [u8; BYTES] {
        let mut out = address;
        for place in kept_bits / 8..BYTES {
            let flips = self.tag(&[b"address", &[u8::try_from(BYTES).unwrap_or(u8::MAX)], &address[..place]]);
            // The bits before, behind a 1: from 1 for none of them to 255.
            let mut begun = 1_usize;
            for bit in 0..8 {
                let shift = 7 - bit;
                if place * 8 + bit >= kept_bits {
                    out[place] ^= (flips[begun / 8] >> (begun % 8) & 1) << shift;
                }
                begun = begun << 1 | usize::from(address[place] >> shift & 1);
            }
        }
        out
    }

    /// A locally administered hardware address.
    fn mac(&self, address: [u8; 6], separator: char) -> String {
        let mut bytes = [0x02; 6];
        bytes[1..].copy_from_slice(&self.tag(&[b"mac", &address])[..5]);
        // `0211.2233.4455` has two bytes in a group, the others one.
        let group = if separator == '.' { 2 } else { 1 };
        let groups: Vec<String> = bytes.chunks(group).map(|bytes| HEXLOWER.encode(bytes)).collect();
        groups.join(&separator.to_string())
    }
}

/// What kind of thing a pseudonym stands for.
fn kind(rule: Rule, real: Real) -> PseudonymKind {
    match real {
        Real::Name if rule == Rule::Domain => PseudonymKind::Domain,
        Real::Name if rule == Rule::User => PseudonymKind::User,
        Real::Name => PseudonymKind::Host,
        Real::Mail => PseudonymKind::Mail,
        Real::Ipv4(_) => PseudonymKind::Ipv4,
        Real::Ipv6(_) => PseudonymKind::Ipv6,
        Real::Mac(..) => PseudonymKind::Mac,
    }
}

/// What a pseudonym stands for, in one spelling: an address may be written in several, and colons in it may be coded.
fn original(real: Real, text: &[u8]) -> String {
    match real {
        Real::Name | Real::Mail => readable(text).into_owned(),
        Real::Ipv4(address) => address.to_string(),
        Real::Ipv6(address) => address.to_string(),
        Real::Mac(bytes, _) => bytes.map(|byte| format!("{byte:02x}")).join(":"),
    }
}

/// A name as text: what is not UTF-8 is Latin 1.
fn readable(text: &[u8]) -> Cow<'_, str> {
    str::from_utf8(text).map_or_else(|_| text.iter().map(|byte| char::from(*byte)).collect(), Cow::Borrowed)
}

/// Kinds of IPv4 addresses that a reader wants to tell apart still.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Ten,
    OneSevenTwo,
    OneNineTwo,
    LinkLocal,
    Public,
    Special,
}

impl Class {
    fn kept_bits(self) -> usize {
        match self {
            Self::Ten => 8,
            Self::OneSevenTwo => 12,
            Self::OneNineTwo | Self::LinkLocal => 16,
            Self::Public => 0,
            Self::Special => 32,
        }
    }
}

fn class(address: Ipv4Addr) -> Class {
    match address.octets() {
        [10, ..] => Class::Ten,
        [172, second, ..] if second & 0xf0 == 16 => Class::OneSevenTwo,
        [192, 168, ..] => Class::OneNineTwo,
        [169, 254, ..] => Class::LinkLocal,
        [0 | 127 | 224..=255, ..] => Class::Special,
        _ => Class::Public,
    }
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn v07_a_pseudonym_is_stable_under_a_key_and_another_under_another() {
        let (one, other) = (Pseudonyms::new(&[1; 32]), Pseudonyms::new(&[2; 32]));
        assert_eq!(one.name("host", b"Web01"), one.name("host", b"web01"));
        assert_ne!(one.name("host", b"web01"), one.name("user", b"web01").replace("user", "host"));
        assert_ne!(one.name("host", b"web01"), other.name("host", b"web01"));
        assert!(one.mail(b"a@b.example").ends_with("@masked.invalid"));
    }

    #[test]
    fn v07_what_was_made_is_written_again_in_either_case() {
        let mut pseudonyms = Pseudonyms::new(&[7; 32]);
        let mut out = Vec::new();
        for (rule, name) in [(Rule::Host, "Web01"), (Rule::Host, "web01"), (Rule::User, "web01"), (Rule::Host, "web02")]
        {
            pseudonyms.write((rule, rule.name()), Real::Name, name.as_bytes(), &mut out);
            out.push(b' ');
        }
        let text = String::from_utf8(out).unwrap();
        let names: Vec<&str> = text.split_whitespace().collect();
        assert!(names[0] == names[1] && names[0].starts_with("host-") && names[2].starts_with("user-"), "{text}");
        assert!(names[3] != names[0] && names[3].starts_with("host-"), "{text}");
    }

    #[test]
    fn v07_a_subnet_stays_a_subnet_and_no_two_addresses_become_one() {
        let pseudonyms = Pseudonyms::new(&[7; 32]);
        let net: BTreeSet<_> = (0..=255).map(|last| pseudonyms.ipv4(Ipv4Addr::new(10, 20, 30, last))).collect();
        assert_eq!(net.len(), 256);
        let prefixes: BTreeSet<_> = net.iter().map(|address| address.octets()[..3].to_vec()).collect();
        assert_eq!(prefixes.len(), 1);
    }

    #[test]
    fn v07_a_network_of_version_6_stays_a_network() {
        let pseudonyms = Pseudonyms::new(&[7; 32]);
        let host = |last: u16| pseudonyms.ipv6(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, last)).segments();
        assert_eq!(host(1)[..7], host(2)[..7]);
        assert!(host(1) != host(2) && host(1)[0] == 0x2001 && host(1)[1] != 0xdb8);
    }

    #[test]
    fn v07_an_original_has_one_spelling_however_it_was_written() {
        let address: Ipv6Addr = "2001:db8::7".parse().unwrap();
        for written in ["2001:db8::7", "2001%3Adb8%3A%3A7", "2001:DB8:0::7"] {
            assert_eq!(original(Real::Ipv6(address), written.as_bytes()), "2001:db8::7");
        }
        for (written, separator) in [("00:16:3E:0A:1b:2c", ':'), ("0016.3e0a.1b2c", '.')] {
            let mac = Real::Mac([0, 0x16, 0x3e, 0x0a, 0x1b, 0x2c], separator);
            assert_eq!(original(mac, written.as_bytes()), "00:16:3e:0a:1b:2c");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_written_as_it_is_made_the_first_time_and_later(bits in any::<u32>()) {
            let (mut pseudonyms, address) = (Pseudonyms::new(&[7; 32]), Ipv4Addr::from(bits));
            for _ in 0..2 {
                let mut out = Vec::new();
                pseudonyms.write((Rule::Ipv4, "ipv4"), Real::Ipv4(address), address.to_string().as_bytes(), &mut out);
                prop_assert_eq!(String::from_utf8(out).unwrap(), pseudonyms.ipv4(address).to_string());
            }
        }

        #[test]
        fn an_address_stays_of_its_kind(bits in any::<u32>()) {
            let address = Ipv4Addr::from(bits);
            prop_assert!(class(Pseudonyms::new(&[7; 32]).ipv4(address)) == class(address));
        }
    }
}
