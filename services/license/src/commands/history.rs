//! Who changed what, for the history.

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_host::Call;
use vouch_storage::WriteError;

use crate::domain::agreement::Agreement;
use crate::domain::change::{Change, FieldChange, Fields, creation, differences};
use crate::domain::license::License;
use crate::store::history::Subject;
use crate::store::packed::pack_license;
use crate::store::{agreements, gone_licenses, history, licenses, resale};

/// Who changes something, and when.
#[derive(Debug, Clone)]
pub struct Actor {
    by: String,
    partner: String,
    at: Timestamp,
}

impl Actor {
    /// The caller.
    pub fn of<C>(call: &Call<C>) -> Self {
        let partner = call.caller.partner().map(|id| id.to_string()).unwrap_or_default();
        Self { by: call.caller.subject.clone(), partner, at: call.now }
    }

    /// The service itself, when the day of something has come.
    pub fn service(now: Timestamp) -> Self {
        Self { by: "service".into(), partner: String::new(), at: now }
    }

    /// The record of a change.
    pub fn change(&self, revision: i64, what: &str, note: &str, fields: Vec<FieldChange>) -> Change {
        Change {
            revision,
            what: what.to_owned(),
            at: self.at,
            by: self.by.clone(),
            partner: self.partner.clone(),
            note: note.to_owned(),
            fields,
        }
    }
}

/// Writes the first line of a history: what was created, and with what. Checks knew nothing of it before.
pub async fn write_creation(
    tx: &mut AnyConnection,
    actor: &Actor,
    subject: Subject<'_>,
    fields: Fields,
) -> Result<(), WriteError> {
    let change = actor.change(1, subject.beginning(), "", creation(fields));
    history::change_insert(tx, &subject.id(), &change, None).await
}

/// Writes a changed agreement, and its history.
pub async fn write_agreement(
    tx: &mut AnyConnection,
    actor: &Actor,
    (what, note): (&str, &str),
    agreement: &Agreement,
) -> Result<(), WriteError> {
    // People may have been written before: who was named is in the facts, which are written with the row.
    let (before, facts) = agreements::agreement_kept(tx, agreement.id).await?;
    agreements::agreement_update(tx, agreement).await?;
    let change = actor.change(agreement.revision, what, note, differences(before, agreement.fields()));
    history::change_insert(tx, &agreement.id.to_string(), &change, Some(facts)).await
}

/// Writes a changed licence, its history, and for whom it is gone by that.
pub async fn write_license(
    tx: &mut AnyConnection,
    actor: &Actor,
    (what, note): (&str, &str),
    (before, next): (&License, &License),
    facts_revision: i64,
) -> Result<(), WriteError> {
    if before.resale.chain != next.resale.chain {
        resale::chain_write(tx, next.id, &next.resale.chain).await?;
    }
    // Ordering: in the transaction of the change, so that a watch tells both or neither.
    gone_licenses::gone_write(tx, next, facts_revision, &before.gone_for(next)).await?;
    gone_licenses::gone_forget(tx, next.id, &next.gone_for(before)).await?;
    licenses::license_update(tx, next, facts_revision).await?;
    let change = actor.change(next.revision, what, note, before.differences(next));
    history::change_insert(tx, &next.id.to_string(), &change, Some(pack_license(before)?)).await
}
