//! Whatever is done to an account, in whatever order and at whatever time, its books agree.
//!
//! Proves H05.

use std::collections::BTreeMap;

use jiff::ToSpan;
use proptest::prelude::*;
use vouch_core::id::HoldId;

use super::*;

/// Something that is done to an account.
#[derive(Debug, Clone)]
enum Step {
    Grant { units: u32, days: Option<i64> },
    Reserve { units: u32, is_down: bool },
    Renew { which: usize, units: u32, is_down: bool },
    RestOn { which: usize, charge: usize },
    Work { units: u32 },
    Settle { which: usize, minutes: Option<u32>, release: bool },
    Lapse { which: usize },
    Reverse { which: usize, units: u32 },
    Wait { days: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1_u32..30, prop::option::of(1_i64..500)).prop_map(|(units, days)| Step::Grant { units, days }),
        (0_u32..3, any::<bool>()).prop_map(|(units, is_down)| Step::Reserve { units, is_down }),
        (0_usize..20, 0_u32..3, any::<bool>()).prop_map(|(which, units, is_down)| Step::Renew {
            which,
            units,
            is_down
        }),
        (0_usize..20, 0_usize..20).prop_map(|(which, charge)| Step::RestOn { which, charge }),
        (1_u32..6).prop_map(|units| Step::Work { units }),
        (0_usize..20, prop::option::of(1_u32..300), any::<bool>()).prop_map(|(which, minutes, release)| Step::Settle {
            which,
            minutes,
            release
        }),
        (0_usize..20).prop_map(|which| Step::Lapse { which }),
        (0_usize..20, 0_u32..5).prop_map(|(which, units)| Step::Reverse { which, units }),
        (0_i64..500).prop_map(|days| Step::Wait { days }),
    ]
}

/// An account with its holds, and the clock.
struct Scene {
    purse: Purse,
    holds: Vec<Hold>,
    now: Timestamp,
}

impl Scene {
    fn new() -> Self {
        Self { purse: purse([]), holds: Vec::new(), now: at("2026-02-28T12:00:00Z") }
    }

    fn act(&mut self, step: &Step) -> Result<(), BelowZero> {
        let now = self.now;
        self.purse.apply_due(now)?;
        match *step {
            Step::Grant { units, days } => {
                let today = now.to_zoned(TimeZone::UTC).date();
                let expires_on = days.map(|days| today.checked_add(days.days()).unwrap());
                let granted = Pack { expires_on, ..pack(units, &now.to_string(), "") };
                let id = granted.id;
                self.purse.grant(granted)?;
                for hold in &mut self.holds {
                    hold.pay_from(&mut self.purse, id)?;
                }
            }
            Step::Reserve { units, is_down } => {
                let mut fresh = hold(Purpose::Escalation);
                if let Some(needed) = to_reserve(None, units, is_down, self.purse.balance()) {
                    fresh.fill(&mut self.purse, needed)?;
                    self.holds.push(fresh);
                }
            }
            Step::Renew { which, units, is_down } => {
                if let Some(hold) = escalation(&mut self.holds, which) {
                    // What rests on a charge asks for nothing more.
                    let units = if hold.charge.is_some() { 0 } else { units };
                    if let Some(needed) = to_reserve(Some(hold), units, is_down, self.purse.balance()) {
                        hold.fill(&mut self.purse, needed)?;
                    }
                }
            }
            Step::RestOn { which, charge } => {
                let charge = self.free_charge(charge);
                let resting = escalation(&mut self.holds, which).filter(|hold| hold.charge.is_none());
                if let (Some(hold), Some(charge)) = (resting, charge)
                    && let Some(needed) = to_reserve(Some(hold), 0, false, self.purse.balance())
                {
                    hold.rest_on(charge, &mut self.purse, now)?;
                    hold.fill(&mut self.purse, needed)?;
                }
            }
            Step::Work { units } => {
                if self.purse.balance().payable(units) == units {
                    let work = taken(Purpose::Appointment, units, &mut self.purse);
                    self.holds.push(work);
                }
            }
            Step::Settle { which, minutes, release } => {
                if let Some(hold) = self.holds.get_mut(which) {
                    let minutes = minutes.filter(|_| hold.purpose == Purpose::Appointment);
                    let settlement = if release { Settlement::Release } else { Settlement::Capture { minutes } };
                    hold.settle(settlement, &mut self.purse, now)?;
                }
            }
            Step::Lapse { which } => {
                if let Some(hold) = self.holds.get_mut(which) {
                    hold.settle(Settlement::Lapse, &mut self.purse, now)?;
                }
            }
            Step::Reverse { which, units } => {
                if let Some(hold) = self.holds.get_mut(which) {
                    let fresh = Pack { granted_at: now, ..pack(0, DAY, "") };
                    let reversal = Reversal { note: String::new(), reverses: None, fresh, now };
                    hold.reverse(units.min(hold.reversible()), &mut self.purse, reversal)?;
                }
            }
            Step::Wait { days } => self.now += jiff::SignedDuration::from_hours(24 * days),
        }
        Ok(())
    }

