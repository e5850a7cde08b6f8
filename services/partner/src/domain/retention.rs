//! How long the contents of a bundle are kept at the partner.

use jiff::{SignedDuration, Timestamp};

use super::ticket::TicketState;

/// Until when a bundle's contents are kept: `None` while its ticket is open. The time begins when it is first seen that the ticket ended;
/// what was said once stays.
pub fn kept_until(
    state: TicketState,
    said: Option<Timestamp>,
    retention: SignedDuration,
    now: Timestamp,
) -> Option<Timestamp> {
    state.has_ended().then(|| said.unwrap_or(now + retention))
}

#[cfg(test)]
mod tests {
    //! Proves W23.

    use super::*;

    #[test]
    fn w23_contents_are_kept_while_the_ticket_is_open_and_then_for_the_retention() {
        let now: Timestamp = "2026-06-08T12:00:00Z".parse().unwrap();
        let month = SignedDuration::from_hours(24 * 30);
        let earlier = now - SignedDuration::from_hours(1);
        for state in TicketState::ALL {
            let ended = matches!(state, TicketState::Closed | TicketState::Answered);
            assert_eq!(kept_until(state, None, month, now), ended.then(|| now + month), "{state:?}");
            assert_eq!(kept_until(state, Some(earlier), month, now), ended.then_some(earlier), "{state:?}");
        }
    }
}
