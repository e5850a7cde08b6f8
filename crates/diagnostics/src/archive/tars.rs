//! Archives of tar, as streams.

use std::io::{self, Read};

use jiff::Timestamp;
use tar::EntryType;

use super::gate::{Allowance, Gate, Metered};
use super::limits::ArchiveError;
use super::names::Name;
use super::nest::{NO_FILE, Nest, Place, Within};
use crate::evidence::CollectError;

/// The size of a block of tar.
const BLOCK: u64 = 512;

impl Nest<'_> {
    /// Shows what is in a tar. Entries that are no files are told of, with the reason for which they are left out.
    pub(super) fn tar(&mut self, stream: &mut dyn Read, within: Within<'_>) -> Result<(), CollectError> {
        let (meter, allowance, mut count) = (self.meter, Allowance::unbounded(), 0);
        let mut archive = tar::Archive::new(Gate::new(stream, meter, &allowance));
        let mut entries = archive.entries().map_err(|_| ArchiveError::Damaged(count))?;
        loop {
            // Long names are read into memory before anything can be asked about them: the gate lets only so much through.
            allowance.between_entries();
            let Some(entry) = entries.next() else { break };
            let entry = entry.map_err(|_| {
                if allowance.is_spent() { ArchiveError::Name(count + 1) } else { ArchiveError::Damaged(count) }
            })?;
            count += 1;
            meter.entry()?;
            allowance.within_entry();
            let name = Name::of(&String::from_utf8_lossy(&entry.path_bytes()), &['/']);
            let path = self.path(within, &name.path, count)?;
            let inner = within.prefix.len();
            let changed_at = changed_at(entry.header().mtime().ok());
            let place = Place { path: &path, inner, depth: within.depth, unpacked: false, changed_at };
            let kind = entry.header().entry_type();
            let link = kind.is_symlink() || kind.is_hard_link();
            let target =
                entry.link_name_bytes().filter(|_| link).map(|target| String::from_utf8_lossy(&target).into_owned());
            let mut content = Metered::new(entry, meter);
            // Folders are in the paths of what is in them, and a global header describes the archive.
            if !matches!(kind, EntryType::Directory | EntryType::XGlobalHeader) {
                match left_out(kind).or(name.why_not()) {
                    _ if link => self.link(place, target.as_deref())?,
                    Some(reason) => self.leave_out(place, reason)?,
                    None => self.item(place, &mut content)?,
                }
            }
            if content.broke() {
                return Err(ArchiveError::Damaged(count).into());
            }
            io::copy(&mut content, &mut io::sink()).map_err(|_| ArchiveError::Damaged(count))?;
        }
        // A tar ends with a block of zeros; one that ends without was cut between two entries.
        if allowance.taken() < BLOCK {
            return Err(ArchiveError::Damaged(count).into());
        }
        allowance.within_entry();
        // A stream that was cut may still look like an archive that ends: what is behind it must be readable too.
        io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|_| ArchiveError::Damaged(count))?;
        Ok(())
    }
}

/// When an entry was changed, in seconds since 1970; none are told where nobody knows.
fn changed_at(seconds: Option<u64>) -> Option<Timestamp> {
    let seconds = seconds.filter(|seconds| *seconds > 0)?;
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

/// Why an entry is left out by what it is; a file is not, and a link is told of otherwise.
fn left_out(kind: EntryType) -> Option<&'static str> {
    match kind {
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse | EntryType::Symlink | EntryType::Link => {
            None
        }
        EntryType::Char | EntryType::Block | EntryType::Fifo => Some(NO_FILE),
        _ => Some("of a kind that this program does not know: left out"),
    }
}
