//! Tables and properties of accounts, packs and holds.
//!
//! Proves H03, H04, H05, W18.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::{World, dates};

use super::*;

mod property;

fn at(instant: &str) -> Timestamp {
    instant.parse().unwrap()
}

fn pack(units: u32, granted: &str, expires_on: &str) -> Pack {
    Pack {
        id: World::system().id(),
        units,
        units_left: units,
        order_reference: format!("order of {granted}"),
        granted_at: at(granted),
        expires_on: (!expires_on.is_empty()).then(|| dates::date(expires_on).unwrap()),
        zone: TimeZone::UTC,
    }
}

fn purse(packs: impl IntoIterator<Item = Pack>) -> Purse {
    let mut purse = Purse::new(AccountState::default(), Vec::new());
    for pack in packs {
        purse.grant(pack).unwrap();
    }
    purse
}

fn hold(purpose: Purpose) -> Hold {
    let work = Work {
        partner_id: PartnerId::parse("north").unwrap(),
        purpose,
        reference: "work 1".into(),
        description: String::new(),
        end_user_id: EndUserId::parse("contoso").unwrap(),
    };
    Hold::of(World::system().id(), work, Timestamp::MAX)
}

fn taken(purpose: Purpose, units: u32, purse: &mut Purse) -> Hold {
    let mut hold = hold(purpose);
    hold.fill(purse, Needed { take: units, owe: 0 }).unwrap();
    hold
}

fn owing(purse: &mut Purse) -> Hold {
    let mut hold = hold(Purpose::Escalation);
    hold.fill(purse, Needed { take: 0, owe: 1 }).unwrap();
    hold
}

fn left(purse: &Purse) -> Vec<u32> {
    purse.packs().iter().map(|pack| pack.units_left).collect()
}

const DAY: &str = "2026-06-08T10:00:00Z";
const CAPTURE: Settlement = Settlement::Capture { minutes: None };

#[test]
fn h05_what_expires_first_is_spent_first_and_then_what_is_oldest() {
    let packs = [
        pack(1, "2026-01-01T00:00:00Z", ""),
        pack(1, "2026-02-01T00:00:00Z", "2026-12-31"),
        pack(1, "2026-03-01T00:00:00Z", "2026-09-30"),
        pack(1, "2026-01-15T00:00:00Z", "2026-12-31"),
        pack(1, "2025-12-01T00:00:00Z", ""),
    ];
    let order = [2, 3, 1, 4, 0].map(|nth: usize| packs[nth].id);
    let mut purse = purse(packs);
    let shares = purse.spend(5, Movement::Reserve, Cause::default()).unwrap();
    assert_eq!(shares.iter().map(|share| share.pack).collect::<Vec<_>>(), order);
    assert!(purse.spend(1, Movement::Reserve, Cause::default()).is_err(), "nothing is left");
}

#[test]
fn h05_of_22_unused_15_roll_over_and_the_oldest_lapse() {
    let mut purse = purse([
        pack(5, "2025-06-10T00:00:00Z", ""),
        pack(10, "2025-09-01T00:00:00Z", ""),
        pack(10, "2026-01-01T00:00:00Z", "2026-12-31"),
        pack(7, "2026-06-10T00:00:00Z", ""),
    ]);
    let hold = taken(Purpose::TechnicalSupport, 3, &mut purse);
    assert_eq!(left(&purse), [5, 10, 7, 7], "what expires is spent first");
    purse.apply_due(at("2026-06-10T00:00:00Z")).unwrap();
    assert_eq!(left(&purse), [0, 8, 7, 7], "15, and what was granted on the day itself");
    assert_eq!((purse.balance().expired, purse.balance().reserved), (7, 3), "what is reserved is not unused");
    let last = purse.bookings().last().unwrap();
    assert_eq!((last.movement, last.cause.reference.as_str()), (Movement::NotRolledOver, "2026-06-10"));
    let again = purse.clone();
    purse.apply_due(at("2026-06-10T00:00:00Z")).unwrap();
    assert_eq!((purse.balance(), purse.bookings().len()), (again.balance(), again.bookings().len()), "once");

    let mut hold = hold;
    hold.settle(Settlement::Release, &mut purse, at("2026-07-01T00:00:00Z")).unwrap();
    assert_eq!(purse.balance().available, 25, "a reservation rolled over with its units");
}