    /// A charge of a ticket that carries no escalation yet.
    fn free_charge(&self, which: usize) -> Option<HoldId> {
        let charge = self.holds.get(which).filter(|hold| hold.is_charged_ticket())?.id;
        let is_carried = self.holds.iter().any(|hold| hold.charge == Some(charge));
        (!is_carried).then_some(charge)
    }

    fn agrees(&self) -> Result<(), TestCaseError> {
        let balance = self.purse.balance();
        let mut places: BTreeMap<Place, i64> = BTreeMap::new();
        for booking in self.purse.bookings() {
            let postings = booking.postings();
            prop_assert_eq!(postings.iter().map(|posting| posting.units).sum::<i64>(), 0);
            prop_assert!(postings.len() >= 2);
            for posting in postings {
                *places.entry(posting.place).or_default() += posting.units;
            }
        }
        let of = |place| places.get(&place).copied().unwrap_or_default();
        let columns = [
            (Place::Available, balance.available),
            (Place::Reserved, balance.reserved),
            (Place::Captured, balance.captured),
            (Place::Expired, balance.expired),
            (Place::Owed, -balance.owed),
            (Place::VendorBorne, -balance.vendor_borne),
        ];
        for (place, column) in columns {
            prop_assert_eq!(of(place), column, "{:?}", place);
        }
        prop_assert_eq!(places.values().sum::<i64>(), 0, "what one place gets, others gave");

        let left: i64 = self.purse.packs().iter().map(|pack| i64::from(pack.units_left)).sum();
        prop_assert_eq!(left, balance.available, "the packs have what is available");
        prop_assert!(self.purse.packs().iter().all(|pack| pack.units_left <= pack.units));
        let sum = |state, of: fn(&Hold) -> u32| -> i64 {
            self.holds.iter().filter(|hold| hold.state == state).map(|hold| i64::from(of(hold))).sum()
        };
        prop_assert_eq!(sum(HoldState::Reserved, |hold| hold.units + hold.owed), balance.reserved);
        prop_assert_eq!(sum(HoldState::Captured, Hold::reversible), balance.captured);
        let owed: u32 = self.holds.iter().map(|hold| hold.owed).sum();
        prop_assert_eq!(i64::from(owed), balance.owed);
        for hold in &self.holds {
            let shared: u32 = hold.shares.iter().map(|share| share.units).sum();
            prop_assert_eq!(shared, if hold.state == HoldState::Released { 0 } else { hold.units });
            let rests = hold.charge.is_some() && hold.state == HoldState::Reserved;
            prop_assert!(!rests || hold.units + hold.owed == 0, "a charged ticket escalates for nothing: {:?}", hold);
        }
        Ok(())
    }
}

/// The hold of an escalation.
fn escalation(holds: &mut [Hold], which: usize) -> Option<&mut Hold> {
    holds.get_mut(which).filter(|hold| hold.purpose == Purpose::Escalation)
}

proptest! {
    #[test]
    fn h05_no_sequence_of_steps_goes_below_zero_or_loses_a_unit(steps in prop::collection::vec(step(), 0..60)) {
        let mut scene = Scene::new();
        for step in &steps {
            prop_assert!(scene.act(step).is_ok(), "{step:?}");
            scene.agrees()?;
        }
    }

    #[test]
    fn h05_applying_what_is_due_late_comes_to_the_same_as_every_day(
        units in prop::collection::vec((1_u32..30, prop::option::of(1_i64..900)), 1..6),
        days in 1_i64..1500,
    ) {
        let mut scene = Scene::new();
        for (units, days) in units {
            let grant = Step::Grant { units, days };
            prop_assert!(scene.act(&grant).is_ok());
        }
        let (mut daily, begun) = (scene.purse.clone(), scene.now);
        for day in 1..=days {
            prop_assert!(daily.apply_due(begun + jiff::SignedDuration::from_hours(24 * day)).is_ok());
        }
        prop_assert!(scene.purse.apply_due(begun + jiff::SignedDuration::from_hours(24 * days)).is_ok());
        prop_assert_eq!(scene.purse.balance(), daily.balance());
        prop_assert_eq!(left(&scene.purse), left(&daily));
        let after = scene.purse.packs().iter().filter(|pack| pack.units_left > 0);
        prop_assert!(after.map(|pack| pack.units_left).sum::<u32>() <= rollover::ROLLS_OVER || days < 365);
    }
}
