//! Meters on an archive and all that lies in it: what was read of it, and whether that is too much.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};

use super::limits::{ArchiveError, Limits};

/// What describes an entry may be so long: headers, long names, extended attributes, padding.
const MAX_DESCRIPTION: u64 = 256 * 1024;

/// Counts what an archive gives, with every archive within it: one meter for the whole nest.
#[derive(Debug)]
pub(super) struct Meter {
    limits: Limits,
    packed: u64,
    entries: Cell<u64>,
    /// Bytes of unpacked streams, those of archives within archives too.
    stream: Cell<u64>,
    /// Bytes of contents, which are more than the stream where an entry is sparse.
    content: Cell<u64>,
    /// Bytes that are held in memory just now.
    held: Cell<u64>,
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
            held: Cell::new(0),
            tripped: RefCell::new(None),
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn tripped(&self) -> Option<ArchiveError> {
        self.tripped.borrow().clone()
    }

    /// Counts an entry.
    pub(super) fn entry(&self) -> Result<(), ArchiveError> {
        self.entries.set(self.entries.get() + 1);
        if self.entries.get() > self.limits.entries {
            let reason = ArchiveError::Entries(self.limits.entries);
            *self.tripped.borrow_mut() = Some(reason.clone());
            return Err(reason);
        }
        Ok(())
    }

    /// Takes a content into memory; none, if together with what is there already it is more than may be held.
    pub(super) fn hold(&self, content: &mut dyn Read) -> io::Result<Option<Held<'_>>> {
        let room = self.limits.held_bytes - self.held.get();
        let mut bytes = Vec::new();
        content.take(room + 1).read_to_end(&mut bytes)?;
        let size = bytes.len() as u64;
        if size > room {
            return Ok(None);
        }
        self.held.set(self.held.get() + size);
        Ok(Some(Held { bytes, meter: self }))
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
        *self.tripped.borrow_mut() = Some(reason);
        Err(io::Error::other("a limit was reached"))
    }
}

/// A content in memory, for as long as it is needed.
#[derive(Debug)]
pub(super) struct Held<'m> {
    pub(super) bytes: Vec<u8>,
    meter: &'m Meter,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.meter.held.set(self.meter.held.get() - self.bytes.len() as u64);
    }
}

/// How much of a stream may be read still before the next entry is known.
#[derive(Debug)]
pub(super) struct Allowance {
    left: Cell<u64>,
    spent: Cell<bool>,
}

impl Allowance {
    pub(super) fn unbounded() -> Self {
        Self { left: Cell::new(u64::MAX), spent: Cell::new(false) }
    }

    pub(super) fn between_entries(&self) {
        self.left.set(MAX_DESCRIPTION);
    }

    pub(super) fn within_entry(&self) {
        self.left.set(u64::MAX);
    }

    /// How much was read since the last entry.
    pub(super) fn taken(&self) -> u64 {
        MAX_DESCRIPTION.saturating_sub(self.left.get())
    }

    /// Whether what describes an entry was too long.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.get()
    }

    fn take(&self, count: u64) -> io::Result<()> {
        let left = self.left.get().checked_sub(count).ok_or_else(|| {
            self.spent.set(true);
            io::Error::other("what describes an entry is too long")
        })?;
        self.left.set(left);
        Ok(())
    }
}

/// An unpacked stream behind a meter.
pub(super) struct Gate<'m, R> {
    inner: R,
    meter: &'m Meter,
    allowance: &'m Allowance,
}

impl<'m, R> Gate<'m, R> {
    pub(super) fn new(inner: R, meter: &'m Meter, allowance: &'m Allowance) -> Self {
        Self { inner, meter, allowance }
    }
}

impl<R: Read> Read for Gate<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let meter = self.meter;
        meter.stream.set(meter.stream.get() + count as u64);
        self.allowance.take(count as u64)?;
        meter.judge(meter.stream.get())?;
        Ok(count)
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
