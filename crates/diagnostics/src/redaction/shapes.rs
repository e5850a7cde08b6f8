//! What is known by its shape: addresses of the network, of hardware and of mail, and licence keys.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use regex::bytes::Regex;

use super::ahead::{examined, run};
use super::policy::Rule;
use super::span::{Found, Real, Span};
use super::text::{is_end_of_word, is_start_of_word};

/// Hexadecimal groups with two colons at least; four groups of digits; bytes with hyphens; Cisco's way of writing bytes; a
/// licence key; the name of a host made of an address.
const SHAPES: &str = r"(?x-u)
    [0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]*
  | (?:[0-9]{1,3}\.){3}[0-9]{1,3}
  | [0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}
  | [0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}
  | [0-9A-Za-z]{5}(?:-[0-9A-Za-z]{5}){4}
  | ip-[0-9]{1,3}(?:-[0-9]{1,3}){3}";

/// Finds shapes.
#[derive(Debug)]
pub(super) struct Shapes {
    any: Regex,
    ipv4: Regex,
}

impl Shapes {
    pub(super) fn new() -> Result<Self, regex::Error> {
        Ok(Self { any: Regex::new(SHAPES)?, ipv4: Regex::new(r"(?-u)(?:[0-9]{1,3}\.){3}[0-9]{1,3}")? })
    }

    pub(super) fn find(&self, text: &[u8], found: &mut Found) {
        let mut last_end = usize::MAX;
        for shape in self.any.find_iter(text) {
            let (start, end) = (shape.start(), shape.end());
            let bytes = shape.as_bytes();
            if bytes.contains(&b':') {
                if !colons(text, start, end, found) {
                    for inner in self.ipv4.find_iter(bytes) {
                        ipv4(text, start + inner.start(), start + inner.end(), false, found);
                    }
                }
            } else if bytes.starts_with(b"ip-") {
                if is_start_of_word(text, start) && is_end_of_word(text, end) {
                    found.push(Span::pseudonym(start, end, Rule::Host, Real::Name("host")));
                }
            } else if bytes.len() == 29 {
                licence_key(text, start, end, found);
            } else if bytes.len() == 17 && bytes[2] == b'-' {
                mac(text, start, end, '-', found);
            } else if bytes.len() == 14 && bytes[4] == b'.' && bytes[9] == b'.' {
                mac(text, start, end, '.', found);
            } else {
                let follows = start > 0 && start - 1 == last_end && text[start - 1] == b'-';
                let leads = text.get(end) == Some(&b'-')
                    && self.ipv4.find(&text[end..text.len().min(end + 17)]).is_some_and(|next| next.start() == 1);
                ipv4(text, start, end, follows || leads, found);
                last_end = end;
            }
        }
    }
}

/// Hexadecimal groups with colons: hardware addresses, IPv6, or neither, such as a time.
fn colons(text: &[u8], mut start: usize, mut end: usize, found: &mut Found) -> bool {
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
    let pairs = bytes.split(|byte| *byte == b':').collect::<Vec<_>>();
    if pairs.iter().all(|pair| pair.len() == 2) {
        match pairs.len() {
            6 => mac(text, start, end, ':', found),
            // A packet in a firewall's log: to, from, type.
            14 => {
                mac(text, start, start + 17, ':', found);
                mac(text, start + 18, start + 35, ':', found);
            }
            _ => {}
        }
        if pairs.len() != 8 {
            return true;
        }
    }
    let Some(address) = std::str::from_utf8(bytes).ok().and_then(|text| Ipv6Addr::from_str(text).ok()) else {
        return false;
    };
    let first = address.segments()[0];
    let small_group = address.segments()[1..6] == [0; 5] && address.segments()[6] <= 1;
    let meant = match first {
        0x2000..=0x3fff | 0xfc00..=0xfdff | 0xfe80..=0xfebf => true,
        // Well-known groups tell nothing about anybody.
        0xff00..=0xffff => !small_group,
        // Mapped and translated addresses carry one of version 4.
        _ => address.to_ipv4_mapped().is_some_and(|inner| !inner.is_loopback()) || pairs.len() == 8 || first == 0x64,
    };
    if meant {
        found.push(Span::pseudonym(start, end, Rule::Ipv6, Real::Ipv6(address)));
    }
    true
}