#[test]
fn h05_years_that_were_missed_are_made_up_for_in_their_order() {
    let mut purse = purse([pack(30, "2023-06-10T00:00:00Z", ""), pack(20, "2024-01-01T00:00:00Z", "2025-01-31")]);
    purse.apply_due(at(DAY)).unwrap();
    // At the anniversary of 2024 the older 30 and 5 of the others lapse, at the end of January 2025 the other 15.
    assert_eq!((purse.balance().available, purse.balance().expired), (0, 50));
    let booked: Vec<_> = purse.bookings().iter().skip(2).map(|one| (one.movement, one.units())).collect();
    assert_eq!(booked, [(Movement::NotRolledOver, 35), (Movement::Expire, 15)]);
    assert_eq!(purse.state().due_at, Some(at("2026-06-10T00:00:00Z")), "the next anniversary");
}

#[test]
fn h05_a_pack_ends_with_its_last_day_in_its_zone_and_what_comes_back_later_has_expired() {
    let denver = dates::zone("America/Denver").unwrap();
    let mut purse = purse([Pack { zone: denver, ..pack(3, "2026-06-01T00:00:00Z", "2026-06-30") }]);
    let mut hold = taken(Purpose::TechnicalSupport, 1, &mut purse);
    purse.apply_due(at("2026-07-01T05:59:59Z")).unwrap();
    assert_eq!(purse.balance().available, 2);
    let later = at("2026-07-01T06:00:00Z");
    purse.apply_due(later).unwrap();
    assert_eq!((purse.balance().available, purse.balance().expired), (0, 2));
    hold.settle(Settlement::Release, &mut purse, later).unwrap();
    assert_eq!((purse.balance().available, purse.balance().expired, purse.balance().reserved), (0, 3, 0));
    let last: Vec<_> = purse.bookings().iter().rev().take(2).map(|one| one.movement).collect();
    assert_eq!(last, [Movement::Expire, Movement::Release], "given back, and expired at once");
}

#[test]
fn h05_capture_wins_over_release_whichever_comes_first() {
    for order in [[CAPTURE, Settlement::Release], [Settlement::Release, CAPTURE]] {
        let mut purse = purse([pack(1, DAY, "")]);
        let mut hold = taken(Purpose::Escalation, 1, &mut purse);
        for settlement in order {
            hold.settle(settlement, &mut purse, at(DAY)).unwrap();
        }
        assert_eq!((hold.state, hold.units), (HoldState::Captured, 1));
        assert_eq!((purse.balance().reserved, purse.balance().captured), (0, 1));
    }
}

#[test]
fn h05_a_late_capture_with_nothing_left_is_borne_by_the_vendor() {
    let mut purse = purse([pack(1, DAY, "")]);
    let mut hold = taken(Purpose::Escalation, 1, &mut purse);
    hold.settle(Settlement::Release, &mut purse, at(DAY)).unwrap();
    taken(Purpose::Escalation, 1, &mut purse);
    hold.settle(CAPTURE, &mut purse, at(DAY)).unwrap();
    assert_eq!((hold.units, hold.borne, purse.balance().vendor_borne), (0, 1, 1));
}

