//! Reading the requests about tickets.

use jiff::Timestamp;
use vouch_contract::convert::{instant, read_channel, read_step_marks};
use vouch_contract::escalation;
use vouch_contract::pb::partner::v1 as pb;
use vouch_core::code::{ProductId, VendorId};
use vouch_core::escalation::Problem;
use vouch_core::id::{BundleId, CustomerId, TicketId};
use vouch_core::{StepMarks, Violations, id, short_number, text};
use vouch_host::Page;

use crate::commands::tickets::OpenTicket;
use crate::domain::ticket::{Audience, Recorded};

/// The list of tickets, in page tokens.
pub(super) const TICKETS: &str = "tickets";
/// The longest text of a note.
const LONG: usize = 20_000;

/// One ticket, by one of its names.
#[derive(Debug, Clone)]
pub(super) enum Named {
    Id(TicketId),
    Number(u64),
}

/// One ticket to be shown.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub named: Named,
    /// With the originals in the place of pseudonyms.
    pub translate: bool,
}

/// A page of tickets.
#[derive(Debug, Clone)]
pub(super) struct Listed(pub Page);

/// A vendor's product.
#[derive(Debug, Clone)]
pub(super) struct OfProduct {
    pub vendor_id: VendorId,
    pub product_id: ProductId,
}

/// A step of a ticket that needs nothing but the ticket, by the request that asks for it.
#[derive(Debug, Clone)]
pub(super) struct Step<Q> {
    pub id: TicketId,
    asked_by: std::marker::PhantomData<Q>,
}

/// A step of a ticket with words to it, by the request that asks for it.
#[derive(Debug, Clone)]
pub(super) struct Said<Q> {
    pub id: TicketId,
    pub text: String,
    pub marks: StepMarks,
    asked_by: std::marker::PhantomData<Q>,
}

/// A ticket to be adopted.
#[derive(Debug, Clone)]
pub(super) struct Adopt {
    pub id: TicketId,
    pub liaison_email: String,
}

/// A search.
#[derive(Debug, Clone)]
pub(super) struct Search {
    pub id: TicketId,
    pub query: String,
}

/// Another statement of the problem.
#[derive(Debug, Clone)]
pub(super) struct Restate {
    pub id: TicketId,
    pub etag: String,
    pub problem: Problem,
}

/// Something that was done.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub id: TicketId,
    pub what: Recorded,
}

/// The end user's word on the statement.
#[derive(Debug, Clone)]
pub(super) struct Confirm {
    pub id: TicketId,
    pub etag: String,
}

/// A note.
#[derive(Debug, Clone)]
pub(super) struct WriteNote {
    pub id: TicketId,
    pub audience: Audience,
    pub text: String,
    pub marks: StepMarks,
}

/// A hand-over.
#[derive(Debug, Clone)]
pub(super) struct Escalate {
    pub id: TicketId,
    pub bundle_id: BundleId,
}

/// A withdrawal.
#[derive(Debug, Clone)]
pub(super) struct Withdraw {
    pub id: TicketId,
    pub reason: String,
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub id: TicketId,
    pub text: String,
    pub bundle_id: Option<BundleId>,
}

/// The end user's word on a solution.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    pub id: TicketId,
    pub works: bool,
    pub remarks: String,
}

/// That the end user was told.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    pub id: TicketId,
    pub told_at: Option<Timestamp>,
}

/// Reads a request about one ticket: its id, and the rest.
fn about<T>(ticket_id: &str, read: impl FnOnce(TicketId, &mut Violations) -> Option<T>) -> Result<T, Violations> {
    let mut violations = Violations::new();
    // The rest is read for any ticket, so that all that is wrong is told at once.
    let id = violations.take("ticket_id", id::parse(ticket_id));
    let nobodys = vouch_core::id::Id::from_uuid(vouch_core::id::nil());
    let command = read(id.unwrap_or(nobodys), &mut violations);
    violations.finish(command)
}

impl TryFrom<pb::GetTicketRequest> for Shown {
    type Error = Violations;

    fn try_from(request: pb::GetTicketRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let named = match (request.ticket_id.as_str(), request.number.as_str()) {
            (id, "") => violations.take("ticket_id", id::parse(id)).map(Named::Id),
            ("", number) => violations.take("number", short_number::parse(number)).map(Named::Number),
            (_, _) => violations.take("number", Err("must be empty beside a ticket_id")),
        };
        violations.finish(named.map(|named| Self { named, translate: request.translate }))
    }
}

impl TryFrom<pb::VerifyEntitlementRequest> for Step<pb::VerifyEntitlementRequest> {
    type Error = Violations;

    fn try_from(request: pb::VerifyEntitlementRequest) -> Result<Self, Violations> {
        about(&request.ticket_id, |id, _| Some(Self { id, asked_by: std::marker::PhantomData }))
    }
}

