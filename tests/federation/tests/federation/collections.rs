//! Collection tickets: issued by the partner, run at the end user's site, known again in what is committed.
//!
//! Proves B03, V04, V06, W10.

use tonic::Code;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::diagnostics_service_client::DiagnosticsServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_diagnostics::Manifest;
use vouch_diagnostics::request::CollectionRequest;
use vouch_host::testing::{BearerChannel, fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::samples;
use crate::scene::{Scene, until};

pub(crate) fn issue(ticket_id: &str) -> partner::IssueCollectionTicketRequest {
    partner::IssueCollectionTicketRequest {
        request_id: fresh(),
        ticket_id: ticket_id.into(),
        profile: "linux-host/1".into(),
        ..Default::default()
    }
}

/// Issues a collection ticket, and reads its file as the collector does.
pub(crate) async fn issued(
    mut diagnostics: DiagnosticsServiceClient<BearerChannel>,
    request: partner::IssueCollectionTicketRequest,
) -> (partner::CollectionTicket, CollectionRequest) {
    let answer = diagnostics.issue_collection_ticket(request).await.unwrap().into_inner();
    (answer.collection_ticket.unwrap(), CollectionRequest::parse(&answer.file).unwrap())
}

/// A manifest by a collection ticket, with the content of its blobs.
pub(crate) fn manifest(ticket: &str, artefacts: &[&str]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (bytes, contents) = samples::manifest(artefacts);
    let manifest = Manifest { ticket: Some(ticket.into()), ..Manifest::read(&bytes).unwrap().0 };
    (manifest.write().unwrap().0, contents)
}

fn ask(case_id: &str, collectors: &[&str], profile: &str) -> vendor::RequestInformationRequest {
    let request = vendor::InformationRequested {
        questions: vec!["Which driver, between us?".into()],
        collectors: collectors.iter().map(|name| (*name).to_owned()).collect(),
        profile: profile.into(),
        ..Default::default()
    };
    vendor::RequestInformationRequest { request_id: fresh(), case_id: case_id.into(), request: Some(request) }
}

on_both_engines! {
    async fn w10_every_file_of_a_ticket_has_the_same_key_and_another_tickets_has_another(database: Database) {
        let scene = Scene::start(&database).await;
        let (one, other) = (scene.open_ticket().await.ticket_id, scene.open_ticket().await.ticket_id);
        let asked = partner::IssueCollectionTicketRequest {
            collectors: vec!["logs".into(), "disks".into()],
            questions: vec!["Since when?".into()],
            ..issue(&one)
        };
        let (ticket, request) = issued(scene.diagnostics(), asked.clone()).await;
        assert_eq!((request.ticket.as_str(), request.id.as_deref()), (one.as_str(), Some(ticket.collection_ticket_id.as_str())));
        assert_eq!((request.collectors, request.questions), (asked.collectors.clone(), asked.questions.clone()));
        assert_eq!(request.recipient.as_ref().unwrap().as_str(), ticket.recipient);
        assert_eq!((ticket.profile.as_str(), ticket.ticket_id), ("linux-host/1", one.clone()));

        // Asked again it is the same one; another one is another, with the same pseudonyms.
        let (again, _) = issued(scene.diagnostics(), asked).await;
        assert_eq!(again.collection_ticket_id, ticket.collection_ticket_id);
        let (second, more) = issued(scene.diagnostics(), issue(&one)).await;
        assert_ne!(second.collection_ticket_id, ticket.collection_ticket_id);
        assert!(more.pseudonym_key == request.pseudonym_key && more.recipient == request.recipient && more.wants("os"));
        let (_, foreign) = issued(scene.diagnostics(), issue(&other)).await;
        assert!(foreign.pseudonym_key != request.pseudonym_key && foreign.recipient == request.recipient);

        // The end user has them issued for its own tickets, a stranger for none.
        let end_user = || DiagnosticsServiceClient::new(scene.customer());
        assert!(issued(end_user(), issue(&one)).await.1.pseudonym_key == request.pseudonym_key);
        let mut stranger = DiagnosticsServiceClient::new(scene.other_agent());
        let unknown = (Code::NotFound, "NOT_FOUND".to_owned());
        assert_eq!(refused(stranger.issue_collection_ticket(issue(&one)).await), unknown);
        let bad = partner::IssueCollectionTicketRequest {
            profile: "Linux Host".into(),
            collectors: vec!["logs".into(), "all of them".into()],
            questions: vec!["\u{0}".into()],
            ..issue("tkt_1")
        };
        let expected = ["ticket_id", "profile", "collectors[1]", "questions[0]"];
        assert_eq!(fields(scene.diagnostics().issue_collection_ticket(bad).await), expected);
        let both = partner::IssueCollectionTicketRequest {
            for_vendor_request: true,
            collectors: vec!["logs".into()],
            ..issue(&one)
        };
        assert_eq!(fields(scene.diagnostics().issue_collection_ticket(both).await), ["collectors"]);
        let answer = partner::AnswerTicketRequest {
            request_id: fresh(),
            ticket_id: other.clone(),
            answer: "So.".into(),
            ..Default::default()
        };
        scene.tickets().answer_ticket(answer).await.unwrap();
        let late = refused(scene.diagnostics().issue_collection_ticket(issue(&other)).await);
        assert_eq!(late, (Code::FailedPrecondition, "STATE_CONFLICT".into()));
    }

    async fn w10_first_files_that_are_issued_at_once_share_their_keys(database: Database) {
        let scene = Scene::start(&database).await;
        let tickets = [scene.open_ticket().await.ticket_id, scene.open_ticket().await.ticket_id];
        let asking = [0, 1, 0, 1, 0, 1].map(|at: usize| {
            let (diagnostics, request) = (scene.diagnostics(), issue(&tickets[at]));
            tokio::spawn(async move { (at, issued(diagnostics, request).await.1) })
        });
        let mut files = Vec::new();
        for asked in asking {
            files.push(asked.await.unwrap());
        }
        for (at, file) in &files {
            assert_eq!(file.recipient, files[0].1.recipient, "the organisation has one pair of keys");
            let same = files.iter().find(|(other, _)| other == at).unwrap();
            assert!(file.pseudonym_key == same.1.pseudonym_key, "and each ticket one key");
        }
    }

    async fn w10_what_the_vendor_asks_for_shows_on_the_ticket_and_becomes_a_file(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, case_id) = scene.escalated().await;
        let id = ticket.ticket_id.clone();
        let for_it = || partner::IssueCollectionTicketRequest { for_vendor_request: true, ..issue(&id) };
        let nothing = (Code::FailedPrecondition, "NOTHING_REQUESTED".to_owned());
        assert_eq!(refused(scene.diagnostics().issue_collection_ticket(for_it()).await), nothing);
        assert!(ticket.escalation.unwrap().vendor_request.is_none());

        let claim = vendor::ClaimCaseRequest { request_id: fresh(), case_id: case_id.clone() };
        scene.desk().claim_case(claim).await.unwrap();
        let unnamed = fields(scene.desk().request_information(ask(&case_id, &["logs"], "linux host")).await);
        assert_eq!(unnamed, ["request.profile"]);
        // What the vendor published itself, it knows; of what it did not, the host knows.
        let text = vouch_diagnostics::profile::Profile::shipped_text("linux-host").unwrap();
        scene.publish(text).await;
        let mistyped = ask(&case_id, &["logs", "nope", "disks", "log"], "linux-host/1");
        let unknown = fields(scene.desk().request_information(mistyped).await);
        assert_eq!(unknown, ["request.collectors[1]", "request.collectors[3]"]);
        scene.desk().request_information(ask(&case_id, &["logs", "disks"], "linux-host/2")).await.unwrap();
        let shown = until(async || scene.ticket(&id).await.escalation.unwrap().vendor_request).await;
        assert_eq!((shown.profile.as_str(), shown.collectors.as_slice()), ("linux-host/2", &["logs".to_owned(), "disks".into()][..]));
        assert!(shown.questions[0].contains("between us") && shown.ask_time.is_some());
        let (_, file) = issued(scene.diagnostics(), for_it()).await;
        assert_eq!((file.profile.as_str(), file.collectors.as_slice()), ("linux-host/2", shown.collectors.as_slice()));
        assert!(file.questions.is_empty(), "v06: what the vendor asks is for the partner");

        // It is between vendor and partner: the end user is told nothing of it.
        let mut end_user = DiagnosticsServiceClient::new(scene.customer());
        assert_eq!(fields(end_user.issue_collection_ticket(for_it()).await), ["for_vendor_request"]);

        // The answer brings the bundle that was collected by it, and with it nothing is asked any more.
        let more = manifest(file.id.as_deref().unwrap(), &["logs", "disks"]);
        let bundle_id = scene.upload(&id, &more).await;
        let answer = partner::AnswerVendorRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            text: "Here they are.".into(),
            bundle_id,
        };
        let answered = scene.tickets().answer_vendor(answer).await.unwrap().into_inner().ticket.unwrap();
        assert!(answered.escalation.unwrap().vendor_request.is_none());
        assert_eq!(refused(scene.diagnostics().issue_collection_ticket(for_it()).await), nothing);
        until(async || {
            let case = scene.desk_case(&case_id).await.case.unwrap();
            (case.state() == vendor::CaseState::InProgress).then_some(())
        })
        .await;

        // Without a profile the partner names one; without names that could be collectors there is nothing to run.
        scene.desk().request_information(ask(&case_id, &["logs"], "")).await.unwrap();
        until(async || scene.ticket(&id).await.escalation.unwrap().vendor_request).await;
        let unsaid = partner::IssueCollectionTicketRequest { profile: String::new(), ..for_it() };
        assert_eq!(fields(scene.diagnostics().issue_collection_ticket(unsaid).await), ["profile"]);
        assert_eq!(issued(scene.diagnostics(), for_it()).await.1.profile, "linux-host/1");
    }

    async fn w10_a_second_question_takes_the_place_of_one_that_is_open(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, case_id) = scene.escalated().await;
        let id = ticket.ticket_id.clone();
        let asking = |question: &str, collectors: &[&str]| {
            let mut request = ask(&case_id, collectors, "linux-host/1");
            request.request.as_mut().unwrap().questions = vec![question.to_owned()];
            request
        };
        let early = refused(scene.desk().request_information(asking("The logs?", &["logs"])).await);
        assert_eq!(early, (Code::FailedPrecondition, "STATE_CONFLICT".into()), "nobody has the case yet");
        let claim = vendor::ClaimCaseRequest { request_id: fresh(), case_id: case_id.clone() };
        scene.desk().claim_case(claim).await.unwrap();
        let first = scene.desk().request_information(asking("The logs?", &["logs"])).await.unwrap().into_inner();
        let second = scene.desk().request_information(asking("No: the disks?", &["disks"])).await.unwrap().into_inner();
        let (first, second) = (first.case.unwrap(), second.case.unwrap());
        assert_eq!(second.state(), vendor::CaseState::AwaitingPartner);
        assert_eq!(second.promised, first.promised, "the first question was the response");

        let asked = async |collector: &str| {
            let view = scene.ticket(&id).await.escalation.unwrap();
            view.vendor_request.filter(|request| request.collectors == [collector])
        };
        let shown = until(async || asked("disks").await).await;
        assert_eq!(shown.questions, ["No: the disks?"]);
        let notes = scene.ticket(&id).await.notes;
        for question in ["The logs?", "No: the disks?"] {
            assert!(notes.iter().any(|note| note.text.starts_with(question)), "{question}: {notes:?}");
        }
        let events = scene.desk_case(&case_id).await.events;
        let asked = events.iter().filter(|event| event.type_name == "vouch.vendor.v1.InformationRequested").count();
        assert_eq!(asked, 2, "the history has both");
        let for_it = partner::IssueCollectionTicketRequest { for_vendor_request: true, ..issue(&id) };
        assert_eq!(issued(scene.diagnostics(), for_it).await.1.collectors, ["disks"]);

        let answer = partner::AnswerVendorRequest {
            request_id: fresh(),
            ticket_id: id.clone(),
            text: "Two of them.".into(),
            bundle_id: String::new(),
        };
        scene.tickets().answer_vendor(answer).await.unwrap();
        until(async || {
            let case = scene.desk_case(&case_id).await.case.unwrap();
            (case.state() == vendor::CaseState::InProgress).then_some(())
        })
        .await;
        assert!(scene.ticket(&id).await.escalation.unwrap().vendor_request.is_none(), "one answer is enough");

        // The answer to what was asked first may be on its way when the second question is answered: both reach the vendor.
        let late = vendor::ProvideInformationRequest {
            request_id: fresh(),
            case_id: case_id.clone(),
            information: Some(vendor::InformationProvided { text: "And no logs.".into(), bundle_id: String::new() }),
        };
        scene.gate().provide_information(late).await.unwrap();
        let told = scene.desk_case(&case_id).await;
        assert_eq!(told.case.unwrap().state(), vendor::CaseState::InProgress);
        let answers = told.events.iter().filter(|event| event.type_name == "vouch.vendor.v1.InformationProvided").count();
        assert_eq!(answers, 2, "nothing is lost");
    }

    async fn w10_collectors_that_a_known_profile_does_not_have_are_refused_with_those_that_there_are(database: Database) {
        let scene = Scene::start(&database).await;
        let (ticket, case_id) = scene.escalated().await;
        let claim = vendor::ClaimCaseRequest { request_id: fresh(), case_id: case_id.clone() };
        scene.desk().claim_case(claim).await.unwrap();
        let id = ticket.ticket_id.as_str();
        let named = |collectors: &[&str]| partner::IssueCollectionTicketRequest {
            collectors: collectors.iter().map(|&name| name.to_owned()).collect(),
            ..issue(id)
        };
        let answer = scene.diagnostics().issue_collection_ticket(named(&["logs", "nope"])).await.unwrap().into_inner();
        assert!(!answer.profile_known, "nobody published it: the host may have it");
        scene.desk().request_information(ask(&case_id, &["nope"], "linux-host/1")).await.unwrap();
        scene.publish(vouch_diagnostics::profile::Profile::shipped_text("linux-host").unwrap()).await;
        scene.until_listed(1).await;

        let status =
            scene.diagnostics().issue_collection_ticket(named(&["logs", "nope", "disks", "log"])).await.unwrap_err();
        let told = vouch_contract::status::violations_of(&status);
        assert_eq!(told.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), ["collectors[1]", "collectors[3]"]);
        assert!(told[0].1.contains("is no collector of linux-host/1, which has: ") && told[0].1.contains("disks"), "{told:?}");
        let answer = scene.diagnostics().issue_collection_ticket(named(&["logs", "disks"])).await.unwrap().into_inner();
        assert!(answer.profile_known);

        // What the vendor asked for before it published the profile is held against it, too, and what it asks of one that is named here.
        let for_it = || partner::IssueCollectionTicketRequest { for_vendor_request: true, ..issue(id) };
        until(async || scene.ticket(id).await.escalation.unwrap().vendor_request).await;
        let unnamed = partner::IssueCollectionTicketRequest { profile: String::new(), ..for_it() };
        assert_eq!(fields(scene.diagnostics().issue_collection_ticket(unnamed).await), ["for_vendor_request"]);
        scene.desk().request_information(ask(&case_id, &["nope", "os"], "")).await.unwrap();
        until(async || scene.ticket(id).await.escalation.unwrap().vendor_request.filter(|one| one.profile.is_empty())).await;
        let refusal = scene.diagnostics().issue_collection_ticket(for_it()).await.unwrap_err();
        let told = vouch_contract::status::violations_of(&refusal);
        assert!(told.len() == 1 && told[0].1.starts_with("asks for nope, which is no collector of linux-host/1"), "{told:?}");
    }

    async fn b03_a_bundle_is_committed_for_the_ticket_by_whose_request_it_was_collected(database: Database) {
        let scene = Scene::start(&database).await;
        let (one, other) = (scene.open_ticket().await.ticket_id, scene.open_ticket().await.ticket_id);
        let (ticket, _) = issued(scene.diagnostics(), issue(&one)).await;
        let collected = manifest(&ticket.collection_ticket_id, &["os"]);
        scene.upload(&one, &collected).await;
        let mismatch = (Code::FailedPrecondition, "COLLECTION_TICKET_MISMATCH".to_owned());
        // The content is there already: tickets of one organisation share it.
        let commit = |ticket_id: &str, manifest: &[u8]| partner::CommitBundleRequest {
            ticket_id: ticket_id.into(),
            manifest: Some(samples::blob(manifest)),
        };
        assert_eq!(refused(scene.diagnostics().commit_bundle(commit(&other, &collected.0)).await), mismatch);
        assert!(scene.ticket(&other).await.bundle_ids.is_empty());
        for named in ["col_1", one.as_str()] {
            let (bytes, _) = manifest(named, &["os"]);
            let part = partner::WriteBlobRequest {
                ticket_id: one.clone(),
                blob: Some(samples::blob(&bytes)),
                offset_bytes: 0,
                part: bytes.clone().into(),
            };
            scene.diagnostics().write_blob(tokio_stream::iter([part])).await.unwrap();
            assert_eq!(refused(scene.diagnostics().commit_bundle(commit(&one, &bytes)).await), mismatch, "{named}");
        }
        scene.upload(&one, &samples::manifest(&["os"])).await;
        assert_eq!(scene.ticket(&one).await.bundle_ids.len(), 2, "one that names none is taken, as before");
    }
}
