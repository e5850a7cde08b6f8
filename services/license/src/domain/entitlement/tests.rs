//! The judgement by table: one fact changed at a time, and what is found.
//!
//! Proves H03, H06, M03, M06, Q02, Q14, S01, V01, W21.

use jiff::Timestamp;
use vouch_core::{CureBy, Reason, Severity, Weight, World, dates};

use super::*;
use crate::domain::agreement::Agreement;
use crate::domain::agreement::{AgreementState, AgreementTerms, Liaison, Person, Plan};
use crate::domain::incident::Account;
use crate::domain::license::License;
use crate::domain::license::{LicenseKind, LicenseState, LicenseTerms, Validity};
use crate::domain::license_key::KeyDigest;
use crate::domain::partner::Standing;
use crate::domain::product::Product;
use crate::domain::product::{Basis, Release};
use crate::domain::resale::Resale;
use crate::domain::tier::Charging;

fn noon() -> Timestamp {
    "2026-06-08T18:00:00Z".parse().unwrap()
}

fn partner(id: &str) -> PartnerId {
    PartnerId::parse(id).unwrap()
}

fn liaison(email: &str) -> Liaison {
    Liaison {
        id: World::system().id(),
        person: Person { name: "Ada".into(), email: email.into(), administrative_rights: false },
        named_at: noon(),
    }
}

fn tier(id: &str) -> Tier {
    Tier {
        id: TierId::parse(id).unwrap(),
        name: id.into(),
        assisted: true,
        channels: vec![Channel::Portal, Channel::Email],
        severities: vec![Severity::One, Severity::Two, Severity::Three],
        coverage: "business-hours".into(),
        priority: 1,
        charging: Charging::Included,
        early_access: false,
    }
}

fn release(version: &str, released_on: &str, end_of_support_on: Option<&str>) -> Release {
    Release {
        version: version.into(),
        released_on: dates::date(released_on).unwrap(),
        end_of_support_on: end_of_support_on.map(|day| dates::date(day).unwrap()),
        early_access_on: None,
    }
}

fn facts() -> Known {
    let world = World::system();
    let denver = dates::zone("America/Denver").unwrap();
    let product_id = ProductId::parse("atlas").unwrap();
    let end_user_id = EndUserId::parse("contoso").unwrap();
    Known {
        license: License {
            id: world.id(),
            key: KeyDigest([7; 32]),
            key_hint: "ABCDE".into(),
            terms: LicenseTerms {
                product_id: product_id.clone(),
                quantity: 10,
                end_user_id: end_user_id.clone(),
                end_user_name: "Contoso".into(),
                responsible_partner_id: partner("north"),
                reseller_partner_id: Some(partner("shop")),
                validity: Validity {
                    from: dates::date("2025-01-01").unwrap(),
                    until: Some(dates::date("2026-12-31").unwrap()),
                    grace_days: 14,
                    zone: denver.clone(),
                },
                maintenance_until: Some(dates::date("2026-05-31").unwrap()),
                kind: LicenseKind::Paid,
                order_reference: String::new(),
            },
            state: LicenseState::Active,
            state_note: String::new(),
            liaisons: Vec::new(),
            resale: Resale::default(),
            revision: 3,
            created_at: noon(),
        },
        product: Product {
            id: product_id,
            name: "Atlas".into(),
            basis: Basis::Either(TierId::parse("free").unwrap()),
            sdk: false,
            releases: vec![
                release("8.0", "2026-06-01", None),
                release("7.2", "2026-05-31", None),
                release("5.0", "2020-01-01", Some("2026-06-07")),
                release("6.0", "2020-01-01", Some("2026-06-08")),
            ],
            revision: 1,
            created_at: noon(),
        },
        agreement: Some(Agreement {
            id: world.id(),
            terms: AgreementTerms {
                end_user_id,
                tier_id: TierId::parse("standard").unwrap(),
                from: dates::date("2026-01-01").unwrap(),
                until: dates::date("2026-06-30").unwrap(),
                zone: denver,
                liaison_seats: 3,
                plan: Plan::Contract,
            },
            state: AgreementState::Active,
            liaisons: vec![liaison("ada@contoso.example")],
            revision: 1,
            created_at: noon(),
        }),
        agreement_tier: Some(Arc::new(tier("standard"))),
        default_tier: Some(Arc::new(tier("free"))),
        partner_standing: Standing::Good,
        account: Account::default(),
    }
}

