//! Prepaid incidents: accounts, holds, and how settling moves units.
//!
//! Every movement takes from one place and gives to another, so that the sum over all places never changes.

use jiff::Timestamp;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::id::{EscalationId, HoldId, LedgerEntryId};

/// An account of prepaid incidents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Free to reserve.
    pub available: i64,
    /// Set aside in holds.
    pub reserved: i64,
    /// Spent.
    pub captured: i64,
    /// Spent with nothing left to take: borne by the vendor.
    pub vendor_borne: i64,
}

/// A movement of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// A pack was bought.
    Grant,
    /// Available to reserved.
    Reserve,
    /// Reserved to captured.
    Capture,
    /// Reserved to available.
    Release,
    /// Available to captured, after a release.
    CaptureAnew,
    /// The vendor's own to captured.
    VendorBears,
}

impl Movement {
    /// Every movement.
    pub const ALL: [Self; 6] =
        [Self::Grant, Self::Reserve, Self::Capture, Self::Release, Self::CaptureAnew, Self::VendorBears];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Reserve => "reserve",
            Self::Capture => "capture",
            Self::Release => "release",
            Self::CaptureAnew => "capture-anew",
            Self::VendorBears => "vendor-bears",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|movement| movement.as_str() == text)
    }
}

impl Account {
    /// The account after a movement; `None` when a place would go below zero.
    pub fn after(self, movement: Movement, units: i64) -> Option<Self> {
        let mut next = self;
        match movement {
            Movement::Grant => next.available += units,
            Movement::Reserve => {
                next.available -= units;
                next.reserved += units;
            }
            Movement::Capture => {
                next.reserved -= units;
                next.captured += units;
            }
            Movement::Release => {
                next.reserved -= units;
                next.available += units;
            }
            Movement::CaptureAnew => {
                next.available -= units;
                next.captured += units;
            }
            Movement::VendorBears => {
                next.vendor_borne += units;
                next.captured += units;
            }
        }
        // Invariant: no balance is ever below zero.
        (next.available >= 0 && next.reserved >= 0 && next.captured >= 0).then_some(next)
    }
}

/// What became of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    /// The units are set aside.
    Reserved,
    /// The units are spent.
    Captured,
    /// The units went back.
    Released,
}

impl HoldState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Reserved, Self::Captured, Self::Released];

    /// The word that is stored and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Captured => "captured",
            Self::Released => "released",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What to do with a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// The units are spent.
    Capture,
    /// The units go back.
    Release,
}

/// Incidents set aside for one escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// The partner whose escalation it is.
    pub partner_id: PartnerId,
    /// The escalation.
    pub escalation_id: EscalationId,
    /// The end user whose account it is.
    pub end_user_id: EndUserId,
    /// How many units.
    pub units: u32,
    /// What became of it.
    pub state: HoldState,
}

/// What settling does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The hold's state after it.
    pub state: HoldState,
    /// The movement to book, if there is one.
    pub movement: Option<Movement>,
}

impl Hold {
    /// What a settlement does. Repeating one changes nothing, and a capture wins over a release, whichever comes first.
    pub fn settle(&self, settlement: Settlement, account: Account) -> Settled {
        let units = i64::from(self.units);
        let book = |state, movement| Settled { state, movement: (units > 0).then_some(movement) };
        match (self.state, settlement) {
            (HoldState::Captured, Settlement::Capture | Settlement::Release) => {
                Settled { state: HoldState::Captured, movement: None }
            }
            (HoldState::Released, Settlement::Release) => Settled { state: HoldState::Released, movement: None },
            (HoldState::Reserved, Settlement::Capture) => book(HoldState::Captured, Movement::Capture),
            (HoldState::Reserved, Settlement::Release) => book(HoldState::Released, Movement::Release),
            (HoldState::Released, Settlement::Capture) if account.available >= units => {
                book(HoldState::Captured, Movement::CaptureAnew)
            }
            (HoldState::Released, Settlement::Capture) => book(HoldState::Captured, Movement::VendorBears),
        }
    }
}

/// What has to be set aside beyond what a hold has already; `None` when the account does not have as much.
///
/// `wanted` is what the tier asks for. `waivable` is true for a site that is down, which is helped at any balance (H03): then
/// nothing is set aside where nothing is left.
pub fn to_reserve(held: Option<(HoldState, u32)>, wanted: u32, waivable: bool, account: Account) -> Option<u32> {
    let held = match held {
        // What was paid is paid, whatever is asked for now.
        Some((HoldState::Captured, 1..)) => return Some(0),
        Some((HoldState::Captured, 0)) if waivable => return Some(0),
        Some((HoldState::Captured | HoldState::Reserved, units)) => units,
        Some((HoldState::Released, _)) | None => 0,
    };
    let missing = wanted.saturating_sub(held);
    if account.after(Movement::Reserve, i64::from(missing)).is_some() { Some(missing) } else { waivable.then_some(0) }
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Its id.
    pub id: LedgerEntryId,
    /// What moved.
    pub movement: Movement,
    /// How many units.
    pub units: i64,
    /// What it was for.
    pub reference: String,
    /// When it was booked.
    pub booked_at: Timestamp,
}

