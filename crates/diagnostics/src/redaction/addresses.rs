//! Addresses of the network and of hardware.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::ahead::examined;
use super::policy::Rule;
use super::span::{Found, Real, Span};
use super::text::{is_end_of_word, is_start_of_word};

/// The longest group of hexadecimal digits.
const GROUP: usize = 4;
/// No address is longer: a packet in a firewall's log has fourteen pairs.
const MAX_ADDRESS: usize = 64;

/// What stood around a colon.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Colons {
    /// An address, whether it is masked or not, that ends there.
    Address(usize),
    /// None; the last of the colons.
    Other(usize),
}

/// Hexadecimal groups with colons, of which the first stands at `colon`: hardware addresses, IPv6, or neither, such as a time.
pub(super) fn colons(text: &[u8], colon: usize, found: &mut Found) -> Colons {
    let is_hex = |byte: &u8| byte.is_ascii_hexdigit();
    let second = colon + 1 + text[colon + 1..].iter().take(GROUP).take_while(|byte| is_hex(byte)).count();
    if text.get(second) != Some(&b':') {
        return Colons::Other(colon);
    }
    // Most are times: two colons, with a group behind each.
    let third = second + 1 + text[second + 1..].iter().take(GROUP).take_while(|byte| is_hex(byte)).count();
    let goes_on = text.get(third).is_some_and(|byte| matches!(byte, b':' | b'.') || is_hex(byte));
    if !goes_on && second > colon + 1 && third > second + 1 {
        return Colons::Other(second);
    }
    let start = colon - text[..colon].iter().rev().take(GROUP).take_while(|byte| is_hex(byte)).count();
    let (mut end, mut group, mut last) = (colon, 0, colon);
    let (mut colons, mut dots, mut doubled) = (0, 0, false);
    while let Some(byte) = text.get(end) {
        match byte {
            b':' => {
                doubled |= last + 1 == end && colons > 0;
                (colons, last, group) = (colons + 1, end, 0);
            }
            b'.' => (dots, group) = (dots + 1, 0),
            byte if is_hex(byte) => group += 1,
            _ => break,
        }
        end += 1;
        if group > GROUP {
            // No address has such a group: what was read before it may be one, and it is looked at for itself.
            end -= group;
            break;
        }
    }
    // Most are times, and have too little of everything.
    let enough = doubled || colons >= 5 || dots >= 3;
    if enough && judge(text, start, end, found) { Colons::Address(end) } else { Colons::Other(last) }
}

/// The same where colons are written `%3A`, as in a query, of which the first stands at `percent`. Gives where to go on.
pub(super) fn coded(text: &[u8], percent: usize, found: &mut Found) -> usize {
    let is_escape = |at: usize| {
        text[at] == b'%' && text.get(at + 1..at + 3).is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
    };
    let behind_escape = |at: usize| at.checked_sub(3).is_some_and(is_escape);
    let mut start = percent;
    while start > 0 && percent - start < GROUP && text[start - 1].is_ascii_hexdigit() && !behind_escape(start) {
        start -= 1;
    }
    // As it would stand without a code, between what is before it and behind it, each byte with its place.
    let before = start.checked_sub(1).filter(|_| !behind_escape(start)).map_or(b' ', |at| text[at]);
    let (mut plain, mut places, mut at) = (vec![before], vec![start], start);
    while plain.len() < MAX_ADDRESS
        && let Some(byte) = text.get(at)
    {
        places.push(at);
        let is_colon = is_escape(at) && text[at + 1..at + 3].eq_ignore_ascii_case(b"3a");
        plain.push(if is_colon { b':' } else { *byte });
        if !is_colon && !byte.is_ascii_hexdigit() && *byte != b'.' {
            break;
        }
        at += if is_colon { 3 } else { 1 };
    }
    places.push(at);
    examined(at - start);
    let mut inner = Found::default();
    let end = match colons(&plain, percent - start + 1, &mut inner) {
        Colons::Address(end) => end,
        Colons::Other(last) => last + 1,
    };
    for span in inner.spans() {
        found.push(Span { start: places[span.start], end: places[span.end], ..*span });
    }
    places[end]
}

