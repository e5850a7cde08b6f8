//! Archives of zip, by the list of contents at their end.

use std::borrow::Cow;
use std::io::{Read, Seek};

use zip::read::{Config, ZipFileEntry};
use zip::unstable::read::ZipIterable;
use zip::{CompressionMethod, ZipReadOptions};

use super::ArchiveError;
use super::gate::Metered;
use super::names::Name;
use super::nest::{A_LINK, DAMAGED, NO_FILE, Nest, Place, Within};
use crate::evidence::CollectError;

/// The bits of a file's mode that say what it is, and what they say of a file, a folder and a link.
const KIND: u32 = 0o170_000;
const FILE: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

impl Nest<'_> {
    /// Shows what is in a zip archive. Its list is read entry by entry, so that one of millions takes no memory, and each is
    /// unpacked as a stream. Entries do not depend on one another: a damaged one costs itself only.
    pub(super) fn zip<R: Read + Seek>(&mut self, archive: R, within: Within<'_>) -> Result<(), CollectError> {
        let (meter, mut count) = (self.meter, 0);
        let mut archive = ZipIterable::try_new(archive, Config::default()).map_err(|_| ArchiveError::Damaged(count))?;
        let entries = archive.files().map_err(|_| ArchiveError::Damaged(count))?;
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(|_| ArchiveError::Damaged(count))?;
            count += 1;
            meter.entry()?;
            // Some programs write paths as on their own system.
            let name = Name::of(&named(&entry), &['/', '\\']);
            let path = self.path(within, &name.path, count)?;
            let place = Place { path: &path, inner: within.prefix.len(), depth: within.depth, unpacked: false };
            let kind = entry.unix_mode().map_or(0, |mode| mode & KIND);
            if entry.is_dir() || kind == FOLDER {
                continue;
            }
            if let Some(reason) = left_out(kind, &entry).or(name.why_not()) {
                self.leave_out(place, reason)?;
                continue;
            }
            match entry.with_reader(entries.reader_mut(), ZipReadOptions::new()) {
                Ok(content) => self.item(place, &mut Metered::new(content, meter))?,
                Err(_) => self.leave_out(place, DAMAGED)?,
            }
            if let Some(limit) = meter.tripped() {
                return Err(limit.into());
            }
        }
        Ok(())
    }
}

/// A name is UTF-8, or of the code page that zip began with.
fn named(entry: &ZipFileEntry<'_>) -> String {
    let lossy = || String::from_utf8_lossy(entry.name_raw()).into_owned();
    entry.name().map_or_else(|_| lossy(), Cow::into_owned)
}

/// Why an entry is left out by what it is and how it is packed.
fn left_out(kind: u32, entry: &ZipFileEntry<'_>) -> Option<&'static str> {
    let is_readable = matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated);
    match kind {
        LINK => Some(A_LINK),
        0 | FILE if entry.encrypted() => Some("encrypted: left out, since it cannot be masked"),
        0 | FILE if !is_readable => Some("packed in a way that this program does not read: left out"),
        0 | FILE => None,
        _ => Some(NO_FILE),
    }
}