fn question(facts: &Known) -> Question {
    Question {
        license: LicenseRef::Id(facts.license.id),
        partner_id: Some(partner("north")),
        product_id: Some(ProductId::parse("atlas").unwrap()),
        version: Some("7.2".into()),
        severity: Some(Severity::Two),
        channel: Some(Channel::Portal),
        contact_email: Some("ada@contoso.example".into()),
    }
}

fn north() -> Viewer {
    Viewer::Partner(partner("north"))
}

/// What is found after one change of the facts and the question.
fn found(change: impl FnOnce(&mut Known, &mut Question)) -> Vec<(Reason, Weight)> {
    let mut facts = facts();
    let mut question = question(&facts);
    change(&mut facts, &mut question);
    let answer = judge(Some(&facts.facts()), &question, &north(), noon());
    answer.findings.into_sorted().into_iter().map(|finding| (finding.reason, finding.weight)).collect()
}

fn blocking(reason: Reason) -> Vec<(Reason, Weight)> {
    vec![(reason, Weight::Blocking)]
}

#[test]
fn q02_an_end_user_with_agreement_and_licence_is_entitled() {
    let facts = facts();
    let answer = judge(Some(&facts.facts()), &question(&facts), &north(), noon());
    assert!(answer.is_entitled(), "{:?}", answer.findings);
    let cover = answer.cover.unwrap();
    assert_eq!(cover.tier_id().unwrap().as_str(), "standard");
    assert_eq!(cover.agreement_id, facts.agreement.as_ref().map(|agreement| agreement.id));
    assert_eq!(cover.until.unwrap().to_string(), "2026-07-01T06:00:00Z", "the earlier of licence and agreement");
    assert_eq!(cover.contact_id, Some(facts.agreement.unwrap().liaisons[0].id));
}

#[test]
fn q02_each_fact_that_stands_against_it_is_found() {
    assert_eq!(found(|f, _| f.license.state = LicenseState::Suspended), blocking(Reason::Suspended));
    assert_eq!(found(|f, _| f.license.state = LicenseState::Revoked), blocking(Reason::Revoked));
    let from = dates::date("2026-06-09").unwrap();
    assert_eq!(found(|f, _| f.license.terms.validity.from = from), blocking(Reason::NotYetValid));
    let long_ago = dates::date("2026-05-01").unwrap();
    assert_eq!(found(|f, _| f.license.terms.validity.until = Some(long_ago)), blocking(Reason::Expired));
    let yesterday = dates::date("2026-06-07").unwrap();
    let in_grace = vec![(Reason::InGrace, Weight::Warning)];
    assert_eq!(found(|f, _| f.license.terms.validity.until = Some(yesterday)), in_grace);
    assert_eq!(found(|_, q| q.product_id = ProductId::parse("other").ok()), blocking(Reason::ProductNotCovered));
    assert_eq!(found(|_, q| q.version = Some("9.9".into())), blocking(Reason::VersionUnknown));
    assert_eq!(found(|_, q| q.channel = Some(Channel::Phone)), blocking(Reason::ChannelNotCovered));
    assert_eq!(found(|f, _| f.partner_standing = Standing::Suspended), blocking(Reason::PartnerSuspended));
    let one = |f: &mut Known| Arc::make_mut(f.agreement_tier.as_mut().unwrap()).severities = vec![Severity::One];
    assert_eq!(found(|f, _| one(f)), blocking(Reason::SeverityNotCovered));
    let unassisted = |f: &mut Known| Arc::make_mut(f.agreement_tier.as_mut().unwrap()).assisted = false;
    assert_eq!(found(|f, _| unassisted(f)), blocking(Reason::TierExcludesAssistedSupport));
}

