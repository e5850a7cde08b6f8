//! How a file is packed, by its first bytes, and unpacking it as a stream.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

use super::zstandard::Zstandard;

/// What `xz -9` needs is 65 MiB; a file that wants more wants to hurt.
const XZ_MEMORY: u64 = 80 * 1024 * 1024;
/// So many first bytes tell what a file is.
const HEAD: usize = 512;
/// Where tar says what it is, and what.
const TAR_MAGIC: (usize, &[u8]) = (257, b"ustar");

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing that is opened here.
    Plain,
    /// An archive of tar.
    Tar,
    /// An archive of zip.
    Zip,
    /// One file, packed.
    Packed(Packing),
    /// Packed in a way that this program does not read, and in which.
    Unread(&'static str),
}

/// How one file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Xz,
    Zstandard,
}

impl Kind {
    /// What a file is that begins so.
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, 8, ..] => Self::Packed(Packing::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Packed(Packing::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Packed(Packing::Zstandard),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => {
                Self::Unread("packed with bzip2")
            }
            [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Self::Unread("a 7z archive"),
            [b'R', b'a', b'r', b'!', 0x1a, 0x07, ..] => Self::Unread("a rar archive"),
            head if head.get(TAR_MAGIC.0..).is_some_and(|rest| rest.starts_with(TAR_MAGIC.1)) => Self::Tar,
            _ => Self::Plain,
        }
    }
}

impl Packing {
    /// Unpacks, however many packed parts follow one another.
    pub(super) fn unpack<'r>(self, packed: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
        let packed = BufReader::new(packed);
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Self::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED).map_err(io::Error::other)?;
                Box::new(XzDecoder::new_stream(packed, stream))
            }
            Self::Zstandard => Box::new(Zstandard::new(packed)),
        })
    }

    /// A path without the ending that says how the file was packed.
    pub(super) fn stripped(self, path: &str) -> &str {
        let ending = match self {
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
            Self::Zstandard => ".zst",
        };
        let is_name = |path: &&str| !matches!(path.rsplit('/').next(), None | Some("" | "." | ".."));
        path.strip_suffix(ending).filter(is_name).unwrap_or(path)
    }
}

/// The first bytes of a content, as many as tell what it is.
pub(super) fn peek(content: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    content.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_is_taken_off_where_a_name_is_left() {
        for (path, stripped) in
            [("a/x.log.gz", "a/x.log"), ("x.xz", "x.xz"), ("a/.gz", "a/.gz"), ("..gz", "..gz"), ("a/...gz", "a/...gz")]
        {
            assert_eq!(Packing::Gzip.stripped(path), stripped);
        }
    }
}
