//! The joint history of a case: a chain of hashes that both sides compute alike.

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;

/// The hash before the first event.
pub const GENESIS: [u8; 32] = [0; 32];

/// One event as it is hashed. The contract's `CaseEvent` says what each part is.
#[derive(Debug, Clone, Copy)]
pub struct HistoryEvent<'a> {
    /// The case.
    pub case_id: &'a str,
    /// 1, 2, 3 … without a gap.
    pub sequence: i64,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// The full name of the payload's message.
    pub type_name: &'a str,
    /// Who did it.
    pub actor: &'a str,
    /// The partner's own id of what it contributed.
    pub origin: &'a str,
    /// The hash of salt and payload: see [`content_hash`].
    pub content_hash: &'a [u8; 32],
}

/// The hash of a payload and of what keeps it from being guessed.
pub fn content_hash(salt: &[u8], payload: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(salt);
    context.update(payload);
    finish(context)
}

fn finish(context: Context) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

impl HistoryEvent<'_> {
    /// The hash of the event, after the one before it.
    pub fn hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        context.update(previous);
        context.update(&self.sequence.to_be_bytes());
        context.update(&self.committed_at.as_microsecond().to_be_bytes());
        for text in [self.case_id, self.type_name, self.actor, self.origin] {
            // With its length before it no text can borrow from its neighbour.
            context.update(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            context.update(text.as_bytes());
        }
        context.update(self.content_hash);
        finish(context)
    }
}

/// The hash of a list that grows: of what was there, and of what is added.
pub fn extend(head: &[u8; 32], added: &[u8; 32]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(head);
    context.update(added);
    finish(context)
}

#[cfg(test)]
mod tests {
    //! Proves V08.

    use super::*;

    fn event<'a>() -> HistoryEvent<'a> {
        static CONTENT: std::sync::LazyLock<[u8; 32]> = std::sync::LazyLock::new(|| content_hash(b"salt", b"payload"));
        HistoryEvent {
            case_id: "case_1",
            sequence: 1,
            committed_at: "2026-06-08T10:00:00Z".parse().unwrap(),
            type_name: "vouch.vendor.v1.SharedNote",
            actor: "ada",
            origin: "r1",
            content_hash: &CONTENT,
        }
    }

    #[test]
    fn v08_any_change_of_an_event_changes_its_hash() {
        let hash = event().hash(&GENESIS);
        let changed = [
            HistoryEvent { case_id: "case_2", ..event() },
            HistoryEvent { sequence: 2, ..event() },
            HistoryEvent { committed_at: "2026-06-08T10:00:01Z".parse().unwrap(), ..event() },
            HistoryEvent { type_name: "vouch.vendor.v1.CaseClaimed", ..event() },
            HistoryEvent { actor: "bob", ..event() },
            HistoryEvent { origin: "r2", ..event() },
            HistoryEvent { content_hash: &content_hash(b"other", b"payload"), ..event() },
            HistoryEvent { content_hash: &content_hash(b"salt", b"other"), ..event() },
            // What one text loses the next one gains.
            HistoryEvent { actor: "ad", origin: "ar1", ..event() },
        ];
        for other in changed {
            assert_ne!(other.hash(&GENESIS), hash, "{other:?}");
        }
        assert_ne!(event().hash(&[1; 32]), hash, "the history before counts");
    }

    #[test]
    fn v08_the_hash_is_the_one_that_the_contract_describes() {
        // Computed apart, with Python's hashlib, from the words of the contract.
        let hash = data_encoding::HEXLOWER.encode(&event().hash(&GENESIS));
        assert_eq!(hash, "3ea41b1d7351736df8f51189cfaa778674a34be44dc100890ce04d16c77c9c1e");
    }
}
