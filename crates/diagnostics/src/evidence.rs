//! From evidence to a sealed bundle: learn from all of it, then mask all of it.

use std::io::{self, Read};
use std::path::Path;

use jiff::Timestamp;

use crate::archive::limits::ArchiveError;
use crate::manifest::LEADS_TO;
use crate::pseudonyms::{PseudonymsError, Recipient};
use crate::redaction::{Learner, Outcome, PolicyError};
use crate::request::PseudonymKey;
use crate::sealed::{About, SealedBundle, SealedError, Sealer};
use crate::{Coverage, Entry};

/// So many characters tell where a link leads.
const MAX_LINK: usize = 200;

/// What is to be bundled. It is shown twice, since a name that was learned last has to be masked in what comes first.
pub trait Evidence {
    /// Shows every item.
    fn visit(&mut self, each: &mut dyn FnMut(Found<'_>) -> Result<(), CollectError>) -> Result<(), CollectError>;

    /// The profile: `name/version`.
    fn profile(&self) -> String;

    /// When somebody put together what is shown, as its file says; none, if it is collected now.
    fn made_at(&self) -> Option<Timestamp> {
        None
    }
}

/// An item of evidence.
pub struct Found<'a> {
    /// Its path within the bundle.
    pub path: &'a str,
    /// The artefact that it is part of.
    pub collector: &'a str,
    /// Its content, or why there is none.
    pub content: Result<&'a mut dyn Read, String>,
    /// Where it leads, if it is a link that is not followed: as it is, not masked.
    pub link: Option<&'a str>,
    /// When it was changed last, if somebody else put it there and says so.
    pub changed_at: Option<Timestamp>,
    /// How much of the evidence has been shown, of how much.
    pub done: (u64, u64),
}

/// How far the work is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// What is being done.
    pub step: Step,
    /// How much of it is done.
    pub done: u64,
    /// How much there is to do.
    pub total: u64,
    /// What is being read.
    pub path: &'a str,
}

/// The steps of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The first pass: names and secrets are learned.
    Learning,
    /// The second pass: everything is masked.
    Masking,
    /// The file is put together and verified.
    Sealing,
}

/// For whom it is done.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The key that makes pseudonyms; it is not kept.
    pub pseudonym_key: &'a PseudonymKey,
    /// The collection ticket, which the manifest names.
    pub ticket: Option<&'a str>,
    /// To whom the table of pseudonyms is encrypted; without one there is none.
    pub recipient: Option<&'a Recipient>,
}

/// What would be sealed.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// The entries, with what was masked in each.
    pub entries: &'a [Entry],
    /// From where names could be learned.
    pub coverage: &'a Coverage,
    /// When it counts as collected.
    pub collected_at: Timestamp,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The redaction policy cannot be read.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The archive is not taken.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The table of pseudonyms cannot be encrypted.
    #[error(transparent)]
    Pseudonyms(#[from] PseudonymsError),
    /// The bundle cannot be sealed.
    #[error(transparent)]
    Sealed(#[from] SealedError),
    /// Whoever saw what was masked did not agree.
    #[error("what was masked was not agreed to")]
    Declined,
    /// The disk is full, or gone.
    #[error("the bundle cannot be written")]
    Io(#[from] io::Error),
}

/// Reads evidence twice and seals what is left of it. The key makes pseudonyms; it is not kept.
///
/// What cannot be read becomes an entry that says why: one missing file never costs the bundle.
pub fn seal(
    evidence: &mut dyn Evidence,
    learner: Learner,
    key: &[u8; 32],
    now: Timestamp,
    output: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<SealedBundle, CollectError> {
    let order = Order { pseudonym_key: &PseudonymKey(*key), ticket: None, recipient: None };
    seal_if(evidence, learner, order, now, output, progress, &mut |_| true)
}

/// The same for an order, if somebody agrees who is shown what would be sealed. Otherwise nothing is written: [`CollectError::Declined`].
///
/// What somebody had put together before was collected then: when the newest of it was changed, or else its file. A time that is yet to come tells nothing.
pub fn seal_if(
    evidence: &mut dyn Evidence,
    mut learner: Learner,
    order: Order<'_>,
    now: Timestamp,
    output: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
    agrees: &mut dyn FnMut(Draft<'_>) -> bool,
) -> Result<SealedBundle, CollectError> {
    // Before anything is read: an output that cannot be is known at once.
    let mut sealer = Sealer::new(output)?;
    let mut newest = None;
    evidence.visit(&mut |found| {
        progress(Progress { step: Step::Learning, done: found.done.0, total: found.done.1, path: found.path });
        newest = newest.max(found.changed_at.filter(|changed_at| *changed_at <= now));
        found.link.into_iter().for_each(|link| learner.line(link));
        if let Ok(content) = found.content {
            // What cannot be read is told by the second pass.
            let _ = learner.read(found.path, content);
        }
        Ok(())
    })?;
    let mut redactor = learner.finish(&order.pseudonym_key.0)?;
    evidence.visit(&mut |found| {
        progress(Progress { step: Step::Masking, done: found.done.0, total: found.done.1, path: found.path });
        let path = redactor.mask_path(found.path);
        let about = About { path, media_type: media_type(found.path), collector: found.collector };
        let content = match found.content {
            Ok(content) => content,
            Err(reason) => {
                let leads = |link| format!("{LEADS_TO}{}", shortened(&redactor.mask_line(link)));
                let reason = reason + &found.link.map(leads).unwrap_or_default();
                return Ok(sealer.add_failed(about, &reason)?);
            }
        };
        let mut content = Watched { inner: content, broke: None };
        sealer.add(about, &mut |out| {
            let masked = redactor.mask(found.path, &mut content, out);
            if let Some(kind) = content.broke {
                return Ok(Err(format!("cannot be read: {kind}")));
            }
            Ok(match masked? {
                Outcome::Written(masked) => Ok(masked),
                Outcome::Dropped(reason) => Err(reason.to_owned()),
            })
        })?;
        Ok(())
    })?;
    let made_at = evidence.made_at().filter(|made_at| *made_at <= now);
    let is_made = evidence.made_at().is_some();
    let collected_at = newest.filter(|_| is_made).or(made_at).unwrap_or(now);
    if !agrees(Draft { entries: sealer.entries(), coverage: redactor.coverage(), collected_at }) {
        return Err(CollectError::Declined);
    }
    sealer.set_ticket(order.ticket);
    if let Some(recipient) = order.recipient {
        let table = redactor.pseudonyms().table(order.ticket.unwrap_or_default());
        sealer.set_pseudonyms(recipient.clone(), table.seal(recipient)?);
    }
    progress(Progress { step: Step::Sealing, done: 0, total: 1, path: "" });
    Ok(sealer.seal(&evidence.profile(), collected_at, redactor.redaction())?)
}

/// Tells a content that cannot be read from an output that cannot be written.
struct Watched<'a> {
    inner: &'a mut dyn Read,
    broke: Option<io::ErrorKind>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.broke = Some(error.kind());
            }
        })
    }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_LINK).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("json") => "application/json",
        Some("xml") => "application/xml",
        Some("yaml" | "yml") => "application/yaml",
        Some("html") => "text/html",
        Some("csv") => "text/csv",
        _ => "text/plain",
    }
}
