//! What happens to cases: each command locks the case, asks it, writes the event.

use jiff::Timestamp;
use prost::Message;
use sqlx::AnyConnection;
use vouch_contract::pb::license::v1 as license;
use vouch_core::code::{PartnerId, ProfileTitle};
use vouch_core::id::{BundleId, CaseId, EscalationId, HoldId};
use vouch_core::{Error, Kind, Reason, Violations, World};
use vouch_diagnostics::profile::Profile;
use vouch_proof::history::{HistoryEvent, content_hash};
use vouch_storage::{Dialect, WriteError, outbox};

use super::admission::policy_of;
use crate::domain::case::{Case, CaseEvent, HistoryHead, Settlement, Side};
use crate::history;
use crate::store::history::{InternalNote, StoredEvent, event_append, internal_note_insert};
use crate::store::profiles::profile_fetch;
use crate::store::retention::bundle_hold;
use crate::store::{bundles, cases, escalations};

/// What is sent to the licence service about a hold.
pub const SETTLE_HOLD: &str = "settle-hold";

/// Who does something, when, and under which id of their own.
#[derive(Debug, Clone)]
pub struct Doing<'a> {
    /// The engine.
    pub dialect: Dialect,
    /// Entropy for ids and salts.
    pub world: &'a World,
    /// The instant.
    pub now: Timestamp,
    /// Which side acts.
    pub side: Side,
    /// Who acts, by opaque subject.
    pub actor: &'a str,
    /// The partner's own id of what it contributes; empty for the vendor's.
    pub origin: &'a str,
}

/// A case of which something is asked.
#[derive(Debug, Clone)]
pub enum Of<'a> {
    /// One of this partner's; any other is not found.
    Partner(&'a PartnerId),
    /// Any: the vendor's own ask.
    Desk,
}

/// Locks a case.
pub async fn lock(tx: &mut AnyConnection, dialect: Dialect, of: &Of<'_>, id: CaseId) -> Result<Case, WriteError> {
    let case = cases::case_lock(tx, dialect, id).await?.filter(|case| match of {
        Of::Partner(partner_id) => case.partner_id == **partner_id,
        Of::Desk => true,
    });
    Ok(case.ok_or_else(|| Error::not_found("case", id))?)
}

/// Takes an event in: the case changes, what becomes of the incident is noted for the licence service, and the event is appended
/// to the history.
pub async fn record(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    mut case: Case,
    event: &CaseEvent,
) -> Result<(Case, StoredEvent), WriteError> {
    let settlement = case.apply(event, doing.side, doing.now)?;
    let stored = chain(&mut case, event, doing);
    cases::case_update(tx, &case).await?;
    if let Some(bundle_id) = event.bundle() {
        bundle_hold(tx, case.id, bundle_id, doing.now).await?;
    }
    if let Some(settlement) = settlement {
        settle(tx, &case.id.to_string(), case.cover.hold_id, settlement, doing).await?;
    }
    event_append(tx, doing.dialect, &case.partner_id, &stored).await?;
    Ok((case, stored))
}

/// The event as the next link of the case's history; the case's head moves on to it.
pub(super) fn chain(case: &mut Case, event: &CaseEvent, doing: &Doing<'_>) -> StoredEvent {
    let (type_name, payload) = history::encode(event);
    let (previous_hash, salt) = (case.head.hash, doing.world.random::<16>().to_vec());
    let mut stored = StoredEvent {
        case_id: case.id,
        sequence: case.head.sequence + 1,
        type_name,
        content_hash: content_hash(&salt, &payload),
        payload,
        salt,
        previous_hash,
        hash: previous_hash,
        actor: doing.actor.to_owned(),
        committed_at: doing.now,
        origin: doing.origin.to_owned(),
    };
    let event = HistoryEvent {
        case_id: &stored.case_id.to_string(),
        sequence: stored.sequence,
        committed_at: stored.committed_at,
        type_name: &stored.type_name,
        actor: &stored.actor,
        origin: &stored.origin,
        content_hash: &stored.content_hash,
    };
    stored.hash = event.hash(&previous_hash);
    case.head = HistoryHead { sequence: stored.sequence, hash: stored.hash };
    stored
}