#[cfg(test)]
mod tests {
    //! Proves H03, H05.

    use proptest::prelude::*;
    use vouch_core::World;

    use super::*;

    fn hold(units: u32, state: HoldState) -> Hold {
        let world = World::system();
        Hold {
            id: world.id(),
            partner_id: PartnerId::parse("north").unwrap(),
            escalation_id: world.id(),
            end_user_id: EndUserId::parse("contoso").unwrap(),
            units,
            state,
        }
    }

    #[test]
    fn h05_capture_wins_over_release_whichever_comes_first() {
        let start = Account { available: 0, reserved: 1, ..Account::default() };
        for order in [[Settlement::Capture, Settlement::Release], [Settlement::Release, Settlement::Capture]] {
            let (mut hold, mut account) = (hold(1, HoldState::Reserved), start);
            for settlement in order {
                let settled = hold.settle(settlement, account);
                account = settled.movement.map_or(account, |movement| account.after(movement, 1).unwrap());
                hold.state = settled.state;
            }
            assert_eq!(hold.state, HoldState::Captured);
            assert_eq!((account.reserved, account.captured), (0, 1));
        }
    }

    #[test]
    fn h05_a_late_capture_with_nothing_left_is_borne_by_the_vendor() {
        let settled = hold(1, HoldState::Released).settle(Settlement::Capture, Account::default());
        assert_eq!(settled.movement, Some(Movement::VendorBears));
    }

    #[test]
    fn h03_a_waived_incident_is_asked_for_again_when_the_site_is_no_longer_down() {
        let empty = Account::default();
        let one = Account { available: 1, ..Account::default() };
        let cases = [
            ("a fresh hold takes its unit", None, 1, false, one, Some(1)),
            ("and is refused without one", None, 1, false, empty, None),
            ("a site that is down is helped without one", None, 1, true, empty, Some(0)),
            ("and pays where there is one", None, 1, true, one, Some(1)),
            ("a renewal has its unit already", Some((HoldState::Reserved, 1)), 1, false, empty, Some(0)),
            ("a captured one too", Some((HoldState::Captured, 1)), 1, false, empty, Some(0)),
            ("a waived one does not count", Some((HoldState::Reserved, 0)), 1, false, empty, None),
            ("and is made good for", Some((HoldState::Reserved, 0)), 1, false, one, Some(1)),
            (
                "a captured waiver stays waived while the site is down",
                Some((HoldState::Captured, 0)),
                1,
                true,
                one,
                Some(0),
            ),
            ("and is made good for afterwards", Some((HoldState::Captured, 0)), 1, false, one, Some(1)),
            ("a released one starts over", Some((HoldState::Released, 1)), 1, false, empty, None),
            ("also when the site is down", Some((HoldState::Released, 1)), 1, true, empty, Some(0)),
            ("an included tier takes nothing", None, 0, false, empty, Some(0)),
        ];
        for (what, held, wanted, waivable, account, expected) in cases {
            assert_eq!(to_reserve(held, wanted, waivable, account), expected, "{what}");
        }
    }

    #[test]
    fn a_hold_of_no_units_moves_nothing() {
        for settlement in [Settlement::Capture, Settlement::Release] {
            assert_eq!(hold(0, HoldState::Reserved).settle(settlement, Account::default()).movement, None);
        }
    }

    proptest! {
        #[test]
        fn h05_no_sequence_of_movements_goes_below_zero_or_loses_a_unit(
            steps in prop::collection::vec((0_usize..6, 1_i64..5), 0..60),
        ) {
            let (mut account, mut granted) = (Account::default(), 0);
            for (which, units) in steps {
                let movement = Movement::ALL[which];
                if let Some(next) = account.after(movement, units) {
                    account = next;
                    if movement == Movement::Grant {
                        granted += units;
                    }
                }
                prop_assert!(account.available >= 0 && account.reserved >= 0 && account.captured >= 0);
                let held = account.available + account.reserved + account.captured;
                prop_assert_eq!(held, granted + account.vendor_borne);
            }
        }
    }
}
