//! Telling end users their support contact: one letter to each person named, when the agreement starts.
//!
//! Proves Q01.

use std::fmt::Write as _;

use jiff::Timestamp;
use vouch_core::code::PartnerId;
use vouch_core::id::{AgreementId, ContactId, NoticeId};

use super::agreement::{Agreement, AgreementTerms, Liaison};
use super::partner::Partner;

/// What became of a notice.
///
///   Pending --accepted by the mail server--> Sent
///   Pending --address refused for good-----> Refused
///   Pending --nobody left to tell----------> Dropped
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeState {
    /// It is to be sent, once it is due.
    Pending,
    /// A mail server took it.
    Sent,
    /// A mail server refused the address for good.
    Refused,
    /// The person's role or the agreement ended before.
    Dropped,
}

impl NoticeState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Sent, Self::Refused, Self::Dropped];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Refused => "refused",
            Self::Dropped => "dropped",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// That one person is to be told, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its id: also in the letter's message id, by which a mail server knows it again.
    pub id: NoticeId,
    /// The agreement that starts.
    pub agreement_id: AgreementId,
    /// The person who is told.
    pub contact_id: ContactId,
    /// The person's address.
    pub email: String,
    /// From when on it is sent.
    pub due_at: Timestamp,
    /// What became of it.
    pub state: NoticeState,
    /// The partners that it named, once it was sent.
    pub partner_ids: Vec<PartnerId>,
    /// Why it is not sent yet, or never will be; empty where there is nothing to say.
    pub problem: String,
    /// When it was sent, refused or dropped.
    pub ended_at: Option<Timestamp>,
}

impl Notice {
    /// The notice that is owed to a person who is named now: from the agreement's first day on, at once while it runs, none once
    /// it is over.
    pub fn owed(id: NoticeId, agreement: &Agreement, liaison: &Liaison) -> Option<Self> {
        let term = agreement.terms.term();
        if term.has_ended(liaison.named_at) {
            return None;
        }
        let due_at = term.begins.max(liaison.named_at);
        Some(Self {
            id,
            agreement_id: agreement.id,
            contact_id: liaison.id,
            email: liaison.person.email.clone(),
            due_at,
            state: NoticeState::Pending,
            partner_ids: Vec::new(),
            problem: String::new(),
            ended_at: None,
        })
    }
}

/// The person who is to be told now; otherwise why nobody is left to tell.
pub fn addressee(agreement: &Agreement, contact_id: ContactId, now: Timestamp) -> Result<&Liaison, &'static str> {
    if agreement.terms.term().has_ended(now) {
        return Err("the agreement ended before");
    }
    agreement.liaisons.iter().find(|liaison| liaison.id == contact_id).ok_or("the person's role ended before")
}

/// What is written to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The line that a mailbox shows.
    pub subject: String,
    /// The text, in lines of plain text.
    pub text: String,
}

/// A partner's desk, and what it is responsible for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desk {
    /// The partner.
    pub partner: Partner,
    /// The names of the products whose licences it supports.
    pub products: Vec<String>,
}

/// The letter that tells a named person where to turn: lines short enough to be read as they travel.
pub fn letter(agreement: &Agreement, liaison: &Liaison, desks: &[Desk]) -> Letter {
    let AgreementTerms { from, until, zone, .. } = &agreement.terms;
    let days = |date: jiff::civil::Date| date.strftime("%-d %B %Y").to_string();
    let mut text = format!(
        "Dear {},\n\nyour support agreement {}\nruns from {} to {}, both days included ({}).\n\
         You are named in it as a support liaison: you may have issues escalated.\n\n\
         For support, turn to your partner:\n",
        liaison.person.name,
        agreement.id,
        days(*from),
        days(*until),
        zone.iana_name().unwrap_or("UTC"),
    );
    for Desk { partner, products } in desks {
        let contact = &partner.profile.support_contact;
        text.push('\n');
        if desks.len() > 1 {
            let _ = writeln!(text, "For {}:", products.join(", "));
        }
        for line in [&partner.profile.name, &contact.name, &contact.email, &contact.phone, &contact.portal_url] {
            if !line.is_empty() {
                let _ = writeln!(text, "  {line}");
            }
        }
    }
    text.push_str(
        "\nWhat your partner cannot solve, it hands over to us; it stays your contact.\n\
         Anybody who has one of your licence keys can look this contact up.\n",
    );
    let names: Vec<_> = desks.iter().map(|desk| desk.partner.profile.name.as_str()).collect();
    Letter { subject: format!("Your support contact: {}", names.join(", ")), text }
}

