//! Notes, and who may read them.

use jiff::Timestamp;
use vouch_core::StepMarks;
use vouch_core::code::PartnerId;
use vouch_core::id::{NoteId, OutboxId, TicketId};

/// For whom a note is written. It reaches nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The end user and the partner.
    EndUser,
    /// The partner and the vendor.
    Vendor,
    /// The partner's own.
    Internal,
}

impl Audience {
    /// Every audience.
    pub const ALL: [Self; 3] = [Self::EndUser, Self::Vendor, Self::Internal];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EndUser => "end-user",
            Self::Vendor => "vendor",
            Self::Internal => "internal",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|audience| audience.as_str() == text)
    }
}

/// Who wrote what came from the vendor's side.
pub const VENDOR: &str = "vendor";

/// A note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its id.
    pub id: NoteId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// For whom it was written.
    pub audience: Audience,
    /// Who wrote it.
    pub author: String,
    /// What it says.
    pub text: String,
    /// When.
    pub written_at: Timestamp,
    /// The outbox entry by which it goes to the vendor.
    pub entry_id: Option<OutboxId>,
    /// Whether the vendor has not taken it into the joint history yet.
    pub pending: bool,
    /// What the step that it tells asks of whoever carries it out.
    pub marks: StepMarks,
}

/// Who looks at tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Viewer {
    /// A person of a partner organisation.
    Partner(PartnerId),
    /// A person of an end-user organisation, by the code in its token.
    Customer(String),
}

impl Viewer {
    /// Whether a note was written for this viewer.
    pub fn may_read(&self, audience: Audience) -> bool {
        match (self, audience) {
            (Self::Partner(_), Audience::EndUser | Audience::Vendor | Audience::Internal)
            | (Self::Customer(_), Audience::EndUser) => true,
            (Self::Customer(_), Audience::Vendor | Audience::Internal) => false,
        }
    }

    /// Whether this viewer may mark the step that a note tells: a step is the desk's, and told to the end user.
    pub fn may_mark(&self, audience: Audience) -> bool {
        matches!((self, audience), (Self::Partner(_), Audience::EndUser))
    }

    /// For whom this viewer may write.
    pub fn may_write(&self, audience: Audience) -> bool {
        // Whoever may read a note of a kind may write one.
        self.may_read(audience)
    }
}

#[cfg(test)]
mod tests {
    //! Proves S07, V06.

    use super::*;

    #[test]
    fn s07_the_desk_alone_marks_steps_and_only_for_the_end_user() {
        let viewers = [Viewer::Partner(PartnerId::parse("north").unwrap()), Viewer::Customer("contoso".into())];
        let may = |viewer: &Viewer| Audience::ALL.map(|audience| viewer.may_mark(audience));
        assert_eq!(viewers.each_ref().map(may), [[true, false, false], [false; 3]]);
    }

    #[test]
    fn v06_a_customer_reads_what_is_written_for_customers_and_nothing_else() {
        let customer = Viewer::Customer("contoso".into());
        let readable: Vec<_> = Audience::ALL.into_iter().filter(|audience| customer.may_read(*audience)).collect();
        assert_eq!(readable, [Audience::EndUser]);
        let partner = Viewer::Partner(PartnerId::parse("north").unwrap());
        assert!(Audience::ALL.into_iter().all(|audience| partner.may_read(audience)));
    }
}
