//! Telling what a person may do.

use std::collections::BTreeSet;

use jiff::Timestamp;
use vouch_contract::pb::license::v1 as pb;
use vouch_core::code::EndUserId;
use vouch_core::{Violations, text};

use super::online_accounts::told;
use crate::domain::agreement::Liaison;
use crate::store::rights::Rights;

/// A person of an end user.
pub(super) struct PersonOf {
    /// The end user.
    pub end_user_id: EndUserId,
    /// The person's e-mail address, in lower case.
    pub email: String,
}

impl TryFrom<pb::GetPersonRightsRequest> for PersonOf {
    type Error = Violations;

    fn try_from(request: pb::GetPersonRightsRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let end_user_id = violations.take("end_user_id", EndUserId::parse(&request.end_user_id));
        let email = violations.take("email", text::email(&request.email));
        violations.finish(end_user_id.zip(email).map(|(end_user_id, email)| Self { end_user_id, email }))
    }
}

/// What a person has, judged at an instant.
pub(super) fn judged(rights: Rights, email: &str, now: Timestamp) -> pb::GetPersonRightsResponse {
    let mut liaison_roles = Vec::new();
    for agreement in &rights.agreements {
        let (holder_id, in_force) = (agreement.id.to_string(), agreement.in_force(now).is_ok());
        liaison_roles.extend(role(&agreement.liaisons, email, holder_id, in_force));
    }
    for license in &rights.licenses {
        liaison_roles.extend(role(&license.liaisons, email, license.id.to_string(), license.is_in_force(now)));
    }
    let kits = rights.sdk_licenses.iter().filter(|license| license.is_in_force(now));
    let kits: BTreeSet<_> = kits.map(|license| license.terms.product_id.to_string()).collect();
    pb::GetPersonRightsResponse {
        liaison_roles,
        developer_product_ids: kits.into_iter().collect(),
        online_accounts: rights.accounts.into_iter().map(|account| told(account, now)).collect(),
    }
}

fn role(people: &[Liaison], email: &str, holder_id: String, in_force: bool) -> Option<pb::LiaisonRole> {
    let liaison = people.iter().find(|liaison| liaison.person.email == email)?;
    Some(pb::LiaisonRole {
        contact_id: liaison.id.to_string(),
        holder_id,
        administrative_rights: liaison.person.administrative_rights,
        in_force,
    })
}
