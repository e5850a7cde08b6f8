//! The right to online accounts.
//!
//! Proves S10.

use jiff::Timestamp;
use vouch_core::id::{AgreementId, ContactId, OnlineAccountId};

use super::agreement::Agreement;

/// Who asked for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A liaison.
    Liaison,
    /// The person, at the desk.
    Desk,
}

impl Origin {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Liaison => "liaison",
            Self::Desk => "desk",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Liaison, Self::Desk].into_iter().find(|origin| origin.as_str() == text)
    }
}

/// What an account is good for at an instant, by the table in `online_account.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// It waits for the referring liaison's word.
    Pending,
    /// The person may log in.
    Active,
    /// The agreement is not in force.
    Lapsed,
    /// It was ended.
    Ended,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnlineAccount {
    /// Its id.
    pub id: OnlineAccountId,
    /// The agreement by which it lives.
    pub agreement_id: AgreementId,
    /// The person's name.
    pub name: String,
    /// The person's e-mail address, in lower case.
    pub email: String,
    /// The liaison who referred the person.
    pub referring: ContactId,
    /// Who asked for it.
    pub origin: Origin,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the liaison's word was there.
    pub confirmed_at: Option<Timestamp>,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
    /// Who said so, and why.
    pub end_note: String,
}

impl OnlineAccount {
    /// What it is good for. Nobody writes that it lapsed: its agreement tells.
    pub fn state(&self, agreement: &Agreement, now: Timestamp) -> AccountState {
        match (self.ended_at, self.confirmed_at) {
            (Some(_), _) => AccountState::Ended,
            (None, _) if agreement.in_force(now).is_err() => AccountState::Lapsed,
            (None, None) => AccountState::Pending,
            (None, Some(_)) => AccountState::Active,
        }
    }
}

#[cfg(test)]
mod tests {
    use vouch_core::code::{EndUserId, TierId};
    use vouch_core::{World, dates};

    use super::*;
    use crate::domain::agreement::{AgreementState, AgreementTerms, Plan};

    #[test]
    fn s10_an_account_lives_with_its_agreement() {
        let terms = AgreementTerms {
            end_user_id: EndUserId::parse("contoso").unwrap(),
            tier_id: TierId::parse("standard").unwrap(),
            from: dates::date("2026-01-01").unwrap(),
            until: dates::date("2026-06-30").unwrap(),
            zone: dates::zone("America/Denver").unwrap(),
            liaison_seats: 2,
            plan: Plan::Contract,
        };
        let created_at: Timestamp = "2026-02-01T10:00:00Z".parse().unwrap();
        let (id, state) = (World::system().id(), AgreementState::Active);
        let active = Agreement { id, terms, state, liaisons: Vec::new(), revision: 1, created_at };
        let suspended = Agreement { state: AgreementState::Suspended, ..active.clone() };
        let pending = OnlineAccount {
            id: World::system().id(),
            agreement_id: id,
            name: "Ada".into(),
            email: "ada@contoso.example".into(),
            referring: World::system().id(),
            origin: Origin::Desk,
            created_at,
            confirmed_at: None,
            ended_at: None,
            end_note: String::new(),
        };
        let confirmed = OnlineAccount { confirmed_at: Some(created_at), ..pending.clone() };
        let ended = OnlineAccount { ended_at: Some(created_at), ..confirmed.clone() };
        let cases = [
            (&pending, &active, "2026-07-01T05:59:59Z", AccountState::Pending),
            (&confirmed, &active, "2026-07-01T05:59:59Z", AccountState::Active),
            (&confirmed, &active, "2026-07-01T06:00:00Z", AccountState::Lapsed),
            (&pending, &active, "2026-07-01T06:00:00Z", AccountState::Lapsed),
            (&confirmed, &suspended, "2026-05-01T06:00:00Z", AccountState::Lapsed),
            (&ended, &active, "2026-07-01T06:00:00Z", AccountState::Ended),
        ];
        for (account, agreement, now, expected) in cases {
            assert_eq!(account.state(agreement, now.parse().unwrap()), expected, "{:?} at {now}", agreement.state);
        }
    }
}