impl TryFrom<pb::TurnOverTicketRequest> for Step<pb::TurnOverTicketRequest> {
    type Error = Violations;

    fn try_from(request: pb::TurnOverTicketRequest) -> Result<Self, Violations> {
        about(&request.ticket_id, |id, _| Some(Self { id, asked_by: std::marker::PhantomData }))
    }
}

/// Reads a request about one ticket with words to it, and with the marks of the step that they tell.
fn said<Q>(ticket_id: &str, (field, text): (&str, &str), longest: usize, marks: &[i32]) -> Result<Said<Q>, Violations> {
    about(ticket_id, |id, v| {
        let text = v.take(field, text::paragraph(text, longest));
        let marks = read_step_marks(marks, v);
        Some(Said { id, text: text?, marks, asked_by: std::marker::PhantomData })
    })
}

impl TryFrom<pb::AnswerTicketRequest> for Said<pb::AnswerTicketRequest> {
    type Error = Violations;

    fn try_from(request: pb::AnswerTicketRequest) -> Result<Self, Violations> {
        said(&request.ticket_id, ("answer", &request.answer), LONG, &request.marks)
    }
}

impl TryFrom<pb::CloseTicketRequest> for Said<pb::CloseTicketRequest> {
    type Error = Violations;

    fn try_from(request: pb::CloseTicketRequest) -> Result<Self, Violations> {
        said(&request.ticket_id, ("summary", &request.summary), LONG, &[])
    }
}

impl TryFrom<pb::KeepTicketRequest> for Said<pb::KeepTicketRequest> {
    type Error = Violations;

    fn try_from(request: pb::KeepTicketRequest) -> Result<Self, Violations> {
        said(&request.ticket_id, ("note", &request.note), 2000, &[])
    }
}

impl TryFrom<pb::ListTicketsRequest> for Listed {
    type Error = Violations;

    fn try_from(request: pb::ListTicketsRequest) -> Result<Self, Violations> {
        Page::read(request.page, TICKETS).map(Self)
    }
}

impl TryFrom<pb::ListCategoriesRequest> for OfProduct {
    type Error = Violations;

    fn try_from(request: pb::ListCategoriesRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let vendor_id = violations.take("vendor_id", VendorId::parse(&request.vendor_id));
        let product_id = violations.take("product_id", ProductId::parse(&request.product_id));
        let command = vendor_id.zip(product_id).map(|(vendor_id, product_id)| Self { vendor_id, product_id });
        violations.finish(command)
    }
}

/// Reads a problem as a ticket demands it (M07): category and the time to reach the end user are mandatory beside what every
/// problem has.
fn read_problem(problem: pb::Problem, v: &mut Violations) -> Option<Problem> {
    v.refuse_set("confirmed_at", problem.confirmed_at.is_some());
    if problem.category.is_empty() {
        v.add("category", "is required: one of the vendor's categories");
    }
    if problem.contact_times.is_none() {
        v.add("contact_times", "is required: when the end user can be reached");
    }
    escalation::read_problem(problem, v)
}

impl TryFrom<pb::OpenTicketRequest> for OpenTicket {
    type Error = Violations;

    fn try_from(request: pb::OpenTicketRequest) -> Result<Self, Violations> {
        let mut v = Violations::new();
        let customer_id: Option<Option<CustomerId>> = match request.customer_id.as_str() {
            "" => Some(None),
            named => v.take("customer_id", id::parse(named)).map(Some),
        };
        // Left out, it is that of an end user's token.
        let contact_email = match request.contact_email.as_str() {
            "" => Some(String::new()),
            named => v.take("contact_email", text::email(named)),
        };
        let vendor_id = v.take("vendor_id", VendorId::parse(&request.vendor_id));
        let problem = v.nested("problem", request.problem, read_problem);
        let channel = v.take("channel", read_channel(request.channel));
        let command = (|| {
            Some(Self {
                customer_id: customer_id?,
                contact_email: contact_email?,
                vendor_id: vendor_id?,
                problem: problem?,
                channel: channel?,
                test_case: request.test_case,
            })
        })();
        v.finish(command)
    }
}

impl TryFrom<pb::AdoptTicketRequest> for Adopt {
    type Error = Violations;

    fn try_from(request: pb::AdoptTicketRequest) -> Result<Self, Violations> {
        about(&request.ticket_id, |id, v| {
            let liaison_email = v.take("liaison_email", text::email(&request.liaison_email))?;
            Some(Self { id, liaison_email })
        })
    }
}

impl TryFrom<pb::SearchKnowledgeRequest> for Search {
    type Error = Violations;

    fn try_from(request: pb::SearchKnowledgeRequest) -> Result<Self, Violations> {
        about(&request.ticket_id, |id, v| {
            let query = v.take("query", text::line(&request.query, 200))?;
            Some(Self { id, query })
        })
    }
}