#[test]
fn in_grace_the_cover_lasts_until_the_grace_ends() {
    let mut facts = facts();
    facts.license.terms.validity.until = dates::date("2026-06-07").ok();
    let answer = judge(Some(&facts.facts()), &question(&facts), &north(), noon());
    assert_eq!(answer.cover.unwrap().until.unwrap().to_string(), "2026-06-22T06:00:00Z");
}

#[test]
fn q02_where_the_vendor_demands_an_agreement_a_licence_alone_is_not_enough() {
    let demand = |f: &mut Known| f.product.basis = Basis::Agreement;
    assert_eq!(found(|f, _| demand(f)), vec![]);
    let without = |f: &mut Known| (f.agreement, f.agreement_tier) = (None, None);
    assert_eq!(
        found(|f, q| {
            demand(f);
            without(f);
            q.contact_email = None;
        }),
        blocking(Reason::AgreementMissing)
    );
    assert_eq!(
        found(|f, _| {
            demand(f);
            f.agreement.as_mut().unwrap().state = AgreementState::Suspended;
        }),
        [(Reason::AgreementSuspended, Weight::Blocking), (Reason::ContactNotNamed, Weight::Blocking)]
    );
    let ended = dates::date("2026-06-07").unwrap();
    assert_eq!(
        found(|f, q| {
            demand(f);
            f.agreement.as_mut().unwrap().terms.until = ended;
            q.contact_email = None;
        }),
        blocking(Reason::AgreementExpired)
    );
}

#[test]
fn q02_a_licence_alone_gives_the_products_default_tier() {
    let mut facts = facts();
    (facts.agreement, facts.agreement_tier) = (None, None);
    facts.license.liaisons = vec![liaison("grace@contoso.example")];
    let mut question = question(&facts);
    question.contact_email = Some("grace@contoso.example".into());
    let answer = judge(Some(&facts.facts()), &question, &north(), noon());
    assert!(answer.is_entitled(), "{:?}", answer.findings);
    let cover = answer.cover.unwrap();
    assert_eq!((cover.tier_id().unwrap().as_str(), cover.agreement_id), ("free", None));
}

#[test]
fn s01_only_a_named_contact_is_entitled_and_the_refusal_names_nobody() {
    let mut facts = facts();
    facts.license.liaisons = vec![liaison("grace@contoso.example")];
    for named in ["ada@contoso.example", "grace@contoso.example"] {
        let question = Question { contact_email: Some(named.into()), ..question(&facts) };
        assert!(judge(Some(&facts.facts()), &question, &north(), noon()).is_entitled(), "{named}");
    }
    let question = Question { contact_email: Some("eve@contoso.example".into()), ..question(&facts) };
    let answer = judge(Some(&facts.facts()), &question, &north(), noon());
    assert_eq!(answer.findings.reasons(), [Reason::ContactNotNamed]);
    let told = format!("{:?}", answer.findings);
    assert!(!told.contains("ada@") && !told.contains("grace@") && !told.contains("Ada"), "{told}");
    assert!(told.contains("adopt") && told.contains("online account") && told.contains("name"), "both ways on");
}

#[test]
fn s01_who_is_not_named_is_refused_on_every_channel_alike() {
    let every = |f: &mut Known| Arc::make_mut(f.agreement_tier.as_mut().unwrap()).channels = Channel::ALL.to_vec();
    for channel in Channel::ALL {
        let by = |email: &str| {
            found(|f, q| {
                every(f);
                (q.channel, q.contact_email) = (Some(channel), Some(email.into()));
            })
        };
        assert_eq!(by("eve@contoso.example"), blocking(Reason::ContactNotNamed), "{channel:?}");
        assert_eq!(by("ada@contoso.example"), [], "{channel:?}");
    }
}

