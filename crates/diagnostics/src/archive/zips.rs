//! Archives of zip, by the list of contents at their end.

use std::borrow::Cow;
use std::io::{Read, Seek};

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use zip::read::{Config, ZipFileEntry};
use zip::unstable::read::ZipIterable;
use zip::{CompressionMethod, ZipReadOptions};

use super::gate::Metered;
use super::limits::ArchiveError;
use super::names::Name;
use super::nest::{DAMAGED, NO_FILE, Nest, Place, Within};
use crate::evidence::CollectError;

/// The bits of a file's mode that say what it is, and what they say of a file, a folder and a link.
const KIND: u32 = 0o170_000;
const FILE: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;
/// The day from which zip counts: what was changed on it was changed nobody knows when.
const FIRST_DAY: (u16, u8, u8) = (1980, 1, 1);
/// No system has a longer path.
const MAX_TARGET: u64 = 4096;

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
            let (inner, changed_at) = (within.prefix.len(), changed_at(&entry));
            let place = Place { path: &path, inner, depth: within.depth, unpacked: false, changed_at };
            let kind = entry.unix_mode().map_or(0, |mode| mode & KIND);
            if entry.is_dir() || kind == FOLDER {
                continue;
            }
            if let Some(reason) = left_out(kind, &entry).or(name.why_not()) {
                self.leave_out(place, reason)?;
                continue;
            }
            match entry.with_reader(entries.reader_mut(), ZipReadOptions::new()) {
                Ok(content) if kind == LINK => {
                    // The content of a link is where it leads.
                    let mut target = Vec::new();
                    let read = Metered::new(content, meter).take(MAX_TARGET).read_to_end(&mut target);
                    let target = String::from_utf8_lossy(&target);
                    self.link(place, read.is_ok().then_some(&*target))?;
                }
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

/// When an entry was changed. Zip keeps no zone, and what it says is taken for UTC: so it may be wrong by half a day, and what would be yet to come
/// counts for nothing.
fn changed_at(entry: &ZipFileEntry<'_>) -> Option<Timestamp> {
    let time = entry.last_modified().filter(|time| (time.year(), time.month(), time.day()) != FIRST_DAY)?;
    let part = |number: u8| i8::try_from(number).unwrap_or_default();
    let day = Date::new(i16::try_from(time.year()).ok()?, part(time.month()), part(time.day())).ok()?;
    let time = Time::new(part(time.hour()), part(time.minute()), part(time.second()), 0).ok()?;
    Some(day.to_datetime(time).to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Why an entry is left out by what it is and how it is packed.
fn left_out(kind: u32, entry: &ZipFileEntry<'_>) -> Option<&'static str> {
    let is_readable = matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated);
    match kind {
        0 | FILE | LINK if entry.encrypted() => Some("encrypted: left out, since it cannot be masked"),
        0 | FILE | LINK if !is_readable => Some("packed in a way that this program does not read: left out"),
        0 | FILE | LINK => None,
        _ => Some(NO_FILE),
    }
}
