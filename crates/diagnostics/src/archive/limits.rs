//! What an archive may be, and why one is not taken.

use std::io;

/// What an archive may be at most, with all archives within it.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many entries it may have.
    pub entries: u64,
    /// How many bytes it may be when it is unpacked.
    pub unpacked_bytes: u64,
    /// How many times larger than itself it may become.
    pub expansion: u64,
    /// Up to this size, expansion is not asked about: small files pack well.
    pub expansion_floor_bytes: u64,
    /// How deep archives within it are opened; what lies deeper is left out.
    pub depth: u32,
    /// How much may be in memory at once of zip archives within it; a larger one is left out.
    pub held_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 100_000,
            unpacked_bytes: 8 << 30,
            expansion: 200,
            expansion_floor_bytes: 64 << 20,
            depth: 3,
            held_bytes: 32 << 20,
        }
    }
}

/// Why an archive is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be opened.
    #[error("the archive cannot be opened: {0}")]
    Open(io::ErrorKind),
    /// It is of a kind that is not taken.
    #[error("the archive is {0}, and only tar, tar.gz, tar.xz, tar.zst and zip are taken")]
    Kind(&'static str),
    /// It ends too early, or is not whole.
    #[error("the archive is damaged or cut off after {0} entries")]
    Damaged(u64),
    /// It has too many entries.
    #[error("the archive has more than {0} entries, with those of the archives within it")]
    Entries(u64),
    /// It is too large when it is unpacked.
    #[error("the archive is larger than {0} bytes when it is unpacked")]
    Unpacked(u64),
    /// It becomes too much larger.
    #[error("the archive becomes more than {0} times larger when it is unpacked")]
    Expansion(u64),
    /// A name, or what describes an entry, is too long.
    #[error("entry {0} of the archive has too long a name")]
    Name(u64),
}