fn ipv4(text: &[u8], start: usize, end: usize, in_range: bool, found: &mut Found) {
    let Some(address) = std::str::from_utf8(&text[start..end]).ok().and_then(|text| Ipv4Addr::from_str(text).ok())
    else {
        return;
    };
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
    let like_version = !in_range && !address.is_private() && (matches!(before, Some(b'-' | b'_')) || suffixed);
    if !cut && !tells_nothing && !like_version && !is_called_version(&text[start.saturating_sub(16)..start]) {
        found.push(Span::pseudonym(start, end, Rule::Ipv4, Real::Ipv4(address)));
    }
}

fn is_called_version(before: &[u8]) -> bool {
    let lower = before.to_ascii_lowercase();
    let sign = |byte: &u8| matches!(*byte, b' ' | b'=' | b':' | b'"' | b'\'' | b'\\');
    let length = lower.iter().rposition(|byte| !sign(byte)).map_or(0, |at| at + 1);
    [b"version".as_slice(), b"ver", b"release", b"build", b" v", b"revision"]
        .iter()
        .any(|word| lower[..length].ends_with(word))
}

fn mac(text: &[u8], start: usize, end: usize, separator: char, found: &mut Found) {
    let glued = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    if separator != ':' && (glued(start.checked_sub(1).map(|at| &text[at])) || glued(text.get(end))) {
        return;
    }
    let digits: Vec<u8> = text[start..end]
        .iter()
        .filter_map(|byte| char::from(*byte).to_digit(16))
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)).collect();
    let Ok(address) = <[u8; 6]>::try_from(bytes) else { return };
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

/// Five groups of five letters and digits: this program's licence keys, and those of many others.
fn licence_key(text: &[u8], start: usize, end: usize, found: &mut Found) {
    let bytes = &text[start..end];
    let mixed = bytes.iter().any(u8::is_ascii_lowercase) && bytes.iter().any(u8::is_ascii_uppercase);
    let glued = |byte: Option<&u8>| byte.is_some_and(|byte| *byte == b'-');
    let apart = !glued(start.checked_sub(1).map(|at| &text[at])) && !glued(text.get(end));
    if !mixed
        && apart
        && bytes.iter().any(u8::is_ascii_digit)
        && is_start_of_word(text, start)
        && is_end_of_word(text, end)
    {
        found.push(Span::secret(start, end, Rule::LicenceKey));
    }
}

/// An address of mail around its `@`, which stands from `at` to `after` (it may be written `%40`).
pub(super) fn mail(text: &[u8], at: usize, after: usize, harmless: &[String], found: &mut Found) {
    let local = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._+-=".contains(byte) || **byte >= 0x80;
    let host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || byte >= 0x80;
    let mut start = at - text[..at].iter().rev().take_while(local).count();
    examined(at - start);
    match start.checked_sub(1).map(|before| text[before]) {
        Some(b'\\') if start < at && matches!(text[start], b'n' | b'r' | b't') => start += 1,
        Some(b'%') if at - start > 2 => start += 2,
        _ => {}
    }
    // `to=bob@…`: a name and its value.
    start += text[start..at].iter().rposition(|byte| *byte == b'=').map_or(0, |sign| sign + 1);
    let mut end = run(text, after, host);
    while end > after && matches!(text[end - 1], b'.' | b'-') {
        end -= 1;
    }
    let domain = &text[after..end];
    let top = domain.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let fits = start < at
        && domain.contains(&b'.')
        && domain[0] != b'.'
        && top.len() >= 2
        && !top.iter().any(u8::is_ascii_digit);
    let whole = text[start..end].to_ascii_lowercase();
    if fits && !harmless.iter().any(|ending| whole.ends_with(ending.as_bytes())) {
        found.push(Span::pseudonym(start, end, Rule::Mail, Real::Mail));
    }
}
