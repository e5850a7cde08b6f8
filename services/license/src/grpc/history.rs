//! Histories as the contract tells them.

use vouch_contract::convert::timestamp;
use vouch_contract::pb;
use vouch_core::Error;
use vouch_host::Page;

use super::Handlers;
use crate::domain::change::Change;
use crate::store::history::change_all;

impl Handlers {
    /// Every change of a thing.
    pub(super) async fn changes_of(&self, subject_id: &str) -> Result<Vec<Change>, Error> {
        let mut snapshot = self.store().snapshot().await?;
        Ok(change_all(&mut snapshot, subject_id).await?)
    }
}

/// A page of a history, by revision.
pub(super) fn page_of(
    changes: Vec<Change>,
    page: &Page,
    list: &str,
) -> (Vec<pb::license::v1::Change>, pb::common::v1::PageInfo) {
    let after: i64 = page.after.parse().unwrap_or_default();
    let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
    let mut changes: Vec<_> = changes.into_iter().filter(|change| change.revision > after).take(limit).collect();
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
