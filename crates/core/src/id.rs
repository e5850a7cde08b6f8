//! The registry of ids: one type for each kind of thing that the services name themselves.
//!
//! An id is a TypeID: a lower-case prefix, an underscore, and a UUID version 7 in 26 characters of base 32. Two kinds
//! cannot be confused, neither by the compiler nor on paper.

use std::fmt::Write as _;

pub use type_safe_id::StaticType;
use type_safe_id::TypeSafeId;

/// An id of the registry, by its tag.
pub type Id<T> = TypeSafeId<T>;

/// Declares an id type: its alias, its tag, its prefix. A macro, because a function cannot declare types.
macro_rules! registry {
    ($($(#[$doc:meta])* $alias:ident, $tag:ident, $prefix:literal;)*) => {
        $(
            #[doc = concat!("The tag of [`", stringify!($alias), "`].")]
            #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $tag;

            impl StaticType for $tag {
                const TYPE: &'static str = $prefix;
            }

            $(#[$doc])*
            pub type $alias = TypeSafeId<$tag>;
        )*

        /// Every prefix of the registry.
        pub const PREFIXES: &[&str] = &[$($prefix),*];
    };
}

registry! {
    /// A licence, in the licence service.
    LicenseId, LicenseTag, "lic";
    /// An order to which its seller gave no reference.
    OrderId, OrderTag, "ord";
    /// A support agreement, in the licence service.
    AgreementId, AgreementTag, "agr";
    /// A person named in an agreement: the opaque name of that person everywhere else.
    ContactId, ContactTag, "con";
    /// A letter that tells an end user its support contact, in the licence service.
    NoticeId, NoticeTag, "ntc";
    /// A change of an agreement's seats, in the licence service.
    SeatGrantId, SeatGrantTag, "sgr";
    /// A customer's written notice of a change of liaisons, in the licence service.
    LiaisonNoticeId, LiaisonNoticeTag, "lno";
    /// A named user of a development kit, in the licence service.
    SdkUserId, SdkUserTag, "sdk";
    /// An online account, in the licence service.
    OnlineAccountId, OnlineAccountTag, "acc";
    /// A notice of ended employment, in the licence service.
    DepartureId, DepartureTag, "dep";
    /// Incidents set aside for an escalation or for a partner's own work.
    HoldId, HoldTag, "hold";
    /// A pack of incidents, in the licence service.
    PackId, PackTag, "pck";
    /// An entry of the incident ledger.
    LedgerEntryId, LedgerEntryTag, "led";
    /// An issued proof (its `jti`).
    ProofId, ProofTag, "prf";
    /// An escalation: allocated by the partner, stable over every attempt.
    EscalationId, EscalationTag, "esc";
    /// A vendor's back-line case.
    CaseId, CaseTag, "case";
    /// A partner's front-line ticket.
    TicketId, TicketTag, "tkt";
    /// An end-user organisation as a partner keeps it.
    CustomerId, CustomerTag, "cus";
    /// A bundle of diagnostics.
    BundleId, BundleTag, "bun";
    /// A request for diagnostics that a partner issued for a ticket.
    CollectionTicketId, CollectionTicketTag, "col";
    /// A note on a case or ticket.
    NoteId, NoteTag, "note";
    /// A knowledge article.
    ArticleId, ArticleTag, "art";
    /// A vendor's receipt of admission.
    ReceiptId, ReceiptTag, "rcp";
    /// Something that is to be sent to another service: also the request id under which it is sent.
    OutboxId, OutboxTag, "out";
}

/// The UUID of an id that is given later.
pub fn nil() -> uuid::Uuid {
    uuid::Uuid::nil()
}

/// Reads an id, in its canonical form only: lower case, no other spelling of the same value.
pub fn parse<T: StaticType>(text: &str) -> Result<TypeSafeId<T>, String> {
    let wrong = || format!("must be an id of the form {}_ and 26 characters", T::TYPE);
    // The longest prefix is short; anything longer is not worth parsing.
    if text.len() > 40 {
        return Err(wrong());
    }
    // The crate reads the alphabet as it writes it, and no value beyond 128 bits: one spelling, which a test holds it to.
    text.parse().map_err(|_| wrong())
}

/// Writes an id, in one piece: as its `Display`, and faster.
pub fn text<T: StaticType>(id: &TypeSafeId<T>) -> String {
    let mut text = String::with_capacity(T::TYPE.len() + 27);
    // A String takes whatever is written.
    let _ = write!(text, "{id}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::World;

    #[test]
    fn an_id_of_one_kind_is_not_read_as_another() {
        let case: CaseId = World::system().id();
        assert_eq!(parse::<CaseTag>(&case.to_string()), Ok(case));
        assert!(parse::<TicketTag>(&case.to_string()).is_err());
    }

    #[test]
    fn only_the_canonical_spelling_is_read() {
        let case: CaseId = World::system().id();
        for other in [case.to_string().to_uppercase(), format!(" {case}"), String::new(), "case_".into()] {
            assert!(parse::<CaseTag>(&other).is_err(), "{other:?}");
        }
        // Whatever stands in whatever place: what is read is written as it was.
        let good = case.to_string();
        for place in 0..good.len() {
            for other in (0..=127_u8).map(char::from) {
                let mut text: Vec<char> = good.chars().collect();
                text[place] = other;
                let text: String = text.into_iter().collect();
                if let Ok(read) = parse::<CaseTag>(&text) {
                    assert_eq!(read.to_string(), text);
                }
            }
        }
        assert!(parse::<CaseTag>("case_8zzzzzzzzzzzzzzzzzzzzzzzzz").is_err(), "more than 128 bits");
    }

    #[test]
    fn an_id_is_written_as_it_is_displayed() {
        let case: CaseId = World::system().id();
        assert_eq!(text(&case), case.to_string());
    }

    #[test]
    fn prefixes_are_unique() {
        let mut prefixes = PREFIXES.to_vec();
        prefixes.sort_unstable();
        prefixes.dedup();
        assert_eq!(prefixes.len(), PREFIXES.len());
    }

    #[test]
    fn ids_order_by_the_time_they_were_made() {
        let clock = crate::testing::ManualClock::at("2026-06-08T10:00:00Z");
        let first: CaseId = clock.world().id();
        clock.advance_seconds(1);
        let second: CaseId = clock.world().id();
        assert!(first < second && first.to_string() < second.to_string());
    }
}
