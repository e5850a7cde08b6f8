//! The ways to the vendors: for each partner organisation and vendor, channels that show that organisation's certificate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tonic::transport::Channel;
use tonic::{Code, Status};
use vouch_contract::convert;
use vouch_contract::pb::common::v1::{Finding, PageRequest};
use vouch_contract::pb::license::v1 as license;
use vouch_contract::pb::license::v1::directory_service_client::DirectoryServiceClient;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_contract::pb::license::v1::incident_service_client::IncidentServiceClient;
use vouch_contract::pb::license::v1::liaison_notice_service_client::LiaisonNoticeServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::bundle_service_client::BundleServiceClient;
use vouch_contract::pb::vendor::v1::escalation_service_client::EscalationServiceClient;
use vouch_contract::pb::vendor::v1::key_set_service_client::KeySetServiceClient;
use vouch_contract::pb::vendor::v1::knowledge_service_client::KnowledgeServiceClient;
use vouch_contract::pb::vendor::v1::profile_service_client::ProfileServiceClient;
use vouch_core::code::{PartnerId, ProductId, VendorId};
use vouch_core::id::LicenseId;
use vouch_core::{Error, Kind, Reason, Violations};
use vouch_host::client::{self, ClientFiles, ClientTls};
use vouch_storage::blobs::MAX_PART_BYTES;

use crate::config::PartnerConfig;
use crate::domain::ticket::Ticket;

/// How long a vendor's service may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How long is waited for what is advice only: who asks has waited for what counts already.
const ADVICE: Duration = Duration::from_secs(2);

/// The way of one partner organisation to one vendor.
#[derive(Debug, Clone)]
pub struct Link {
    /// The organisation.
    pub partner_id: PartnerId,
    /// The vendor.
    pub vendor_id: VendorId,
    /// The audience that proofs for it carry.
    pub audience: String,
    license: Channel,
    vendor: Channel,
}

/// Every link of this deployment.
#[derive(Debug, Clone, Default)]
pub struct Links {
    links: Arc<BTreeMap<(PartnerId, VendorId), Link>>,
    files: Arc<Vec<(ClientFiles, Arc<ClientTls>)>>,
}

impl Links {
    /// Opens them; nothing is connected before it is used.
    pub fn open(config: &PartnerConfig) -> Result<Self, String> {
        let (mut links, mut files) = (BTreeMap::new(), Vec::new());
        for organisation in &config.organisations {
            for entry in &config.vendors {
                let own = ClientFiles {
                    authorities: entry.authorities.clone(),
                    certificate: organisation.certificate.clone(),
                    key: organisation.key.clone(),
                };
                let tls = Arc::new(own.read()?);
                let link = Link {
                    partner_id: PartnerId::parse(&organisation.id)?,
                    vendor_id: VendorId::parse(&entry.id)?,
                    audience: entry.audience.clone(),
                    license: client::channel(&entry.license_address, tls.clone())?,
                    vendor: client::channel(&entry.vendor_address, tls.clone())?,
                };
                files.push((own, tls));
                links.insert((link.partner_id.clone(), link.vendor_id.clone()), link);
            }
        }
        Ok(Self { links: Arc::new(links), files: Arc::new(files) })
    }

    /// Reads the certificates again; all problems are told.
    pub fn reload(&self) -> Result<(), String> {
        let problems: Vec<String> = self.files.iter().filter_map(|(files, tls)| files.reload(tls).err()).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }

    /// The link of an organisation to a vendor.
    pub fn get(&self, partner_id: &PartnerId, vendor_id: &VendorId) -> Result<&Link, Error> {
        self.links.get(&(partner_id.clone(), vendor_id.clone())).ok_or_else(|| {
            Error::Unavailable(format!("this deployment has no credentials of {partner_id} for {vendor_id}").into())
        })
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }
}

impl Link {
    /// The vendor's gate and cases.
    pub fn escalations(&self) -> EscalationServiceClient<Channel> {
        EscalationServiceClient::new(self.vendor.clone())
    }

    /// The vendor's bundles.
    pub fn bundles(&self) -> BundleServiceClient<Channel> {
        BundleServiceClient::new(self.vendor.clone()).max_encoding_message_size(MAX_PART_BYTES + 64 * 1024)
    }

    /// The vendor's profiles of diagnostics.
    pub fn profiles(&self) -> ProfileServiceClient<Channel> {
        ProfileServiceClient::new(self.vendor.clone())
    }

    /// The keys that verify what the vendor signs.
    pub fn key_set(&self) -> KeySetServiceClient<Channel> {
        KeySetServiceClient::new(self.vendor.clone())
    }

    /// The licence service.
    pub fn entitlement(&self) -> EntitlementServiceClient<Channel> {
        EntitlementServiceClient::new(self.license.clone())
    }

    /// Prepaid incidents.
    pub fn incidents(&self) -> IncidentServiceClient<Channel> {
        IncidentServiceClient::new(self.license.clone())
    }

    /// Written notices of changed liaisons.
    pub fn liaison_notices(&self) -> LiaisonNoticeServiceClient<Channel> {
        LiaisonNoticeServiceClient::new(self.license.clone())
    }

    /// Checks the end user's entitlement to help with a ticket, on this revision of the facts or a later one; 0 is any.
    pub async fn check(
        &self,
        ticket: &Ticket,
        license_id: Option<LicenseId>,
        at_least_revision: i64,
    ) -> Result<license::EntitlementAnswer, Status> {
        let question = Some(question(ticket, license_id));
        let request = license::CheckEntitlementRequest { question, at_least_revision, ..Default::default() };
        let answer = within(self.entitlement().check_entitlement(request)).await?;
        Ok(answer.answer.unwrap_or_default())
    }

