//! Meters on an archive: what was read of it, and whether that is too much.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};

use super::{ArchiveError, Limits};

/// What describes an entry may be so long: headers, long names, extended attributes, padding.
const MAX_DESCRIPTION: u64 = 256 * 1024;

/// Counts what an archive gives.
#[derive(Debug)]
pub(super) struct Meter {
    limits: Limits,
    packed: u64,
    entries: Cell<u64>,
    /// Bytes of the unpacked stream.
    stream: Cell<u64>,
    /// Bytes of contents, which are more than the stream where an entry is sparse.
    content: Cell<u64>,
    /// How much of the stream may be read still before the next entry is known.
    allowance: Cell<u64>,
    tripped: RefCell<Option<ArchiveError>>,
}

impl Meter {
    pub(super) fn new(limits: Limits, packed: u64) -> Self {
        Self {
            limits,
            packed,
            entries: Cell::new(0),
            stream: Cell::new(0),
            content: Cell::new(0),
            allowance: Cell::new(0),
            tripped: RefCell::new(None),
        }
    }

    pub(super) fn entries(&self) -> u64 {
        self.entries.get()
    }

    pub(super) fn tripped(&self) -> Option<ArchiveError> {
        self.tripped.borrow().clone()
    }

    pub(super) fn between_entries(&self) {
        self.allowance.set(MAX_DESCRIPTION);
    }

    pub(super) fn within_entry(&self) {
        self.allowance.set(u64::MAX);
    }

    /// Counts an entry.
    pub(super) fn entry(&self) -> Result<(), ArchiveError> {
        self.entries.set(self.entries.get() + 1);
        if self.entries.get() > self.limits.entries {
            return Err(ArchiveError::Entries(self.limits.entries));
        }
        Ok(())
    }

    fn judge(&self, bytes: u64) -> io::Result<()> {
        let Limits { unpacked_bytes, expansion, expansion_floor_bytes, .. } = self.limits;
        let reason = if bytes > unpacked_bytes {
            ArchiveError::Unpacked(unpacked_bytes)
        } else if bytes > expansion_floor_bytes && bytes / expansion > self.packed {
            ArchiveError::Expansion(expansion)
        } else {
            return Ok(());
        };
        Err(self.trip(reason))
    }

    fn trip(&self, reason: ArchiveError) -> io::Error {
        *self.tripped.borrow_mut() = Some(reason);
        io::Error::other("a limit was reached")
    }
}

/// The unpacked stream behind a meter.
pub(super) struct Gate<'m, R> {
    inner: R,
    meter: &'m Meter,
}

impl<'m, R> Gate<'m, R> {
    pub(super) fn new(inner: R, meter: &'m Meter) -> Self {
        Self { inner, meter }
    }
}

impl<R: Read> Read for Gate<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)? as u64;
        let meter = self.meter;
        meter.stream.set(meter.stream.get() + count);
        match meter.allowance.get().checked_sub(count) {
            Some(left) => meter.allowance.set(left),
            None => return Err(meter.trip(ArchiveError::Name(meter.entries() + 1))),
        }
        meter.judge(meter.stream.get())?;
        usize::try_from(count).map_err(io::Error::other)
    }
}

/// An entry's content behind the same meter.
pub(super) struct Metered<'m, R> {
    inner: R,
    meter: &'m Meter,
    broke: bool,
}

impl<'m, R> Metered<'m, R> {
    pub(super) fn new(inner: R, meter: &'m Meter) -> Self {
        Self { inner, meter, broke: false }
    }

    /// Whether reading it failed.
    pub(super) fn broke(&self) -> bool {
        self.broke
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer).and_then(|count| {
            self.meter.content.set(self.meter.content.get() + count as u64);
            self.meter.judge(self.meter.content.get()).map(|()| count)
        });
        self.broke |= read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        read
    }
}
