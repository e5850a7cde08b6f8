//! Who changed what, for the history.

use vouch_host::Call;

use crate::domain::change::{Change, FieldChange};

/// The record of a change by a caller.
pub fn change<C>(call: &Call<C>, revision: i64, what: &str, note: &str, fields: Vec<FieldChange>) -> Change {
    Change {
        revision,
        what: what.to_owned(),
        at: call.now,
        by: call.caller.subject.clone(),
        partner: call.caller.partner().map(|id| id.to_string()).unwrap_or_default(),
        note: note.to_owned(),
        fields,
    }
}
