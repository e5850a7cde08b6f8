//! Changing licences, one at a time.

use sqlx::AnyConnection;
use vouch_core::code::EndUserId;
use vouch_core::id::LicenseId;
use vouch_core::{Error, Kind, Reason, Violations};
use vouch_host::Call;
use vouch_storage::{Dialect, Secrets, WriteError};

use super::granting::takes_on;
use super::{Version, first, lock, today, write};
use crate::commands::orders::{self, Order};
use crate::commands::{Changed, all_known, check_etag};
use crate::domain::change::HOLDER;
use crate::domain::license::License;
use crate::domain::license::amendment::{Amendment, Transfer};
use crate::domain::license_key::LicenseKey;
use crate::store::facts::key_digest;
use crate::store::history::{Subject, change_list_naming};
use crate::store::{agreements, changes, grants, sdk_users};

/// A change of a licence.
#[derive(Debug, Clone)]
pub struct Amend {
    /// The licence.
    pub version: Version,
    /// What is to be changed.
    pub amendment: Amendment,
    /// The order that asks for it; may be empty.
    pub order_reference: String,
    /// Why; may be empty.
    pub note: String,
}

/// Another key for a licence.
#[derive(Debug, Clone)]
pub struct ReplaceKey {
    /// The licence.
    pub version: Version,
    /// Why.
    pub note: String,
}

/// Changes a licence.
pub async fn amend(
    tx: &mut AnyConnection,
    dialect: Dialect,
    call: &Call<Amend>,
) -> Result<Changed<License>, WriteError> {
    let Amend { version, amendment, order_reference, note } = &call.command;
    let newcomer = match amendment {
        Amendment::Transfer(transfer) => transfer.end_user.as_ref(),
        _ => None,
    };
    let license = lock(tx, dialect, &call.caller, version.license_id, newcomer).await?;
    let asked = (order_reference.as_str(), amendment);
    let order = Order::for_amendment(&call.caller, license.terms.seller(), &[license.id], asked, call.now);
    if let Some(ids) = orders::earlier(tx, &order).await? {
        return Ok(Changed { value: first(tx, &ids, None).await?, facts_revision: 0 });
    }
    check_etag("license", &license.id, &version.etag, license.revision)?;
    if let Amendment::Transfer(transfer) = amendment {
        may_change_hands(tx, dialect, &license, transfer).await?;
    }
    let amendment = &with_one_name(tx, &license, amendment).await?;
    let next = license.amend(amendment, today(&license, call.now))?;
    orders::allow(tx, dialect, &order, next.terms.quantity).await?;
    orders::place(tx, &call.world, &order, &[license.id]).await?;
    if license.terms.end_user_id != next.terms.end_user_id {
        agreements::liaison_end_all(tx, &license.id.to_string(), call.now).await?;
        sdk_users::user_end_all_of(tx, license.id, call.now).await?;
    } else if next.terms.quantity < license.terms.quantity {
        let named = sdk_users::user_count(tx, license.id).await?;
        if next.terms.quantity < named {
            let message = format!("{named} people are named as users of the development kit");
            return Err(Error::Refused { kind: Kind::Refused, reason: Reason::SdkUsersExhausted, message }.into());
        }
    }
    let facts_revision = changes::revision_next(tx).await?;
    let next = write(tx, call, (&license, next), (amendment, note), facts_revision).await?;
    Ok(Changed { value: next, facts_revision })
}

/// Gives a licence another key, which is in the answer and nowhere else.
pub async fn replace_key(
    tx: &mut AnyConnection,
    dialect: Dialect,
    secrets: &Secrets,
    call: &Call<ReplaceKey>,
) -> Result<(Changed<License>, LicenseKey), WriteError> {
    let ReplaceKey { version, note } = &call.command;
    let license = lock(tx, dialect, &call.caller, version.license_id, None).await?;
    check_etag("license", &license.id, &version.etag, license.revision)?;
    let key = LicenseKey::from_random(call.world.random());
    let amendment = Amendment::Key(key_digest(secrets, &key), key.hint().to_owned());
    let next = license.amend(&amendment, today(&license, call.now))?;
    grants::key_retire(tx, &license, call.now).await?;
    let facts_revision = changes::revision_next(tx).await?;
    let next = write(tx, call, (&license, next), (&amendment, note), facts_revision).await?;
    Ok((Changed { value: next, facts_revision }, key))
}

/// What stands against other hands that only the database knows.
async fn may_change_hands(
    tx: &mut AnyConnection,
    dialect: Dialect,
    license: &License,
    transfer: &Transfer,
) -> Result<(), WriteError> {
    let mut violations = Violations::new();
    let partners = [
        ("responsible_partner_id", transfer.responsible_partner_id.as_ref()),
        ("reseller_partner_id", transfer.reseller_partner_id.as_ref()),
    ];
    for (field, id) in partners {
        if let Some(id) = id {
            takes_on(tx, dialect, (field, id), &mut violations).await?;
        }
    }
    if let Some((id, _)) = transfer.end_user.as_ref().filter(|(id, _)| *id != license.terms.end_user_id)
        && !transfer.is_correction
        && former_holders(tx, license.id).await?.contains(id)
    {
        violations.add("end_user.end_user_id", "held the licence before: only a `correction` gives it back");
    }
    all_known(violations).map_err(WriteError::from)
}

/// An amendment with the name that its end user has: one that is known keeps its own, unless it holds the licence and is given another one.
/// That one is its name on all of its licences.
async fn with_one_name(
    tx: &mut AnyConnection,
    license: &License,
    amendment: &Amendment,
) -> Result<Amendment, WriteError> {
    let mut amendment = amendment.clone();
    if let Amendment::Transfer(Transfer { end_user: Some((id, name)), .. }) = &mut amendment {
        if *id != license.terms.end_user_id {
            *name = grants::end_user_name(tx, id).await?;
        } else if *name != license.terms.end_user_name {
            grants::end_user_rename(tx, id, name).await?;
        }
    }
    Ok(amendment)
}

async fn former_holders(tx: &mut AnyConnection, id: LicenseId) -> Result<Vec<EndUserId>, WriteError> {
    let changes = change_list_naming(tx, Subject::License(id), HOLDER).await?;
    let fields = changes.into_iter().flat_map(|change| change.fields);
    let holders = fields.filter(|field| field.field == HOLDER);
    Ok(holders.filter_map(|field| EndUserId::parse(&field.before).ok()).collect())
}