#[test]
fn h04_what_lapsed_may_be_captured_yet_and_what_was_taken_back_never_lapses() {
    let lapses_at = at("2026-06-15T10:00:00Z");
    let mut purse = purse([pack(3, DAY, "")]);
    let mut lapsed = Hold { lapses_at, ..taken(Purpose::Escalation, 1, &mut purse) };
    lapsed.settle(Settlement::Lapse, &mut purse, lapses_at).unwrap();
    assert_eq!((lapsed.state, lapsed.lapses_at, purse.balance().available), (HoldState::Released, lapses_at, 3));
    lapsed.settle(Settlement::Release, &mut purse, lapses_at).unwrap();
    assert!(lapsed.lapses_at > at("9000-01-01T00:00:00Z"), "also when that is told late");
    assert_eq!(purse.balance().available, 3, "it went back once");

    let mut withdrawn = Hold { lapses_at, ..taken(Purpose::Escalation, 1, &mut purse) };
    withdrawn.settle(Settlement::Release, &mut purse, at(DAY)).unwrap();
    assert_eq!(withdrawn.lapses_at, lapsed.lapses_at);
    let once = withdrawn.clone();
    for again in [Settlement::Release, Settlement::Lapse] {
        withdrawn.settle(again, &mut purse, at(DAY)).unwrap();
        assert_eq!(withdrawn, once);
    }
    withdrawn.settle(CAPTURE, &mut purse, at(DAY)).unwrap();
    assert_eq!((withdrawn.state, purse.balance().captured), (HoldState::Captured, 1));
    withdrawn.settle(Settlement::Lapse, &mut purse, at(DAY)).unwrap();
    assert_eq!(withdrawn.state, HoldState::Captured);

    let mut own = Hold { lapses_at, ..taken(Purpose::TechnicalSupport, 1, &mut purse) };
    own.settle(Settlement::Release, &mut purse, at(DAY)).unwrap();
    assert_eq!(own.lapses_at, lapses_at, "a partner is told when its own reservation would have lapsed");
}

#[test]
fn h03_an_owed_incident_is_asked_for_again_when_the_site_is_no_longer_down() {
    let account = |available| Account { available, ..Account::default() };
    let (empty, one) = (account(0), account(1));
    let with = |state, units, owed| Some(Hold { units, owed, state, ..hold(Purpose::Escalation) });
    let (reserved, captured, released) = (HoldState::Reserved, HoldState::Captured, HoldState::Released);
    let take = |take| Some(Needed { take, owe: 0 });
    let owe = Some(Needed { take: 0, owe: 1 });
    let cases = [
        ("a fresh hold takes its unit", None, 1, false, one, take(1)),
        ("and is refused without one", None, 1, false, empty, None),
        ("a site that is down is helped without one, and owes it", None, 1, true, empty, owe),
        ("and pays where there is one", None, 1, true, one, take(1)),
        ("a renewal has its unit already", with(reserved, 1, 0), 1, false, empty, take(0)),
        ("a captured one too", with(captured, 1, 0), 1, false, empty, take(0)),
        ("an owed one does not count", with(reserved, 0, 1), 1, false, empty, None),
        ("and is made good for", with(reserved, 0, 1), 1, false, one, take(1)),
        ("it is owed once", with(reserved, 0, 1), 1, true, empty, take(0)),
        ("a captured debt stays one while the site is down", with(captured, 0, 1), 1, true, one, take(0)),
        ("and is made good for afterwards", with(captured, 0, 1), 1, false, one, take(1)),
        ("a released one starts over", with(released, 1, 0), 1, false, empty, None),
        ("also when the site is down", with(released, 1, 0), 1, true, empty, owe),
        ("an included tier takes nothing", None, 0, false, empty, take(0)),
    ];
    for (what, held, wanted, is_down, account, expected) in cases {
        assert_eq!(to_reserve(held.as_ref(), wanted, is_down, account), expected, "{what}");
    }
    let reversed = Hold { reversed: 1, ..with(captured, 0, 0).unwrap() };
    assert_eq!(to_reserve(Some(&reversed), 1, false, empty), take(0), "what was forgiven is not asked for again");
}

