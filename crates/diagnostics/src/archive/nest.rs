//! What is in an archive, and in the archives within it.

use std::cell::Cell;
use std::io::{Cursor, Read};

use jiff::Timestamp;

use super::gate::{Allowance, Gate, Meter};
use super::limits::ArchiveError;
use super::packing::{Kind, Packing, peek};
use super::report::Report;
use crate::evidence::{CollectError, Found};

/// Why something is left out.
pub(super) const DAMAGED: &str = "damaged or cut off: left out";
const A_LINK: &str = "a link, which is not followed";
pub(super) const NO_FILE: &str = "a device or a pipe, and no file";
const TOO_DEEP: &str = "an archive within too many archives: left out";
const TOO_LARGE: &str = "a zip archive within another archive, and too large to be opened there: take it in by itself";

/// What these are is a program or a document; that it is a zip archive is nobody's business.
const NO_ARCHIVES: [&str; 16] = [
    ".jar", ".war", ".ear", ".apk", ".aar", ".whl", ".egg", ".nupkg", ".xpi", ".docx", ".xlsx", ".pptx", ".odt",
    ".ods", ".odp", ".epub",
];

/// Walks an archive and those within it, and shows every file.
pub(super) struct Nest<'n> {
    pub(super) meter: &'n Meter,
    /// How much of the outermost archive has been read, of how much.
    pub(super) done: &'n dyn Fn() -> (u64, u64),
    pub(super) each: &'n mut (dyn FnMut(Found<'_>) -> Result<(), CollectError> + 'n),
    /// What the outermost archive is a report of.
    pub(super) report: &'n Cell<Option<Report>>,
}

/// An archive, by where it is.
#[derive(Clone, Copy)]
pub(super) struct Within<'p> {
    /// What comes before the paths that it has itself.
    pub(super) prefix: &'p str,
    /// In how many archives it lies.
    pub(super) depth: u32,
}

impl Within<'_> {
    /// The outermost archive.
    pub(super) fn nothing() -> Self {
        Self { prefix: "", depth: 0 }
    }
}

/// A file, by where it is.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    /// Its path within the bundle.
    pub(super) path: &'p str,
    /// Where in that its path within the innermost archive begins.
    pub(super) inner: usize,
    /// In how many archives that archive lies.
    pub(super) depth: u32,
    /// Whether it came out of a packed file.
    pub(super) unpacked: bool,
    /// When it was changed last, as the archive says.
    pub(super) changed_at: Option<Timestamp>,
}

impl Nest<'_> {
    /// Shows a file or, if it is an archive or packed, what is in it.
    pub(super) fn item(&mut self, place: Place<'_>, content: &mut dyn Read) -> Result<(), CollectError> {
        let Ok(head) = peek(content) else { return self.leave_out(place, DAMAGED) };
        let mut content = head.as_slice().chain(content);
        match Kind::of(&head) {
            Kind::Zip if NO_ARCHIVES.iter().any(|ending| place.path.ends_with(ending)) => {
                self.show(place, &mut content)
            }
            Kind::Plain => self.show(place, &mut content),
            Kind::Unread(what) => self.leave_out(place, &format!("{what}, which this program does not open: left out")),
            Kind::Packed(packing) => self.packed(place, packing, &mut content),
            Kind::Tar | Kind::Zip if place.depth >= self.meter.limits().depth => self.leave_out(place, TOO_DEEP),
            Kind::Tar => {
                let prefix = format!("{}/", place.path);
                let read = self.tar(&mut content, Within { prefix: &prefix, depth: place.depth + 1 });
                self.ended(place, read)
            }
            Kind::Zip => {
                // Its list of contents is at its end, and nothing unredacted goes to a disk: it has to be in memory whole.
                let meter = self.meter;
                let Ok(held) = meter.hold(&mut content) else { return self.leave_out(place, DAMAGED) };
                let Some(held) = held else { return self.leave_out(place, TOO_LARGE) };
                let prefix = format!("{}/", place.path);
                let within = Within { prefix: &prefix, depth: place.depth + 1 };
                let read = self.zip(Cursor::new(held.bytes.as_slice()), within);
                self.ended(place, read)
            }
        }
    }

    /// Shows what is packed: a file, or a tar.
    fn packed(&mut self, place: Place<'_>, packing: Packing, content: &mut dyn Read) -> Result<(), CollectError> {
        // What is packed twice counts as an archive in an archive: otherwise there would be no end to it.
        let depth = place.depth + u32::from(place.unpacked);
        if depth > self.meter.limits().depth {
            return self.leave_out(place, TOO_DEEP);
        }
        let (meter, allowance) = (self.meter, Allowance::unbounded());
        let Ok(unpacked) = packing.unpack(content) else { return self.leave_out(place, DAMAGED) };
        let mut unpacked = Gate::new(unpacked, meter, &allowance);
        let Ok(head) = peek(&mut unpacked) else { return self.leave_out(place, DAMAGED) };
        // A tar keeps its whole name, since it is that of a folder now.
        let path = if Kind::of(&head) == Kind::Tar { place.path } else { packing.stripped(place.path) };
        let inner = Place { path, depth, unpacked: true, ..place };
        self.item(inner, &mut head.as_slice().chain(unpacked))
    }

    fn show<'f>(&mut self, place: Place<'f>, content: &'f mut dyn Read) -> Result<(), CollectError> {
        self.found(place, None, Ok(content))
    }

    /// Shows that something is there that is left out, and why.
    pub(super) fn leave_out(&mut self, place: Place<'_>, reason: &str) -> Result<(), CollectError> {
        self.found(place, None, Err(reason.to_owned()))
    }

    /// Shows that a link is there, which is not followed.
    pub(super) fn link(&mut self, place: Place<'_>, target: Option<&str>) -> Result<(), CollectError> {
        self.found(place, target, Err(A_LINK.to_owned()))
    }

    fn found<'f>(
        &mut self,
        place: Place<'f>,
        link: Option<&'f str>,
        content: Result<&'f mut dyn Read, String>,
    ) -> Result<(), CollectError> {
        let Place { path, inner, changed_at, .. } = place;
        let collector = super::artefacts::artefact(path.get(inner..).unwrap_or(path));
        (self.each)(Found { path, collector, content, link, changed_at, done: (self.done)() })
    }

    /// What is wrong with an archive within another costs that archive only. What a limit is for costs all of it: it holds for
    /// the whole nest.
    fn ended(&mut self, place: Place<'_>, read: Result<(), CollectError>) -> Result<(), CollectError> {
        match read {
            Err(CollectError::Archive(reason)) => match self.meter.tripped() {
                Some(limit) => Err(limit.into()),
                None => self.leave_out(place, &reason.to_string()),
            },
            other => other,
        }
    }

    /// Where an entry of an archive is, by its path there: without the folder that holds a whole report.
    pub(super) fn path(&self, within: Within<'_>, name: &str, count: u64) -> Result<String, ArchiveError> {
        let (report, inner) = Report::of(name);
        if within.depth == 0 && report.is_some() {
            self.report.set(report);
        }
        // What has no name has that of the archive that it is in.
        let prefix = if inner.is_empty() { within.prefix.trim_end_matches('/') } else { within.prefix };
        let path = format!("{prefix}{inner}");
        if path.len() > super::MAX_PATH { Err(ArchiveError::Name(count)) } else { Ok(path) }
    }
}
