//! How long agreements run, what they buy, how many people they name, and what is known of these.
//!
//! Proves M03, S02, S07.

use tonic::Code;
use vouch_contract::pb::license::v1 as pb;
use vouch_core::testing::ManualClock;
use vouch_host::testing::{fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::support::{ADA, Service, agreement, license, name_request, not_found, overlaps};

impl Service {
    /// Enters a licence and an agreement for Contoso; the agreement.
    pub(crate) async fn agreed_as(&self, agreement: pb::Agreement) -> pb::Agreement {
        let request = pb::CreateLicenseRequest { request_id: fresh(), license: Some(license("contoso")) };
        self.licenses().create_license(request).await.unwrap();
        let request = pb::CreateAgreementRequest { request_id: fresh(), agreement: Some(agreement) };
        self.agreements().create_agreement(request).await.unwrap().into_inner().agreement.unwrap()
    }

    /// The agreement as it is now.
    pub(crate) async fn agreement(&self, agreement_id: &str) -> pb::Agreement {
        let get = pb::GetAgreementRequest { agreement_id: agreement_id.into() };
        self.agreements().get_agreement(get).await.unwrap().into_inner().agreement.unwrap()
    }

    /// Another number of seats.
    pub(crate) async fn grant(&self, agreement_id: &str, seats: i32) -> Result<pb::SeatGrant, tonic::Status> {
        let request = grant(&self.agreement(agreement_id).await, seats);
        self.agreements().grant_seats(request).await.map(|granted| granted.into_inner().grant.unwrap())
    }
}

fn renew(agreement: &pb::Agreement, valid_until: &str) -> pb::RenewAgreementRequest {
    let (agreement_id, etag) = (agreement.agreement_id.clone(), agreement.etag.clone());
    pb::RenewAgreementRequest { request_id: fresh(), agreement_id, etag, valid_until: valid_until.into() }
}

fn change(agreement: &pb::Agreement, tier_id: &str, plan: pb::AgreementPlan) -> pb::ChangeAgreementTierRequest {
    pb::ChangeAgreementTierRequest {
        request_id: fresh(),
        agreement_id: agreement.agreement_id.clone(),
        etag: agreement.etag.clone(),
        tier_id: tier_id.into(),
        plan: plan.into(),
    }
}

fn grant(agreement: &pb::Agreement, liaison_seats: i32) -> pb::GrantSeatsRequest {
    pb::GrantSeatsRequest {
        request_id: fresh(),
        agreement_id: agreement.agreement_id.clone(),
        etag: agreement.etag.clone(),
        liaison_seats,
        note: "as agreed by phone".into(),
    }
}

fn annual(valid_from: &str, valid_until: &str) -> pb::Agreement {
    pb::Agreement {
        valid_from: valid_from.into(),
        valid_until: valid_until.into(),
        plan: pb::AgreementPlan::Annual.into(),
        ..agreement("contoso", "standard")
    }
}

fn update(agreement: &pb::Agreement, liaison: pb::Liaison, paths: &[&str]) -> pb::UpdateLiaisonRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    pb::UpdateLiaisonRequest {
        request_id: fresh(),
        agreement_id: agreement.agreement_id.clone(),
        etag: agreement.etag.clone(),
        liaison: Some(liaison),
        update_mask: Some(prost_types::FieldMask { paths }),
    }
}

fn stale() -> (Code, String) {
    (Code::Aborted, "ETAG_MISMATCH".into())
}

fn exhausted() -> (Code, String) {
    (Code::FailedPrecondition, "SEATS_EXHAUSTED".into())
}