#[test]
fn m03_which_channels_and_severities_a_tier_covers_is_data_and_the_refusal_names_its_channels() {
    let mut facts = facts();
    let tier = |f: &mut Known, channels: &[Channel], severities: &[Severity]| {
        let tier = Arc::make_mut(f.agreement_tier.as_mut().unwrap());
        (tier.channels, tier.severities) = (channels.to_vec(), severities.to_vec());
    };
    let standard = [Channel::Portal, Channel::Email];
    for covered in [standard.as_slice(), &Channel::ALL] {
        tier(&mut facts, covered, &[Severity::Two]);
        for channel in Channel::ALL {
            let question = Question { channel: Some(channel), ..question(&facts) };
            let answer = judge(Some(&facts.facts()), &question, &north(), noon());
            assert_eq!(answer.is_entitled(), covered.contains(&channel), "{channel:?} of {covered:?}");
            for finding in answer.findings.into_sorted() {
                assert_eq!((finding.reason, finding.cure_by), (Reason::ChannelNotCovered, CureBy::Partner));
                assert!(covered.iter().all(|channel| finding.remedy.contains(channel.as_str())), "{finding:?}");
            }
        }
    }
    for (severity, is_covered) in [(Severity::One, false), (Severity::Two, true), (Severity::Three, false)] {
        let question = Question { severity: Some(severity), ..question(&facts) };
        assert_eq!(judge(Some(&facts.facts()), &question, &north(), noon()).is_entitled(), is_covered, "{severity:?}");
    }
}

#[test]
fn m06_a_tier_without_assisted_support_refuses_every_request_and_tells_both_ways_on() {
    let mut facts = facts();
    let free = Arc::make_mut(facts.agreement_tier.as_mut().unwrap());
    (free.assisted, free.channels, free.severities) = (false, vec![], vec![]);
    for channel in Channel::ALL {
        for severity in [Severity::SiteDown, Severity::One, Severity::Two, Severity::Three] {
            let question = Question { channel: Some(channel), severity: Some(severity), ..question(&facts) };
            let answer = judge(Some(&facts.facts()), &question, &north(), noon());
            let finding = answer.findings.into_sorted().remove(0);
            assert_eq!((finding.reason, finding.cure_by), (Reason::TierExcludesAssistedSupport, CureBy::EndUser));
            assert!(finding.remedy.contains("sales") && finding.remedy.contains("onboarding programme"), "{finding:?}");
        }
    }
}

#[test]
fn h06_a_release_of_the_last_day_of_maintenance_may_be_used_and_the_next_days_may_not() {
    assert_eq!(found(|_, q| q.version = Some("7.2".into())), vec![]);
    assert_eq!(found(|_, q| q.version = Some("8.0".into())), blocking(Reason::VersionOutOfMaintenance));
}

#[test]
fn m03_a_release_that_is_not_out_yet_is_supported_for_tiers_with_early_access_only() {
    let upcoming = |f: &mut Known, early: &str| {
        f.license.terms.maintenance_until = None;
        f.product.releases[0] =
            Release { early_access_on: dates::date(early).ok(), ..release("8.0", "2026-06-09", None) };
    };
    let early_tier = |f: &mut Known| Arc::make_mut(f.agreement_tier.as_mut().unwrap()).early_access = true;
    let ask = |q: &mut Question| q.version = Some("8.0".into());
    let not_available = blocking(Reason::ReleaseNotAvailable);
    let found_for = |early: &str, has_early_access: bool| {
        found(|f, q| {
            upcoming(f, early);
            ask(q);
            if has_early_access {
                early_tier(f);
            }
        })
    };
    assert_eq!(found_for("2026-06-01", false), not_available);
    assert_eq!(found_for("2026-06-01", true), vec![]);
    assert_eq!(found_for("", true), not_available, "no early access was announced");
}

