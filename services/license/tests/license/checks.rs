//! Checks from memory: one, many, a stream of many.
//!
//! Proves B05, V01.

use std::time::{Duration, Instant};

use tokio_stream::StreamExt;
use tonic::Code;
use tonic::transport::Channel;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_item::Outcome;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_license::book::Book;
use vouch_license::domain::guesses::MISSES;
use vouch_license::domain::license_key::LicenseKey;
use vouch_storage::on_both_engines;

use crate::support::{Covered, NORTH, Service, agreement, license, name_request};

fn check(question: pb::EntitlementQuestion, at_least_revision: i64) -> pb::CheckEntitlementRequest {
    pb::CheckEntitlementRequest { question: Some(question), at_least_revision, ..Default::default() }
}

fn batch(questions: Vec<pb::EntitlementQuestion>) -> pb::BatchCheckEntitlementsRequest {
    pb::BatchCheckEntitlementsRequest { questions, ..Default::default() }
}

fn unknown(n: u8) -> pb::EntitlementQuestion {
    let key = LicenseKey::from_random([n; 24]).reveal();
    let license = Some(pb::LicenseRef { r#ref: Some(pb::license_ref::Ref::LicenseKey(key)) });
    pb::EntitlementQuestion { license, ..Default::default() }
}

fn verdict(item: &pb::EntitlementItem) -> String {
    match item.outcome.clone().unwrap() {
        Outcome::Answer(answer) => answer.verdict().as_str_name().trim_start_matches("VERDICT_").to_owned(),
        Outcome::Error(error) => error.reason().as_str_name().trim_start_matches("REASON_").to_owned(),
    }
}

fn reasons(answer: &pb::EntitlementAnswer) -> Vec<common::Reason> {
    answer.findings.iter().map(common::Finding::reason).collect()
}

impl Service {
    /// What memory says, which must be what rows say.
    async fn same_from_memory_and_rows(&self, question: &pb::EntitlementQuestion) -> pb::EntitlementAnswer {
        let mut staff = EntitlementServiceClient::new(self.staff());
        let of_memory = staff.check_entitlement(check(question.clone(), 0)).await.unwrap().into_inner();
        let explain = pb::CheckEntitlementRequest { explain: true, ..check(question.clone(), 0) };
        let of_rows = staff.check_entitlement(explain).await.unwrap().into_inner();
        assert_eq!(of_memory.revision, of_rows.revision);
        let timeless =
            |answer: Option<pb::EntitlementAnswer>| pb::EntitlementAnswer { checked_at: None, ..answer.unwrap() };
        let answer = timeless(of_memory.answer);
        assert_eq!(answer, timeless(of_rows.answer));
        answer
    }
}

fn north(service: &Service) -> EntitlementServiceClient<Channel> {
    EntitlementServiceClient::new(service.partner())
}

on_both_engines! {
    async fn v01_memory_says_what_the_rows_say_after_every_change(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let Covered { license: first, agreement, .. } = &service.cover("prepaid").await;
        let license = Some(pb::LicenseRef { r#ref: Some(pb::license_ref::Ref::LicenseId(first.license_id.clone())) });
        let question = pb::EntitlementQuestion {
            license,
            version: "7.2.1".into(),
            contact_email: "grace@contoso.example".into(),
            ..Default::default()
        };
        let (contact, exhausted) = (common::Reason::ContactNotNamed, common::Reason::IncidentsExhausted);
        let ask = async || reasons(&service.same_from_memory_and_rows(&question).await);
        assert_eq!(ask().await, [exhausted, contact]);
        let grace = name_request(&agreement.agreement_id, "grace@contoso.example");
        service.agreements().name_liaison(grace).await.unwrap();
        assert_eq!(ask().await, [exhausted]);
        let pack = pb::GrantIncidentsRequest {
            request_id: fresh(),
            end_user_id: "contoso".into(),
            units: 1,
            order_reference: "order-1".into(),
            ..Default::default()
        };
        service.incidents().grant_incidents(pack).await.unwrap();
        assert_eq!(ask().await, []);
        service.set_state(first, pb::LicenseState::Suspended).await;
        assert_eq!(ask().await, [common::Reason::Suspended]);
        service.set_state(first, pb::LicenseState::Active).await;
        let stand = pb::SetPartnerStandingRequest {
            request_id: fresh(),
            partner_id: "north".into(),
            etag: "v1".into(),
            standing: pb::PartnerStanding::Suspended.into(),
            ..Default::default()
        };
        service.registry().set_partner_standing(stand).await.unwrap();
        assert_eq!(ask().await, [common::Reason::PartnerSuspended]);
        let suspend = pb::SetAgreementStateRequest {
            request_id: fresh(),
            agreement_id: agreement.agreement_id.clone(),
            etag: "v3".into(),
            state: pb::AgreementState::Suspended.into(),
            ..Default::default()
        };
        service.agreements().set_agreement_state(suspend).await.unwrap();
        assert!(ask().await.contains(&common::Reason::AgreementSuspended));
        service.set_state(first, pb::LicenseState::Revoked).await;
        assert!(ask().await.contains(&common::Reason::Revoked));

        let before = service.same_from_memory_and_rows(&question).await;
        let service = service.restart(&database).await;
        assert_eq!(service.same_from_memory_and_rows(&question).await, before, "a start reads the same");
    }

    async fn a_batch_is_answered_in_order_and_a_bad_question_is_its_own(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let bad = pb::EntitlementQuestion { contact_email: "nobody".into(), severity: 77, ..covered.question() };
        let foreign = pb::EntitlementQuestion { partner_id: "south".into(), ..covered.question() };
        let asked = batch(vec![covered.question(), bad, unknown(1), foreign, covered.question()]);
        let answer = north(&service).batch_check_entitlements(asked.clone()).await.unwrap().into_inner();
        let verdicts: Vec<_> = answer.items.iter().map(verdict).collect();
        assert_eq!(verdicts, ["ENTITLED", "INVALID_FIELD", "NOT_ENTITLED", "INVALID_FIELD", "ENTITLED"]);
        let Some(Outcome::Error(error)) = &answer.items[1].outcome else { panic!("{:?}", answer.items[1]) };
        let bad: Vec<_> = error.fields.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(bad, ["severity", "contact_email"]);
        assert!(answer.revision > 0 && answer.checked_at.is_some());
        let Some(Outcome::Answer(first)) = &answer.items[0].outcome else { panic!("{:?}", answer.items[0]) };
        assert_eq!(first.cover.as_ref().unwrap().tier_id, "standard");
        let bare = pb::BatchCheckEntitlementsRequest { omit_cover: true, ..asked };
        let bare = north(&service).batch_check_entitlements(bare).await.unwrap().into_inner();
        assert!(matches!(&bare.items[0].outcome, Some(Outcome::Answer(answer)) if answer.cover.is_none()));

        for wrong in [vec![], vec![covered.question(); 1001]] {
            assert_eq!(fields(north(&service).batch_check_entitlements(batch(wrong)).await), ["questions"]);
        }
    }

    async fn guessing_in_batches_is_limited_like_guessing_one_by_one(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let mut questions: Vec<_> = (0..100).map(unknown).collect();
        questions.push(covered.question());
        let answer = north(&service).batch_check_entitlements(batch(questions)).await.unwrap().into_inner();
        let limited = answer.items.iter().filter(|item| verdict(item) == "RATE_LIMITED").count();
        assert_eq!(limited, 101 - usize::try_from(MISSES).unwrap(), "a known key tells itself apart no more");
        let next = refused(north(&service).batch_check_entitlements(batch(vec![covered.question()])).await);
        assert_eq!(next, (Code::ResourceExhausted, "RATE_LIMITED".into()));
    }

    async fn b05_a_stream_answers_batch_by_batch_until_one_is_wrong(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let request = |questions| pb::StreamCheckEntitlementsRequest { questions, ..Default::default() };
        let requests: Vec<_> = (1..=5).map(|n| request(vec![covered.question(); n])).chain([request(vec![])]).collect();
        let answers = EntitlementServiceClient::new(service.reseller())
            .stream_check_entitlements(tokio_stream::iter(requests))
            .await
            .unwrap()
            .into_inner();
        let answers: Vec<_> = answers.collect().await;
        let counts: Vec<_> = answers.iter().filter_map(|answer| Some(answer.as_ref().ok()?.items.len())).collect();
        assert_eq!(counts, [1, 2, 3, 4, 5]);
        assert_eq!(fields(answers.last().unwrap().clone()), ["questions"]);
        let nobody = tokio_stream::iter([request(vec![covered.question()])]);
        let mut nobodys = EntitlementServiceClient::new(service.anonymous());
        assert_eq!(refused(nobodys.stream_check_entitlements(nobody).await).0, Code::Unauthenticated);
    }

    async fn a_revocation_is_seen_at_once_here_and_within_a_second_elsewhere(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let replica = service.replica(&database).await;
        let address = replica.as_ref().map_or(service.running.address, |replica| replica.address);
        let elsewhere = || EntitlementServiceClient::new(service.ground.workload(address, &service.north, NORTH));
        let entitled = |answer: &pb::CheckEntitlementResponse| answer.answer.as_ref().unwrap().verdict();
        let ask = async |client: &mut EntitlementServiceClient<Channel>, revision| {
            client.check_entitlement(check(covered.question(), revision)).await.unwrap().into_inner()
        };
        assert_eq!(entitled(&ask(&mut elsewhere(), 0).await), pb::Verdict::Entitled);

        let revision = service.set_state(&covered.license, pb::LicenseState::Revoked).await;
        let began = Instant::now();
        assert_eq!(entitled(&ask(&mut north(&service), 0).await), pb::Verdict::NotEntitled, "its own write, at once");
        let (mut client, mut last) = (elsewhere(), 0);
        let seen = async {
            loop {
                let answer = ask(&mut client, 0).await;
                assert!(answer.revision >= last, "what was seen is not unseen");
                last = answer.revision;
                if entitled(&answer) == pb::Verdict::NotEntitled {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), seen).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert!(last >= revision);
    }

    async fn who_passes_a_revision_is_answered_on_it_or_a_later_one(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let replica = service.replica(&database).await;
        let address = replica.as_ref().map_or(service.running.address, |replica| replica.address);
        let mut elsewhere = EntitlementServiceClient::new(service.ground.workload(address, &service.north, NORTH));
        for state in [pb::LicenseState::Suspended, pb::LicenseState::Active, pb::LicenseState::Revoked] {
            let revision = service.set_state(&covered.license, state).await;
            let answer = elsewhere.check_entitlement(check(covered.question(), revision)).await.unwrap().into_inner();
            let is_entitled = answer.answer.unwrap().verdict() == pb::Verdict::Entitled;
            assert!(answer.revision >= revision && is_entitled == (state == pb::LicenseState::Active), "{state:?}");
        }
        let never = refused(elsewhere.check_entitlement(check(covered.question(), i64::MAX)).await);
        assert_eq!(never, (Code::FailedPrecondition, "REVISION_UNKNOWN".into()));
    }

    async fn v01_what_changes_at_the_same_time_is_all_known_afterwards(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let Covered { license: first, agreement, .. } = &service.cover("prepaid").await;
        let changes = (0..6).map(|n| {
            let (mut licenses, mut agreements, mut incidents) =
                (service.licenses(), service.agreements(), service.incidents());
            let agreement_id = agreement.agreement_id.clone();
            let create = pb::CreateLicenseRequest { request_id: fresh(), license: Some(license("contoso")) };
            let grant = pb::GrantIncidentsRequest {
                request_id: fresh(),
                end_user_id: "contoso".into(),
                units: 1,
                order_reference: format!("order-{n}"),
                ..Default::default()
            };
            tokio::spawn(async move {
                let name = name_request(&agreement_id, &format!("person{n}@contoso.example"));
                let (created, granted, named) = tokio::join!(
                    licenses.create_license(create),
                    incidents.grant_incidents(grant),
                    agreements.name_liaison(name),
                );
                created.unwrap();
                granted.unwrap();
                named.is_ok()
            })
        });
        let changes: Vec<_> = changes.collect();
        let mut named = 0;
        for change in changes {
            named += u32::from(change.await.unwrap());
        }
        assert_eq!(named, 1, "one seat was left");
        let license = Some(pb::LicenseRef { r#ref: Some(pb::license_ref::Ref::LicenseId(first.license_id.clone())) });
        let question = pb::EntitlementQuestion { license, ..Default::default() };
        assert_eq!(reasons(&service.same_from_memory_and_rows(&question).await), []);
    }

    async fn an_explanation_is_for_the_vendors_own(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let explain = pb::CheckEntitlementRequest { explain: true, ..check(covered.question(), 0) };
        assert_eq!(fields(north(&service).check_entitlement(explain.clone()).await), ["explain"]);
        let told = EntitlementServiceClient::new(service.staff()).check_entitlement(explain).await.unwrap();
        let explanation = told.into_inner().explanation.unwrap();
        assert_eq!(explanation.license.unwrap(), covered.license);
        assert_eq!(explanation.agreement.unwrap(), covered.agreement);
        assert_eq!(explanation.default_tier.unwrap().tier_id, "standard");
    }

    async fn a_replica_that_does_not_hear_from_its_database_says_so(database: Database) {
        let clock = ManualClock::at("2026-06-08T10:00:00Z");
        let store = database.open(&vouch_license::MIGRATIONS).await;
        let book = Book::open(store, clock.world()).await.unwrap();
        let world = clock.world();
        clock.advance_seconds(5);
        assert_eq!(book.read(world.now(), vouch_license::book::Table::licenses).unwrap(), (0, 0));
        clock.advance_seconds(1);
        let stale = book.read(world.now(), |_| ()).unwrap_err();
        assert_eq!(stale.reason(), vouch_core::Reason::FactsStale);
        book.refresh().await.unwrap();
        assert!(book.read(world.now(), |_| ()).is_ok());
    }

    async fn rows_from_before_facts_were_packed_are_packed_at_a_start(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let mut running = service.running;
        running.tell_to_stop();
        running.stopped().await.unwrap();
        let store = database.open(&vouch_license::MIGRATIONS).await;
        for sql in ["UPDATE licenses SET facts = NULL, facts_revision = 0", "UPDATE agreements SET facts = NULL"] {
            let work = |mut tx: vouch_storage::Tx| async move {
                sqlx::query(sql).execute(&mut *tx).await?;
                Ok::<_, vouch_storage::WriteError>((tx, ()))
            };
            store.write(work).await.unwrap();
        }
        vouch_license::commands::facts::pack_all(&store).await.unwrap();
        let clock = ManualClock::at("2026-06-08T10:00:00Z");
        let book = Book::open(store, clock.world()).await.unwrap();
        let id = vouch_core::id::parse(&covered.license.license_id).unwrap();
        let tier = book.read(clock.world().now(), |table| {
            let facts = table.facts(&vouch_license::book::Wanted::Id(id), clock.world().now()).unwrap();
            facts.agreement.unwrap().tier.unwrap().id.to_string()
        });
        assert_eq!(tier.unwrap().0, "standard");
    }
}

/// A licence and an agreement of other organisations, for those who list.
pub(crate) async fn other_covered(service: &Service, end_user_id: &str, partner: &str) -> pb::License {
    let license = pb::License { responsible_partner_id: partner.into(), ..license(end_user_id) };
    let request = pb::CreateLicenseRequest { request_id: fresh(), license: Some(license) };
    let created = service.licenses().create_license(request).await.unwrap().into_inner().license.unwrap();
    let agreement = Some(agreement(end_user_id, "standard"));
    let request = pb::CreateAgreementRequest { request_id: fresh(), agreement };
    service.agreements().create_agreement(request).await.unwrap();
    created
}
