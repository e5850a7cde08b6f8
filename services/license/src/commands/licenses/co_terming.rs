//! One last day for several licences.

use jiff::civil::Date;
use sqlx::AnyConnection;
use vouch_core::{Error, Violations};
use vouch_host::Call;
use vouch_storage::{Dialect, WriteError};

use super::{Version, lock_all, today, write};
use crate::commands::orders::{self, Order};
use crate::commands::{Changed, all_known, check_etag};
use crate::domain::license::License;
use crate::domain::license::amendment::Amendment;
use crate::store::changes;

/// One last day for several licences.
#[derive(Debug, Clone)]
pub struct CoTerm {
    /// The licences.
    pub versions: Vec<Version>,
    /// The last day.
    pub until: Date,
    /// The order that asks for it; may be empty.
    pub order_reference: String,
    /// Why; may be empty.
    pub note: String,
}

/// Gives several licences one last day, all or none.
pub async fn co_term(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<CoTerm>,
) -> Result<Changed<Vec<License>>, WriteError> {
    let CoTerm { versions, until, order_reference, note } = &call.command;
    let ids = versions.iter().map(|version| version.license_id).collect();
    let locked = lock_all(tx, dialect, &call.caller, ids, None).await?;
    let find = |version: &Version| locked.iter().find(|license| license.id == version.license_id);
    let present: Vec<&License> = versions.iter().filter_map(find).collect();
    let Some(first) = present.first() else { return Err(Error::internal("there is nothing to co-term").into()) };
    let amendment = Amendment::CoTerm(*until);
    let ids: Vec<_> = present.iter().map(|license| license.id).collect();
    let asked = (order_reference.as_str(), &amendment);
    let order = Order::for_amendment(&call.caller, first.terms.seller(), &ids, asked, call.now);
    if orders::earlier(tx, &order).await?.is_some() {
        return Ok(Changed { value: present.into_iter().cloned().collect(), facts_revision: 0 });
    }
    let mut next = Vec::with_capacity(present.len());
    let mut violations = Violations::new();
    for (place, (license, version)) in present.iter().zip(versions).enumerate() {
        check_etag("license", &license.id, &version.etag, license.revision)?;
        let mut v = Violations::new();
        if license.terms.end_user_id != first.terms.end_user_id {
            v.add("license_id", "belongs to another end user than the first one");
        }
        match license.amend(&amendment, today(license, call.now)) {
            Ok(amended) => next.push(amended),
            Err(Error::Invalid(others)) => {
                let _ = v.absorb::<()>(Err(others));
            }
            Err(Error::StateConflict { state, .. }) => v.add("license_id", format!("is {state}")),
            Err(other) => return Err(other.into()),
        }
        let at =
            |field: &str| if field == "valid_until" { field.to_owned() } else { format!("licenses[{place}].{field}") };
        v.iter().for_each(|violation| violations.add(at(&violation.field), violation.description.clone()));
    }
    all_known(violations)?;
    let most = next.iter().map(|license| license.terms.quantity).max().unwrap_or_default();
    orders::allow(tx, dialect, &order, most).await?;
    orders::place(tx, &call.world, &order, &ids).await?;
    let facts_revision = changes::revision_next(tx).await?;
    let mut written = Vec::with_capacity(next.len());
    for (license, next) in present.into_iter().zip(next) {
        written.push(write(tx, call, (license, next), (&amendment, note), facts_revision).await?);
    }
    Ok(Changed { value: written, facts_revision })
}