/// Whether this is an address of some kind. If it tells something, it is added.
fn judge(text: &[u8], mut start: usize, mut end: usize, found: &mut Found) -> bool {
    // `inet6:2001:…` and `HWaddr:00:…`: what is glued to a word before it is no part of the address.
    if !is_start_of_word(text, start) || text[start] == b':' && text.get(start + 1) != Some(&b':') {
        let Some(colon) = text[start..end].iter().position(|byte| *byte == b':') else { return false };
        start += colon + 1;
    }
    while end > start && (text[end - 1] == b'.' || text[end - 1] == b':' && !text[start..end].ends_with(b"::")) {
        end -= 1;
    }
    let bytes = &text[start..end];
    if text.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return false;
    }
    let pairs = || bytes.split(|byte| *byte == b':');
    let count = pairs().count();
    if pairs().all(|pair| pair.len() == 2) {
        match count {
            6 => mac(text, start, end, ':', found),
            // A packet in a firewall's log: to, from, type.
            14 => {
                mac(text, start, start + 17, ':', found);
                mac(text, start + 18, start + 35, ':', found);
            }
            _ => {}
        }
        if count != 8 {
            return true;
        }
    }
    let Some(address) = str::from_utf8(bytes).ok().and_then(|text| Ipv6Addr::from_str(text).ok()) else {
        return false;
    };
    let first = address.segments()[0];
    let small_group = address.segments()[1..6] == [0; 5] && address.segments()[6] <= 1;
    let meant = match first {
        0x2000..=0x3fff | 0xfc00..=0xfdff | 0xfe80..=0xfebf => true,
        // Well-known groups tell nothing about anybody.
        0xff00..=0xffff => !small_group,
        // Mapped and translated addresses carry one of version 4.
        _ => address.to_ipv4_mapped().is_some_and(|inner| !inner.is_loopback()) || count == 8 || first == 0x64,
    };
    if meant {
        found.push(Span::pseudonym(start, end, Rule::Ipv6, Real::Ipv6(address)));
    }
    true
}

/// Where four groups of at most three digits end, of which the first goes from `start` to `end`.
pub(super) fn dotted(text: &[u8], start: usize, mut end: usize) -> Option<usize> {
    if !(start + 1..=start + 3).contains(&end) {
        return None;
    }
    for _ in 0..3 {
        if text.get(end) != Some(&b'.') {
            return None;
        }
        let digits = text[end + 1..].iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        end += 1 + digits;
    }
    Some(end)
}

/// An address of version 4, if it is none of a version. `in_range`: another one stands beside it behind a hyphen.
pub(super) fn ipv4(text: &[u8], start: usize, end: usize, in_range: bool, found: &mut Found) {
    let Some(address) = version_4(&text[start..end]) else { return };
    let before = start.checked_sub(1).map(|at| text[at]);
    let after = text.get(end).copied();
    let digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    let cut = !is_start_of_word(text, start)
        || before == Some(b'.')
        || !is_end_of_word(text, end)
        || (after == Some(b'.') && digit(end + 1));
    let tells_nothing = matches!(address.octets(), [0 | 127 | 224..=255, ..] | [169, 254, 169, 254]);
    let suffixed =
        matches!(after, Some(b'-' | b'+' | b'~' | b'_')) && text.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
    let parted = matches!(before, Some(b'-' | b'_'));
    // `5.10.0.28-1`, `1.2.3.4+dfsg`: an address has no revision. Behind a hyphen alone stands one of a file: `conn-203.0.113.9`.
    let revised = suffixed && (matches!(after, Some(b'+' | b'~')) || (after == Some(b'-') && digit(end + 1)));
    let like_version = !in_range && !address.is_private() && revised;
    if parted && suffixed && is_package(&text[end..]) {
        return;
    }
    let is_version = is_called_version(&text[start.saturating_sub(16)..start], address.is_private());
    if !cut && !tells_nothing && !like_version && !is_version {
        found.push(Span::pseudonym(start, end, Rule::Ipv4, Real::Ipv4(address)));
    }
}

/// Reads four numbers as an address, as the standard library does: none has a zero before it.
fn version_4(dotted: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut place, mut length) = ([0_u8; 4], 0, 0);
    for byte in dotted {
        if *byte == b'.' {
            (place, length) = (place + 1, 0);
            continue;
        }
        let octet = octets.get_mut(place).filter(|octet| length == 0 || **octet > 0)?;
        *octet = octet.checked_mul(10)?.checked_add(byte - b'0')?;
        length += 1;
    }
    Some(Ipv4Addr::from(octets))
}

/// Whether what follows on a version is what follows in the name of a package: `-1_amd64.deb`.
fn is_package(behind: &[u8]) -> bool {
    let word = &behind[..behind.iter().take(64).take_while(|byte| !byte.is_ascii_whitespace()).count()];
    let signs = [b"_amd64".as_slice(), b"_arm64", b"_all", b".deb", b".rpm", b".x86_64", b".aarch64", b".noarch"];
    signs.iter().any(|sign| word.windows(sign.len()).any(|window| window == *sign))
}

/// Whether the word before says that it is a version. Nobody calls a version `10.1.2.3` a release or a build, but DHCP releases one.
fn is_called_version(before: &[u8], is_private: bool) -> bool {
    let sign = |byte: &u8| matches!(*byte, b' ' | b'=' | b':' | b'"' | b'\'' | b'\\');
    let length = before.iter().rposition(|byte| !sign(byte)).map_or(0, |at| at + 1);
    let ends_with =
        |word: &&[u8]| length.checked_sub(word.len()).filter(|from| before[*from..length].eq_ignore_ascii_case(word));
    // `appVer`, and neither `nameserver` nor `SERVER`.
    let is_own_word = |from: usize| match (from.checked_sub(1).map(|at| before[at]), before[from]) {
        (Some(last), first) => !last.is_ascii_alphanumeric() || last.is_ascii_lowercase() && first.is_ascii_uppercase(),
        (None, _) => true,
    };
    let words = [b"version".as_slice(), b"ver", b"revision", b"release", b"build"];
    let words = if is_private { &words[..3] } else { &words };
    ends_with(&b" v".as_slice()).is_some() || words.iter().any(|word| ends_with(word).is_some_and(is_own_word))
}

