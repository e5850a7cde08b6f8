//! What a hold has to get.

use super::account::Account;
use super::hold::{Hold, HoldState};

/// What a hold has to get.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needed {
    /// To be taken from the account.
    pub take: u32,
    /// To be owed.
    pub owe: u32,
}

/// What has to be set aside beyond what a hold has already; `None` when the account does not have as much.
///
/// `wanted` is what the tier asks for. `is_down` is true for a site that is down, which is helped at any balance (H03):
/// what is not there is owed then. What is owed does not count as had: it opens nothing but help for a site that is
/// down.
pub fn to_reserve(held: Option<&Hold>, wanted: u32, is_down: bool, account: Account) -> Option<Needed> {
    let (had, owed) = match held {
        // What was paid is paid, whatever is asked for now.
        Some(hold) if hold.state == HoldState::Captured && (hold.paid() > 0 || is_down) => {
            return Some(Needed::default());
        }
        Some(hold) if hold.state != HoldState::Released => (hold.paid(), hold.owed),
        Some(_) | None => (0, 0),
    };
    let missing = wanted.saturating_sub(had);
    if account.payable(missing) == missing {
        Some(Needed { take: missing, owe: 0 })
    } else {
        is_down.then_some(Needed { take: 0, owe: missing.saturating_sub(owed) })
    }
}

/// What setting aside would come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// Everything is there, or was set aside before.
    Paid,
    /// Something would be owed: it opens nothing but help for a site that is down.
    Owed,
    /// Nothing would be set aside: the account does not have as much.
    Lacking,
}

/// The same as [`to_reserve`], told and not done.
pub fn outlook(held: Option<&Hold>, wanted: u32, is_down: bool, account: Account) -> Outlook {
    match to_reserve(held, wanted, is_down, account) {
        None => Outlook::Lacking,
        Some(needed) if held.map_or(0, Hold::paid) + needed.take < wanted => Outlook::Owed,
        Some(_) => Outlook::Paid,
    }
}
