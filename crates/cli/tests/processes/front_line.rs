//! What an agent does with a ticket, over RPC, from outside.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tonic::transport::Channel;
use vouch_contract::convert::timestamp;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::diagnostics_service_client::DiagnosticsServiceClient;
use vouch_contract::pb::partner::v1::end_user_service_client::EndUserServiceClient;
use vouch_contract::pb::partner::v1::record_troubleshooting_request::Record;
use vouch_contract::pb::partner::v1::ticket_service_client::TicketServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::bundle_desk_service_client::BundleDeskServiceClient;
use vouch_contract::pb::vendor::v1::case_desk_service_client::CaseDeskServiceClient;
use vouch_core::World;
use vouch_diagnostics::{Digest, Entry, Manifest, Masked, Redaction};
use vouch_host::client::{self, ClientTls};
use vouch_host::testing::{BearerChannel, fresh, with_bearer};

use crate::vouch;

/// A channel to a service, with the token of somebody of the data folder.
fn channel(data: &Path, address: SocketAddr, service: &str, role: &str) -> BearerChannel {
    let authority = std::fs::read(data.join("authority/vendor.pem")).unwrap();
    let tls = Arc::new(ClientTls::new(&authority, None).unwrap());
    let channel: Channel = client::channel(&format!("https://{address}"), tls).unwrap();
    let token = vouch().args(["token", "--as", role, "--service", service, "--data"]).arg(data).output().unwrap();
    assert!(token.status.success(), "{}", String::from_utf8_lossy(&token.stderr));
    with_bearer(channel, String::from_utf8_lossy(&token.stdout).trim())
}

/// An agent of the sample partner.
pub(crate) struct Agent {
    pub(crate) tickets: TicketServiceClient<BearerChannel>,
    pub(crate) diagnostics: DiagnosticsServiceClient<BearerChannel>,
    customer_id: String,
}

impl Agent {
    pub(crate) async fn at(data: &Path, address: SocketAddr) -> Self {
        let channel = channel(data, address, "partner", "agent");
        let mut end_users = EndUserServiceClient::new(channel.clone());
        let listed = end_users.list_customers(partner::ListCustomersRequest::default()).await.unwrap().into_inner();
        Self {
            tickets: TicketServiceClient::new(channel.clone()),
            diagnostics: DiagnosticsServiceClient::new(channel),
            customer_id: listed.customers[0].customer_id.clone(),
        }
    }

    pub(crate) async fn ticket(&self, ticket_id: &str) -> Option<partner::Ticket> {
        let request = partner::GetTicketRequest { ticket_id: ticket_id.into(), ..Default::default() };
        self.tickets.clone().get_ticket(request).await.ok()?.into_inner().ticket
    }

    /// A ticket with everything that the vendor requires, and its bundle.
    pub(crate) async fn worked_ticket(&self) -> (String, String) {
        let ticket_id = self.ready_ticket().await;
        let bundle_id = self.upload(&ticket_id).await;
        (ticket_id, bundle_id)
    }

