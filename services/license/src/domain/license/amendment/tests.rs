//! What may be changed of a licence, by table.
//!
//! Proves W15, W19, W20.

use jiff::Timestamp;
use vouch_core::code::ProductId;
use vouch_core::{World, dates};

use super::*;
use crate::domain::agreement::{Liaison, Person};
use crate::domain::license::Validity;
use crate::domain::resale::{Chain, Resale};

const TODAY: &str = "2026-06-10";

fn day(text: &str) -> Date {
    dates::date(text).unwrap()
}

fn partner(id: &str) -> PartnerId {
    PartnerId::parse(id).unwrap()
}

fn end_user(id: &str) -> EndUserId {
    EndUserId::parse(id).unwrap()
}

fn license() -> License {
    let person = Person { name: "Ada".into(), email: "ada@contoso.example".into(), administrative_rights: false };
    License {
        id: World::system().id(),
        key: KeyDigest([7; 32]),
        key_hint: "ABCDE".into(),
        terms: LicenseTerms {
            product_id: ProductId::parse("atlas").unwrap(),
            quantity: 10,
            end_user_id: end_user("contoso"),
            end_user_name: "Contoso".into(),
            responsible_partner_id: partner("north"),
            reseller_partner_id: Some(partner("shop")),
            validity: Validity {
                from: day("2026-01-01"),
                until: Some(day("2026-12-31")),
                grace_days: 14,
                zone: dates::zone("America/Denver").unwrap(),
            },
            maintenance_until: Some(day("2026-12-31")),
            kind: LicenseKind::Paid,
            order_reference: "PO-1".into(),
        },
        state: LicenseState::Active,
        state_note: String::new(),
        liaisons: vec![Liaison { id: World::system().id(), person, named_at: Timestamp::UNIX_EPOCH }],
        resale: Resale::default(),
        revision: 3,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

fn evaluation() -> License {
    let mut license = license();
    license.terms.kind = LicenseKind::Evaluation;
    license
}

fn in_state(state: LicenseState) -> License {
    License { state, ..license() }
}

fn renew(text: &str) -> Amendment {
    Amendment::Renew { until: Some(day(text)), maintenance_until: None }
}

fn convert(text: &str) -> Amendment {
    Amendment::Convert { until: Some(day(text)), grace_days: 30, maintenance_until: None, quantity: None }
}

/// The fields that stand against an amendment, or the state.
fn against(license: &License, amendment: &Amendment) -> Vec<String> {
    match license.amend(amendment, day(TODAY)) {
        Ok(_) => Vec::new(),
        Err(Error::Invalid(violations)) => violations.iter().map(|violation| violation.field.clone()).collect(),
        Err(Error::StateConflict { state, .. }) => vec![format!("state: {state}")],
        Err(other) => panic!("{other}"),
    }
}

fn changed(license: &License, amendment: &Amendment) -> Vec<(String, String, String)> {
    let next = license.amend(amendment, day(TODAY)).unwrap();
    assert_eq!(next.revision, license.revision + 1);
    let changes = license.differences(&next);
    changes.into_iter().map(|change| (change.field, change.before, change.after)).collect()
}

fn field(name: &str, before: &str, after: &str) -> (String, String, String) {
    (name.into(), before.into(), after.into())
}

#[test]
fn w20_each_amendment_changes_what_it_names_and_nothing_else() {
    let license = license();
    assert_eq!(changed(&license, &renew("2027-12-31")), [field("valid_until", "2026-12-31", "2027-12-31")]);
    let with_maintenance = Amendment::Renew { until: None, maintenance_until: Some(day("2028-01-31")) };
    assert_eq!(
        changed(&license, &with_maintenance),
        [field("valid_until", "2026-12-31", ""), field("maintenance_until", "2026-12-31", "2028-01-31")]
    );
    assert_eq!(changed(&license, &Amendment::Quantity(25)), [field("quantity", "10", "25")]);
    let shorter = Amendment::CoTerm(day("2026-09-30"));
    assert_eq!(changed(&license, &shorter), [field("valid_until", "2026-12-31", "2026-09-30")]);
    assert_eq!(
        changed(&license, &Amendment::Cancel(day(TODAY))),
        [
            field("valid_until", "2026-12-31", TODAY),
            field("grace_days", "14", "0"),
            field("state", "active", "cancelled"),
        ]
    );
    assert_eq!(
        changed(&evaluation(), &convert("2027-06-30")),
        [
            field("valid_until", "2026-12-31", "2027-06-30"),
            field("grace_days", "14", "30"),
            field("maintenance_until", "2026-12-31", ""),
            field("kind", "evaluation", "paid"),
        ]
    );
}

#[test]
fn w20_what_makes_no_sense_is_refused_with_its_field() {
    let license = license();
    let (past, after_all) = ("2026-06-09", "2027-06-30");
    let later = {
        let mut later = evaluation();
        later.terms.validity.from = day("2027-01-01");
        later
    };
    let perpetual = {
        let mut perpetual = license.clone();
        perpetual.terms.validity.until = None;
        perpetual
    };
    let ended = {
        let mut ended = license.clone();
        ended.terms.validity.until = Some(day("2026-05-31"));
        ended
    };
    let cases = [
        ("a renewal in the past", &ended, renew(past), vec!["valid_until"]),
        ("a renewal that shortens", &license, renew("2026-12-31"), vec!["valid_until"]),
        ("a renewal in the past that shortens", &license, renew(past), vec!["valid_until", "valid_until"]),
        ("the renewal of an evaluation", &evaluation(), renew(after_all), vec!["license_id"]),
        ("the renewal of a perpetual one", &perpetual, renew(after_all), vec!["state: perpetual"]),
        (
            "maintenance that shortens",
            &license,
            Amendment::Renew { until: Some(day(after_all)), maintenance_until: Some(day("2026-12-30")) },
            vec!["maintenance_until"],
        ),
        ("a conversion to before its first day", &later, convert("2026-12-31"), vec!["valid_until"]),
        ("the same quantity", &license, Amendment::Quantity(10), vec!["state: for that quantity"]),
        ("a common last day in the past", &license, Amendment::CoTerm(day(past)), vec!["valid_until"]),
        ("a perpetual one co-termed", &perpetual, Amendment::CoTerm(day(after_all)), vec!["license_id"]),
        ("an ended one co-termed", &ended, Amendment::CoTerm(day(after_all)), vec!["license_id"]),
        ("a cancellation in the past", &license, Amendment::Cancel(day(past)), vec!["last_day"]),
        ("a cancellation that lengthens", &license, Amendment::Cancel(day(after_all)), vec!["last_day"]),
        ("a paid one converted", &license, convert(after_all), vec!["state: paid for"]),
        ("a conversion into the past", &evaluation(), convert(past), vec!["valid_until"]),
    ];
    for (what, license, amendment, expected) in cases {
        assert_eq!(against(license, &amendment), expected, "{what}");
    }
}

#[test]
fn w20_what_was_given_back_or_revoked_is_not_renewed() {
    let transfer = Transfer { responsible_partner_id: Some(partner("south")), ..Transfer::default() };
    let amendments = [
        (renew("2027-12-31"), true),
        (Amendment::Quantity(25), true),
        (Amendment::CoTerm(day("2027-12-31")), true),
        (Amendment::Transfer(transfer), false),
        (Amendment::Key(KeyDigest([8; 32]), "FGHJK".into()), false),
    ];
    for (amendment, needs_no_end) in amendments {
        let what = amendment.as_str();
        let revoked = against(&in_state(LicenseState::Revoked), &amendment);
        assert_eq!(revoked, ["state: revoked"], "{what}");
        let cancelled = against(&in_state(LicenseState::Cancelled), &amendment);
        assert_eq!(cancelled.is_empty(), !needs_no_end, "{what}");
        assert!(against(&in_state(LicenseState::Suspended), &amendment).is_empty(), "{what} while suspended");
    }
    assert_eq!(against(&in_state(LicenseState::Suspended), &Amendment::Cancel(day(TODAY))), ["state: suspended"]);
}

#[test]
fn w15_a_transfer_changes_hands_and_ends_the_old_end_users_people() {
    let license = license();
    let transfer = |transfer| license.amend(&Amendment::Transfer(transfer), day(TODAY));
    let to_fabrikam = (end_user("fabrikam"), "Fabrikam".to_owned());
    let next = transfer(Transfer { end_user: Some(to_fabrikam), ..Transfer::default() }).unwrap();
    assert_eq!((next.terms.end_user_id.as_str(), next.liaisons.len()), ("fabrikam", 0));
    assert_eq!(next.terms.responsible_partner_id.as_str(), "north");

    let renamed = (end_user("contoso"), "Contoso Group".to_owned());
    let next = transfer(Transfer { end_user: Some(renamed), ..Transfer::default() }).unwrap();
    assert_eq!(next.liaisons.len(), 1, "another name is no other end user");

    let south = Transfer { responsible_partner_id: Some(partner("south")), ..Transfer::default() };
    let next = transfer(south).unwrap();
    assert_eq!(next.terms.reseller_partner_id, Some(partner("shop")), "who sold it, sold it");

    let shop = Transfer { responsible_partner_id: Some(partner("shop")), ..Transfer::default() };
    assert_eq!(transfer(shop).unwrap().terms.reseller_partner_id, None, "one partner and not two");

    let itself = (end_user("contoso"), "Contoso".to_owned());
    let same = Transfer { end_user: Some(itself), ..Transfer::default() };
    assert_eq!(against(&license, &Amendment::Transfer(same)), ["end_user"], "a transfer in a circle of one");
}

#[test]
fn w19_another_key_leaves_only_its_last_group_in_the_history() {
    let key = Amendment::Key(KeyDigest([8; 32]), "FGHJK".into());
    assert_eq!(changed(&license(), &key), [field("key_hint", "ABCDE", "FGHJK")]);
}

#[test]
fn two_orders_with_the_same_content_are_the_same() {
    assert_eq!(renew("2027-12-31").content(), renew("2027-12-31").content());
    assert_ne!(renew("2027-12-31").content(), renew("2028-12-31").content());
    assert_ne!(Amendment::CoTerm(day(TODAY)).content(), Amendment::Cancel(day(TODAY)).content());
}

#[test]
fn w15_a_successor_takes_the_place_of_the_responsible_partner_and_stands_in_the_line_once() {
    let sold = |links: &[&str], maker: Option<&str>| {
        let mut license = license();
        let links = links.iter().map(|id| partner(id)).collect();
        license.resale.chain = Chain { links, maker: maker.map(partner) };
        license
    };
    let ids =
        |license: &License| -> Vec<String> { license.resale.chain.links.iter().map(ToString::to_string).collect() };
    let next = sold(&["north", "house", "shop"], Some("north")).succeeded_by(&partner("south"));
    assert_eq!(ids(&next), ["south", "house", "shop"]);
    assert_eq!(next.resale.chain.maker, None, "who is gone answers for no modification");
    assert_eq!((next.terms.seller(), next.revision), (&partner("shop"), 4));

    let next = sold(&["north", "house", "shop"], Some("oem")).succeeded_by(&partner("shop"));
    assert_eq!(ids(&next), ["house", "shop"]);
    assert_eq!((next.terms.reseller_partner_id, next.resale.chain.maker), (None, Some(partner("oem"))));
}

#[test]
fn w15_a_licence_is_gone_for_who_saw_it_and_sees_it_no_longer() {
    let sold = |responsible: &str, reseller: Option<&str>, links: &[&str], maker: Option<&str>| {
        let mut license = license();
        license.terms.responsible_partner_id = partner(responsible);
        license.terms.reseller_partner_id = reseller.map(partner);
        let links = links.iter().map(|id| partner(id)).collect();
        license.resale.chain = Chain { links, maker: maker.map(partner) };
        license
    };
    let whole = sold("north", Some("shop"), &["north", "house", "shop"], Some("oem"));
    let table: &[(License, &[&str])] = &[
        (whole.clone(), &[]),
        (sold("north", Some("shop"), &["north", "shop"], None), &["house"]),
        (sold("shop", None, &["house", "shop"], Some("oem")), &["north"]),
        (sold("house", None, &[], Some("shop")), &["north", "shop"]),
        (sold("south", None, &[], None), &["north", "shop", "house"]),
    ];
    for (next, expected) in table {
        let gone: Vec<_> = whole.gone_for(next).into_iter().map(PartnerId::as_str).collect();
        assert_eq!(gone, *expected, "{:?}", next.resale);
    }
    assert!(
        sold("north", None, &[], Some("oem")).gone_for(&sold("north", None, &[], None)).is_empty(),
        "a maker sees none"
    );
}