impl TryFrom<pb::UpdateProblemRequest> for Restate {
    type Error = Violations;

    fn try_from(request: pb::UpdateProblemRequest) -> Result<Self, Violations> {
        about(&request.ticket_id, |id, v| {
            let etag = v.take("etag", text::line(&request.etag, 64));
            let problem = v.nested("problem", request.problem, read_problem);
            Some(Self { id, etag: etag?, problem: problem? })
        })
    }
}

impl TryFrom<pb::RecordTroubleshootingRequest> for Record {
    type Error = Violations;

    fn try_from(request: pb::RecordTroubleshootingRequest) -> Result<Self, Violations> {
        use pb::record_troubleshooting_request::Record as Sent;
        about(&request.ticket_id, |id, v| {
            let what = match request.record {
                None => {
                    v.add("step", "is required, or replication");
                    None
                }
                Some(Sent::Step(step)) => v.nested("step", Some(step), escalation::read_step).map(Recorded::Step),
                Some(Sent::Replication(replication)) => {
                    v.nested("replication", Some(replication), escalation::read_replication).map(Recorded::Replication)
                }
            };
            Some(Self { id, what: what? })
        })
    }
}

impl TryFrom<pb::ConfirmStatementRequest> for Confirm {
    type Error = Violations;

    fn try_from(request: pb::ConfirmStatementRequest) -> Result<Self, Violations> {
        about(&request.ticket_id, |id, v| {
            let etag = v.take("etag", text::line(&request.etag, 64))?;
            Some(Self { id, etag })
        })
    }
}

impl TryFrom<pb::AddNoteRequest> for WriteNote {
    type Error = Violations;

    fn try_from(request: pb::AddNoteRequest) -> Result<Self, Violations> {
        about(&request.ticket_id, |id, v| {
            let audience = match pb::Audience::try_from(request.audience) {
                Ok(pb::Audience::EndUser) => Some(Audience::EndUser),
                Ok(pb::Audience::Vendor) => Some(Audience::Vendor),
                Ok(pb::Audience::Internal) => Some(Audience::Internal),
                Ok(pb::Audience::Unspecified) => v.take("audience", Err("is required")),
                Err(_) => v.take("audience", Err(format!("has the unknown value {}", request.audience))),
            };
            let text = v.take("text", text::paragraph(&request.text, LONG));
            let marks = read_step_marks(&request.marks, v);
            Some(Self { id, audience: audience?, text: text?, marks })
        })
    }
}

impl TryFrom<pb::EscalateTicketRequest> for Escalate {
    type Error = Violations;

    fn try_from(request: pb::EscalateTicketRequest) -> Result<Self, Violations> {
        about(&request.ticket_id, |id, v| {
            let bundle_id = v.take("bundle_id", id::parse(&request.bundle_id))?;
            Some(Self { id, bundle_id })
        })
    }
}

impl TryFrom<pb::WithdrawTicketEscalationRequest> for Withdraw {
    type Error = Violations;

    fn try_from(request: pb::WithdrawTicketEscalationRequest) -> Result<Self, Violations> {
        about(&request.ticket_id, |id, v| {
            let reason = v.take("reason", text::paragraph(&request.reason, 2000))?;
            Some(Self { id, reason })
        })
    }
}

impl TryFrom<pb::AnswerVendorRequest> for Answer {
    type Error = Violations;

    fn try_from(request: pb::AnswerVendorRequest) -> Result<Self, Violations> {
        about(&request.ticket_id, |id, v| {
            let text = v.take("text", text::paragraph(&request.text, LONG));
            let bundle_id: Option<Option<BundleId>> = match request.bundle_id.as_str() {
                "" => Some(None),
                named => v.take("bundle_id", id::parse(named)).map(Some),
            };
            Some(Self { id, text: text?, bundle_id: bundle_id? })
        })
    }
}

impl TryFrom<pb::ConfirmSolutionRequest> for Judge {
    type Error = Violations;

    fn try_from(request: pb::ConfirmSolutionRequest) -> Result<Self, Violations> {
        about(&request.ticket_id, |id, v| {
            let remarks = match (request.works, request.remarks.as_str()) {
                (true, "") => Some(String::new()),
                (_, remarks) => v.take("remarks", text::paragraph(remarks, LONG)),
            };
            Some(Self { id, works: request.works, remarks: remarks? })
        })
    }
}

impl TryFrom<pb::MarkTicketReadyToCloseRequest> for Ready {
    type Error = Violations;

    fn try_from(request: pb::MarkTicketReadyToCloseRequest) -> Result<Self, Violations> {
        about(&request.ticket_id, |id, v| {
            let told_at = match request.told_at {
                None => Some(None),
                Some(at) => v.take("told_at", instant(&at)).map(Some),
            };
            Some(Self { id, told_at: told_at? })
        })
    }
}
