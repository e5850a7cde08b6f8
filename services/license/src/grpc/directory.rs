//! `DirectoryService`.

use tonic::{Request, Response, Status};
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::directory_service_server::DirectoryService;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::{Error, Kind, Reason, Violations};
use vouch_host::Call;
use vouch_identity::{Caller, CallerKind};

use super::rights::{PersonOf, judged};
use super::{Handlers, scope};
use crate::domain::guesses::network;
use crate::domain::license::LicenseState;
use crate::domain::license_key::LicenseKey;
use crate::store::facts::key_digest;
use crate::store::rights::rights_fetch;
use crate::store::{incidents, licenses, partners};

#[tonic::async_trait]
impl DirectoryService for Handlers {
    async fn find_support_contact(
        &self,
        request: Request<pb::FindSupportContactRequest>,
    ) -> Result<Response<pb::FindSupportContactResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Holder>| async move {
                let responsible = match &call.command {
                    Holder::Key(key) => self.responsible_for_key(&call, key).await?,
                    Holder::EndUser(id) => self.responsible_for_end_user(&call.caller, id).await?,
                };
                let mut snapshot = self.store().snapshot().await?;
                let partner = partners::partner_fetch(&mut snapshot, &responsible)
                    .await?
                    .ok_or_else(|| Error::internal("a licence names a partner that is not there"))?;
                Ok(pb::FindSupportContactResponse {
                    partner_name: partner.profile.name,
                    support_contact: Some(partner.profile.support_contact.into()),
                })
            })
            .await
    }

    async fn get_person_rights(
        &self,
        request: Request<pb::GetPersonRightsRequest>,
    ) -> Result<Response<pb::GetPersonRightsResponse>, Status> {
        self.rpc
            .query(request, |call: Call<PersonOf>| async move {
                let PersonOf { end_user_id, email } = &call.command;
                let mut snapshot = self.store().snapshot().await?;
                let own = scope(&call.caller)?;
                let is_seen = match &own {
                    None => incidents::account_fetch(&mut snapshot, end_user_id).await?.is_some(),
                    Some(partner) => licenses::end_user_is_supported_by(&mut snapshot, end_user_id, partner).await?,
                };
                if !is_seen {
                    return Err(Error::not_found("end user", end_user_id));
                }
                let mut rights = rights_fetch(&mut snapshot, end_user_id, email).await?;
                if let Some(partner) = &own {
                    rights = rights.seen_by(partner);
                }
                Ok(judged(rights, email, call.now))
            })
            .await
    }
}

impl Handlers {
    /// Limited in guesses: whoever has the key needs no other proof of who they are.
    async fn responsible_for_key(&self, call: &Call<Holder>, key: &LicenseKey) -> Result<PartnerId, Error> {
        let address = call.caller.address.map(network);
        let guess =
            self.addresses.guess(address, call.now).map_err(|retry_after| Error::RateLimited { retry_after })?;
        let mut snapshot = self.store().snapshot().await?;
        let license = licenses::license_fetch_by_key(&mut snapshot, &key_digest(self.secrets(), key))
            .await?
            .filter(|license| license.state != LicenseState::Revoked);
        let Some(license) = license else {
            guess.miss();
            let message = "there is no such licence key".to_owned();
            return Err(Error::Refused { kind: Kind::NotFound, reason: Reason::LicenseNotFound, message });
        };
        Ok(license.terms.responsible_partner_id)
    }

    /// Who supports whom is for the vendor's own, and for the organisation itself.
    async fn responsible_for_end_user(&self, caller: &Caller, id: &EndUserId) -> Result<PartnerId, Error> {
        let may_ask = match caller.kind {
            CallerKind::VendorStaff | CallerKind::VendorWorkload => true,
            CallerKind::EndUser => caller.organisation.as_deref() == Some(id.as_str()),
            CallerKind::PartnerWorkload
            | CallerKind::ResellerWorkload
            | CallerKind::PartnerStaff
            | CallerKind::Anonymous => false,
        };
        let not_found = || Error::not_found("end user", id);
        if !may_ask {
            return Err(not_found());
        }
        let mut snapshot = self.store().snapshot().await?;
        licenses::responsible_partner_fetch(&mut snapshot, id).await?.ok_or_else(not_found)
    }
}

/// Who asks for its support contact, by one of its names.
enum Holder {
    Key(LicenseKey),
    EndUser(EndUserId),
}

impl TryFrom<pb::FindSupportContactRequest> for Holder {
    type Error = Violations;

    fn try_from(request: pb::FindSupportContactRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let holder = match (request.license_key.as_str(), request.end_user_id.as_str()) {
            (key, "") => violations.take("license_key", LicenseKey::parse(key)).map(Self::Key),
            ("", id) => violations.take("end_user_id", EndUserId::parse(id)).map(Self::EndUser),
            (_, _) => violations.take("end_user_id", Err("must be empty beside a license_key")),
        };
        violations.finish(holder)
    }
}
