//! What stands with a case, as much of it as fits an answer: its bundles, and the vendor's own notes.

use vouch_contract::convert::timestamp;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::Error;
use vouch_core::id::{BundleId, CaseId, NoteId};
use vouch_host::analyses;
use vouch_storage::Snapshot;

use crate::history::fitting_sizes;
use crate::store::bundles::{Held, held_list, held_since};
use crate::store::history::{InternalNote, internal_note_list, internal_note_written_at};

/// How many bundles, and how many notes, one answer holds.
const MOST: i64 = 100;

/// The bundles that a case holds, after one of them; and whether there are more.
pub(super) async fn bundles_of(
    snapshot: &mut Snapshot,
    case_id: CaseId,
    after: Option<BundleId>,
) -> Result<(Vec<pb::CaseBundle>, bool), Error> {
    let after = match after {
        None => None,
        Some(id) => {
            let since = held_since(snapshot, case_id, id).await?.ok_or_else(|| Error::not_found("bundle", id))?;
            Some((since, id))
        }
    };
    let mut held = held_list(snapshot, case_id, after, MOST + 1).await?;
    let size = |held: &Held| {
        let found = held.analysis.as_ref().and_then(|analysis| analysis.found.as_ref());
        found.map_or(0, |found| found.told.len())
    };
    let more = cut(&mut held, size);
    let told: Result<_, Error> = held.into_iter().map(bundle).collect();
    Ok((told?, more))
}

/// The vendor's own notes on a case, after one of them; and whether there are more.
pub(super) async fn notes_of(
    snapshot: &mut Snapshot,
    case_id: CaseId,
    after: Option<NoteId>,
) -> Result<(Vec<pb::InternalNote>, bool), Error> {
    let after = match after {
        None => None,
        Some(id) => {
            let written_at = internal_note_written_at(snapshot, case_id, id).await?;
            Some((written_at.ok_or_else(|| Error::not_found("note", id))?, id))
        }
    };
    let mut notes = internal_note_list(snapshot, case_id, after, MOST + 1).await?;
    let more = cut(&mut notes, |note| note.text.len());
    Ok((notes.into_iter().map(Into::into).collect(), more))
}

/// Cuts what was found to what fits an answer; says whether something was cut off.
fn cut<T>(found: &mut Vec<T>, size: impl Fn(&T) -> usize) -> bool {
    let fitting = fitting_sizes(found.iter().map(size)).min(usize::try_from(MOST).unwrap_or(usize::MAX));
    let more = found.len() > fitting;
    found.truncate(fitting);
    more
}

/// A bundle as its case tells it.
fn bundle(held: Held) -> Result<pb::CaseBundle, Error> {
    Ok(pb::CaseBundle {
        bundle_id: held.id.to_string(),
        hold_time: Some(timestamp(held.since)),
        content_delete_time: held.content_deleted_at.map(timestamp),
        analysis: held.analysis.map(analyses::message).transpose()?,
    })
}

impl From<InternalNote> for pb::InternalNote {
    fn from(note: InternalNote) -> Self {
        Self {
            note_id: note.id.to_string(),
            author: note.author,
            text: note.text,
            written_at: Some(timestamp(note.written_at)),
        }
    }
}
