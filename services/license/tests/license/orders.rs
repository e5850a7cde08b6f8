//! What resellers' systems order: once, within quotas, with dates that make sense.
//!
//! Proves W19, W20.

use tonic::Code;
use tonic::transport::Channel;
use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::entitlement_service_client::EntitlementServiceClient;
use vouch_contract::pb::license::v1::license_service_client::LicenseServiceClient;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{BearerChannel, fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::support::{Service, invalid, license, not_found};

/// A service whose partner north may order by itself.
async fn selling(service: Service, orders_per_day: i32, units_per_order: i64) -> Service {
    with_quotas(service.with_catalogue().await, orders_per_day, units_per_order).await
}

/// Gives north quotas.
async fn with_quotas(service: Service, orders_per_day: i32, units_per_order: i64) -> Service {
    let get = pb::GetPartnerRequest { partner_id: "north".into() };
    let mut partner = service.registry().get_partner(get).await.unwrap().into_inner().partner.unwrap();
    partner.order_quotas = Some(pb::OrderQuotas { orders_per_day, units_per_order });
    let update_mask = Some(prost_types::FieldMask { paths: vec!["order_quotas".into()] });
    let update = pb::UpdatePartnerRequest { request_id: fresh(), partner: Some(partner), update_mask };
    let updated = service.registry().update_partner(update).await.unwrap().into_inner().partner.unwrap();
    assert_eq!(updated.order_quotas.unwrap().units_per_order, units_per_order);
    service
}

fn shop(service: &Service) -> LicenseServiceClient<Channel> {
    LicenseServiceClient::new(service.reseller())
}

pub(crate) fn create(license: pb::License) -> pb::CreateLicenseRequest {
    pb::CreateLicenseRequest { request_id: fresh(), license: Some(license) }
}

pub(crate) fn renew(license: &pb::License, valid_until: &str) -> pb::RenewLicenseRequest {
    pb::RenewLicenseRequest {
        request_id: fresh(),
        license_id: license.license_id.clone(),
        etag: license.etag.clone(),
        valid_until: valid_until.into(),
        ..Default::default()
    }
}

pub(crate) fn quantity(license: &pb::License, quantity: i64) -> pb::ChangeLicenseQuantityRequest {
    pb::ChangeLicenseQuantityRequest {
        request_id: fresh(),
        license_id: license.license_id.clone(),
        etag: license.etag.clone(),
        quantity,
        ..Default::default()
    }
}

fn cancel(license: &pb::License, last_day: &str) -> pb::CancelLicenseRequest {
    pb::CancelLicenseRequest {
        request_id: fresh(),
        license_id: license.license_id.clone(),
        etag: license.etag.clone(),
        last_day: last_day.into(),
        note: "the customer moves on".into(),
    }
}

fn convert(license: &pb::License, valid_until: &str) -> pb::ConvertEvaluationRequest {
    pb::ConvertEvaluationRequest {
        request_id: fresh(),
        license_id: license.license_id.clone(),
        etag: license.etag.clone(),
        valid_until: valid_until.into(),
        perpetual: valid_until.is_empty(),
        order_reference: "PO-77".into(),
        ..Default::default()
    }
}

fn co_term(licenses: &[&pb::License], valid_until: &str) -> pb::CoTermLicensesRequest {
    let version =
        |one: &&pb::License| pb::LicenseVersion { license_id: one.license_id.clone(), etag: one.etag.clone() };
    pb::CoTermLicensesRequest {
        request_id: fresh(),
        licenses: licenses.iter().map(version).collect(),
        valid_until: valid_until.into(),
        ..Default::default()
    }
}

async fn granted(mut client: LicenseServiceClient<BearerChannel>, license: pb::License) -> pb::License {
    client.create_license(create(license)).await.unwrap().into_inner().license.unwrap()
}

on_both_engines! {
    async fn w20_an_order_is_carried_out_once_whatever_its_request_id(database: Database) {
        let service = selling(Service::start(&database).await, 100, 1000).await;
        let ordered = pb::License { order_reference: "PO-1".into(), ..license("contoso") };
        let first = shop(&service).create_license(create(ordered.clone())).await.unwrap().into_inner();
        assert!(!first.license_key.is_empty());
        let again = shop(&service).create_license(create(ordered.clone())).await.unwrap().into_inner();
        assert_eq!((again.license.clone(), again.license_key.as_str()), (first.license.clone(), ""));

        let other = pb::License { quantity: 26, ..ordered };
        let reused = refused(shop(&service).create_license(create(other)).await);
        assert_eq!(reused, (Code::FailedPrecondition, "ORDER_REFERENCE_REUSED".into()));

        let license = first.license.unwrap();
        let order = pb::ChangeLicenseQuantityRequest { order_reference: "PO-2".into(), ..quantity(&license, 40) };
        let changed = shop(&service).change_license_quantity(order.clone()).await.unwrap().into_inner();
        assert!(changed.facts_revision > first.facts_revision);
        let order = pb::ChangeLicenseQuantityRequest { request_id: fresh(), ..order };
        let again = shop(&service).change_license_quantity(order).await.unwrap().into_inner();
        assert_eq!((again.license.unwrap().quantity, again.facts_revision), (40, 0), "its etag is old, and no matter");

        for reference in ["PO-1", "PO-2"] {
            let list = pb::ListLicensesRequest { order_reference: reference.into(), ..Default::default() };
            let found = service.licenses().list_licenses(list).await.unwrap().into_inner().licenses;
            assert_eq!(found.iter().map(|one| &one.license_id).collect::<Vec<_>>(), [&license.license_id]);
        }
    }

    async fn w20_ten_at_once_carry_an_order_out_once(database: Database) {
        let service = selling(Service::start(&database).await, 100, 1000).await;
        let ordered = pb::License { order_reference: "PO-1".into(), ..license("contoso") };
        let callers: Vec<_> = (0..10)
            .map(|_| {
                let (mut shop, request) = (shop(&service), create(ordered.clone()));
                tokio::spawn(async move { shop.create_license(request).await.unwrap().into_inner() })
            })
            .collect();
        let (mut ids, mut keys) = (Vec::new(), 0);
        for caller in callers {
            let answer = caller.await.unwrap();
            ids.push(answer.license.unwrap().license_id);
            keys += usize::from(!answer.license_key.is_empty());
        }
        ids.dedup();
        assert_eq!((ids.len(), keys), (1, 1), "one licence, and its key told once");
    }

    async fn w20_a_reseller_orders_within_its_quotas_and_for_itself(database: Database) {
        let clock = ManualClock::at("2026-06-08T10:00:00Z");
        let service = selling(Service::start_with(&database, clock.world(), |_| {}).await, 2, 25).await;
        let exceeded = (Code::ResourceExhausted, "ORDER_QUOTA_EXCEEDED".to_owned());
        let much = pb::License { quantity: 26, ..license("contoso") };
        assert_eq!(refused(shop(&service).create_license(create(much)).await), exceeded);
        let foreign = pb::License { responsible_partner_id: "south".into(), ..license("contoso") };
        assert_eq!(fields(shop(&service).create_license(create(foreign)).await), ["license.responsible_partner_id"]);
        let as_south = pb::License { reseller_partner_id: "south".into(), ..license("contoso") };
        assert_eq!(fields(shop(&service).create_license(create(as_south)).await), ["license.reseller_partner_id"]);

        let first = shop(&service).create_license(create(license("contoso"))).await.unwrap().into_inner();
        let changed = shop(&service).change_license_quantity(quantity(&first.license.unwrap(), 20)).await.unwrap();
        let third = quantity(&changed.into_inner().license.unwrap(), 10);
        assert_eq!(refused(shop(&service).change_license_quantity(third.clone()).await), exceeded, "two a day");
        clock.advance_seconds(24 * 3600);
        shop(&service).change_license_quantity(third).await.expect("another day");

        let sold_by_south = pb::License { responsible_partner_id: "south".into(), ..license("fabrikam") };
        let others = granted(service.licenses(), sold_by_south).await;
        let intruding = create(license("fabrikam"));
        let intruding = fields(shop(&service).create_license(intruding).await);
        assert_eq!(intruding, ["license.end_user.end_user_id"], "nobody orders themselves into another's end user");
        clock.advance_seconds(24 * 3600);
        assert_eq!(refused(shop(&service).change_license_quantity(quantity(&others, 10)).await), not_found());
        let mine_to_support = pb::License { reseller_partner_id: "south".into(), ..license("adatum") };
        let sold_elsewhere = granted(service.licenses(), mine_to_support).await;
        let order = quantity(&sold_elsewhere, 10);
        assert_eq!(refused(shop(&service).change_license_quantity(order).await), not_found(), "who sold it orders");
    }

    async fn w20_who_may_not_order_by_itself_or_is_suspended_is_refused(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let none = refused(shop(&service).create_license(create(license("contoso"))).await);
        assert_eq!(none, (Code::ResourceExhausted, "ORDER_QUOTA_EXCEEDED".into()), "quotas are given, not assumed");

        let service = with_quotas(service, 10, 100).await;
        let get = pb::GetPartnerRequest { partner_id: "north".into() };
        let etag = service.registry().get_partner(get).await.unwrap().into_inner().partner.unwrap().etag;
        let standing = pb::PartnerStanding::Suspended.into();
        let (partner_id, note) = ("north".into(), String::new());
        let suspend = pb::SetPartnerStandingRequest { request_id: fresh(), partner_id, etag, standing, note };
        service.registry().set_partner_standing(suspend).await.unwrap();
        let suspended = refused(shop(&service).create_license(create(license("contoso"))).await);
        assert_eq!(suspended, (Code::FailedPrecondition, "PARTNER_SUSPENDED".into()));
    }

    async fn w20_a_licence_is_renewed_and_a_renewal_in_the_past_is_refused(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let term = pb::License { valid_until: "2026-03-31".into(), maintenance_until: "2026-03-31".into(), ..license("contoso") };
        let ended = granted(service.licenses(), term).await;
        let renewed = service.licenses().renew_license(renew(&ended, "2099-06-30")).await.unwrap().into_inner();
        let license = renewed.license.unwrap();
        assert_eq!((license.valid_until.as_str(), license.revision), ("2099-06-30", 2));
        assert_eq!(license.maintenance_until, "2026-03-31", "what is not named stays");

        let stale = refused(service.licenses().renew_license(renew(&ended, "2099-12-31")).await);
        assert_eq!(stale, (Code::Aborted, "ETAG_MISMATCH".into()));
        assert_eq!(fields(service.licenses().renew_license(renew(&license, "2026-01-31")).await), ["valid_until", "valid_until"]);
        let forgotten = fields(service.licenses().renew_license(renew(&license, "")).await);
        assert_eq!(forgotten, ["valid_until"], "perpetual is said, and not left out");
        let both = pb::RenewLicenseRequest { perpetual: true, ..renew(&license, "2100-12-31") };
        assert_eq!(fields(service.licenses().renew_license(both).await), ["valid_until"]);
        let bad = pb::RenewLicenseRequest { etag: String::new(), note: "\u{7}".into(), ..renew(&license, "soon") };
        assert_eq!(fields(service.licenses().renew_license(bad).await), ["etag", "valid_until", "note"]);
        let unknown = pb::License { license_id: "lic_00000000000000000000000000".into(), ..license };
        assert_eq!(refused(service.licenses().renew_license(renew(&unknown, "2100-01-01")).await), not_found());
    }

    async fn w20_licences_of_one_end_user_get_one_last_day_or_none_does(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let first = granted(service.licenses(), license("contoso")).await;
        let second = pb::License { valid_until: "2090-05-31".into(), ..license("contoso") };
        let second = granted(service.licenses(), second).await;
        let foreign = granted(service.licenses(), license("fabrikam")).await;
        let perpetual = granted(service.licenses(), pb::License { valid_until: String::new(), ..license("contoso") }).await;

        let mixed = co_term(&[&first, &foreign, &perpetual], "2095-12-31");
        let bad = fields(service.licenses().co_term_licenses(mixed).await);
        assert_eq!(bad, ["licenses[1].license_id", "licenses[2].license_id"]);
        let twice = fields(service.licenses().co_term_licenses(co_term(&[&first, &first], "2095-12-31")).await);
        assert_eq!(twice, ["licenses[1].license_id"]);

        let aligned = co_term(&[&second, &first], "2095-12-31");
        let aligned = service.licenses().co_term_licenses(aligned).await.unwrap().into_inner().licenses;
        let told: Vec<_> = aligned.iter().map(|one| (one.license_id.as_str(), one.valid_until.as_str())).collect();
        assert_eq!(told, [(second.license_id.as_str(), "2095-12-31"), (first.license_id.as_str(), "2095-12-31")]);
        let stale = refused(service.licenses().co_term_licenses(co_term(&[&aligned[0], &first], "2096-12-31")).await);
        assert_eq!(stale, (Code::Aborted, "ETAG_MISMATCH".into()));
    }

    async fn w20_a_cancelled_licence_entitles_until_its_last_day_and_may_be_taken_back(database: Database) {
        let clock = ManualClock::at("2026-06-10T12:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let beyond = cancel(&covered.license, "2100-01-01");
        assert_eq!(fields(service.licenses().cancel_license(beyond).await), ["last_day"]);
        let cancelled = service.licenses().cancel_license(cancel(&covered.license, "2026-06-30")).await.unwrap();
        let cancelled = cancelled.into_inner().license.unwrap();
        assert_eq!((cancelled.state(), cancelled.grace_days), (pb::LicenseState::Cancelled, 0));
        // Explained, and so from the database: the book has not heard from it since the clock was moved.
        let check =
            || pb::CheckEntitlementRequest { question: Some(covered.question()), explain: true, ..Default::default() };
        let mut staff = EntitlementServiceClient::new(service.staff());
        let answer = staff.check_entitlement(check()).await.unwrap().into_inner().answer.unwrap();
        assert_eq!(answer.verdict(), pb::Verdict::Entitled, "{answer:?}");
        clock.set("2026-07-01T06:00:00Z");
        let mut staff = EntitlementServiceClient::new(service.staff());
        let answer = staff.check_entitlement(check()).await.unwrap().into_inner().answer.unwrap();
        assert_eq!(answer.verdict(), pb::Verdict::NotEntitled, "no grace");

        let renewal = refused(service.licenses().renew_license(renew(&cancelled, "2099-12-31")).await);
        assert_eq!(renewal, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
        let late = pb::SetLicenseStateRequest {
            request_id: fresh(),
            license_id: cancelled.license_id.clone(),
            etag: cancelled.etag.clone(),
            state: pb::LicenseState::Active.into(),
            note: "after all".into(),
        };
        let too_late = refused(service.licenses().set_license_state(late.clone()).await);
        assert_eq!(too_late, (Code::FailedPrecondition, "STATE_CONFLICT".into()), "until its last day only");
        clock.set("2026-06-30T12:00:00Z");
        let back = service.licenses().set_license_state(late).await.unwrap().into_inner().license.unwrap();
        service.licenses().renew_license(renew(&back, "2099-12-31")).await.expect("and renewed");
    }

    async fn w20_an_evaluation_becomes_a_paid_licence_under_the_same_key(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let endless = pb::License {
            kind: pb::LicenseKind::Evaluation.into(),
            valid_until: String::new(),
            ..license("contoso")
        };
        let named = fields(service.licenses().create_license(create(endless.clone())).await);
        assert_eq!(named, ["license.valid_until"], "an evaluation ends");
        let trial = pb::License { valid_until: "2026-03-31".into(), ..endless };
        let created = service.licenses().create_license(create(trial)).await.unwrap().into_inner();
        let trial = created.license.unwrap();
        assert_eq!(trial.kind(), pb::LicenseKind::Evaluation);
        assert_eq!(fields(service.licenses().renew_license(renew(&trial, "2099-12-31")).await), ["license_id"]);

        let paid = service.licenses().convert_evaluation(convert(&trial, "")).await.unwrap().into_inner();
        let paid = paid.license.unwrap();
        assert_eq!((paid.kind(), paid.valid_until.as_str(), paid.quantity), (pb::LicenseKind::Paid, "", 25));
        assert_eq!(paid.key_hint, trial.key_hint);
        let again = pb::ConvertEvaluationRequest { order_reference: "PO-78".into(), ..convert(&paid, "") };
        let again = refused(service.licenses().convert_evaluation(again).await);
        assert_eq!(again, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
    }

    async fn w20_what_expires_soon_is_listed(database: Database) {
        let clock = ManualClock::at("2026-06-10T12:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let ending = async |end_user: &str, valid_until: &str| {
            let term = pb::License { valid_until: valid_until.into(), ..license(end_user) };
            granted(service.licenses(), term).await
        };
        ending("ended", "2026-06-09").await;
        let soon = ending("soon", "2026-09-08").await;
        ending("later", "2026-09-09").await;
        ending("perpetual", "").await;
        let revoked = ending("revoked", "2026-07-01").await;
        service.set_state(&revoked, pb::LicenseState::Revoked).await;

        let list = |days| pb::ListLicensesRequest { expiring_within_days: days, ..Default::default() };
        let found = service.licenses().list_licenses(list(90)).await.unwrap().into_inner().licenses;
        assert_eq!(found.iter().map(|one| &one.license_id).collect::<Vec<_>>(), [&soon.license_id]);
        let of_state = pb::ListLicensesRequest { state: pb::LicenseState::Revoked.into(), ..Default::default() };
        let found = service.licenses().list_licenses(of_state).await.unwrap().into_inner().licenses;
        assert_eq!(found.iter().map(|one| &one.license_id).collect::<Vec<_>>(), [&revoked.license_id]);
        let bad = pb::ListLicensesRequest { state: 99, product_id: "?".into(), ..list(367) };
        assert_eq!(fields(service.licenses().list_licenses(bad).await), ["product_id", "state", "expiring_within_days"]);
    }

    async fn w20_a_quantity_is_changed_and_bad_ones_are_refused(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let license = granted(service.licenses(), license("contoso")).await;
        assert_eq!(refused(service.licenses().change_license_quantity(quantity(&license, 0)).await), invalid());
        let same = refused(service.licenses().change_license_quantity(quantity(&license, 25)).await);
        assert_eq!(same, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
        let more = service.licenses().change_license_quantity(quantity(&license, 50)).await.unwrap().into_inner();
        assert_eq!(more.license.unwrap().quantity, 50);
    }

    async fn w19_a_lost_key_is_replaced_and_the_old_one_finds_nothing(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let replace = pb::ReplaceLicenseKeyRequest {
            request_id: fresh(),
            license_id: covered.license.license_id.clone(),
            etag: covered.license.etag.clone(),
            note: "lost".into(),
        };
        let replaced = service.licenses().replace_license_key(replace.clone()).await.unwrap().into_inner();
        let again = service.licenses().replace_license_key(replace.clone()).await.unwrap().into_inner();
        assert_eq!(again, replaced, "a repeat within a day tells the same key");
        assert!(replaced.license_key.ends_with(&replaced.license.as_ref().unwrap().key_hint));

        let mut question = covered.question();
        let check = |question: &pb::EntitlementQuestion| pb::CheckEntitlementRequest {
            question: Some(question.clone()),
            at_least_revision: replaced.facts_revision,
            ..Default::default()
        };
        let answer = service.entitlement().check_entitlement(check(&question)).await.unwrap().into_inner();
        assert_eq!(answer.answer.unwrap().findings[0].reason().as_str_name(), "REASON_LICENSE_NOT_FOUND");
        let new_key = pb::license_ref::Ref::LicenseKey(replaced.license_key.clone());
        question.license = Some(pb::LicenseRef { r#ref: Some(new_key) });
        let answer = service.entitlement().check_entitlement(check(&question)).await.unwrap().into_inner();
        assert_eq!(answer.answer.unwrap().verdict(), pb::Verdict::Entitled);

        service.set_state(&covered.license, pb::LicenseState::Revoked).await;
        let get = pb::GetLicenseRequest { license_id: covered.license.license_id.clone() };
        let revoked = service.licenses().get_license(get).await.unwrap().into_inner().license.unwrap();
        let late = pb::ReplaceLicenseKeyRequest { request_id: fresh(), etag: revoked.etag, ..replace };
        let late = refused(service.licenses().replace_license_key(late).await);
        assert_eq!(late, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
    }
}