    /// A ticket with everything that the vendor requires but a bundle.
    pub(crate) async fn ready_ticket(&self) -> String {
        let mut tickets = self.tickets.clone();
        let range = vendor::ContactRange { weekdays: vec![], from: "09:00".into(), until: "17:00".into() };
        let problem = partner::Problem {
            product_id: "atlas-server".into(),
            version: "7.2.1".into(),
            category: "printing".into(),
            severity: common::Severity::Two.into(),
            impact: "nobody prints".into(),
            subject: "No jobs".into(),
            description: "Nothing is printed.".into(),
            language: "en".into(),
            environment: Some(vendor::OperatingEnvironment { kind: "production".into(), ..Default::default() }),
            origin: vendor::ProblemOrigin::Product.into(),
            contact_times: Some(vendor::ContactTimes { zone: "Europe/Berlin".into(), ranges: vec![range] }),
            ..Default::default()
        };
        let open = partner::OpenTicketRequest {
            request_id: fresh(),
            customer_id: self.customer_id.clone(),
            contact_email: "ada@contoso.example".into(),
            vendor_id: "acme".into(),
            problem: Some(problem),
            channel: common::Channel::Portal.into(),
            test_case: false,
        };
        let id = tickets.open_ticket(open).await.unwrap().into_inner().ticket.unwrap().ticket_id;
        let verify = partner::VerifyEntitlementRequest { request_id: fresh(), ticket_id: id.clone() };
        // Another service may have been killed a moment ago: repeated with their request ids, as their caller would.
        until(async || tickets.clone().verify_entitlement(verify.clone()).await.ok()).await;
        let search =
            partner::SearchKnowledgeRequest { request_id: fresh(), ticket_id: id.clone(), query: "disk".into() };
        until(async || tickets.clone().search_knowledge(search.clone()).await.ok()).await;
        let now = Some(timestamp(World::system().now()));
        let step = vendor::TroubleshootingStep {
            action: "restarted".into(),
            finding: "no change".into(),
            done_at: now,
            ..Default::default()
        };
        let replication = vendor::Replication { reproduced: true, unmodified: true, notes: "shows".into() };
        let mut etag = String::new();
        for record in [Record::Step(step), Record::Replication(replication)] {
            let request = partner::RecordTroubleshootingRequest {
                request_id: fresh(),
                ticket_id: id.clone(),
                record: Some(record),
            };
            etag = tickets.record_troubleshooting(request).await.unwrap().into_inner().ticket.unwrap().etag;
        }
        let confirm = partner::ConfirmStatementRequest { request_id: fresh(), ticket_id: id.clone(), etag };
        tickets.confirm_statement(confirm).await.unwrap();
        id
    }

    async fn upload(&self, ticket_id: &str) -> String {
        // Every bundle is another one: what is there already would not travel.
        let content = format!("collected for {ticket_id}\n").into_bytes();
        let entries = ["os", "hardware", "disks", "processes"].map(|collector| Entry {
            path: format!("{collector}.txt"),
            media_type: "text/plain".into(),
            size_bytes: content.len() as u64,
            sha256: Digest::of(&content),
            collector: collector.into(),
            failed: None,
            packed: None,
            masked: Masked::default(),
        });
        let manifest = Manifest {
            format: 1,
            profile: "linux-host/1".into(),
            ticket: None,
            pseudonyms_for: None,
            collected_at: World::system().now(),
            redaction: Redaction { policy: "standard/1".into(), policy_sha256: Digest::of(b"policy"), coverage: None },
            packs: Vec::new(),
            entries: entries.to_vec(),
        };
        let (manifest, _) = manifest.write().unwrap();
        self.commit(ticket_id, &manifest, vec![content]).await
    }

    async fn commit(&self, ticket_id: &str, manifest: &[u8], mut contents: Vec<Vec<u8>>) -> String {
        let mut diagnostics = self.diagnostics.clone();
        contents.push(manifest.to_vec());
        let blob = |content: &[u8]| vendor::BlobRef {
            sha256: Digest::of(content).0.to_vec().into(),
            size_bytes: i64::try_from(content.len()).unwrap(),
        };
        for content in contents {
            let request = partner::WriteBlobRequest {
                ticket_id: ticket_id.into(),
                blob: Some(blob(&content)),
                offset_bytes: 0,
                part: content.into(),
            };
            diagnostics.write_blob(tokio_stream::iter([request])).await.unwrap();
        }
        let request = partner::CommitBundleRequest { ticket_id: ticket_id.into(), manifest: Some(blob(manifest)) };
        diagnostics.commit_bundle(request).await.unwrap().into_inner().bundle.unwrap().bundle_id
    }
}

/// An engineer of the sample vendor.
pub(crate) fn desk(data: &Path, address: SocketAddr) -> CaseDeskServiceClient<BearerChannel> {
    CaseDeskServiceClient::new(channel(data, address, "vendor", "engineer"))
}

/// The bundles that an engineer may read.
pub(crate) fn bundle_desk(data: &Path, address: SocketAddr) -> BundleDeskServiceClient<BearerChannel> {
    BundleDeskServiceClient::new(channel(data, address, "vendor", "engineer"))
}

/// Asks again and again until there is an answer, for at most as long as a test may take. Nothing sleeps: each question is an RPC.
pub(crate) async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let answered = tokio::time::timeout(Duration::from_mins(1), async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    });
    answered.await.unwrap()
}
