//! Histories as the contract tells them.

use vouch_contract::convert::timestamp;
use vouch_contract::pb;
use vouch_host::Page;

use crate::domain::change::Change;

/// A page of a history, as it was read for it.
pub(super) fn page_of(
    mut changes: Vec<Change>,
    page: &Page,
    list: &str,
) -> (Vec<pb::license::v1::Change>, pb::common::v1::PageInfo) {
    let info = page.cut(&mut changes, list, |change| change.revision.to_string());
    (changes.into_iter().map(Into::into).collect(), info)
}

impl From<Change> for pb::license::v1::Change {
    fn from(change: Change) -> Self {
        let fields = change.fields.into_iter().map(|field| pb::license::v1::FieldChange {
            field: field.field,
            before: field.before,
            after: field.after,
        });
        Self {
            revision: change.revision,
            change: change.what,
            change_time: Some(timestamp(change.at)),
            changed_by: change.by,
            note: change.note,
            fields: fields.collect(),
        }
    }
}
