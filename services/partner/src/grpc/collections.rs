//! Reading what is asked about collection tickets and tables of pseudonyms, and showing what was issued.

use vouch_contract::convert::timestamp;
use vouch_contract::pb::partner::v1 as pb;
use vouch_core::code::ProfileTitle;
use vouch_core::{Violations, id, text};
use vouch_diagnostics::pseudonyms::MAX_TABLE_BYTES;

use super::diagnostics::{OfTicket, of_ticket};
use crate::commands::collections::{Issue, Issued};
use crate::commands::pseudonyms::Put;
use crate::domain::collection::{Asked, Wanted, is_collector};

/// The most collectors, and the most questions.
const MAX_NAMED: usize = 100;
/// The longest question.
const MAX_QUESTION: usize = 2000;
/// The longest text that is translated.
const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// A text to be translated.
#[derive(Debug, Clone)]
pub(super) struct Translate(pub OfTicket<String>);

impl TryFrom<pb::IssueCollectionTicketRequest> for Issue {
    type Error = Violations;

    fn try_from(request: pb::IssueCollectionTicketRequest) -> Result<Self, Violations> {
        let OfTicket { ticket_id, what: (asked, questions) } = of_ticket(&request.ticket_id, |v| {
            let profile = match request.profile.as_str() {
                "" if request.for_vendor_request => Some(None),
                named => v.take("profile", ProfileTitle::parse(named)).map(Some),
            };
            let collectors = read_collectors(&request, v);
            let questions = read_questions(&request.questions, v);
            let asked = match (profile?, request.for_vendor_request) {
                (Some(profile), false) => Asked::Named(Wanted { profile, collectors }),
                (profile, _) => Asked::ForVendorRequest(profile),
            };
            Some((asked, questions))
        })?;
        Ok(Self { ticket_id, asked, questions })
    }
}

fn read_collectors(request: &pb::IssueCollectionTicketRequest, v: &mut Violations) -> Vec<String> {
    let named = &request.collectors;
    if request.for_vendor_request && !named.is_empty() {
        v.add("collectors", "must be empty beside for_vendor_request");
    }
    if named.len() > MAX_NAMED {
        v.add("collectors", format!("must be at most {MAX_NAMED}"));
        return Vec::new();
    }
    for (index, _) in named.iter().enumerate().filter(|(_, name)| !is_collector(name)) {
        v.add(format!("collectors[{index}]"), "must be a collector's name: letters, digits, hyphens, underscores");
    }
    named.clone()
}

fn read_questions(questions: &[String], v: &mut Violations) -> Vec<String> {
    if questions.len() > MAX_NAMED {
        v.add("questions", format!("must be at most {MAX_NAMED}"));
        return Vec::new();
    }
    let read = |(index, question): (usize, &String)| {
        v.take(&format!("questions[{index}]"), text::paragraph(question, MAX_QUESTION))
    };
    questions.iter().enumerate().filter_map(read).collect()
}

impl TryFrom<pb::PutPseudonymsRequest> for Put {
    type Error = Violations;

    fn try_from(request: pb::PutPseudonymsRequest) -> Result<Self, Violations> {
        let OfTicket { ticket_id, what: (bundle_id, sealed) } = of_ticket(&request.ticket_id, |v| {
            let bundle_id = v.take("bundle_id", id::parse(&request.bundle_id));
            let fits = (1..=MAX_TABLE_BYTES).contains(&request.sealed.len());
            let sealed = v.take("sealed", fits.then(|| request.sealed.to_vec()).ok_or("must be 1 byte to 4 MiB"));
            bundle_id.zip(sealed)
        })?;
        Ok(Self { ticket_id, bundle_id, sealed })
    }
}

impl TryFrom<pb::TranslatePseudonymsRequest> for Translate {
    type Error = Violations;

    fn try_from(request: pb::TranslatePseudonymsRequest) -> Result<Self, Violations> {
        let pb::TranslatePseudonymsRequest { ticket_id, text } = request;
        // Whatever was copied out of a log: no sign is refused.
        let fits = (1..=MAX_TEXT_BYTES).contains(&text.len());
        of_ticket(&ticket_id, |v| v.take("text", fits.then_some(text).ok_or("must be 1 byte to 1 MiB"))).map(Self)
    }
}

impl From<Issued> for pb::IssueCollectionTicketResponse {
    fn from(issued: Issued) -> Self {
        let Issued { ticket, recipient, file, profile_known } = issued;
        let collection_ticket = pb::CollectionTicket {
            collection_ticket_id: ticket.id.to_string(),
            ticket_id: ticket.ticket_id.to_string(),
            profile: ticket.wanted.profile.to_string(),
            collectors: ticket.wanted.collectors,
            questions: ticket.questions,
            recipient: recipient.to_string(),
            issue_time: Some(timestamp(ticket.issued_at)),
        };
        Self { collection_ticket: Some(collection_ticket), file, profile_known }
    }
}
