//! Events, cases and decisions as the contract has them: what is hashed and passed on as bytes, and never written anew.

use prost::{Message, Name};
use vouch_contract::convert::{finding, severity, step_marks, timestamp};
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::short_number;

use crate::domain::admission::Decision;
use crate::domain::case::{Case, CaseEvent, CaseState};
use crate::domain::coverage::FIRST_RESPONSE;
use crate::store::history::StoredEvent;

/// The payload of an event: the full name of its message, and the message encoded.
pub fn encode(event: &CaseEvent) -> (String, Vec<u8>) {
    match event.clone() {
        CaseEvent::Accepted(case) => named(&pb::CaseAccepted { case: Some(case_message(&case)) }),
        CaseEvent::Claimed { engineer } => named(&pb::CaseClaimed { engineer }),
        CaseEvent::Note { id, text, marks } => {
            named(&pb::SharedNote { note_id: id.to_string(), text, marks: step_marks(&marks) })
        }
        CaseEvent::InformationRequested { questions, collectors, profile, marks } => {
            let profile = profile.map(|profile| profile.to_string()).unwrap_or_default();
            named(&pb::InformationRequested { questions, collectors, profile, marks: step_marks(&marks) })
        }
        CaseEvent::InformationProvided { text, bundle_id } => {
            let bundle_id = bundle_id.map(|id| id.to_string()).unwrap_or_default();
            named(&pb::InformationProvided { text, bundle_id })
        }
        CaseEvent::SolutionProvided { text, article_ids, marks } => {
            let article_ids = article_ids.iter().map(ToString::to_string).collect();
            named(&pb::SolutionProvided { text, article_ids, marks: step_marks(&marks) })
        }
        CaseEvent::SolutionDeclined { remarks } => named(&pb::SolutionDeclined { remarks }),
        CaseEvent::MarkedReadyToClose { confirmed_at, told_at } => named(&pb::MarkedReadyToClose {
            confirmed_at: Some(timestamp(confirmed_at)),
            told_at: Some(timestamp(told_at)),
        }),
        CaseEvent::Closed { summary } => named(&pb::CaseClosed { summary }),
        CaseEvent::DutiesNotDone { missing } => named(&pb::DutiesNotDone { missing }),
        CaseEvent::DutiesCompleted { text, bundle_id, has_rights: _ } => {
            let bundle_id = bundle_id.map(|id| id.to_string()).unwrap_or_default();
            named(&pb::DutiesCompleted { text, bundle_id })
        }
        CaseEvent::LiaisonChanged { from, to, notice_id, has_rights } => named(&pb::LiaisonChanged {
            from_contact_id: from,
            to_contact_id: to.to_string(),
            liaison_notice_id: notice_id.to_string(),
            administrative_rights: has_rights,
        }),
        CaseEvent::Withdrawn { reason } => named(&pb::CaseWithdrawn { reason }),
    }
}

fn named<M: Message + Name>(message: &M) -> (String, Vec<u8>) {
    (M::full_name(), message.encode_to_vec())
}

/// An event of the history as the wire has it.
pub fn event_message(event: StoredEvent) -> pb::CaseEvent {
    pb::CaseEvent {
        case_id: event.case_id.to_string(),
        sequence: event.sequence,
        type_name: event.type_name,
        payload: event.payload.into(),
        salt: event.salt.into(),
        previous_hash: event.previous_hash.to_vec().into(),
        hash: event.hash.to_vec().into(),
        actor: event.actor,
        committed_at: Some(timestamp(event.committed_at)),
        origin: event.origin,
        content_hash: event.content_hash.to_vec().into(),
    }
}

/// How many bytes of payload, of findings and of notes one message carries: well under the 4 MiB that clients take by default.
const PAYLOAD_BYTES: usize = 1024 * 1024;

/// The room that a message has for what it lists, one list after another.
#[derive(Debug)]
pub struct Room(usize);

impl Room {
    /// All of it.
    pub fn whole() -> Self {
        Self(PAYLOAD_BYTES)
    }

    /// How many things of these sizes fit what is left, in their order; at least one, so that a reader comes to the end of every list.
    pub fn take(&mut self, sizes: impl Iterator<Item = usize>) -> usize {
        let mut taken = 0;
        for size in sizes {
            if size > self.0 && taken > 0 {
                break;
            }
            taken += 1;
            self.0 = self.0.saturating_sub(size);
        }
        taken.max(1)
    }
}

/// How many of these events fit one message, in their order; at least one.
pub fn fitting<'e>(events: impl Iterator<Item = &'e StoredEvent>, room: &mut Room) -> usize {
    room.take(events.map(|event| event.payload.len()))
}

