//! Memory judges as rows do.
//!
//! Proves Q14, V01.

use proptest::prelude::*;
use vouch_core::code::{ProductId, TierId};
use vouch_core::{Channel, Severity};

use super::*;
use crate::domain::agreement::{Agreement, AgreementTerms, Liaison, Person, Plan};
use crate::domain::entitlement::{Known, LicenseRef, Question, Viewer, judge};
use crate::domain::incident::Account;
use crate::domain::license::{License, LicenseKind, LicenseTerms, Validity};
use crate::domain::product::Release;
use crate::domain::resale::Resale;
use crate::domain::tier::Charging;
use crate::store::packed::{pack_agreement, pack_license, read_agreement, read_license};

#[test]
fn a_licence_takes_less_than_a_hundred_bytes() {
    assert!(size_of::<LicenseRecord>() <= 96, "{}", size_of::<LicenseRecord>());
    assert!(size_of::<AgreementRecord>() <= 64, "{}", size_of::<AgreementRecord>());
}

/// What is thrown: days around the day of the question, states, names.
#[derive(Debug, Clone)]
struct Thrown {
    license: (i64, Option<i64>, u16, Option<i64>, u8),
    agreements: Vec<(i64, i64, u8)>,
    people: [bool; 2],
    /// Whether it has a line, and a maker of a modification.
    chain: [bool; 2],
    needs_agreement: bool,
    is_suspended: bool,
    incidents: i64,
    asks: [bool; 5],
}

fn thrown() -> impl Strategy<Value = Thrown> {
    let day = || -40_i64..40;
    let license = (day(), proptest::option::of(day()), 0_u16..30, proptest::option::of(day()), 0_u8..3);
    let agreements = proptest::collection::vec((day(), 0_i64..30, 0_u8..2), 0..3);
    let rest = (any::<[[bool; 2]; 2]>(), any::<bool>(), any::<bool>(), 0_i64..2, any::<[bool; 5]>());
    (license, agreements, rest).prop_map(|(license, agreements, rest)| {
        let ([people, chain], needs_agreement, is_suspended, incidents, asks) = rest;
        Thrown { license, agreements, people, chain, needs_agreement, is_suspended, incidents, asks }
    })
}

fn now() -> Timestamp {
    "2026-06-08T18:00:00Z".parse().unwrap()
}

fn day(offset: i64) -> Date {
    Date::constant(2026, 6, 8).checked_add(jiff::Span::new().days(offset)).unwrap()
}

fn partner(id: &str) -> PartnerId {
    PartnerId::parse(id).unwrap()
}

fn liaison(email: &str) -> Liaison {
    let person = Person { name: "Ada".into(), email: email.into(), administrative_rights: false };
    Liaison { id: vouch_core::World::system().id(), person, named_at: now() }
}

fn known(thrown: &Thrown) -> (Known, Vec<Agreement>) {
    let world = vouch_core::World::system();
    let zone = dates::zone("America/Denver").unwrap();
    let tier = |id: &str, charging| Tier {
        id: TierId::parse(id).unwrap(),
        name: id.into(),
        assisted: true,
        channels: vec![Channel::Portal],
        severities: vec![Severity::One],
        coverage: "business-hours".into(),
        priority: 1,
        charging,
        early_access: false,
    };
    let (from, until, grace_days, maintenance, state) = thrown.license;
    let license = License {
        id: world.id(),
        key: KeyDigest([7; 32]),
        key_hint: "ABCDE".into(),
        terms: LicenseTerms {
            product_id: ProductId::parse("atlas").unwrap(),
            quantity: 1,
            end_user_id: EndUserId::parse("contoso").unwrap(),
            end_user_name: "Contoso".into(),
            responsible_partner_id: partner("north"),
            reseller_partner_id: thrown.people[0].then(|| partner("shop")),
            validity: Validity { from: day(from), until: until.map(day), grace_days, zone: zone.clone() },
            maintenance_until: maintenance.map(day),
            kind: LicenseKind::Paid,
            order_reference: String::new(),
        },
        state: LicenseState::ALL[usize::from(state)],
        state_note: String::new(),
        liaisons: thrown.people[0].then(|| liaison("ada@contoso.example")).into_iter().collect(),
        resale: Resale {
            chain: Chain {
                links: if thrown.chain[0] { ["north", "middle", "shop"].map(partner).to_vec() } else { Vec::new() },
                maker: thrown.chain[1].then(|| partner("maker")),
            },
            policy: None,
        },
        revision: 3,
        created_at: now(),
    };
    let agreements = thrown.agreements.iter().map(|(from, days, state)| Agreement {
        id: world.id(),
        terms: AgreementTerms {
            end_user_id: license.terms.end_user_id.clone(),
            tier_id: TierId::parse("prepaid").unwrap(),
            from: day(*from),
            until: day(from + days),
            zone: zone.clone(),
            liaison_seats: 3,
            plan: Plan::Contract,
        },
        state: [AgreementState::Active, AgreementState::Suspended][usize::from(*state)],
        liaisons: thrown.people[1].then(|| liaison("grace@contoso.example")).into_iter().collect(),
        revision: 1,
        created_at: now(),
    });
    let agreements: Vec<_> = agreements.collect();
    let free = TierId::parse("free").unwrap();
    let known = Known {
        license,
        product: Product {
            id: ProductId::parse("atlas").unwrap(),
            name: "Atlas".into(),
            basis: if thrown.needs_agreement { Basis::Agreement } else { Basis::Either(free) },
            releases: vec![Release {
                version: "7".into(),
                released_on: day(0),
                end_of_support_on: Some(day(-1)),
                early_access_on: None,
            }],
            sdk: false,
            revision: 1,
            created_at: now(),
        },
        agreement: Agreement::deciding(agreements.clone(), now()),
        agreement_tier: (!agreements.is_empty()).then(|| Arc::new(tier("prepaid", Charging::Prepaid))),
        default_tier: (!thrown.needs_agreement).then(|| Arc::new(tier("free", Charging::Included))),
        partner_standing: if thrown.is_suspended { Standing::Suspended } else { Standing::Good },
        account: Account { available: thrown.incidents, ..Account::default() },
    };
    (known, agreements)
}

