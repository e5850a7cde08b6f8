//! What stands with a case, as much of it as fits an answer: its bundles, and the vendor's own notes.

use vouch_contract::convert::timestamp;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::Error;
use vouch_core::id::{BundleId, CaseId, NoteId};
use vouch_host::analyses;
use vouch_storage::Snapshot;

use crate::history::Room;
use crate::store::bundles::{Held, held_list, held_since, held_sizes};
use crate::store::history::{InternalNote, internal_note_list, internal_note_written_at};

/// How many bundles, and how many notes, one answer holds.
const MOST: i64 = 100;

/// The bundles that a case holds, after one of them, as many as there is room for; and whether there are more.
pub(super) async fn bundles_of(
    snapshot: &mut Snapshot,
    case_id: CaseId,
    after: Option<BundleId>,
    room: &mut Room,
) -> Result<(Vec<pb::CaseBundle>, bool), Error> {
    let after = match after {
        None => None,
        Some(id) => {
            let since = held_since(snapshot, case_id, id).await?.ok_or_else(|| Error::not_found("bundle", id))?;
            Some((since, id))
        }
    };
    // What is not told is not read: what is found in a hundred bundles is large.
    let sizes = held_sizes(snapshot, case_id, after, MOST + 1).await?;
    let fitting = fitting(sizes.iter().copied(), room);
    let held = held_list(snapshot, case_id, after, i64::try_from(fitting).unwrap_or(MOST)).await?;
    let more = sizes.len() > fitting;
    let told: Result<_, Error> = held.into_iter().map(bundle).collect();
    Ok((told?, more))
}

/// The vendor's own notes on a case, after one of them, as many as there is room for; and whether there are more.
pub(super) async fn notes_of(
    snapshot: &mut Snapshot,
    case_id: CaseId,
    after: Option<NoteId>,
    room: &mut Room,
) -> Result<(Vec<pb::InternalNote>, bool), Error> {
    let after = match after {
        None => None,
        Some(id) => {
            let written_at = internal_note_written_at(snapshot, case_id, id).await?;
            Some((written_at.ok_or_else(|| Error::not_found("note", id))?, id))
        }
    };
    let mut notes = internal_note_list(snapshot, case_id, after, MOST + 1).await?;
    let fitting = fitting(notes.iter().map(|note| note.text.len()), room);
    let more = notes.len() > fitting;
    notes.truncate(fitting);
    Ok((notes.into_iter().map(Into::into).collect(), more))
}

/// How many things of these sizes are told.
fn fitting(sizes: impl Iterator<Item = usize>, room: &mut Room) -> usize {
    room.take(sizes.take(usize::try_from(MOST).unwrap_or(usize::MAX)))
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
