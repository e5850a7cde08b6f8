//! What is known by its shape: addresses of the network and of hardware, licence keys, payment cards, accounts.
//!
//! A text is gone over once. Most bytes lead to nothing; a digit, a colon, a dot or a hyphen may stand in something, and what is around it within a
//! few bytes tells.

use super::addresses::{self, Colons};
use super::ahead::{examined, run};
use super::policy::Rule;
use super::span::{Found, Real, Span};
use super::text::{is_end_of_word, is_start_of_word};
use super::{eights, iban, numbers, sieve};

/// Finds shapes.
pub(super) fn find(text: &[u8], found: &mut Found) {
    let mut shapes = Shapes { text, found, word_end: 0, address_end: None };
    let mut at = 0;
    sieve::each(text, &mut |from, until| {
        if at <= until {
            at = shapes.look(start_of_run(text, at, from), until);
        }
    });
}

/// The same at each sign of the text.
#[cfg(test)]
pub(super) fn find_slowly(text: &[u8], found: &mut Found) {
    Shapes { text, found, word_end: 0, address_end: None }.look(0, text.len());
}

/// Where the run of bytes begins that shapes have, but not before `first`. Nothing that is read to no end leads out of such a run, so that to begin
/// there is to have come there.
fn start_of_run(text: &[u8], first: usize, from: usize) -> usize {
    let mut start = from.max(first);
    while start > first && PARTS[usize::from(text[start - 1])] {
        start -= 1;
    }
    examined(from.max(first) - start);
    start
}

/// Which bytes shapes have.
const PARTS: [bool; 256] = {
    let mut parts = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        parts[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':' | b'%');
        byte += 1;
    }
    parts
};

struct Shapes<'t, 'f> {
    text: &'t [u8],
    found: &'f mut Found,
    /// Where the word ends that the last digits stood in: it was looked at as a whole.
    word_end: usize,
    /// Where the last address of version 4 ended.
    address_end: Option<usize>,
}

impl Shapes<'_, '_> {
    /// Looks at each sign up to a place, and gives the next one.
    fn look(&mut self, from: usize, until: usize) -> usize {
        let mut at = eights::next_sign(self.text, from);
        while at <= until
            && let Some(byte) = self.text.get(at)
        {
            let next = match byte {
                b'0'..=b'9' => self.digits(at),
                b':' => self.colon(at),
                b'.' => self.dot(at),
                b'-' => self.hyphen(at),
                // The slash, which stands between them in ASCII.
                _ => at + 1,
            };
            at = eights::next_sign(self.text, next);
        }
        at
    }

    /// Digits: an address of version 4, a payment card, or a part of a licence key. Gives where to go on.
    fn digits(&mut self, mut at: usize) -> usize {
        let text = self.text;
        let end = eights::digits(text, at);
        let before = at.checked_sub(1).map_or(b' ', |at| text[at]);
        let behind = text.get(end).copied().unwrap_or(b' ');
        // Most numbers stand by themselves, and are neither a key nor a group of one.
        let is_alone = !before.is_ascii_alphanumeric() && !behind.is_ascii_alphanumeric();
        let is_short = end - at < 4 && behind != b'.' || end - at == 4 && self.is_last_group(end, behind);
        if is_alone && is_short && before != b'%' {
            return end;
        }
        if before == b'%' && text[at] == b'3' && matches!(text.get(at + 1), Some(b'A' | b'a')) {
            return addresses::coded(text, at - 1, self.found).max(at + 1);
        }
        let could_be_key = !is_alone || matches!(end - at, numbers::GROUP | numbers::KEY..);
        if at >= self.word_end
            && could_be_key
            && let Some(end) = self.word(at, end)
        {
            return end;
        }
        // `%2010.0.0.1`: the first two belong to a blank.
        if end > at + 2 && before == b'%' {
            at += 2;
        }
        if end - at <= 3
            && text.get(end) == Some(&b'.')
            && let Some(end) = addresses::dotted(text, at, end)
        {
            let follows = self.address_end.is_some_and(|last| last + 1 == at && text[last] == b'-');
            let next = end + 1;
            let leads =
                text.get(end) == Some(&b'-') && addresses::dotted(text, next, eights::digits(text, next)).is_some();
            addresses::ipv4(text, at, end, follows || leads, self.found);
            self.address_end = Some(end);
            return end;
        }
        if end - at > 3
            && let Some(card) = numbers::card(text, at, end)
        {
            self.found.push(Span { start: at, end: card, rule: Rule::CardNumber, put: numbers::put(text, at, card) });
            return card;
        }
        end
    }

