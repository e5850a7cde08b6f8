//! Naming users of development kits.

use sqlx::AnyConnection;
use vouch_core::id::{LicenseId, SdkUserId};
use vouch_core::{Error, Kind, Reason};
use vouch_host::Call;
use vouch_storage::{Dialect, WriteError};

use crate::domain::license::LicenseState;
use crate::domain::sdk_user::SdkUser;
use crate::store::{catalog, incidents, licenses, sdk_users};

/// A person to be named.
#[derive(Debug, Clone)]
pub struct NameSdkUser {
    /// The licence.
    pub license_id: LicenseId,
    /// The name.
    pub name: String,
    /// The e-mail address, in lower case.
    pub email: String,
}

/// A person whose place ends.
#[derive(Debug, Clone)]
pub struct EndSdkUser(pub SdkUserId);

/// Names a person. Checks know nothing of it: it gives no right to escalate.
pub async fn name(tx: &mut AnyConnection, dialect: Dialect, call: &Call<NameSdkUser>) -> Result<SdkUser, WriteError> {
    let NameSdkUser { license_id, name, email } = call.command.clone();
    let not_found = || Error::not_found("license", license_id);
    let end_user_id = licenses::license_fetch(tx, license_id).await?.ok_or_else(not_found)?.terms.end_user_id;
    // Ordering: the end user's row first, then the licence's, under which its people are counted.
    incidents::account_lock(tx, dialect, &end_user_id).await?;
    let license = licenses::license_lock(tx, dialect, license_id).await?.ok_or_else(not_found)?;
    let product = catalog::product_fetch(tx, &license.terms.product_id).await?;
    let refused = |reason, message| Error::Refused { kind: Kind::Refused, reason, message };
    if !product.is_some_and(|product| product.sdk) {
        let message = format!("{} is not a development kit", license.terms.product_id);
        return Err(refused(Reason::NotAnSdk, message).into());
    }
    if license.state == LicenseState::Revoked {
        let (id, state, step) = (license_id.to_string(), license.state.as_str(), "name a user");
        return Err(Error::StateConflict { what: "license", id, state, step }.into());
    }
    let user = SdkUser { id: call.world.id(), license_id, name, email, named_at: call.now };
    // Who is named already hears that, and not that every unit is taken.
    sdk_users::user_insert(tx, &user).await?;
    if sdk_users::user_count(tx, license_id).await? > license.terms.quantity {
        let message = format!("all {} units of the licence are taken", license.terms.quantity);
        return Err(refused(Reason::SdkUsersExhausted, message).into());
    }
    Ok(user)
}

/// Ends a person's place at once.
pub async fn end(tx: &mut AnyConnection, call: &Call<EndSdkUser>) -> Result<SdkUser, WriteError> {
    let EndSdkUser(id) = call.command;
    Ok(sdk_users::user_end(tx, id, call.now).await?.ok_or_else(|| Error::not_found("named user", id))?)
}
