//! Publishing the programmes' policies, setting chains by them, and handing a partner's licences to a successor.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use sqlx::AnyConnection;
use vouch_core::code::PartnerId;
use vouch_core::{Error, Violations};
use vouch_host::Call;
use vouch_storage::{Dialect, WriteError};

use super::history::{Actor, write_license};
use super::licenses::Version;
use super::{Changed, check_etag};
use crate::domain::license::License;
use crate::domain::partner::{Programme, Standing};
use crate::domain::resale::{Chain, Decision, Duty, Named, Policy, PolicyVersion, Rule, decide, read_line};
use crate::store::{changes, incidents, licenses, partners, resale};

/// Another version of a programme's policy.
#[derive(Debug, Clone)]
pub struct PublishPolicy {
    /// The programme.
    pub programme: Programme,
    /// The first day on which it decides.
    pub effective_from: Date,
    /// The policy as it is read.
    pub text: String,
    /// What partners have to do.
    pub duties: Vec<Duty>,
    /// Who is responsible.
    pub rule: Rule,
}

/// Another chain for a licence.
#[derive(Debug, Clone)]
pub struct SetChain {
    /// The licence.
    pub version: Version,
    /// The chain.
    pub chain: Chain,
    /// Why.
    pub note: String,
}

/// A partner's licences for a successor.
#[derive(Debug, Clone)]
pub struct ChangeResponsible {
    /// The partner that is responsible.
    pub from: PartnerId,
    /// Its successor; `None`: the desk that the vendor itself runs.
    pub successor: Option<PartnerId>,
    /// How many at most.
    pub batch: i64,
    /// Whether it is only told what would be done.
    pub is_dry_run: bool,
    /// Why.
    pub note: String,
}

/// What was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedOver {
    /// To whom.
    pub successor: PartnerId,
    /// How many licences.
    pub moved: usize,
    /// How many are left.
    pub left: i64,
}

/// Publishes the next version of a policy.
pub async fn publish(tx: &mut AnyConnection, call: &Call<PublishPolicy>) -> Result<Policy, WriteError> {
    let PublishPolicy { programme, effective_from, text, duties, rule } = call.command.clone();
    let today = call.now.to_zoned(TimeZone::UTC).date();
    if effective_from < today {
        let cause = format!("must not lie in the past: today is {today} in UTC");
        return Err(Error::field("policy.effective_from", cause).into());
    }
    let version = PolicyVersion { programme, version: resale::policy_version_next(tx, programme).await? };
    let policy = Policy { version, effective_from, text, duties, rule, published_at: call.now };
    resale::policy_insert(tx, &policy, &call.caller.subject).await?;
    Ok(policy)
}

/// Sets a chain. The policy of the seller's programme that is in force decides who is responsible.
pub async fn set_chain(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<SetChain>,
) -> Result<Changed<(License, Decision)>, WriteError> {
    let SetChain { version, chain, note } = &call.command;
    let not_found = || Error::not_found("license", version.license_id);
    let read = licenses::license_fetch(tx, version.license_id).await?.ok_or_else(not_found)?;
    // Ordering: the end user's row first, then the licence's, as every command that concerns one.
    incidents::account_lock(tx, dialect, &read.terms.end_user_id).await?;
    let license = licenses::license_lock(tx, dialect, version.license_id).await?.ok_or_else(not_found)?;
    check_etag("license", &license.id, &version.etag, license.revision)?;
    let mut links = Vec::with_capacity(chain.links.len());
    for id in &chain.links {
        links.push(named(tx, id).await?);
    }
    let maker = match &chain.maker {
        Some(id) => Some(named(tx, id).await?),
        None => None,
    };
    let line = read_line(&links, maker.as_ref()).map_err(Error::from)?;
    let today = call.now.to_zoned(license.terms.validity.zone.clone()).date();
    let policy = match line.last() {
        Some(seller) => resale::policy_in_force(tx, seller.programme, today).await?,
        None => None,
    };
    let decision = decide(&line, policy.as_ref())?;
    let next = license.sold_through(chain.clone(), &decision)?;
    let facts_revision = changes::revision_next(tx).await?;
    write_license(tx, &Actor::of(call), ("chain set", note), (&license, &next), facts_revision).await?;
    Ok(Changed { value: (next, decision), facts_revision })
}

/// Hands a batch of a partner's licences to its successor.
pub async fn change_responsible(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<ChangeResponsible>,
) -> Result<Changed<HandedOver>, WriteError> {
    let ChangeResponsible { from, successor, batch, is_dry_run, note } = &call.command;
    let successor = find_successor(tx, from, successor.as_ref()).await?;
    let wanted = resale::license_list_of(tx, from, *batch).await?;
    let all = resale::license_count_of(tx, from).await?;
    let told = |moved: usize| {
        let left = all - i64::try_from(moved).unwrap_or(i64::MAX);
        HandedOver { successor: successor.clone(), moved, left }
    };
    if *is_dry_run || wanted.is_empty() {
        return Ok(Changed { value: told(wanted.len()), facts_revision: 0 });
    }
    // Ordering: every end user's row before any licence's, each in its order, and the revision last.
    let end_users: BTreeSet<_> = wanted.iter().map(|(end_user, _)| end_user).collect();
    for end_user in end_users {
        incidents::account_lock(tx, dialect, end_user).await?;
    }
    let mut ids: Vec<_> = wanted.iter().map(|(_, id)| *id).collect();
    ids.sort_unstable();
    let mut moving = Vec::with_capacity(ids.len());
    for id in ids {
        // Whoever was faster has handed it to somebody else: it is not this partner's any more.
        let locked = licenses::license_lock(tx, dialect, id).await?;
        moving.extend(locked.filter(|license| license.terms.responsible_partner_id == *from));
    }
    let facts_revision = changes::revision_next(tx).await?;
    let actor = Actor::of(call);
    for license in &moving {
        let next = license.succeeded_by(&successor);
        write_license(tx, &actor, ("responsible partner changed", note), (license, &next), facts_revision).await?;
    }
    Ok(Changed { value: told(moving.len()), facts_revision })
}

/// The successor that is named, or the vendor's own desk; refused where it may take nothing over.
async fn find_successor(
    tx: &mut AnyConnection,
    from: &PartnerId,
    named: Option<&PartnerId>,
) -> Result<PartnerId, WriteError> {
    let mut violations = Violations::new();
    if partners::partner_fetch(tx, from).await?.is_none() {
        violations.add("partner_id", format!("there is no partner {from}"));
    }
    let field = "successor_partner_id";
    let desks = if named.is_none() { resale::desk_list(tx).await? } else { Vec::new() };
    let successor = match (named, desks.as_slice()) {
        (Some(id), _) => Some(id.clone()),
        (None, [desk]) => Some(desk.clone()),
        (None, desks) => {
            let cause = format!("is required: the vendor has {} desks of its own in good standing", desks.len());
            violations.add(field, cause);
            None
        }
    };
    if let Some(successor) = &successor {
        if successor == from {
            violations.add(field, "is the partner itself");
        }
        match partners::partner_fetch(tx, successor).await? {
            None => violations.add(field, format!("there is no partner {successor}")),
            Some(partner) if partner.standing == Standing::Suspended => {
                violations.add(field, "is suspended: it takes nothing over");
            }
            Some(_) => {}
        }
    }
    Ok(violations.finish(successor).map_err(Error::from)?)
}

async fn named(tx: &mut AnyConnection, id: &PartnerId) -> Result<Named, WriteError> {
    let known = partners::partner_fetch(tx, id).await?;
    Ok((id.clone(), known.map(|partner| (partner.profile.programme, partner.standing))))
}
