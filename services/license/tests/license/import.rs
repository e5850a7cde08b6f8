//! Licences that come from another system, and go to one.
//!
//! Proves W19, W20.

use tonic::Code;
use vouch_contract::pb::license::v1 as pb;
use vouch_host::testing::refused;
use vouch_storage::on_both_engines;

use crate::support::{Service, license};

pub(crate) fn imported(end_user_id: &str, license_key: &str) -> pb::ImportedLicense {
    let license = Some(license(end_user_id));
    pb::ImportedLicense { license, license_key: license_key.into(), ..Default::default() }
}

pub(crate) async fn import(
    service: &Service,
    dry_run: bool,
    licenses: Vec<pb::ImportedLicense>,
) -> pb::ImportLicensesResponse {
    let request = pb::ImportLicensesRequest { dry_run, licenses };
    let mut answers = service.licenses().import_licenses(tokio_stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    assert!(answers.message().await.unwrap().is_none(), "one response for one request");
    answer
}

/// What came of it: entered, left as it was, and the fields of each that was not taken.
pub(crate) fn told(answer: &pb::ImportLicensesResponse) -> (i32, i32, Vec<(i32, Vec<String>)>) {
    let fields = |problem: &pb::ImportProblem| problem.fields.iter().map(|field| field.field.clone()).collect();
    let problems = answer.problems.iter().map(|problem| (problem.place, fields(problem)));
    (answer.created, answer.unchanged, problems.collect())
}

async fn verdict(service: &Service, license_key: &str, at_least_revision: i64) -> pb::Verdict {
    let key = pb::license_ref::Ref::LicenseKey(license_key.into());
    let question = pb::EntitlementQuestion { license: Some(pb::LicenseRef { r#ref: Some(key) }), ..Default::default() };
    let check = pb::CheckEntitlementRequest { question: Some(question), at_least_revision, ..Default::default() };
    service.entitlement().check_entitlement(check).await.unwrap().into_inner().answer.unwrap().verdict()
}

on_both_engines! {
    async fn a_catalogue_is_imported_once_however_often_it_is_sent(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let rows = || vec![imported("contoso", "ACME-2019-0001"), imported("fabrikam", "acme-2019-0002")];
        assert_eq!(told(&import(&service, true, rows()).await), (2, 0, vec![]), "a rehearsal tells the same");
        let first = import(&service, false, rows()).await;
        assert_eq!(told(&first), (2, 0, vec![]), "and keeps nothing");
        assert_eq!(verdict(&service, "Acme 2019 0001", first.facts_revision).await, pb::Verdict::Entitled);
        let again = import(&service, false, rows()).await;
        assert_eq!((told(&again), again.facts_revision), ((0, 2, vec![]), 0));

        let mut twice = imported("contoso", "acme-2019-0004");
        twice.license.as_mut().unwrap().liaisons = vec![pb::Liaison {
            name: "Ada Lovelace".into(),
            email: "ada@contoso.example".into(),
            ..Default::default()
        }];
        let mut other = twice.clone();
        other.license.as_mut().unwrap().quantity = 26;
        let told_twice = told(&import(&service, false, vec![twice.clone(), twice, other]).await);
        assert_eq!(told_twice, (1, 1, vec![(2, vec!["license_key".to_owned()])]), "the second of one request finds the first");

        let new_before_known = [vec![imported("adatum", "acme-2019-0005")], rows()].concat();
        assert_eq!(told(&import(&service, false, new_before_known).await), (1, 2, vec![]));
        let mut mixed = rows();
        mixed.push(imported("adatum", "acme-2019-0003"));
        mixed[0].license.as_mut().unwrap().quantity = 26;
        let mixed = import(&service, false, mixed).await;
        assert_eq!(told(&mixed), (1, 1, vec![(0, vec!["license_key".to_owned()])]), "what is there is not overwritten");
    }

    async fn w19_the_history_of_what_was_imported_begins_with_it(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        import(&service, false, vec![imported("contoso", "ACME-2019-0001")]).await;
        let list = pb::ListLicensesRequest::default();
        let license = service.licenses().list_licenses(list).await.unwrap().into_inner().licenses.remove(0);
        let told = async || {
            let list = pb::ListLicenseChangesRequest { license_id: license.license_id.clone(), page: None };
            service.licenses().list_license_changes(list).await.unwrap().into_inner().changes
        };
        let first = told().await.remove(0);
        assert_eq!((first.revision, first.change.as_str(), first.changed_by.as_str()), (1, "created", ""));
        assert_eq!((first.change_time, first.fields.len()), (license.create_time, 0), "nothing was written for it");
        service.set_state(&license, pb::LicenseState::Suspended).await;
        let words: Vec<_> = told().await.into_iter().map(|change| (change.revision, change.change)).collect();
        assert_eq!(words, [(1, "created".to_owned()), (2, "suspended".to_owned())]);
        let mut north = pb::license_service_client::LicenseServiceClient::new(service.partner());
        let list = pb::ListLicenseChangesRequest { license_id: license.license_id.clone(), page: None };
        let seen = north.list_license_changes(list).await.unwrap().into_inner().changes;
        assert_eq!(seen.iter().map(|change| change.revision).collect::<Vec<_>>(), [1, 2]);
    }

    async fn two_who_import_the_same_at_once_enter_each_licence_once(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let row = |number: usize| imported(&format!("customer-{}", number % 7), &format!("acme-2019-{number:04}"));
        let there: Vec<_> = (0..300).map(row).collect();
        let back: Vec<_> = (0..300).rev().map(row).collect();
        let (one, other) = tokio::join!(import(&service, false, there), import(&service, false, back));
        let (one, other) = (told(&one), told(&other));
        assert_eq!((one.2, other.2), (vec![], vec![]));
        assert_eq!((one.0 + other.0, one.1 + other.1), (300, 300), "each was entered by one of them");
    }

    async fn w19_a_key_that_was_replaced_is_not_imported_again(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        import(&service, false, vec![imported("contoso", "ACME-2019-0001")]).await;
        let list = pb::ListLicensesRequest::default();
        let license = service.licenses().list_licenses(list).await.unwrap().into_inner().licenses.remove(0);
        let replace = pb::ReplaceLicenseKeyRequest {
            request_id: vouch_host::testing::fresh(),
            license_id: license.license_id,
            etag: license.etag,
            note: "in wrong hands".into(),
        };
        service.licenses().replace_license_key(replace).await.unwrap();
        let again = told(&import(&service, false, vec![imported("contoso", "ACME-2019-0001")]).await);
        assert_eq!(again, (0, 0, vec![(0, vec!["license_key".to_owned()])]));
    }

    async fn every_bad_row_is_told_with_its_fields_and_the_others_are_taken(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let mut rows = vec![
            imported("contoso", "acme-2019-0001"),
            imported("Contoso Ltd", ""),
            imported("fabrikam", "AAAAA-AAAAA-AAAAA-AAAAA-AAAAB"),
            imported("adatum", "acme-2019-0002"),
            imported("adatum", "acme-2019-0002"),
            pb::ImportedLicense { license: None, ..imported("adatum", "acme-2019-0003") },
            pb::ImportedLicense { key_digest: vec![7; 32].into(), digest_key_id: "other".into(), ..imported("adatum", "") },
        ];
        rows[3].license.as_mut().unwrap().product_id = "unknown".into();
        rows[3].license.as_mut().unwrap().responsible_partner_id = "nobody".into();
        let answer = import(&service, false, rows).await;
        let expected = [
            (1, vec!["license_key", "license.end_user.end_user_id"]),
            (2, vec!["license_key"]),
            (3, vec!["license.product_id", "license.responsible_partner_id"]),
            (5, vec!["license"]),
            (6, vec!["digest_key_id"]),
        ];
        let (created, unchanged, problems) = told(&answer);
        assert_eq!((created, unchanged), (2, 0));
        for ((place, fields), (expected_place, expected_fields)) in problems.iter().zip(&expected) {
            assert_eq!((place, fields.iter().map(String::as_str).collect::<Vec<_>>()), (expected_place, expected_fields.clone()));
        }
        assert_eq!(problems.len(), expected.len());
    }

    async fn what_export_gives_import_takes_and_the_keys_still_work(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let covered = service.cover("standard").await;
        let mut second = imported("fabrikam", "acme-2019-0001");
        second.license.as_mut().unwrap().state = pb::LicenseState::Suspended.into();
        let named = |name: &str| pb::Liaison {
            name: name.into(),
            email: format!("{name}@fabrikam.example"),
            ..Default::default()
        };
        second.license.as_mut().unwrap().liaisons = ["zoe", "grace", "ada"].map(named).to_vec();
        import(&service, false, vec![second]).await;
        let export = pb::ExportLicensesRequest { page: None };
        let exported = service.licenses().export_licenses(export).await.unwrap().into_inner().licenses;
        assert_eq!(exported.len(), 2);
        assert!(exported.iter().all(|one| one.license_key.is_empty() && one.key_digest.len() == 32));
        let round = || exported.iter().cloned().map(|mut one| {
            let license = one.license.as_mut().unwrap();
            (license.revision, license.create_time, license.etag) = (0, None, String::new());
            one
        });
        let again = import(&service, false, round().collect()).await;
        assert_eq!(told(&again), (0, 2, vec![]), "into the same service: nothing to do");

        let elsewhere = vouch_storage::testing::Database::fresh(database.config.engine()).await;
        let other = service.restart(&elsewhere).await.with_catalogue().await;
        let moved = import(&other, false, round().collect()).await;
        assert_eq!(told(&moved), (2, 0, vec![]), "into one with the same root secret");
        assert_eq!(verdict(&other, &covered.license_key, moved.facts_revision).await, pb::Verdict::Entitled);
        let get = pb::GetLicenseRequest { license_id: covered.license.license_id.clone() };
        let kept = other.licenses().get_license(get).await.unwrap().into_inner().license.unwrap();
        assert_eq!((kept.end_user, kept.key_hint), (covered.license.end_user, covered.license.key_hint));
        let mut taken: Vec<_> = round().take(1).collect();
        (taken[0].key_digest, taken[0].digest_key_id) = (Vec::new().into(), String::new());
        taken[0].license_key = "acme-2019-0009".into();
        let clash = told(&import(&other, false, taken).await);
        assert_eq!(clash, (0, 0, vec![(0, vec!["license.license_id".to_owned()])]));
    }

    async fn too_many_at_once_and_whoever_is_no_administrator_are_refused(database: Database) {
        let service = Service::start(&database).await.with_catalogue().await;
        let request = pb::ImportLicensesRequest { dry_run: true, licenses: vec![imported("contoso", ""); 2001] };
        let mut answers = service.licenses().import_licenses(tokio_stream::iter([request])).await.unwrap().into_inner();
        let status = answers.message().await;
        assert_eq!(refused(status.map(|_| tonic::Response::new(()))), (Code::InvalidArgument, "INVALID_FIELD".into()));
        let mut partner = pb::license_service_client::LicenseServiceClient::new(service.partner());
        let nothing: [pb::ImportLicensesRequest; 0] = [];
        assert_eq!(refused(partner.import_licenses(tokio_stream::iter(nothing)).await).0, Code::PermissionDenied);
        let export = pb::ExportLicensesRequest { page: None };
        assert_eq!(refused(partner.export_licenses(export).await).0, Code::PermissionDenied);
    }
}