#[test]
fn h03_what_is_owed_is_paid_from_the_next_pack_and_cancelled_by_a_release() {
    let mut purse = purse([]);
    let (mut paid, mut withdrawn) = (owing(&mut purse), owing(&mut purse));
    assert_eq!((purse.balance().owed, purse.balance().reserved), (2, 2));
    withdrawn.settle(Settlement::Release, &mut purse, at(DAY)).unwrap();
    paid.settle(CAPTURE, &mut purse, at(DAY)).unwrap();
    assert_eq!((purse.balance().owed, purse.balance().reserved, purse.balance().captured), (1, 0, 1));

    let next = pack(3, DAY, "");
    let id = next.id;
    purse.grant(next).unwrap();
    assert!(paid.pay_from(&mut purse, id).unwrap());
    assert!(!withdrawn.pay_from(&mut purse, id).unwrap(), "a released hold owes nothing");
    assert_eq!((purse.balance().owed, purse.balance().available, purse.balance().captured), (0, 2, 1));
    assert_eq!((paid.units, paid.owed, paid.shares.len()), (1, 0, 1));
}

#[test]
fn h04_an_appointment_that_took_place_is_charged_whole_and_one_that_was_cancelled_not_at_all() {
    let table = [(25, 10, 2, 0), (60, 10, 2, 0), (61, 10, 3, 0), (91, 10, 4, 0), (125, 10, 5, 0), (125, 3, 3, 2)];
    for (minutes, bought, units, owed) in table {
        let mut purse = purse([pack(bought, DAY, "")]);
        let mut hold = taken(Purpose::Appointment, price::FIRST_HOUR, &mut purse);
        let capture = Settlement::Capture { minutes: Some(minutes) };
        hold.settle(capture, &mut purse, at(DAY)).unwrap();
        assert_eq!((hold.units, hold.owed), (units, owed), "{minutes} minutes of {bought}");
        assert_eq!(purse.balance().captured, i64::from(units + owed));
    }
    let mut purse = purse([pack(2, DAY, "")]);
    let mut hold = taken(Purpose::Appointment, price::FIRST_HOUR, &mut purse);
    hold.settle(Settlement::Release, &mut purse, at(DAY)).unwrap();
    assert_eq!((purse.balance().available, purse.balance().captured), (2, 0));
}

#[test]
fn w18_a_reversal_cancels_what_is_owed_and_gives_the_rest_back_to_packs_that_have_not_ended() {
    let mut purse = purse([pack(1, DAY, "2026-06-30"), pack(1, DAY, "")]);
    let mut hold = taken(Purpose::Appointment, 2, &mut purse);
    hold.settle(Settlement::Capture { minutes: Some(61) }, &mut purse, at(DAY)).unwrap();
    assert_eq!((hold.units, hold.owed, hold.reversible()), (2, 1, 3));
    let later = at("2026-07-02T00:00:00Z");
    let fresh = pack(0, "2026-07-02T00:00:00Z", "");
    let reversal = Reversal { note: "defect".into(), reverses: None, fresh: fresh.clone(), now: later };
    hold.reverse(1, &mut purse, reversal.clone()).unwrap();
    assert_eq!((hold.units, hold.owed, hold.reversed, purse.balance().owed), (2, 0, 1, 0));
    hold.reverse(2, &mut purse, reversal).unwrap();
    assert_eq!((hold.reversible(), hold.reversed, hold.state), (0, 3, HoldState::Captured));
    assert_eq!(left(&purse), [0, 1, 1], "the pack that has ended gets nothing back, a fresh one does");
    assert_eq!(purse.pack(fresh.id).unwrap().units, 1);
    assert_eq!((purse.balance().available, purse.balance().captured, purse.balance().expired), (2, 0, 0));
}

#[test]
fn a_hold_of_no_units_moves_nothing() {
    for settlement in [CAPTURE, Settlement::Release] {
        let mut purse = purse([]);
        hold(Purpose::Escalation).settle(settlement, &mut purse, at(DAY)).unwrap();
        assert!(purse.bookings().is_empty() && !purse.is_changed());
    }
}

#[test]
fn every_movement_is_read_back_and_leaves_one_place_for_another() {
    for movement in Movement::ALL {
        assert_eq!(Movement::parse(movement.as_str()), Some(movement));
        let (from, to) = movement.ends();
        assert_ne!(from, to);
        assert_eq!((Place::parse(from.as_str()), Place::parse(to.as_str())), (Some(from), Some(to)));
    }
}