    /// Whether a person in a role of liaison is marked as having administrative rights on the product. It is advice: where no answer comes soon,
    /// it is not known, and nothing waits for it.
    pub async fn has_rights(&self, end_user_id: &str, contact_id: &str, email: &str) -> bool {
        let request = license::GetPersonRightsRequest { end_user_id: end_user_id.to_owned(), email: email.to_owned() };
        let mut directory = DirectoryServiceClient::new(self.license.clone());
        let asked = async {
            let roles = directory.get_person_rights(request).await?.into_inner().liaison_roles;
            Ok(roles.iter().any(|role| role.contact_id == contact_id && role.administrative_rights))
        };
        advice(ADVICE, asked).await
    }

    /// Searches the vendor's knowledge.
    pub async fn search(&self, product_id: &ProductId, query: &str) -> Result<Vec<vendor::Article>, Status> {
        let page = Some(PageRequest { page_size: 20, page_token: String::new() });
        let request =
            vendor::SearchArticlesRequest { product_id: product_id.to_string(), query: query.to_owned(), page };
        let mut client = KnowledgeServiceClient::new(self.vendor.clone());
        Ok(within(client.search_articles(request)).await?.articles)
    }

    /// What the vendor requires for a product, and what it promises about diagnostics.
    pub async fn policy(&self, product_id: &ProductId) -> Result<vendor::GetAdmissionPolicyResponse, Status> {
        let request = vendor::GetAdmissionPolicyRequest { product_id: product_id.to_string() };
        within(self.escalations().get_admission_policy(request)).await
    }
}

/// The question whether somebody may be helped with a ticket.
pub fn question(ticket: &Ticket, license_id: Option<LicenseId>) -> license::EntitlementQuestion {
    let reference = license_id.map(|id| license::license_ref::Ref::LicenseId(id.to_string()));
    license::EntitlementQuestion {
        license: Some(license::LicenseRef { r#ref: reference }),
        partner_id: String::new(),
        product_id: ticket.problem.product_id.to_string(),
        version: ticket.problem.version.clone(),
        severity: convert::severity(ticket.problem.severity).into(),
        channel: convert::channel(ticket.channel).into(),
        contact_email: ticket.contact().to_owned(),
    }
}

/// Waits for an answer, and no longer than a person would.
pub async fn within<T>(answer: impl Future<Output = Result<tonic::Response<T>, Status>>) -> Result<T, Status> {
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    answer.map_err(|_| Status::deadline_exceeded("no answer in time"))?.map(tonic::Response::into_inner)
}

/// What is said within a time, and no where nothing is.
async fn advice(patience: Duration, asked: impl Future<Output = Result<bool, Status>>) -> bool {
    let told = tokio::time::timeout(patience, asked).await;
    told.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time"))).unwrap_or_else(|status| {
        tracing::warn!(error = %status, "whether the liaison has administrative rights is not known");
        false
    })
}

/// What a caller of this service is told of a vendor's answer.
pub fn as_error(status: &Status) -> Error {
    match status.code() {
        Code::NotFound => Error::Refused {
            kind: Kind::NotFound,
            reason: Reason::NotFound,
            message: format!("the vendor says: {}", status.message()),
        },
        Code::InvalidArgument => {
            let mut violations = Violations::new();
            for (field, description) in vouch_contract::status::violations_of(status) {
                violations.add(field, format!("{description}, says the vendor"));
            }
            Error::Invalid(violations)
        }
        code => Error::Unavailable(format!("the vendor's service answered {code:?}: {}", status.message()).into()),
    }
}

/// Every finding of a refusal; where it carries none, one that says what it says.
pub fn findings(status: &Status) -> Vec<Finding> {
    if let Some(findings) = vouch_contract::status::findings(status) {
        return findings.findings;
    }
    let reason = vouch_contract::status::reason_of(status);
    let reason = vouch_contract::pb::common::v1::Reason::from_str_name(&format!("REASON_{reason}")).unwrap_or_default();
    let one = |subject: String, message: String| Finding {
        reason: reason.into(),
        weight: vouch_contract::pb::common::v1::Weight::Blocking.into(),
        subject,
        message,
        cure_by: vouch_contract::pb::common::v1::CureBy::Partner.into(),
        ..Finding::default()
    };
    let fields = vouch_contract::status::violations_of(status);
    if fields.is_empty() {
        return vec![one(String::new(), status.message().to_owned())];
    }
    fields.into_iter().map(|(field, description)| one(field, description)).collect()
}

#[cfg(test)]
mod tests {
    //! Proves S07.

    use super::*;

    #[tokio::test]
    async fn s07_what_is_advice_is_waited_for_by_nobody_and_holds_nothing_back() {
        let long = Duration::from_mins(1);
        assert!(advice(long, std::future::ready(Ok(true))).await);
        for status in [Status::unavailable("it is down"), Status::permission_denied("not yours")] {
            assert!(!advice(long, std::future::ready(Err(status))).await);
        }
        assert!(!advice(Duration::ZERO, std::future::pending()).await);
    }

    #[test]
    fn what_the_vendor_does_not_find_is_told_in_its_own_words() {
        let error = as_error(&Status::not_found("product x was not found"));
        assert_eq!(error.reason(), Reason::NotFound);
        assert_eq!(error.to_string(), "the vendor says: product x was not found");
    }
}