fn table(known: &Known, agreements: &[Agreement]) -> Table {
    let mut table = Table::with_room(1);
    let tiers = known.agreement_tier.iter().chain(&known.default_tier).map(|tier| Tier::clone(tier)).collect();
    let shop = (partner("shop"), Standing::Good);
    let partners = vec![(known.license.terms.responsible_partner_id.clone(), known.partner_standing), shop];
    table.set_catalogue(tiers, vec![known.product.clone()], partners);
    let facts = pack_license(&known.license).unwrap();
    table.set_license(&read_license(&facts).unwrap()).unwrap();
    table.set_end_user("contoso", known.account.available).unwrap();
    for agreement in agreements {
        table.add_agreement(&read_agreement(&pack_agreement(agreement).unwrap()).unwrap()).unwrap();
    }
    table
}

proptest! {
    #[test]
    fn v01_memory_judges_as_rows_do(thrown in thrown()) {
        let (known, agreements) = known(&thrown);
        let table = table(&known, &agreements);
        let [product, version, severity, channel, contact] = thrown.asks;
        let question = Question {
            license: LicenseRef::Id(known.license.id),
            partner_id: Some(partner(if product { "north" } else { "shop" })),
            product_id: product.then(|| ProductId::parse("atlas").unwrap()),
            version: version.then(|| "7".into()),
            severity: severity.then_some(Severity::Two),
            channel: channel.then_some(Channel::Phone),
            contact_email: contact.then(|| "grace@contoso.example".into()),
        };
        let partners = ["north", "shop", "middle", "maker", "stranger"].map(|id| Viewer::Partner(partner(id)));
        for viewer in std::iter::once(Viewer::Vendor).chain(partners) {
            let of_rows = judge(Some(&known.facts()), &question, &viewer, now());
            for wanted in [Wanted::Id(known.license.id), Wanted::Key(KeyDigest([7; 32]))] {
                let facts = table.facts(&wanted, now());
                prop_assert_eq!(&judge(facts.as_ref(), &question, &viewer, now()), &of_rows);
            }
        }
    }
}

#[test]
fn a_licence_whose_key_is_replaced_is_found_by_the_new_one_only() {
    let (known, agreements) = known(&plain());
    let mut table = table(&known, &agreements);
    let replaced = License { key: KeyDigest([8; 32]), ..known.license.clone() };
    table.set_license(&read_license(&pack_license(&replaced).unwrap()).unwrap()).unwrap();
    assert!(table.facts(&Wanted::Key(KeyDigest([7; 32])), now()).is_none());
    assert_eq!(table.facts(&Wanted::Key(KeyDigest([8; 32])), now()).unwrap().license.id, known.license.id);
    assert_eq!(table.licenses(), 1);
}

#[test]
fn q14_facts_that_were_packed_before_there_were_chains_are_read() {
    let (mut known, _) = known(&Thrown { chain: [true; 2], ..plain() });
    let with_chain = pack_license(&known.license).unwrap();
    assert_eq!((with_chain[0], read_license(&with_chain).unwrap().links), (1, vec!["north", "middle", "shop"]));
    known.license.resale = Resale::default();
    let without = pack_license(&known.license).unwrap();
    assert_eq!((without[0], read_license(&without).unwrap().links.len()), (0, 0), "no byte more than before");
}

#[test]
fn q14_a_licence_that_loses_its_chain_is_no_longer_its_partners() {
    let (known, agreements) = known(&Thrown { chain: [true; 2], ..plain() });
    let mut table = table(&known, &agreements);
    let wanted = Wanted::Id(known.license.id);
    let is_known = |table: &Table, id| table.facts(&wanted, now()).unwrap().license.is_known_to(&partner(id));
    assert!(is_known(&table, "middle") && is_known(&table, "maker"));
    let plain = License { resale: Resale::default(), ..known.license.clone() };
    table.set_license(&read_license(&pack_license(&plain).unwrap()).unwrap()).unwrap();
    assert!(!is_known(&table, "middle") && !is_known(&table, "maker"));
    assert!(table.chain_of.is_empty());
}

fn plain() -> Thrown {
    Thrown {
        license: (-1, None, 0, None, 0),
        agreements: vec![],
        people: [false; 2],
        chain: [false; 2],
        needs_agreement: false,
        is_suspended: false,
        incidents: 0,
        asks: [false; 5],
    }
}
