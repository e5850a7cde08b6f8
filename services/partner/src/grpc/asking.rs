//! What is asked of the vendor's services before a ticket is changed: nobody holds a lock while another service thinks.

use tonic::{Request, Status};
use vouch_contract::pb::common::v1::{Reason, Weight};
use vouch_contract::pb::license::v1 as license;
use vouch_contract::pb::partner::v1 as pb;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_core::code::{ProductId, VendorId};
use vouch_core::id::TicketId;
use vouch_core::{Error, Violations, id};
use vouch_identity::Caller;

use super::Handlers;
use super::tickets::viewer_of;
use crate::commands::tickets::OpenTicket;
use crate::domain::ticket::Ticket;
use crate::links::as_error;
use crate::store::{customers, tickets};

impl Handlers {
    /// Refuses a ticket about what the directory and the vendor do not know. Where the vendor did not answer, its gate judges.
    pub(super) fn check_open(&self, command: &OpenTicket, known: Option<&[vendor::Category]>) -> Result<(), Error> {
        let mut violations = Violations::new();
        if !self.vendors.iter().any(|vendor| vendor.id == command.vendor_id.as_str()) {
            violations.add("vendor_id", format!("there is no vendor {} in the directory", command.vendor_id));
        }
        let category = &command.problem.category;
        if let Some(known) = known
            && !known.iter().any(|one| one.category == *category)
        {
            let codes: Vec<&str> = known.iter().map(|one| one.category.as_str()).collect();
            violations.add("problem.category", format!("must be one of the vendor's: {}", codes.join(", ")));
        }
        violations.finish(Some(())).map_err(Error::from)
    }

    /// The vendor's categories for the product of a new ticket, where the vendor says them.
    pub(super) async fn known_categories(
        &self,
        request: &Request<pb::OpenTicketRequest>,
    ) -> Option<Vec<vendor::Category>> {
        let caller = vouch_host::caller(request).ok()?;
        let asked = request.get_ref();
        // Nobody is asked about a request that is refused anyway.
        OpenTicket::try_from(asked.clone()).ok()?;
        let vendor_id = VendorId::parse(&asked.vendor_id).ok()?;
        let product_id = ProductId::parse(&asked.problem.as_ref()?.product_id).ok()?;
        self.categories(&caller, &vendor_id, &product_id).await.ok()
    }

    pub(super) async fn categories(
        &self,
        caller: &Caller,
        vendor_id: &VendorId,
        product_id: &ProductId,
    ) -> Result<Vec<vendor::Category>, Error> {
        // For an end user any partner organisation's way will do: what is asked is the vendor's, and the same for all.
        let partner_id = caller.partner();
        let link = self
            .links
            .all()
            .find(|link| link.vendor_id == *vendor_id && partner_id.as_ref().is_none_or(|id| *id == link.partner_id));
        let link = link.ok_or_else(|| Error::not_found("vendor", vendor_id))?;
        if let Some(known) = self.categories.known(vendor_id, product_id, self.rpc.world.now()) {
            return Ok(known);
        }
        let answer = link.policy(product_id).await.map_err(|status| as_error(&status))?;
        self.promised.learn(vendor_id, answer.diagnostics);
        let policy = answer.policy.unwrap_or_default();
        self.categories.learn(vendor_id, product_id, self.rpc.world.now(), policy.categories.clone());
        Ok(policy.categories)
    }

    /// Asks the licence service before the transaction begins: nobody holds a lock while another service thinks. What went
    /// wrong is told only if there is no stored result.
    pub(super) async fn ask_entitlement(
        &self,
        request: &Request<pb::VerifyEntitlementRequest>,
    ) -> Result<Verified, Status> {
        let Some(ticket) = self.ticket_for(request, &request.get_ref().ticket_id).await? else {
            return Ok(Verified::default());
        };
        let mut snapshot = self.rpc.store.snapshot().await.map_err(unavailable)?;
        let customer = customers::customer_fetch(&mut snapshot, &ticket.partner_id, ticket.customer_id).await;
        let customer = customer.map_err(unavailable)?;
        drop(snapshot);
        let license_id = customer.and_then(|customer| customer.licenses.get(&ticket.vendor_id).copied());
        let link = self.links.get(&ticket.partner_id, &ticket.vendor_id).map_err(unavailable)?;
        let answer = match license_id {
            Some(_) => link.check(&ticket, license_id, 0).await?,
            None => super::view::no_license(),
        };
        let contact_has_rights = match &answer.cover {
            Some(cover) if !cover.contact_id.is_empty() => {
                link.has_rights(&cover.end_user_id, &cover.contact_id, ticket.contact()).await
            }
            Some(_) | None => false,
        };
        let status = entitlement(&ticket, answer);
        Ok(Verified { asked_at_revision: Some(ticket.revision), status, contact_has_rights })
    }

    pub(super) async fn ask_knowledge(
        &self,
        request: &Request<pb::SearchKnowledgeRequest>,
    ) -> Result<Vec<vendor::Article>, Status> {
        let Some(ticket) = self.ticket_for(request, &request.get_ref().ticket_id).await? else { return Ok(Vec::new()) };
        let link = self.links.get(&ticket.partner_id, &ticket.vendor_id).map_err(unavailable)?;
        link.search(&ticket.problem.product_id, &request.get_ref().query).await
    }

    /// The ticket that a request names, if its caller may see it; the transaction says what is wrong otherwise.
    async fn ticket_for<Q>(&self, request: &Request<Q>, ticket_id: &str) -> Result<Option<Ticket>, Status> {
        let caller = vouch_host::caller(request).map_err(unavailable)?;
        let Ok(id): Result<TicketId, _> = id::parse(ticket_id) else { return Ok(None) };
        let Ok(viewer) = viewer_of(&caller) else { return Ok(None) };
        let mut snapshot = self.rpc.store.snapshot().await.map_err(unavailable)?;
        tickets::ticket_fetch(&mut snapshot, &viewer, id).await.map_err(unavailable)
    }
}

/// What the licence service said about a ticket's end user.
#[derive(Debug, Default)]
pub(super) struct Verified {
    /// Of which revision of the ticket; `None` where there is no such ticket.
    pub asked_at_revision: Option<i64>,
    /// The answer.
    pub status: pb::EntitlementStatus,
    /// Whether the contact is marked as having administrative rights on the product.
    pub contact_has_rights: bool,
}

/// The licence service's answer as a ticket keeps it. That no incident is left speaks against nothing where the ticket has its own.
fn entitlement(ticket: &Ticket, answer: license::EntitlementAnswer) -> pb::EntitlementStatus {
    let is_entitled = answer.verdict() == license::Verdict::Entitled;
    let mut findings = answer.findings;
    let has_its_incident = ticket.has_its_incident();
    if has_its_incident {
        for finding in findings.iter_mut().filter(|finding| finding.reason() == Reason::IncidentsExhausted) {
            finding.set_weight(Weight::Warning);
        }
    }
    pb::EntitlementStatus {
        entitled: is_entitled
            || (has_its_incident && findings.iter().all(|finding| finding.weight() == Weight::Warning)),
        tier_id: answer.cover.unwrap_or_default().tier_id,
        findings,
        checked_at: None,
    }
}

/// What went wrong on this side before a vendor was asked: for the log, by way of the answer that the transaction gives.
fn unavailable(error: impl std::fmt::Display) -> Status {
    Status::unavailable(error.to_string())
}