    /// Whether no other group of a card's digits follows on four, as none does on a year. Where a code may stand between them, nothing is said.
    fn is_last_group(&self, end: usize, behind: u8) -> bool {
        let next = || self.text.get(end + 3..end + 5).is_some_and(|two| two.iter().all(u8::is_ascii_digit));
        !matches!(behind, b'%' | b'&' | 0x80..) && !next()
    }

    /// The word that these digits stand in: it may be a licence key, an account, or a group of one. Gives where it ends if nothing else can be in it: with
    /// letters and without an escape before it, as in numbers of commits, it is passed over whole.
    fn word(&mut self, at: usize, digits: usize) -> Option<usize> {
        let text = self.text;
        let near = text[..at].iter().rev().take(numbers::KEY_ESCAPED);
        let start = at - near.take_while(|byte| byte.is_ascii_alphanumeric()).count();
        self.word_end = eights::alphanumerics(text, digits);
        let end = self.word_end;
        if matches!(end - start, numbers::GROUP | numbers::KEY..=numbers::KEY_ESCAPED)
            && let Some((start, end)) = numbers::spaced_key(text, start, end)
        {
            self.found.push(Span::secret(start, end, Rule::LicenceKey));
            return Some(end);
        }
        if let Some((start, end)) = iban::find(text, start, self.word_end) {
            self.found.push(Span::secret(start, end, Rule::Iban));
            return Some(end);
        }
        let escaped = start.checked_sub(1).is_some_and(|before| matches!(text[before], b'\\' | b'%'));
        ((start < at || digits < end) && !escaped).then_some(end)
    }

    fn colon(&mut self, at: usize) -> usize {
        match addresses::colons(self.text, at, self.found) {
            Colons::Address(end) => end,
            // What is behind the last colon may be an address of version 4 still.
            Colons::Other(last) => last + 1,
        }
    }

    /// Cisco's way of writing hardware addresses: `0011.2233.4455`.
    fn dot(&mut self, at: usize) -> usize {
        let Some((start, end)) = self.groups(at, b'.', 4, 3, |byte| byte.is_ascii_hexdigit()) else { return at + 1 };
        addresses::mac(self.text, start, end, '.', self.found);
        end
    }

    /// Hardware addresses with hyphens, licence keys, and names of hosts made of an address: `ip-10-0-0-1`.
    fn hyphen(&mut self, at: usize) -> usize {
        if let Some((start, end)) = self.groups(at, b'-', 2, 6, |byte| byte.is_ascii_hexdigit()) {
            addresses::mac(self.text, start, end, '-', self.found);
            return end;
        }
        if let Some((start, end)) = self.groups(at, b'-', 5, 5, |byte| byte.is_ascii_alphanumeric()) {
            if numbers::is_key(self.text, start, end) {
                self.found.push(Span::secret(start, end, Rule::LicenceKey));
            }
            return end;
        }
        self.host(at).unwrap_or(at + 1)
    }

    /// So many groups of so many bytes, of which the first ends here.
    fn groups(
        &self,
        at: usize,
        sign: u8,
        size: usize,
        count: usize,
        part: impl Fn(u8) -> bool,
    ) -> Option<(usize, usize)> {
        // Most are no groups, and the place of the next sign tells.
        if self.text.get(at + size + 1) != Some(&sign) {
            return None;
        }
        let start = at.checked_sub(size)?;
        let end = start + (size + 1) * count - 1;
        let mut groups = self.text.get(start..end)?.chunks(size + 1);
        let fit = |group: &[u8]| {
            group[..size].iter().all(|byte| part(*byte)) && group.get(size).is_none_or(|last| *last == sign)
        };
        groups.all(fit).then_some((start, end))
    }

    fn host(&mut self, at: usize) -> Option<usize> {
        let text = self.text;
        let start = at.checked_sub(2).filter(|start| &text[*start..at] == b"ip")?;
        let mut end = at;
        for _ in 0..4 {
            let digits = run(&text[..text.len().min(end + 5)], end + 1, |byte| byte.is_ascii_digit());
            if text.get(end) != Some(&b'-') || !(end + 2..=end + 4).contains(&digits) {
                return None;
            }
            end = digits;
        }
        if is_start_of_word(text, start) && is_end_of_word(text, end) {
            self.found.push(Span::pseudonym(start, end, Rule::Host, Real::Name));
        }
        Some(end)
    }
}
