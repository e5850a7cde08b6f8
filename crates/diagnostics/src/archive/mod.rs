//! Intake of an archive that somebody made already, such as one of `sos report`, or a support bundle: tar, alone or packed with
//! gzip, xz or zstd, and zip.
//!
//! It is read twice as a stream and never unpacked to disk. What lies packed in it is unpacked and masked too, archives within
//! archives to a depth; links are not followed, devices not made, no path leads out. What is left out is told of, with its
//! reason. [`Limits`] hold for the whole nest, against archives that are made to be too much.
//!
//! Read in this order: `nest` (a file, or what is in it), `tars` and `zips`, `packing`, `gate` (the meters).

mod artefacts;
mod gate;
mod names;
mod nest;
mod packing;
mod report;
mod tars;
mod zips;
mod zstandard;

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};
use std::path::Path;

use jiff::Timestamp;

use self::gate::Meter;
use self::nest::{Nest, Within};
use self::packing::{Kind, Packing, peek};
use self::report::Report;
use crate::evidence::{CollectError, Evidence, Found};

/// The longest path, as in a manifest.
const MAX_PATH: usize = 2048;

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

/// How an archive is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Tar(Option<Packing>),
    Zip,
}

/// An archive as evidence.
#[derive(Debug)]
pub struct ArchiveEvidence {
    file: File,
    packed: u64,
    /// When the file was changed last.
    made_at: Option<Timestamp>,
    layout: Layout,
    limits: Limits,
    report: Cell<Option<Report>>,
}

impl ArchiveEvidence {
    /// Opens an archive and finds out its kind.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, ArchiveError> {
        let opened = File::open(path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
        let (mut file, metadata) = opened.map_err(|error| ArchiveError::Open(error.kind()))?;
        if !metadata.is_file() {
            return Err(ArchiveError::Kind("no file"));
        }
        let layout = layout(&mut file)?;
        let made_at = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        Ok(Self { file, packed: metadata.len(), made_at, layout, limits, report: Cell::new(None) })
    }
}

fn layout(file: &mut File) -> Result<Layout, ArchiveError> {
    let head = peek(file).map_err(|error| ArchiveError::Open(error.kind()))?;
    match Kind::of(&head) {
        Kind::Tar => Ok(Layout::Tar(None)),
        Kind::Zip => Ok(Layout::Zip),
        Kind::Packed(packing) => {
            file.seek(SeekFrom::Start(0)).map_err(|error| ArchiveError::Open(error.kind()))?;
            let unpacked = packing.unpack(file).and_then(|mut unpacked| peek(&mut unpacked));
            match Kind::of(&unpacked.map_err(|_| ArchiveError::Damaged(0))?) {
                Kind::Tar => Ok(Layout::Tar(Some(packing))),
                _ => Err(ArchiveError::Kind("one packed file that is no tar")),
            }
        }
        Kind::Unread(what) => Err(ArchiveError::Kind(what)),
        Kind::Plain => Err(ArchiveError::Kind("of no kind that this program knows")),
    }
}

impl Evidence for ArchiveEvidence {
    fn visit(&mut self, each: &mut dyn FnMut(Found<'_>) -> Result<(), CollectError>) -> Result<(), CollectError> {
        let meter = Meter::new(self.limits, self.packed);
        let done = || ((&self.file).stream_position().unwrap_or(0), self.packed);
        let mut nest = Nest { meter: &meter, done: &done, each, report: &self.report };
        (&self.file).seek(SeekFrom::Start(0))?;
        let read = match self.layout {
            Layout::Zip => nest.zip(&self.file, Within::nothing()),
            Layout::Tar(None) => nest.tar(&mut BufReader::new(&self.file), Within::nothing()),
            Layout::Tar(Some(packing)) => nest.tar(&mut packing.unpack(&self.file)?, Within::nothing()),
        };
        // What the meter found is the reason; a reader only saw that it could not go on.
        meter.tripped().map_or(read, |reason| Err(reason.into()))
    }

    fn profile(&self) -> String {
        self.report.get().map_or("archive/1", Report::profile).to_owned()
    }

    fn made_at(&self) -> Option<Timestamp> {
        self.made_at
    }
}
