//! Reading a file of any length in pieces of whole lines.

use std::io::{self, Read};

use super::text::{Decoded, is_binary};

/// How much is read at once.
pub(super) const PIECE: usize = 2 * 1024 * 1024;
/// How far a piece is looked at beyond its end: what is found there may begin before it. More than a block or a value is long.
pub(super) const AHEAD: usize = 160 * 1024;
/// A longer line cannot be cut safely.
const MAX_LINE: usize = 16 * 1024 * 1024;

/// Why a file's content is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    Binary,
    LongLine,
}

/// How a file is cut: how much is read at once, and how far a piece is looked at beyond its end. Only tests cut other than by default.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) piece: usize,
    pub(super) ahead: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { piece: PIECE, ahead: AHEAD }
    }
}

/// Shows a file in pieces, which lie in `piece`: room that was needed for one file is there for the next. `each` gets a piece and where it may be cut at the latest, and says where it was cut: at the start
/// of a line, or at 0 if the piece has to be longer.
pub(super) fn read(
    content: &mut dyn Read,
    sizes: Sizes,
    piece: &mut Vec<u8>,
    each: &mut dyn FnMut(&[u8], usize) -> io::Result<usize>,
) -> io::Result<Result<(), Unfit>> {
    let mut content = Decoded::new(content);
    piece.clear();
    piece.shrink_to(sizes.piece * 2);
    let mut wanted = sizes.piece;
    loop {
        let before = piece.len();
        let count = (&mut content).take((wanted - before) as u64).read_to_end(piece)?;
        let last = count < wanted - before;
        // A few bytes alone tell little: they are judged with those before them.
        if is_binary(&piece[before.min(piece.len().saturating_sub(4096))..]) {
            return Ok(Err(Unfit::Binary));
        }
        if last {
            each(piece, piece.len())?;
            return Ok(Ok(()));
        }
        let latest = line_start(piece, piece.len().saturating_sub(sizes.ahead));
        let cut = if latest == 0 { 0 } else { each(piece, latest)? };
        if cut == 0 {
            if piece.len() >= MAX_LINE {
                return Ok(Err(Unfit::LongLine));
            }
            wanted = piece.len() * 2;
        } else {
            piece.drain(..cut);
            wanted = piece.len() + sizes.piece;
        }
    }
}

/// The start of the line that is here.
pub(super) fn line_start(text: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', &text[..at]).map_or(0, |feed| feed + 1)
}
