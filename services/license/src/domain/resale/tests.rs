//! Who is responsible, and who knows of whom, by tables.
//!
//! Proves Q14, D01.

use jiff::civil::Date;

use super::*;

fn partner(id: &str) -> PartnerId {
    PartnerId::parse(id).unwrap()
}

fn named(id: &str) -> Named {
    let programme = match id.split('-').next() {
        Some("master") => Programme::MasterReseller,
        Some("oem") => Programme::OemSaasMsp,
        Some("desk") => Programme::VendorDesk,
        _ => Programme::SolutionProvider,
    };
    let standing = if id.ends_with("-suspended") { Standing::Suspended } else { Standing::Good };
    (partner(id), (id != "nobody").then_some((programme, standing)))
}

fn policy(rule: Rule) -> Policy {
    Policy {
        version: PolicyVersion { programme: Programme::SolutionProvider, version: 2 },
        effective_from: Date::constant(2026, 1, 1),
        text: "Support well.".into(),
        duties: Vec::new(),
        rule,
        published_at: Timestamp::UNIX_EPOCH,
    }
}

fn line(ids: &[&str]) -> Result<Vec<Dealer>, Violations> {
    let links: Vec<_> = ids.iter().map(|id| named(id)).collect();
    read_line(&links, None)
}

#[test]
fn q14_each_rule_finds_its_partner_from_the_seller_upwards() {
    use Rule::{MasterSupports, OperatorSupports, SellerSupports};
    let table: &[(Rule, &[&str], Option<&str>)] = &[
        (SellerSupports, &["shop"], Some("shop")),
        (SellerSupports, &["master-one", "shop"], Some("shop")),
        (MasterSupports, &["master-one", "shop"], Some("master-one")),
        (MasterSupports, &["master-one", "master-two", "house", "shop"], Some("master-two")),
        (MasterSupports, &["master-one"], Some("master-one")),
        (MasterSupports, &["house", "shop"], None),
        (OperatorSupports, &["master-one", "oem-one"], Some("oem-one")),
        (OperatorSupports, &["oem-one", "shop"], Some("oem-one")),
        (OperatorSupports, &["master-one", "shop"], None),
    ];
    for (rule, ids, expected) in table {
        let decided = decide(&line(ids).unwrap(), Some(&policy(*rule)));
        match (decided, expected) {
            (Ok(decision), Some(expected)) => {
                assert_eq!(decision.responsible.as_str(), *expected, "{rule:?} {ids:?}");
                assert!(
                    decision.why().contains("version 2") && decision.why().contains(expected),
                    "{}",
                    decision.why()
                );
            }
            (Err(Error::Invalid(violations)), None) => assert_eq!(violations.iter().next().unwrap().field, "links"),
            (other, _) => panic!("{rule:?} {ids:?}: {other:?}"),
        }
    }
}

#[test]
fn q14_without_a_policy_nobody_is_decided() {
    let Err(Error::Refused { reason, .. }) = decide(&line(&["shop"]).unwrap(), None) else { panic!("decided") };
    assert_eq!(reason, Reason::ProgrammePolicyMissing);
}

#[test]
fn d01_the_vendors_own_desk_is_responsible_without_a_policy() {
    let decision = decide(&line(&["desk"]).unwrap(), None).unwrap();
    assert_eq!((decision.responsible.as_str(), &decision.by), ("desk", &None));
}

#[test]
fn q14_a_line_with_a_wrong_link_is_refused_with_its_field() {
    let table: &[(&[&str], &[&str])] = &[
        (&["shop", "house", "shop"], &["links[2].partner_id"]),
        (&["shop", "shop"], &["links[1].partner_id"]),
        (&["nobody", "shop"], &["links[0].partner_id"]),
        (&["master-one", "shop-suspended"], &["links[1].partner_id"]),
        (&["desk", "shop"], &["links[0].partner_id"]),
        (&["nobody", "shop-suspended"], &["links[0].partner_id", "links[1].partner_id"]),
    ];
    for (ids, expected) in table {
        let violations = line(ids).unwrap_err();
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, *expected, "{ids:?}");
    }
    let maker = read_line(&[named("shop")], Some(&named("oem-suspended"))).unwrap_err();
    assert_eq!(maker.iter().next().unwrap().field, "modification_maker_id");
}

#[test]
fn q14_each_place_of_a_line_has_its_own_part() {
    let links = ["one", "two", "three", "four"].map(partner).to_vec();
    let chain = Chain { links, maker: Some(partner("maker")) };
    let table: &[(&str, &[&str])] = &[
        ("one", &["one", "two"]),
        ("two", &["one", "two", "three"]),
        ("three", &["two", "three", "four"]),
        ("four", &["three", "four"]),
        ("maker", &[]),
        ("stranger", &[]),
    ];
    for (viewer, expected) in table {
        let part: Vec<_> = chain.part_of(&partner(viewer)).iter().map(PartnerId::as_str).collect();
        assert_eq!(part, *expected, "{viewer}");
    }
}
