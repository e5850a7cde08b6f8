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
pub(crate) mod limits;
mod names;
mod nest;
mod packing;
mod report;
mod tars;
mod zips;
mod zstandard;

use std::cell::Cell;
use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::Path;

use jiff::Timestamp;

use self::gate::Meter;
pub use self::limits::{ArchiveError, Limits};
use self::nest::{Nest, Within};
use self::packing::{Kind, Packing, peek};
use self::report::Report;
use crate::evidence::{CollectError, Evidence, Found};

/// The longest path, as in a manifest.
const MAX_PATH: usize = 2048;

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