on_both_engines! {
    async fn m03_an_agreement_is_renewed_by_its_plan_or_to_a_day_that_is_named(database: Database) {
        let clock = ManualClock::at("2026-06-08T10:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let first = service.agreed_as(annual("2025-09-15", "2026-09-14")).await;
        assert_eq!(first.plan(), pb::AgreementPlan::Annual);
        let renewed = service.agreements().renew_agreement(renew(&first, "")).await.unwrap().into_inner();
        let (renewed, revision) = (renewed.agreement.unwrap(), renewed.facts_revision);
        assert_eq!((renewed.valid_until.as_str(), revision > 0), ("2027-09-14", true));
        assert_eq!(refused(service.agreements().renew_agreement(renew(&first, "2028-09-14")).await), stale());
        let longer = service.agreements().renew_agreement(renew(&renewed, "2027-12-31")).await.unwrap().into_inner();
        let longer = longer.agreement.unwrap();
        assert_eq!(service.agreement(&first.agreement_id).await, longer);
        let shorter = renew(&longer, "2027-11-30");
        assert_eq!(fields(service.agreements().renew_agreement(shorter).await), ["valid_until"]);
    }

    async fn m03_a_renewal_lies_not_in_the_past_and_overlaps_no_other_agreement(database: Database) {
        let clock = ManualClock::at("2026-06-08T10:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let ended = service.agreed_as(annual("2024-01-01", "2024-12-31")).await;
        let past = renew(&ended, "2026-06-07");
        assert_eq!(fields(service.agreements().renew_agreement(past).await), ["valid_until"]);
        let next = annual("2027-01-01", "2027-12-31");
        let request = pb::CreateAgreementRequest { request_id: fresh(), agreement: Some(next) };
        service.agreements().create_agreement(request).await.unwrap();
        let overlapping = renew(&ended, "2027-01-01");
        let status = service.agreements().renew_agreement(overlapping).await.unwrap_err();
        assert_eq!(overlaps(&status), ["valid_until"]);
        let renewed = service.agreements().renew_agreement(renew(&ended, "")).await.unwrap().into_inner();
        assert_eq!(renewed.agreement.unwrap().valid_until, "2026-12-31", "the year in which today lies");
        let contract = pb::Agreement {
            valid_from: "2028-01-01".into(),
            valid_until: "2028-12-31".into(),
            ..agreement("contoso", "standard")
        };
        let request = pb::CreateAgreementRequest { request_id: fresh(), agreement: Some(contract) };
        let contract = service.agreements().create_agreement(request).await.unwrap().into_inner().agreement.unwrap();
        assert_eq!(contract.plan(), pb::AgreementPlan::Contract, "what is not said is by contract");
        let unsaid = renew(&contract, "");
        assert_eq!(fields(service.agreements().renew_agreement(unsaid).await), ["valid_until"]);
    }

    async fn m03_who_is_named_in_an_agreement_that_runs_again_is_told_the_support_contact(database: Database) {
        let clock = ManualClock::at("2026-06-08T10:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let ended = service.agreed_as(annual("2025-01-01", "2025-12-31")).await;
        service.liaison(&ended.agreement_id, ADA).await;
        let letters = async || {
            let list = pb::ListSupportContactNoticesRequest { agreement_id: ended.agreement_id.clone(), page: None };
            service.agreements().list_support_contact_notices(list).await.unwrap().into_inner().notices.len()
        };
        assert_eq!(letters().await, 0, "nobody is told while it is over");
        let again = renew(&service.agreement(&ended.agreement_id).await, "");
        let again = service.agreements().renew_agreement(again).await.unwrap().into_inner().agreement.unwrap();
        assert_eq!(letters().await, 1);
        service.agreements().renew_agreement(renew(&again, "2027-12-31")).await.unwrap();
        assert_eq!(letters().await, 1, "what runs on is no news");
    }

    async fn m03_an_agreement_moves_to_another_tier_and_plan_from_now_on(database: Database) {
        let clock = ManualClock::at("2026-06-08T10:00:00Z");
        let service = Service::start_with(&database, clock.world(), |_| {}).await.with_catalogue().await;
        let first = service.agreed_as(annual("2025-09-15", "2026-09-14")).await;
        let unsaid = pb::AgreementPlan::Unspecified;
        let moved = change(&first, "prepaid", pb::AgreementPlan::Contract);
        let moved = service.agreements().change_agreement_tier(moved).await.unwrap().into_inner().agreement.unwrap();
        assert_eq!((moved.tier_id.as_str(), moved.plan()), ("prepaid", pb::AgreementPlan::Contract));
        assert_eq!(service.agreement(&first.agreement_id).await, moved);
        let again = change(&moved, "prepaid", unsaid);
        assert_eq!(fields(service.agreements().change_agreement_tier(again).await), ["tier_id"]);
        let nowhere = change(&moved, "nowhere", unsaid);
        assert_eq!(fields(service.agreements().change_agreement_tier(nowhere).await), ["tier_id"]);
        assert_eq!(refused(service.agreements().change_agreement_tier(change(&first, "standard", unsaid)).await), stale());
        clock.set("2026-09-15T06:00:00Z");
        let late = change(&moved, "standard", unsaid);
        let late = refused(service.agreements().change_agreement_tier(late).await);
        assert_eq!(late, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
    }

    async fn s02_more_seats_are_granted_on_record_and_fewer_never_below_the_people_named(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let id = service.cover("standard").await.agreement.agreement_id;
        service.agreements().name_liaison(name_request(&id, "grace@contoso.example")).await.unwrap();
        let third = || name_request(&id, "linus@contoso.example");
        assert_eq!(refused(service.agreements().name_liaison(third()).await), exhausted());

        let more = service.grant(&id, 3).await.unwrap();
        assert_eq!((more.seats_before, more.seats_after, more.granted_by.ends_with("#ada")), (2, 3, true));
        assert_eq!((more.note.as_str(), more.grant_time.is_some()), ("as agreed by phone", true));
        service.agreements().name_liaison(third()).await.unwrap();
        assert_eq!(refused(service.grant(&id, 2).await), exhausted());
        let now = service.agreement(&id).await;
        assert_eq!((now.liaison_seats, now.liaisons.len()), (3, 3));

        let many = service.agreements().grant_seats(grant(&now, 1000)).await.unwrap().into_inner();
        assert_eq!(refused(service.agreements().grant_seats(grant(&now, 999)).await), stale());
        let now = many.agreement.unwrap();
        let bad = pb::GrantSeatsRequest { note: String::new(), ..grant(&now, 0) };
        assert_eq!(fields(service.agreements().grant_seats(bad).await), ["liaison_seats", "note"]);
        let same = grant(&now, 1000);
        assert_eq!(fields(service.agreements().grant_seats(same).await), ["liaison_seats"]);

        let list = |agreement_id: &str| pb::ListSeatGrantsRequest { agreement_id: agreement_id.into(), page: None };
        let record = service.agreements().list_seat_grants(list(&id)).await.unwrap().into_inner().grants;
        let mut record: Vec<_> = record.iter().map(|one| (one.seats_before, one.seats_after)).collect();
        // Ids of one millisecond have no order.
        record.sort_unstable();
        assert_eq!(record, [(2, 3), (3, 1000)], "a refusal is not on record");
        let unknown = list("agr_01jz0000000000000000000000");
        assert_eq!(refused(service.agreements().list_seat_grants(unknown).await), not_found());
    }

    async fn s07_administrative_rights_are_marked_and_gate_nothing(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let before = covered.agreement.clone();
        let ada = pb::Liaison {
            contact_id: before.liaisons[0].contact_id.clone(),
            name: "Ada Lovelace".into(),
            administrative_rights: true,
            ..pb::Liaison::default()
        };
        let marked = update(&before, ada.clone(), &["administrative_rights"]);
        let marked = service.agreements().update_liaison(marked).await.unwrap().into_inner();
        let (person, now) = (marked.liaison.unwrap(), marked.agreement.unwrap());
        assert_eq!((person.name.as_str(), person.email.as_str(), person.administrative_rights), ("Ada", ADA, true));
        assert_eq!(service.agreement(&before.agreement_id).await, now);
        let renamed = update(&now, ada.clone(), &["name"]);
        let renamed = service.agreements().update_liaison(renamed).await.unwrap().into_inner();
        assert_eq!(renamed.liaison.unwrap().name, "Ada Lovelace");

        for lacking in [false, true] {
            let person = pb::Liaison { administrative_rights: !lacking, ..ada.clone() };
            let agreement = service.agreement(&before.agreement_id).await;
            let marked = update(&agreement, person, &["administrative_rights"]);
            let revision = service.agreements().update_liaison(marked).await.unwrap().into_inner().facts_revision;
            let check = pb::CheckEntitlementRequest {
                question: Some(covered.question()),
                at_least_revision: revision,
                ..Default::default()
            };
            let answer = service.entitlement().check_entitlement(check).await.unwrap().into_inner().answer.unwrap();
            assert_eq!(answer.verdict(), pb::Verdict::Entitled, "with or without them");
        }

        let agreement = service.agreement(&before.agreement_id).await;
        assert_eq!(refused(service.agreements().update_liaison(update(&before, ada.clone(), &["name"])).await), stale());
        let nothing = update(&agreement, ada.clone(), &[]);
        assert_eq!(fields(service.agreements().update_liaison(nothing).await), ["update_mask"]);
        let address = update(&agreement, ada.clone(), &["email"]);
        assert_eq!(fields(service.agreements().update_liaison(address).await), ["update_mask"]);
        let nobody = pb::Liaison { contact_id: "con_01jz0000000000000000000000".into(), ..ada };
        let nobody = update(&agreement, nobody, &["name"]);
        assert_eq!(refused(service.agreements().update_liaison(nobody).await), not_found());
    }
}
