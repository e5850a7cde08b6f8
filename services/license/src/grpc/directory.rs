//! `DirectoryService`.

use tonic::{Request, Response, Status};
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::directory_service_server::DirectoryService;
use vouch_core::{Error, Kind, Reason, Violations};
use vouch_host::Call;

use super::Handlers;
use crate::domain::guesses::network;
use crate::domain::license::LicenseState;
use crate::domain::license_key::LicenseKey;
use crate::store::facts::key_digest;
use crate::store::{licenses, partners};

#[tonic::async_trait]
impl DirectoryService for Handlers {
    async fn find_support_contact(
        &self,
        request: Request<pb::FindSupportContactRequest>,
    ) -> Result<Response<pb::FindSupportContactResponse>, Status> {
        self.rpc
            .query(request, |call: Call<LicenseKey>| async move {
                let address = call.caller.address.map(network);
                let guess = self
                    .addresses
                    .guess(address, call.now)
                    .map_err(|retry_after| Error::RateLimited { retry_after })?;
                let mut snapshot = self.store().snapshot().await?;
                let digest = key_digest(self.secrets(), &call.command);
                let license = licenses::license_fetch_by_key(&mut snapshot, &digest)
                    .await?
                    .filter(|license| license.state != LicenseState::Revoked);
                let Some(license) = license else {
                    guess.miss();
                    let message = "there is no such licence key".to_owned();
                    return Err(Error::Refused { kind: Kind::NotFound, reason: Reason::LicenseNotFound, message });
                };
                let responsible = &license.terms.responsible_partner_id;
                let partner = partners::partner_fetch(&mut snapshot, responsible)
                    .await?
                    .ok_or_else(|| Error::internal("a licence names a partner that is not there"))?;
                Ok(pb::FindSupportContactResponse {
                    partner_name: partner.profile.name,
                    support_contact: Some(partner.profile.support_contact.into()),
                })
            })
            .await
    }
}

impl TryFrom<pb::FindSupportContactRequest> for LicenseKey {
    type Error = Violations;

    fn try_from(request: pb::FindSupportContactRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let key = violations.take("license_key", Self::parse(&request.license_key));
        violations.finish(key)
    }
}
