//! What a caller sees of a licence: a partner, what its chain allows.

use sqlx::AnyConnection;
use vouch_contract::pb::license::v1 as pb;
use vouch_core::Error;
use vouch_core::code::PartnerId;
use vouch_core::id::LicenseId;
use vouch_host::Page;
use vouch_identity::Caller;

use super::super::scope;
use crate::domain::change::{Change, came_in};
use crate::domain::license::License;
use crate::store::history::{Subject, change_list, change_list_naming};
use crate::store::licenses;

/// A licence as a caller may see it, and the partner whose eyes these are.
pub(super) async fn seen_in(
    connection: &mut AnyConnection,
    caller: &Caller,
    id: LicenseId,
) -> Result<(License, Option<PartnerId>), Error> {
    let own = scope(caller)?;
    let license = licenses::license_fetch(connection, id)
        .await?
        .filter(|license| own.as_ref().is_none_or(|partner| license.is_seen_by(partner)))
        .ok_or_else(|| Error::not_found("license", id))?;
    Ok((license, own))
}

/// A page of a licence's history as a partner of its chain reads it: from the change by which it came in.
pub(super) async fn history_for(
    connection: &mut AnyConnection,
    license: &License,
    partner: &PartnerId,
    page: &Page,
) -> Result<Vec<Change>, Error> {
    let subject = Subject::License(license.id);
    let came_in = came_in(&change_list_naming(connection, subject, partner.as_str()).await?, partner);
    let changes = change_list(connection, subject, came_in.unwrap_or(1), page).await?;
    let tells = |id: &str| PartnerId::parse(id).is_ok_and(|id| license.tells(partner, &id));
    Ok(changes.into_iter().map(|change| change.seen_by(partner, came_in, tells)).collect())
}

/// A licence as a caller may read it: of its partners, those that it may know.
pub(super) fn told_to(mut license: License, own: Option<&PartnerId>) -> pb::License {
    if let Some(partner) = own {
        license.hide_from(partner);
    }
    let terms = &license.terms;
    let is_told = |id: &PartnerId| own.is_none_or(|own| license.tells(own, id));
    let hides_responsible = !is_told(&terms.responsible_partner_id);
    let hides_reseller = terms.reseller_partner_id.as_ref().is_some_and(|reseller| !is_told(reseller));
    let mut told = pb::License::from(license);
    if hides_responsible {
        told.responsible_partner_id.clear();
    }
    if hides_reseller {
        told.reseller_partner_id.clear();
    }
    told
}
