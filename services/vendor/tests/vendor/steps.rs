//! Steps that an engineer marks, and what the desk is warned of. The way from the agreement to here is the federation's tests'.
//!
//! Proves S07.

use prost::Message;
use vouch_contract::pb::common::v1::{CureBy, Finding, Reason, StepMark, Weight};
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::case_desk_service_client::CaseDeskServiceClient;
use vouch_core::World;
use vouch_host::testing::{BearerChannel, fields, fresh};
use vouch_storage::blobs::BlobRef;
use vouch_storage::testing::Database;
use vouch_storage::{Store, on_both_engines};
use vouch_vendor::domain::case::Case;
use vouch_vendor::store::bundles::bundle_upsert;
use vouch_vendor::store::cases::case_insert;

use crate::retention::{bundle, case};
use crate::support::Service;

const NEEDS: i32 = StepMark::NeedsAdministrativeRights as i32;
const EXPOSES: i32 = StepMark::ExposesSensitiveData as i32;

/// Enters a case whose liaison is known to have administrative rights, or is not.
async fn enter(store: &Store, liaison_has_rights: bool) -> String {
    let world = World::system();
    let bundle = &bundle(&world, &BlobRef { sha256: world.random(), size_bytes: 0 });
    let case = &Case { liaison_has_rights, ..case(&world, bundle) };
    let entered = store.write(|mut tx| async move {
        bundle_upsert(&mut tx, bundle).await?;
        case_insert(&mut tx, case, b"", b"").await?;
        Ok((tx, ()))
    });
    entered.await.unwrap();
    case.id.to_string()
}

/// A service with a case of each kind: whose liaison is not known to have administrative rights, and whose liaison has them.
async fn with_cases(database: &Database) -> (Service, [String; 2]) {
    let store = database.open(&vouch_vendor::MIGRATIONS).await;
    let cases = [enter(&store, false).await, enter(&store, true).await];
    store.close().await;
    drop(store);
    (Service::start(database).await, cases)
}

fn desk(service: &Service) -> CaseDeskServiceClient<BearerChannel> {
    CaseDeskServiceClient::new(service.staff(&["support-engineer"]))
}

fn claim(case_id: &str) -> pb::ClaimCaseRequest {
    pb::ClaimCaseRequest { request_id: fresh(), case_id: case_id.into() }
}

fn write(case_id: &str, marks: &[i32]) -> pb::WriteToPartnerRequest {
    let marks = marks.to_vec();
    pb::WriteToPartnerRequest { request_id: fresh(), case_id: case_id.into(), text: "Restart it.".into(), marks }
}

fn ask(case_id: &str, marks: &[i32]) -> pb::RequestInformationRequest {
    let questions = vec!["Who may read the filters?".into()];
    let request = pb::InformationRequested { questions, marks: marks.to_vec(), ..Default::default() };
    pb::RequestInformationRequest { request_id: fresh(), case_id: case_id.into(), request: Some(request) }
}

fn solve(case_id: &str, marks: &[i32]) -> pb::ProvideSolutionRequest {
    let solution =
        pb::SolutionProvided { text: "Rebuild the project.".into(), marks: marks.to_vec(), ..Default::default() };
    pb::ProvideSolutionRequest { request_id: fresh(), case_id: case_id.into(), solution: Some(solution) }
}

/// That there is one warning, in which field, of what, and that it is one.
fn warned(findings: &[Finding], field: &str, of: &str) {
    let [finding] = findings else { panic!("{findings:?}") };
    assert_eq!((finding.reason(), finding.weight()), (Reason::LiaisonLacksAdministrativeRights, Weight::Warning));
    assert_eq!((finding.cure_by(), finding.subject.as_str()), (CureBy::EndUser, field));
    assert_eq!(finding.message, format!("The step {of}, and the liaison is not known to have administrative rights."));
}

on_both_engines! {
    async fn s07_an_engineer_is_warned_of_a_marked_step_that_the_liaison_may_not_be_able_to_take(database: Database) {
        let (service, [unknown, known]) = with_cases(&database).await;
        for (case_id, has_rights) in [(&unknown, false), (&known, true)] {
            let case = desk(&service).claim_case(claim(case_id)).await.unwrap().into_inner().case.unwrap();
            assert_eq!(case.liaison_administrative_rights, has_rights);
        }
        let again = desk(&service).claim_case(claim(&known)).await.unwrap_err();
        assert!(again.message().contains("you have it already"), "{}", again.message());
        let request = write(&unknown, &[NEEDS, EXPOSES, NEEDS]);
        let told = desk(&service).write_to_partner(request.clone()).await.unwrap().into_inner();
        warned(&told.findings, "marks", "needs administrative rights and exposes sensitive data");
        let note = pb::SharedNote::decode(told.event.clone().unwrap().payload.as_ref()).unwrap();
        assert_eq!(note.marks, [NEEDS, EXPOSES], "each counts once");
        let again = desk(&service).write_to_partner(request).await.unwrap().into_inner();
        assert_eq!(again, told, "a repeat is told the same");
        let plain = desk(&service).write_to_partner(write(&unknown, &[])).await.unwrap().into_inner();
        assert_eq!(plain.findings, [], "a step without marks");
        let told = desk(&service).request_information(ask(&unknown, &[EXPOSES])).await.unwrap().into_inner();
        warned(&told.findings, "request.marks", "exposes sensitive data");
        assert_eq!(told.case.unwrap().state(), pb::CaseState::AwaitingPartner, "it is asked all the same");

        let told = desk(&service).write_to_partner(write(&known, &[NEEDS])).await.unwrap().into_inner();
        assert_eq!(told.findings, []);
        let told = desk(&service).provide_solution(solve(&known, &[NEEDS, EXPOSES])).await.unwrap().into_inner();
        assert_eq!(told.findings, []);
        assert_eq!(told.case.unwrap().state(), pb::CaseState::SolutionProvided);
    }

    async fn s07_marks_stand_in_the_history_that_both_sides_hold(database: Database) {
        let (service, [case_id, _]) = with_cases(&database).await;
        desk(&service).claim_case(claim(&case_id)).await.unwrap();
        let told = desk(&service).provide_solution(solve(&case_id, &[NEEDS])).await.unwrap().into_inner();
        warned(&told.findings, "solution.marks", "needs administrative rights");
        let get = pb::GetDeskCaseRequest { case_id, ..Default::default() };
        let read = desk(&service).get_desk_case(get).await.unwrap().into_inner();
        let solution = pb::SolutionProvided::decode(read.events.last().unwrap().payload.as_ref()).unwrap();
        assert_eq!((solution.text.as_str(), solution.marks), ("Rebuild the project.", vec![NEEDS]));
        assert!(!read.case.unwrap().liaison_administrative_rights);
    }

    async fn s07_a_mark_that_is_not_said_or_not_known_is_refused(database: Database) {
        let (service, [case_id, _]) = with_cases(&database).await;
        desk(&service).claim_case(claim(&case_id)).await.unwrap();
        assert_eq!(fields(desk(&service).write_to_partner(write(&case_id, &[NEEDS, 0])).await), ["marks[1]"]);
        assert_eq!(fields(desk(&service).request_information(ask(&case_id, &[9])).await), ["request.marks[0]"]);
        assert_eq!(fields(desk(&service).provide_solution(solve(&case_id, &[-1])).await), ["solution.marks[0]"]);
    }
}