#[test]
fn w21_end_of_life_is_told_apart_from_lapsed_maintenance() {
    assert_eq!(found(|_, q| q.version = Some("5.0".into())), blocking(Reason::ReleaseEndOfLife));
    assert_eq!(found(|_, q| q.version = Some("6.0".into())), vec![], "the last day of support counts");
}

#[test]
fn v01_every_failing_reason_is_told_at_once_with_who_can_cure_it() {
    let mut facts = facts();
    facts.license.state = LicenseState::Suspended;
    facts.license.terms.validity.until = dates::date("2026-05-01").ok();
    facts.partner_standing = Standing::Suspended;
    let question = Question {
        version: Some("8.0".into()),
        channel: Some(Channel::Chat),
        contact_email: Some("eve@contoso.example".into()),
        ..question(&facts)
    };
    let answer = judge(Some(&facts.facts()), &question, &north(), noon());
    assert_eq!(
        answer.findings.reasons(),
        [
            Reason::PartnerSuspended,
            Reason::Suspended,
            Reason::Expired,
            Reason::VersionOutOfMaintenance,
            Reason::ChannelNotCovered,
            Reason::ContactNotNamed,
        ]
    );
    let told = answer.findings.into_sorted();
    assert!(told.iter().all(|finding| !finding.remedy.is_empty() && !finding.message.is_empty()), "{told:?}");
    let cures: Vec<_> = told.iter().map(|finding| (finding.reason, finding.cure_by)).collect();
    let expected = [
        (Reason::PartnerSuspended, CureBy::Partner),
        (Reason::Suspended, CureBy::Partner),
        (Reason::Expired, CureBy::EndUser),
        (Reason::VersionOutOfMaintenance, CureBy::EndUser),
        (Reason::ChannelNotCovered, CureBy::Partner),
        (Reason::ContactNotNamed, CureBy::EndUser),
    ];
    assert_eq!(cures, expected);
}

#[test]
fn whoever_is_not_in_the_chain_learns_only_that_the_licence_is_not_found() {
    let facts = facts();
    let question = question(&facts);
    let stranger = Viewer::Partner(partner("stranger"));
    let foreign = judge(Some(&facts.facts()), &question, &stranger, noon());
    assert_eq!(foreign, judge(None, &question, &stranger, noon()), "foreign and unknown are the same to the letter");
    assert_eq!(foreign.findings.reasons(), [Reason::LicenseNotFound]);
}

#[test]
fn q14_the_partner_that_sold_it_sees_the_licence_and_may_not_escalate() {
    let facts = facts();
    let question = Question { partner_id: Some(partner("shop")), ..question(&facts) };
    let answer = judge(Some(&facts.facts()), &question, &Viewer::Partner(partner("shop")), noon());
    assert_eq!(answer.findings.reasons(), [Reason::PartnerNotResponsible]);
}

#[test]
fn h03_a_site_that_is_down_is_helped_at_any_balance() {
    let prepaid = |f: &mut Known| {
        let tier = Arc::make_mut(f.agreement_tier.as_mut().unwrap());
        (tier.charging, tier.severities) = (Charging::Prepaid, vec![Severity::Two]);
    };
    assert_eq!(found(|f, _| prepaid(f)), blocking(Reason::IncidentsExhausted));
    assert_eq!(
        found(|f, q| {
            prepaid(f);
            q.severity = Some(Severity::SiteDown);
        }),
        [(Reason::IncidentsExhausted, Weight::Warning)]
    );
    assert_eq!(
        found(|f, _| {
            prepaid(f);
            f.account.available = 1;
        }),
        vec![]
    );
}

#[test]
fn what_is_left_out_of_a_question_is_not_judged() {
    let facts = facts();
    let bare = Question {
        license: LicenseRef::Id(facts.license.id),
        partner_id: None,
        product_id: None,
        version: None,
        severity: None,
        channel: None,
        contact_email: None,
    };
    assert!(judge(Some(&facts.facts()), &bare, &north(), noon()).is_entitled());
}