/// A case as the wire has it.
pub fn case_message(case: &Case) -> pb::Case {
    let cover = &case.cover;
    pb::Case {
        case_id: case.id.to_string(),
        number: short_number::show(case.number),
        escalation_id: case.escalation_id.to_string(),
        ticket_number: case.ticket_number.clone(),
        state: state(case.state).into(),
        // Nobody but the first level takes cases yet.
        level: pb::SupportLevel::First.into(),
        severity: severity(case.severity).into(),
        subject: case.subject.clone(),
        product_id: case.product_id.to_string(),
        version: case.version.clone(),
        cover: Some(pb::FrozenCover {
            end_user_id: cover.end_user_id.to_string(),
            contact_id: cover.contact_id.clone(),
            license_id: cover.license_id.to_string(),
            license_revision: cover.license_revision,
            agreement_id: cover.agreement_id.map(|id| id.to_string()).unwrap_or_default(),
            tier_id: cover.tier_id.clone(),
            coverage: cover.coverage.clone(),
        }),
        bundle_id: case.bundle_id.to_string(),
        promised: case
            .first_response_due
            .map(|due| pb::PromisedTime {
                target: FIRST_RESPONSE.into(),
                due_at: Some(timestamp(due)),
                done_at: case.first_response_at.map(timestamp),
            })
            .into_iter()
            .collect(),
        receipt: case.receipt.clone(),
        accept_time: Some(timestamp(case.accepted_at)),
        etag: format!("v{}", case.revision),
        test_case: case.test_case,
        engineer: case.engineer.clone().unwrap_or_default(),
        liaison_contact_id: case.liaison.clone(),
        liaison_administrative_rights: case.liaison_has_rights,
    }
}

/// A decision as the wire has it.
pub fn decision_message(decision: &Decision) -> pb::AdmissionDecision {
    let revocation = match decision.revocation {
        None => pb::RevocationCheck::Unspecified,
        Some(revocation) if revocation.is_checked() => pb::RevocationCheck::Checked,
        Some(_) => pb::RevocationCheck::Unknown,
    };
    pb::AdmissionDecision {
        accepted: decision.accepts(),
        findings: decision.findings.clone().into_sorted().iter().map(finding).collect(),
        policy_version: decision.policy_version,
        decided_at: Some(timestamp(decision.decided_at)),
        revocation: revocation.into(),
    }
}

/// A state as the wire has it.
pub fn state(state: CaseState) -> pb::CaseState {
    match state {
        CaseState::Accepted => pb::CaseState::Accepted,
        CaseState::InProgress => pb::CaseState::InProgress,
        CaseState::AwaitingPartner => pb::CaseState::AwaitingPartner,
        CaseState::WithDevelopment => pb::CaseState::WithDevelopment,
        CaseState::Restored => pb::CaseState::Restored,
        CaseState::SolutionProvided => pb::CaseState::SolutionProvided,
        CaseState::ReadyToClose => pb::CaseState::ReadyToClose,
        CaseState::Closed => pb::CaseState::Closed,
        CaseState::DutiesNotDone => pb::CaseState::DutiesNotDone,
        CaseState::Withdrawn => pb::CaseState::Withdrawn,
    }
}

#[cfg(test)]
mod tests {
    //! Proves S07.

    use vouch_core::{StepMark, StepMarks, World};

    use super::*;

    #[test]
    fn s07_an_event_without_marks_is_encoded_as_it_was_before_there_were_any() {
        let id = World::system().id();
        let (to, notice_id) = (World::system().id(), World::system().id());
        let text = "Restart it.".to_owned();
        // Each field of text: its number, its length, and what it says.
        let texts = |texts: &[(u8, &str)]| {
            let one = |(number, text): &(u8, &str)| {
                [&[number << 3 | 2, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
            };
            texts.iter().flat_map(one).collect::<Vec<u8>>()
        };
        let marked = || StepMark::ALL.into_iter().collect::<StepMarks>();
        let note = |marks| CaseEvent::Note { id, text: text.clone(), marks };
        let asked = |marks| {
            let (questions, collectors) = (vec![text.clone()], vec!["disks".to_owned()]);
            CaseEvent::InformationRequested { questions, collectors, profile: None, marks }
        };
        let solved = |marks| CaseEvent::SolutionProvided { text: text.clone(), article_ids: Vec::new(), marks };
        let changed = |has_rights| CaseEvent::LiaisonChanged { from: "con_1".into(), to, notice_id, has_rights };
        let table = [
            (note(StepMarks::none()), note(marked()), texts(&[(1, &id.to_string()), (2, &text)])),
            (asked(StepMarks::none()), asked(marked()), texts(&[(1, &text), (2, "disks")])),
            (solved(StepMarks::none()), solved(marked()), texts(&[(1, &text)])),
            (changed(false), changed(true), texts(&[(1, "con_1"), (2, &to.to_string()), (3, &notice_id.to_string())])),
        ];
        for (plain, marked, before) in table {
            assert_eq!(encode(&plain).1, before, "{plain:?}");
            let told = encode(&marked).1;
            assert!(told.starts_with(&before) && told.len() > before.len(), "{marked:?}");
        }
        assert_eq!(pb::SharedNote::decode(encode(&note(marked())).1.as_slice()).unwrap().marks, [1, 2]);
    }

    #[test]
    fn as_much_fits_one_message_as_its_bytes_allow_and_at_least_one_thing() {
        assert_eq!(Room::whole().take([PAYLOAD_BYTES / 2, PAYLOAD_BYTES / 2, 1].into_iter()), 2);
        assert_eq!(Room::whole().take([PAYLOAD_BYTES + 1, 1].into_iter()), 1);
        let mut shared = Room::whole();
        assert_eq!(shared.take([PAYLOAD_BYTES - 10, 20].into_iter()), 1);
        assert_eq!(shared.take([5, 5, 5].into_iter()), 2, "what the first list left");
        assert_eq!(shared.take([1, 1].into_iter()), 1, "one of each list, however full it is");
    }
}
