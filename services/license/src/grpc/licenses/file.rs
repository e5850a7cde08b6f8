//! What a licence file says, and which releases a licence may receive.

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use vouch_contract::convert::timestamp;
use vouch_contract::pb::license::v1 as pb;
use vouch_core::Error;
use vouch_proof::{LicenseFile, LicensedTerms};

use crate::domain::entitlement::{Known, covering_tier};
use crate::domain::license::{License, LicenseState, Phase};
use crate::domain::product::ReleasePlace;
use crate::domain::release::{Receivable, Receiver};
use crate::store::catalog;
use crate::store::facts::{facts_around, no_product};

/// The claims of a file that may be relied on for so many days, and not beyond the licence with its grace.
pub(super) fn of(license: &License, issuer: &str, days: i32, now: Timestamp) -> Result<LicenseFile, Error> {
    let (terms, validity) = (&license.terms, &license.terms.validity);
    let conflict =
        |state| Error::StateConflict { what: "license", id: license.id.to_string(), state, step: "be given a file" };
    match license.state {
        LicenseState::Active | LicenseState::Cancelled => {}
        LicenseState::Suspended | LicenseState::Revoked => return Err(conflict(license.state.as_str())),
    }
    let wanted = now + SignedDuration::from_hours(24 * i64::from(days));
    let end = match validity.term().phase(&validity.zone, now) {
        Phase::Over => return Err(conflict("over")),
        Phase::InGrace(ends) => Some(ends),
        Phase::NotYet(_) | Phase::Valid => validity.term().grace_ends(&validity.zone),
    };
    Ok(LicenseFile {
        iss: issuer.to_owned(),
        sub: terms.end_user_id.to_string(),
        iat: now.as_second(),
        nbf: validity.term().begins.max(now).as_second(),
        exp: end.map_or(wanted, |end| end.min(wanted)).as_second(),
        lic: LicensedTerms {
            id: license.id.to_string(),
            rev: license.revision,
            hint: license.key_hint.clone(),
            product: terms.product_id.to_string(),
            quantity: terms.quantity,
            kind: terms.kind.as_str().to_owned(),
            valid_from: validity.from.to_string(),
            valid_until: validity.until.map(|day| day.to_string()),
            grace_days: validity.grace_days,
            maintenance_until: terms.maintenance_until.map(|day| day.to_string()),
            zone: validity.zone.iana_name().unwrap_or_default().to_owned(),
        },
    })
}

/// An instant of a file as the contract tells it.
pub(super) fn instant(second: i64) -> prost_types::Timestamp {
    timestamp(Timestamp::from_second(second).unwrap_or(Timestamp::MAX))
}

/// The releases of a licence's product, newest first, after a place in that order, each with its own.
pub(super) async fn releases_for(
    connection: &mut AnyConnection,
    license: License,
    now: Timestamp,
    (after, limit): (Option<&ReleasePlace>, i64),
) -> Result<Vec<(ReleasePlace, pb::ReceivableRelease)>, Error> {
    let product_id = license.terms.product_id.clone();
    let product = catalog::product_fetch_bare(connection, &product_id).await?.ok_or_else(no_product)?;
    let known = facts_around(connection, license, product, now).await?;
    let receiver = receiver(&known, now);
    let today = now.to_zoned(known.license.terms.validity.zone.clone()).date();
    let releases = catalog::release_list(connection, &product_id, after, limit).await?;
    let told = releases.into_iter().map(|release| {
        let place = ReleasePlace { released_on: release.released_on, version: release.version.clone() };
        let receivable = match release.receivable(receiver, today) {
            Receivable::Yes => pb::Receivable::Yes,
            Receivable::OutOfMaintenance => pb::Receivable::OutOfMaintenance,
            Receivable::NotYet => pb::Receivable::NotYet,
            Receivable::NotLicensed => pb::Receivable::NotLicensed,
        };
        let supported = release.is_supported(today);
        let release = Some(release.into());
        (place, pb::ReceivableRelease { release, receivable: receivable.into(), supported })
    });
    Ok(told.collect())
}

fn receiver(known: &Known, now: Timestamp) -> Receiver {
    let facts = known.facts();
    Receiver {
        is_in_force: known.license.is_in_force(now),
        maintenance_until: facts.license.maintenance_until,
        early_access: covering_tier(&facts, now).is_some_and(|tier| tier.early_access),
    }
}