/// A hardware address, if it is somebody's.
pub(super) fn mac(text: &[u8], start: usize, end: usize, separator: char, found: &mut Found) {
    let hyphen = |at: Option<usize>| at.and_then(|at| text.get(at)) == Some(&b'-');
    let apart = is_start_of_word(text, start) && is_end_of_word(text, end);
    if separator != ':' && (!apart || hyphen(start.checked_sub(1)) || hyphen(Some(end))) {
        return;
    }
    let mut address = [0_u8; 6];
    let digits = text[start..end].iter().filter_map(|byte| char::from(*byte).to_digit(16));
    for (place, digit) in digits.enumerate() {
        let Some(byte) = address.get_mut(place / 2) else { return };
        *byte = *byte << 4 | u8::try_from(digit).unwrap_or(0);
    }
    // Nobody's, everybody's, and well-known groups.
    let nobody = matches!(
        address,
        [0, 0, 0, 0, 0, 0]
            | [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
            | [0x33, 0x33, 0, 0, 0, _]
            | [0x01, 0x00, 0x5e, 0, 0, _]
    );
    if !nobody {
        found.push(Span::pseudonym(start, end, Rule::Mac, Real::Mac(address, separator)));
    }
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_address_is_read_as_the_standard_library_reads_it(parts in prop::array::uniform4("[0-9]{1,3}")) {
            let text = parts.join(".");
            prop_assert_eq!(version_4(text.as_bytes()), Ipv4Addr::from_str(&text).ok());
        }
    }

    #[test]
    fn v07_what_a_server_has_is_an_address_and_what_a_version_has_is_none() {
        for (before, is_version) in [
            ("nameserver ", false),
            ("server=", false),
            ("server: \"", false),
            ("SERVER ", false),
            ("observer ", false),
            ("driver ", false),
            ("ver ", true),
            ("ver. ", false),
            ("appVer=", true),
            ("file-ver: ", true),
            ("productVersion\": \"", true),
            ("postgres v", true),
        ] {
            assert_eq!(is_called_version(before.as_bytes(), false), is_version, "{before}");
            assert_eq!(is_called_version(before.as_bytes(), true), is_version, "{before}");
        }
        for (before, of_public) in [("rebuild ", false), ("conversion: ", false), ("release ", true), ("build=", true)]
        {
            assert_eq!(is_called_version(before.as_bytes(), false), of_public, "{before}");
            assert!(!is_called_version(before.as_bytes(), true), "{before}");
        }
    }

    #[test]
    fn v07_an_address_in_a_name_is_none_of_a_version_unless_it_has_a_revision() {
        let is_masked = |text: &str| {
            let (start, mut found) = (text.find(|sign: char| sign.is_ascii_digit()).unwrap(), Found::default());
            let length = text[start..].bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
            ipv4(text.as_bytes(), start, start + length, false, &mut found);
            !found.spans().is_empty()
        };
        for address in ["conn-203.0.113.9", "pcap_203.0.113.9_x.log", "203.0.113.9_up", "203.0.113.9-eth", "10.1.2.3-4"]
        {
            assert!(is_masked(address), "{address}");
        }
        for version in ["linux-5.10.0.28-1", "libx-1.2.3.4+dfsg", "1.2.3.4~bpo", "x_1.2.3.4-5_amd64.deb"] {
            assert!(!is_masked(version), "{version}");
        }
    }

    #[test]
    fn v07_an_address_is_found_where_its_colons_are_coded() {
        for (text, address) in [
            ("ip%3D2001%3Adb8%3A%3A1f&x", Some("2001%3Adb8%3A%3A1f")),
            ("mac=00%3a1a%3a2b%3a3c%3a4d%3a5e", Some("00%3a1a%3a2b%3a3c%3a4d%3a5e")),
            ("%3D0a%3A1a%3A2b%3A3c%3A4d%3A5e%26", Some("0a%3A1a%3A2b%3A3c%3A4d%3A5e")),
            ("to=fe80%3A%3A1%25eth0", Some("fe80%3A%3A1")),
            ("at=12%3A34%3A56", None),
            ("at=2026-06-08T12%3A34%3A56%2B02%3A00", None),
            ("x%3A", None),
            ("xfe80%3A%3A1", None),
        ] {
            let mut found = Found::default();
            let percent = text.find("%3A").or_else(|| text.find("%3a")).unwrap();
            assert!(coded(text.as_bytes(), percent, &mut found) > percent, "{text}");
            let places: Vec<_> = found.spans().iter().map(|span| &text[span.start..span.end]).collect();
            assert_eq!(places, Vec::from_iter(address), "{text}");
        }
    }
}