/// Has a hold settled at the licence service. Settlements of one lane go one after another.
pub(super) async fn settle(
    tx: &mut AnyConnection,
    lane: &str,
    hold_id: HoldId,
    settlement: Settlement,
    doing: &Doing<'_>,
) -> Result<(), WriteError> {
    let settlement = match settlement {
        Settlement::Capture => license::Settlement::Capture,
        Settlement::Release => license::Settlement::Release,
    };
    let request = license::SettleHoldRequest { hold_id: hold_id.to_string(), settlement: settlement.into() };
    outbox::enqueue(tx, doing.world.id(), lane, SETTLE_HOLD, &request.encode_to_vec(), doing.now, doing.now).await
}

/// Refuses a bundle that the partner did not commit, and one that was not redacted under a policy that the vendor accepts.
pub async fn check_bundle(
    tx: &mut AnyConnection,
    case: &Case,
    field: &str,
    bundle_id: Option<BundleId>,
) -> Result<(), WriteError> {
    let Some(id) = bundle_id else { return Ok(()) };
    let unknown = || Error::field(field, "must be a bundle that the partner committed");
    let bundle = bundles::bundle_fetch(tx, &case.partner_id, id).await?.ok_or_else(unknown)?;
    bundle.check_kept()?;
    let policy = policy_of(tx, &case.product_id).await?;
    if !policy.terms.redaction_policies.contains(&bundle.redaction) {
        let message = format!("the bundle was redacted under {}, which the vendor does not accept", bundle.redaction);
        return Err(Error::Refused { kind: Kind::Refused, reason: Reason::RedactionInsufficient, message }.into());
    }
    Ok(())
}

/// Refuses a request for collectors that the profile does not have which it names, where this vendor published it: nobody is to find that out
/// at the end user's site. The partner's service does the same.
pub async fn check_collectors(tx: &mut AnyConnection, event: &CaseEvent) -> Result<(), WriteError> {
    let CaseEvent::InformationRequested { collectors, profile: Some(ProfileTitle { name, version }), .. } = event
    else {
        return Ok(());
    };
    let Some(published) = profile_fetch(tx, name, Some(*version)).await? else { return Ok(()) };
    let text = String::from_utf8(published.content).map_err(Error::internal)?;
    let profile = Profile::parse(&text).map_err(Error::internal)?;
    let mut violations = Violations::new();
    for (place, told) in profile.strangers(collectors) {
        violations.add(format!("request.collectors[{place}]"), told);
    }
    Ok(violations.finish(Some(())).map_err(Error::from)?)
}

/// Adds a note of the vendor's own. It is no event: no history has a place for it.
pub async fn note_internally(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    case_id: CaseId,
    text: String,
) -> Result<InternalNote, WriteError> {
    let case = lock(tx, doing.dialect, &Of::Desk, case_id).await?;
    let note = InternalNote {
        id: doing.world.id(),
        case_id: case.id,
        author: doing.actor.to_owned(),
        text,
        written_at: doing.now,
    };
    internal_note_insert(tx, &note).await?;
    Ok(note)
}

/// Takes an escalation back, with its case if there is one. Whatever arrives under its id later is refused. Returns when it was
/// taken back, and whether a case was with it this time.
pub async fn withdraw(
    tx: &mut AnyConnection,
    doing: &Doing<'_>,
    partner_id: &PartnerId,
    id: EscalationId,
    reason: &str,
) -> Result<Timestamp, WriteError> {
    use escalations::Status;
    let mut known = escalations::escalation_lock(tx, doing.dialect, partner_id, id, doing.now).await?;
    match known.status {
        Status::Withdrawn => return Ok(known.changed_at),
        Status::New | Status::Refused => {
            // What a proof set aside for it goes back.
            if let Some(hold_id) = known.hold_id {
                settle(tx, &id.to_string(), hold_id, Settlement::Release, doing).await?;
            }
        }
        Status::Accepted => {
            let (case, _) = cases::case_fetch_by_escalation(tx, partner_id, id)
                .await?
                .ok_or_else(|| Error::internal("an accepted escalation has no case"))?;
            let case = lock(tx, doing.dialect, &Of::Partner(partner_id), case.id).await?;
            (known.status, known.changed_at) = (Status::Withdrawn, doing.now);
            escalations::escalation_update(tx, partner_id, id, &known).await?;
            record(tx, doing, case, &CaseEvent::Withdrawn { reason: reason.to_owned() }).await?;
            return Ok(doing.now);
        }
    }
    (known.status, known.changed_at) = (Status::Withdrawn, doing.now);
    escalations::escalation_update(tx, partner_id, id, &known).await?;
    Ok(doing.now)
}
