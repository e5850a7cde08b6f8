//! What a text is: where its words begin, whether it is one at all, and UTF-16 as UTF-8.

use std::io::{self, Read};

/// In fewer units than so many zeros tell nothing.
const MIN_UNITS: usize = 8;

/// Whether a word begins here. Behind an escape (`\n`, `%20`) one does, though letters stand before it.
pub(super) fn is_start_of_word(text: &[u8], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map(|at| text[at]);
    match before(1) {
        Some(byte) if byte.is_ascii_alphanumeric() => {
            let escaped = matches!(byte, b'n' | b'r' | b't' | b'b' | b'f') && before(2) == Some(b'\\');
            let hexadecimal = |back| before(back).is_some_and(|byte| byte.is_ascii_hexdigit());
            let percent = hexadecimal(1) && hexadecimal(2) && before(3) == Some(b'%');
            let unicode = (1..=4).all(hexadecimal) && before(5) == Some(b'u') && before(6) == Some(b'\\');
            escaped || percent || unicode
        }
        _ => true,
    }
}

/// Whether a word ends here.
pub(super) fn is_end_of_word(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

/// How much of a file is looked at to tell what it is.
pub(super) const HEAD: u64 = 256;

/// Whether a file begins as no text does, be it one of UTF-16.
pub(super) fn begins_binary(head: &[u8]) -> bool {
    !matches!(head, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) && wide(head).is_none() && is_binary(head)
}

/// Whether a piece of a file is no text: it has NUL bytes, or much of it is neither UTF-8 nor printable.
pub(super) fn is_binary(piece: &[u8]) -> bool {
    if memchr::memchr(0, piece).is_some() {
        return true;
    }
    // Few at a time: a sum of bytes is made of many at once.
    let controls: usize =
        piece.chunks(255).map(|few| usize::from(few.iter().map(|byte| strange(*byte)).sum::<u8>())).sum();
    // Most texts are valid, and that is known much faster than what is not valid in others.
    let is_valid = piece.is_ascii() || str::from_utf8(piece).is_ok();
    let broken = if is_valid { 0 } else { piece.utf8_chunks().map(|chunk| chunk.invalid().len()).sum() };
    (controls + broken) * 10 > piece.len()
}

/// 1 for control characters that no text has: all but those from backspace to carriage return, and escape. A number, and without a branch, so that
/// many bytes are told at once.
fn strange(byte: u8) -> u8 {
    let below = u8::from(byte < 0x20) & u8::from(!(0x08..=0x0d).contains(&byte)) & u8::from(byte != 0x1b);
    below | u8::from(byte == 0x7f)
}

/// How UTF-16 without a byte order mark is told by its beginning: half of most units is zero, and always the same half.
fn wide(head: &[u8]) -> Option<Kind> {
    let units = head.len() / 2;
    let zeros = |half: usize| head.chunks_exact(2).filter(|unit| unit[half] == 0).count();
    if units < MIN_UNITS {
        return None;
    }
    match (zeros(0), zeros(1)) {
        (0, high) if high * 4 > units * 3 => Some(Kind::LittleEndian),
        (high, 0) if high * 4 > units * 3 => Some(Kind::BigEndian),
        _ => None,
    }
}

/// Gives UTF-16 as UTF-8, and anything else as it is.
pub(super) struct Decoded<R> {
    inner: R,
    kind: Option<Kind>,
    /// Bytes that were read and not given yet.
    ready: Vec<u8>,
    given: usize,
    /// A unit whose other half has not been read.
    half: Vec<u8>,
    high: Option<u16>,
    ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bytes,
    LittleEndian,
    BigEndian,
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, kind: None, ready: Vec::new(), given: 0, half: Vec::new(), high: None, ended: false }
    }

    fn begin(&mut self) -> io::Result<Kind> {
        let mut head = Vec::new();
        (&mut self.inner).take(HEAD).read_to_end(&mut head)?;
        let (kind, mark) = match head.as_slice() {
            [0xff, 0xfe, ..] => (Kind::LittleEndian, 2),
            [0xfe, 0xff, ..] => (Kind::BigEndian, 2),
            _ => (wide(&head).unwrap_or(Kind::Bytes), 0),
        };
        if kind == Kind::Bytes {
            self.ready = head;
        } else {
            self.decode(&head[mark..], kind == Kind::BigEndian);
        }
        self.kind = Some(kind);
        Ok(kind)
    }

    fn decode(&mut self, bytes: &[u8], big_endian: bool) {
        self.half.extend_from_slice(bytes);
        let whole = self.half.len() / 2 * 2;
        let units: Vec<u16> = self
            .high
            .take()
            .into_iter()
            .chain(self.half[..whole].chunks_exact(2).map(|pair| {
                let pair = [pair[0], pair[1]];
                if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
            }))
            .collect();
        self.half.drain(..whole);
        let (units, high) = match units.split_last() {
            Some((last, rest)) if (0xd800..0xdc00).contains(last) && !self.ended => (rest, Some(*last)),
            _ => (units.as_slice(), None),
        };
        self.high = high;
        let text: String = char::decode_utf16(units.iter().copied()).map(|unit| unit.unwrap_or('\u{fffd}')).collect();
        self.ready.extend_from_slice(text.as_bytes());
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let kind = match self.kind {
            Some(kind) => kind,
            None => self.begin()?,
        };
        while self.given == self.ready.len() {
            if kind == Kind::Bytes {
                return self.inner.read(buffer);
            }
            if self.ended {
                return Ok(0);
            }
            (self.ready, self.given) = (Vec::new(), 0);
            let mut bytes = [0; 16 * 1024];
            let count = self.inner.read(&mut bytes)?;
            self.ended = count == 0;
            self.decode(&bytes[..count], kind == Kind::BigEndian);
        }
        let count = buffer.len().min(self.ready.len() - self.given);
        buffer[..count].copy_from_slice(&self.ready[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    //! Proves V07.

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_begins_behind_an_escape() {
        for (text, at) in
            [("x anna", 2), (r"x\nanna", 3), ("x%20anna", 4), (r"\u0022anna", 6), ("anna", 0), ("x_anna", 2)]
        {
            assert!(is_start_of_word(text.as_bytes(), at), "{text}");
        }
        assert!(!is_start_of_word(b"johanna", 3));
    }

    #[test]
    fn v07_what_is_no_text_is_told_apart() {
        assert!(is_binary(b"text\0"));
        assert!(is_binary(&[0x89, 0xff, 0xfe, b'a', 0x80, 0x81]));
        assert!(!is_binary("Grüße: an old name in Latin 1 here: M\u{fc}ller, and much else".as_bytes()));
        assert!(!is_binary(b"an old name in Latin 1 here: M\xfcller, and much else besides"));
    }

    #[test]
    fn v07_utf_16_is_known_without_its_mark() {
        let text = "password = Grüße\r\nnext line\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [little, big] {
            let mut decoded = String::new();
            Decoded::new(bytes.as_slice()).read_to_string(&mut decoded).unwrap();
            assert_eq!(decoded, text);
        }
        for other in [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0".as_slice(), &[0; 64], b"a\0b\0"] {
            let mut same = Vec::new();
            Decoded::new(other).read_to_end(&mut same).unwrap();
            assert_eq!(same, other);
        }
    }

    proptest! {
        #[test]
        fn utf_16_is_given_as_utf_8(text in any::<String>(), big_endian in any::<bool>()) {
            let mut bytes = if big_endian { vec![0xfe, 0xff] } else { vec![0xff, 0xfe] };
            bytes.extend(text.encode_utf16().flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }));
            let mut decoded = String::new();
            Decoded::new(bytes.as_slice()).read_to_string(&mut decoded).unwrap();
            prop_assert_eq!(decoded, text);
        }
    }
}