#[cfg(test)]
mod tests {
    use vouch_core::code::{EndUserId, TierId};
    use vouch_core::{World, dates};

    use super::*;
    use crate::domain::agreement::{AgreementState, Person, Plan};
    use crate::domain::partner::{PartnerProfile, Programme, Standing, SupportContact};

    fn liaison(named_at: &str) -> Liaison {
        let person = Person { name: "Ada".into(), email: "ada@contoso.example".into(), administrative_rights: false };
        Liaison { id: World::system().id(), person, named_at: named_at.parse().unwrap() }
    }

    fn agreement(liaisons: Vec<Liaison>) -> Agreement {
        let terms = AgreementTerms {
            end_user_id: EndUserId::parse("contoso").unwrap(),
            tier_id: TierId::parse("standard").unwrap(),
            from: dates::date("2026-06-08").unwrap(),
            until: dates::date("2027-06-07").unwrap(),
            zone: dates::zone("America/Denver").unwrap(),
            liaison_seats: 2,
            plan: Plan::Contract,
        };
        let created_at = "2026-05-01T10:00:00Z".parse().unwrap();
        Agreement { id: World::system().id(), terms, state: AgreementState::Active, liaisons, revision: 1, created_at }
    }

    #[test]
    fn q01_a_notice_is_due_when_the_agreement_starts_in_its_own_zone() {
        let due = |named_at| {
            let notice = Notice::owed(World::system().id(), &agreement(vec![]), &liaison(named_at));
            notice.map(|notice| notice.due_at.to_string())
        };
        let cases = [
            ("2026-05-01T10:00:00Z", Some("2026-06-08T06:00:00Z")),
            ("2026-06-08T05:59:59Z", Some("2026-06-08T06:00:00Z")),
            ("2026-07-01T10:00:00Z", Some("2026-07-01T10:00:00Z")),
            ("2027-06-08T05:59:59Z", Some("2027-06-08T05:59:59Z")),
            ("2027-06-08T06:00:00Z", None),
        ];
        for (named_at, expected) in cases {
            assert_eq!(due(named_at).as_deref(), expected, "named {named_at}");
        }
    }

    #[test]
    fn q01_who_is_not_named_any_more_is_not_told() {
        let ada = liaison("2026-05-01T10:00:00Z");
        let (named, nobody) = (agreement(vec![ada.clone()]), agreement(vec![]));
        let (start, after) = ("2026-06-08T06:00:00Z".parse().unwrap(), "2027-06-08T06:00:00Z".parse().unwrap());
        assert_eq!(addressee(&named, ada.id, start), Ok(&ada));
        assert_eq!(addressee(&nobody, ada.id, start), Err("the person's role ended before"));
        assert_eq!(addressee(&named, ada.id, after), Err("the agreement ended before"));
    }

    #[test]
    fn q01_the_letter_names_the_partner_and_every_way_to_reach_it() {
        let ada = liaison("2026-05-01T10:00:00Z");
        let support_contact = SupportContact {
            name: "North help desk".into(),
            email: "help@north.example".into(),
            phone: String::new(),
            portal_url: "https://north.example/support".into(),
        };
        let profile = PartnerProfile {
            name: "North Systems".into(),
            programme: Programme::SolutionProvider,
            spiffe_ids: vec![],
            trust_bundle_pem: String::new(),
            manifest_jwks: String::new(),
            support_contact,
            order_quotas: crate::domain::order::OrderQuotas::default(),
        };
        let id = PartnerId::parse("north").unwrap();
        let created_at = "2026-05-01T10:00:00Z".parse().unwrap();
        let partner = Partner { id, profile, standing: Standing::Good, revision: 1, created_at };
        let desk = Desk { partner, products: vec!["Atlas".into(), "Boreas".into()] };
        let Letter { subject, text } = letter(&agreement(vec![ada.clone()]), &ada, std::slice::from_ref(&desk));
        assert_eq!(subject, "Your support contact: North Systems");
        for part in ["Dear Ada,", "8 June 2026 to 7 June 2027", "(America/Denver)", "help@north.example", "https://"] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
        assert!(!text.contains("  \n") && !text.contains("Boreas"), "no more than is needed:\n{text}");
        let both = letter(&agreement(vec![ada.clone()]), &ada, &[desk.clone(), desk]).text;
        assert!(both.contains("For Atlas, Boreas:\n  North Systems\n"), "who supports what:\n{both}");
    }
}
