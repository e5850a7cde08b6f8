//! How long an agreement runs, what it buys, and how many people it names.

use jiff::civil::Date;
use sqlx::AnyConnection;
use vouch_core::code::TierId;
use vouch_core::id::AgreementId;
use vouch_core::{Error, Kind, Reason};
use vouch_host::Call;
use vouch_storage::{Dialect, WriteError};

use super::agreements::{changed, lock};
use super::history::{self, Actor};
use super::liaison_notices::hindered;
use super::{Changed, check_etag, notices};
use crate::domain::agreement::{Agreement, DayFields, Liaison, Plan, SeatGrant, check_days};
use crate::domain::notice::Notice;
use crate::store::{agreements, catalog, seat_grants};

/// A later last day.
#[derive(Debug, Clone)]
pub struct RenewAgreement {
    /// The agreement.
    pub agreement_id: AgreementId,
    /// Its etag as the caller read it.
    pub etag: String,
    /// The new last day; `None` where the plan is to say.
    pub until: Option<Date>,
}

/// Another tier.
#[derive(Debug, Clone)]
pub struct ChangeTier {
    /// The agreement.
    pub agreement_id: AgreementId,
    /// Its etag as the caller read it.
    pub etag: String,
    /// The tier.
    pub tier_id: TierId,
    /// The plan; `None` where it stays.
    pub plan: Option<Plan>,
}

/// Another number of seats.
#[derive(Debug, Clone)]
pub struct GrantSeats {
    /// The agreement.
    pub agreement_id: AgreementId,
    /// Its etag as the caller read it.
    pub etag: String,
    /// How many there are to be in all.
    pub seats: u16,
    /// Why.
    pub note: String,
}

/// Moves the last day.
pub async fn renew(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<RenewAgreement>,
) -> Result<Changed<Agreement>, WriteError> {
    let RenewAgreement { agreement_id, etag, until } = &call.command;
    let mut agreement = lock(tx, dialect, *agreement_id).await?;
    check_etag("agreement", agreement_id, etag, agreement.revision)?;
    let (terms, today) = (&agreement.terms, agreement.terms.today(call.now));
    let until = until.or_else(|| terms.next_last_day(today));
    let wrong = |problem: String| Error::field("valid_until", problem);
    let until = until.ok_or_else(|| wrong("is required: the plan is a contract".into()))?;
    if until <= terms.until {
        return Err(wrong(format!("must lie after {}, the last day now", terms.until)).into());
    }
    if until < today {
        return Err(wrong("must not lie in the past".into()).into());
    }
    let was_over = terms.term().has_ended(call.now);
    agreement.terms.until = until;
    let others = agreements::agreement_list_of(tx, &agreement.terms.end_user_id).await?;
    let others = others.iter().filter(|other| other.id != agreement.id);
    check_days(&agreement.terms, others, DayFields { from: None, until: "valid_until" })?;
    // Who was named while it was over, or whose letter was dropped for that, was told nothing.
    for liaison in agreement.liaisons.iter().filter(|_| was_over) {
        let named_now = Liaison { named_at: call.now, ..liaison.clone() };
        if let Some(notice) = Notice::owed(call.world.id(), &agreement, &named_now) {
            notices::owe(tx, &call.world, call.now, &notice).await?;
        }
    }
    agreement.revision += 1;
    history::write_agreement(tx, &Actor::of(call), ("renewed", ""), &agreement).await?;
    changed(tx, agreement).await
}

/// Moves an agreement to another tier from now on.
pub async fn change_tier(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<ChangeTier>,
) -> Result<Changed<Agreement>, WriteError> {
    let ChangeTier { agreement_id, etag, tier_id, plan } = &call.command;
    let mut agreement = lock(tx, dialect, *agreement_id).await?;
    check_etag("agreement", agreement_id, etag, agreement.revision)?;
    if agreement.terms.term().has_ended(call.now) {
        let (id, state, step) = (agreement_id.to_string(), "over", "change its tier");
        return Err(Error::StateConflict { what: "agreement", id, state, step }.into());
    }
    if catalog::tier_fetch(tx, tier_id).await?.is_none() {
        return Err(Error::field("tier_id", format!("there is no tier {tier_id}")).into());
    }
    let plan = plan.unwrap_or(agreement.terms.plan);
    if (tier_id, plan) == (&agreement.terms.tier_id, agreement.terms.plan) {
        return Err(Error::field("tier_id", "is the tier that the agreement has, and the plan stays").into());
    }
    agreement.terms.tier_id = tier_id.clone();
    agreement.terms.plan = plan;
    agreement.revision += 1;
    history::write_agreement(tx, &Actor::of(call), ("tier changed", ""), &agreement).await?;
    changed(tx, agreement).await
}

/// Grants more seats, or takes some back.
pub async fn grant_seats(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<GrantSeats>,
) -> Result<(Changed<Agreement>, SeatGrant), WriteError> {
    let GrantSeats { agreement_id, etag, seats, note } = call.command.clone();
    let mut agreement = lock(tx, dialect, agreement_id).await?;
    check_etag("agreement", &agreement_id, &etag, agreement.revision)?;
    if seats == agreement.terms.liaison_seats {
        return Err(Error::field("liaison_seats", "is the number of seats that the agreement has").into());
    }
    let exhausted = |message| Error::Refused { kind: Kind::Refused, reason: Reason::SeatsExhausted, message };
    if usize::from(seats) < agreement.liaisons.len() {
        return Err(exhausted(format!("{} people are named in the agreement", agreement.liaisons.len())).into());
    }
    let before = agreement.clone();
    let grant = SeatGrant {
        id: call.world.id(),
        agreement_id,
        before: agreement.terms.liaison_seats,
        after: seats,
        note,
        granted_by: call.caller.subject.clone(),
        granted_at: call.now,
    };
    agreement.terms.liaison_seats = seats;
    if let Some(obstacle) = hindered(tx, &before, &agreement).await? {
        return Err(exhausted(format!("the pending notice {} names more people", obstacle.notice)).into());
    }
    seat_grants::grant_insert(tx, &grant).await?;
    agreement.revision += 1;
    history::write_agreement(tx, &Actor::of(call), ("seats granted", &grant.note), &agreement).await?;
    Ok((changed(tx, agreement).await?, grant))
}
