//! Intake of an archive that somebody made already, such as one of `sos report`: tar, alone or packed with gzip or xz.
//!
//! It is read twice as a stream and never unpacked to disk; links are not followed, devices not made, archives within it are
//! dropped as binary. [`Limits`] hold against archives that are made to be too much.

mod artefacts;
mod gate;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

use self::gate::{Gate, Meter, Metered};
use crate::evidence::{CollectError, Evidence, Found};

/// What `xz -9` needs is 65 MiB; an archive that wants more wants to hurt.
const XZ_MEMORY: u64 = 128 * 1024 * 1024;
/// The longest path, as in a manifest.
const MAX_PATH: usize = 2048;

/// What an archive may be at most.
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
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 100_000, unpacked_bytes: 8 << 30, expansion: 200, expansion_floor_bytes: 64 << 20 }
    }
}

/// Why an archive is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be opened.
    #[error("the archive cannot be opened: {0}")]
    Open(io::ErrorKind),
    /// It is of a kind that is not taken.
    #[error("the archive is {0}, and only tar, tar.gz and tar.xz are taken")]
    Kind(&'static str),
    /// It ends too early, or is not whole.
    #[error("the archive is damaged or cut off after {0} entries")]
    Damaged(u64),
    /// It has too many entries.
    #[error("the archive has more than {0} entries")]
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
    /// A path leads out of it.
    #[error("entry {0} of the archive has a path that leads out of it")]
    Path(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Xz,
}

/// An archive as evidence.
#[derive(Debug)]
pub struct ArchiveEvidence {
    file: File,
    packed: u64,
    packing: Packing,
    limits: Limits,
    is_sos: bool,
}

impl ArchiveEvidence {
    /// Opens an archive and finds out its kind.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, ArchiveError> {
        let opened = File::open(path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
        let (mut file, metadata) = opened.map_err(|error| ArchiveError::Open(error.kind()))?;
        if !metadata.is_file() {
            return Err(ArchiveError::Kind("no file"));
        }
        let mut head = Vec::new();
        (&mut file).take(512).read_to_end(&mut head).map_err(|error| ArchiveError::Open(error.kind()))?;
        let packing = match head.as_slice() {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => return Err(ArchiveError::Kind("packed with zstd")),
            [b'P', b'K', ..] => return Err(ArchiveError::Kind("a zip file")),
            [b'B', b'Z', b'h', ..] => return Err(ArchiveError::Kind("packed with bzip2")),
            head if head.len() == 512 && head[257..].starts_with(b"ustar") => Packing::None,
            _ => return Err(ArchiveError::Kind("of no kind that this program knows")),
        };
        Ok(Self { file, packed: metadata.len(), packing, limits, is_sos: false })
    }

    fn unpacked(&self) -> io::Result<Box<dyn Read + '_>> {
        (&self.file).seek(SeekFrom::Start(0))?;
        let packed = BufReader::new(&self.file);
        Ok(match self.packing {
            Packing::None => Box::new(packed),
            Packing::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Packing::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED).map_err(io::Error::other)?;
                Box::new(XzDecoder::new_stream(packed, stream))
            }
        })
    }
}

impl Evidence for ArchiveEvidence {
    fn visit(&mut self, each: &mut dyn FnMut(Found<'_>) -> Result<(), CollectError>) -> Result<(), CollectError> {
        let meter = Meter::new(self.limits, self.packed);
        let mut is_sos = self.is_sos;
        let done = || ((&self.file).stream_position().unwrap_or(0), self.packed);
        let read = walk(self.unpacked()?, &meter, &done, &mut is_sos, each);
        self.is_sos = is_sos;
        // What the meter found is the reason; a reader only saw that it could not go on.
        meter.tripped().map_or(read, |reason| Err(reason.into()))
    }

    fn profile(&self) -> String {
        if self.is_sos { "sos-report/1" } else { "archive/1" }.to_owned()
    }
}

fn walk(
    unpacked: Box<dyn Read + '_>,
    meter: &Meter,
    done: &dyn Fn() -> (u64, u64),
    is_sos: &mut bool,
    each: &mut dyn FnMut(Found<'_>) -> Result<(), CollectError>,
) -> Result<(), CollectError> {
    let damaged = || ArchiveError::Damaged(meter.entries());
    let mut archive = tar::Archive::new(Gate::new(unpacked, meter));
    let mut entries = archive.entries().map_err(|_| damaged())?;
    loop {
        // Long names are read into memory before anything can be asked about them: the gate lets only so much through.
        meter.between_entries();
        let Some(entry) = entries.next() else { break };
        let entry = entry.map_err(|_| damaged())?;
        meter.entry()?;
        let path = plain(&entry.path_bytes()).ok_or_else(|| ArchiveError::Path(meter.entries()))?;
        if path.len() > MAX_PATH {
            return Err(ArchiveError::Name(meter.entries()).into());
        }
        let has_content = matches!(
            entry.header().entry_type(),
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse
        );
        let mut content = Metered::new(entry, meter);
        meter.within_entry();
        // The folder that holds a report is named after the host; everything within has its one name without it.
        let inner = match path.split_once('/') {
            Some((folder, inner)) if folder.starts_with("sosreport-") => {
                *is_sos = true;
                inner
            }
            _ => path.as_str(),
        };
        if has_content && !inner.is_empty() {
            let collector = artefacts::artefact(inner);
            each(Found { path: inner, collector, content: Ok(&mut content), done: done() })?;
            if content.broke() {
                return Err(damaged().into());
            }
        }
        io::copy(&mut content, &mut io::sink()).map_err(|_| damaged())?;
    }
    meter.within_entry();
    // A stream that was cut may still look like an archive that ends: what is behind it must be readable too.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|_| damaged())?;
    Ok(())
}

/// A relative path without `.`; none, if it leads out.
fn plain(path: &[u8]) -> Option<String> {
    let path = String::from_utf8_lossy(path);
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    (!parts.contains(&"..")).then(|| parts.join("/"))
}
