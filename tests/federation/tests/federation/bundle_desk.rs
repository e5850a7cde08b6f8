//! Engineers read bundles back: what a bundle says of itself, its entries, and their contents in ranges.
//!
//! Proves B03, B04, B05.

use tonic::{Code, Status};
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::bundle_desk_service_client::BundleDeskServiceClient;
use vouch_contract::status::reason_of;
use vouch_core::World;
use vouch_host::testing::{BearerChannel, fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::desk_bundle::{DeskBundle, log};
use crate::samples;

/// What a stream of content gives: its first message, and the bytes behind it.
async fn read(
    desk: &mut BundleDeskServiceClient<BearerChannel>,
    bundle_id: &str,
    path: &str,
    offset_bytes: i64,
    limit_bytes: i64,
) -> Result<(vendor::ReadBundleEntryResponse, Vec<u8>), Status> {
    let (bundle_id, path) = (bundle_id.to_owned(), path.to_owned());
    let request = vendor::ReadBundleEntryRequest { bundle_id, path, offset_bytes, limit_bytes };
    let mut stream = desk.read_bundle_entry(request).await?.into_inner();
    let first = stream.message().await?.unwrap();
    let mut content = Vec::new();
    while let Some(message) = stream.message().await? {
        assert_eq!(message.offset_bytes, offset_bytes + i64::try_from(content.len()).unwrap());
        assert!(message.entry.is_none() && (1..=256 * 1024).contains(&message.chunk.len()));
        content.extend_from_slice(&message.chunk);
    }
    assert_eq!(first.range_bytes, i64::try_from(content.len()).unwrap());
    Ok((first, content))
}

fn unknown() -> String {
    World::system().id::<vouch_core::id::BundleTag>().to_string()
}

on_both_engines! {
    async fn b05_engineers_read_what_a_bundle_of_a_case_says_of_itself_and_of_no_other(database: Database) {
        let desk = DeskBundle::start(&database).await;
        let get = |bundle_id: &str| vendor::GetBundleRequest { bundle_id: bundle_id.into() };
        let told = desk.engineer().get_bundle(get(&desk.bundle_id)).await.unwrap().into_inner();
        let bundle = told.bundle.unwrap();
        assert_eq!((bundle.bundle_id, bundle.entries), (desk.bundle_id.clone(), 7));
        assert_eq!((told.partner_id.as_str(), told.profile.as_str()), ("north", "linux-host/1"));
        assert_eq!(told.redaction_policy, "standard/1");
        assert_eq!(told.cases.iter().map(|case| case.case_id.as_str()).collect::<Vec<_>>(), [desk.case_id.as_str()]);
        let artefacts: Vec<_> = told.artefacts.iter().map(|one| (one.collector.as_str(), one.entries, one.failed)).collect();
        assert_eq!(artefacts, [("journal", 0, 1), ("logs", 2, 0), ("notes", 2, 0), ("os", 2, 0)]);
        assert_eq!(told.artefacts[0].reasons, ["permission denied"]);
        let masked: Vec<_> = told.masked.iter().map(|one| (one.rule.as_str(), one.count, one.entries)).collect();
        assert_eq!(masked, [("email", 4, 2), ("host", 2, 1)]);

        let nowhere = refused(desk.engineer().get_bundle(get(&unknown())).await);
        assert_eq!(nowhere, (Code::NotFound, "NOT_FOUND".into()));
        let other = samples::manifest(&["os", "packages"]);
        let loose = desk.scene.commit_without_case(&desk.ticket_id, &other).await;
        assert_eq!(refused(desk.engineer().get_bundle(get(&loose)).await), nowhere, "no case holds it");
        assert_eq!(fields(desk.engineer().get_bundle(get("case_1")).await), ["bundle_id"]);
        let mut editor = BundleDeskServiceClient::new(desk.scene.vendor_staff(&["knowledge-editor"]));
        let denied = refused(editor.get_bundle(get(&desk.bundle_id)).await);
        assert_eq!(denied, (Code::PermissionDenied, "ACCESS_DENIED".into()));
    }

    async fn b05_what_a_partner_brings_later_is_open_from_then_on(database: Database) {
        let desk = DeskBundle::start(&database).await;
        let more = desk.scene.commit_without_case(&desk.ticket_id, &samples::manifest(&["os", "packages"])).await;
        let ask = vendor::RequestInformationRequest {
            request_id: fresh(),
            case_id: desk.case_id.clone(),
            request: Some(vendor::InformationRequested { questions: vec!["Which?".into()], collectors: Vec::new(), ..Default::default() }),
        };
        let mut cases = desk.scene.desk();
        let claim = vendor::ClaimCaseRequest { request_id: fresh(), case_id: desk.case_id.clone() };
        cases.claim_case(claim).await.unwrap();
        cases.request_information(ask).await.unwrap();
        let read = async || self::read(&mut desk.engineer(), &more, "packages.txt", 0, 0).await;
        assert_eq!(read().await.unwrap_err().code(), Code::NotFound);
        let provide = vendor::ProvideInformationRequest {
            request_id: fresh(),
            case_id: desk.case_id.clone(),
            information: Some(vendor::InformationProvided { text: "These.".into(), bundle_id: more.clone() }),
        };
        desk.scene.gate().provide_information(provide).await.unwrap();
        assert_eq!(read().await.unwrap().1, b"packages\n");
        let get = vendor::GetBundleRequest { bundle_id: desk.bundle_id.clone() };
        desk.engineer().get_bundle(get).await.unwrap();
    }

    async fn b05_entries_are_listed_in_pages_by_path_and_collector(database: Database) {
        let desk = DeskBundle::start(&database).await;
        let list = |path_prefix: &str, collector: &str, page_size, page_token: &str| vendor::ListBundleEntriesRequest {
            bundle_id: desk.bundle_id.clone(),
            path_prefix: path_prefix.into(),
            collector: collector.into(),
            page: Some(PageRequest { page_size, page_token: page_token.into() }),
        };
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = desk.engineer().list_bundle_entries(list("", "", 3, &token)).await.unwrap().into_inner();
            seen.extend(page.entries);
            token = page.page.unwrap().next_page_token;
            if token.is_empty() {
                break;
            }
        }
        let paths: Vec<_> = seen.iter().map(|entry| entry.path.as_str()).collect();
        let all = ["empty.txt", "journal.txt", "logs/app.log", "logs/core", "notes/a.txt", "notes/b.txt", "os.txt"];
        assert_eq!(paths, all);
        assert_eq!((seen[1].failed.as_str(), seen[6].masked["host"]), ("permission denied", 2));
        let of = async |prefix: &str, collector: &str| {
            let page = desk.engineer().list_bundle_entries(list(prefix, collector, 0, "")).await.unwrap().into_inner();
            page.entries.into_iter().map(|entry| entry.path).collect::<Vec<_>>()
        };
        assert_eq!(of("logs/", "").await, ["logs/app.log", "logs/core"]);
        assert_eq!(of("", "os").await, ["empty.txt", "os.txt"]);
        assert!(of("logs/", "os").await.is_empty());
        let bad = vendor::ListBundleEntriesRequest {
            path_prefix: "x".repeat(4097),
            page: Some(PageRequest { page_size: 201, page_token: String::new() }),
            ..Default::default()
        };
        let named = fields(desk.engineer().list_bundle_entries(bad).await);
        assert_eq!(named, ["bundle_id", "path_prefix", "page.page_size"]);
        let foreign = list("", "", 0, "MTpjYXNlczp4");
        assert_eq!(fields(desk.engineer().list_bundle_entries(foreign).await), ["page.page_token"]);
    }

    async fn b05_a_content_is_read_whole_or_in_any_range(database: Database) {
        let desk = DeskBundle::start(&database).await;
        let (log, mut engineer) = (log(), desk.engineer());
        let mut of = async |path: &str, offset, limit| read(&mut engineer, &desk.bundle_id, path, offset, limit).await;
        let (first, whole) = of("logs/app.log", 0, 0).await.unwrap();
        assert!(whole == log, "every byte");
        let size = i64::try_from(log.len()).unwrap();
        assert_eq!(first.entry.unwrap().size_bytes, size);
        // Across the border of two parts, and of two chunks; from within to beyond the end; and nothing at all.
        assert_eq!(of("logs/app.log", 299_960, 20).await.unwrap().1, log[299_960..299_980]);
        assert!(of("logs/app.log", 1, 600_000).await.unwrap().1 == log[1..600_001]);
        assert_eq!(of("logs/app.log", size - 5, 100).await.unwrap().1, log[log.len() - 5..]);
        assert_eq!(of("logs/app.log", size, 0).await.unwrap().1, b"");
        assert_eq!(of("logs/app.log", 5, i64::MAX).await.unwrap().1.len(), log.len() - 5);
        assert_eq!(of("notes/b.txt", 0, 0).await.unwrap().1, b"second note");
        assert_eq!(of("notes/a.txt", 7, 2).await.unwrap().1, b"in");
        assert_eq!(of("empty.txt", 0, 0).await.unwrap().1, b"");

        let beyond = of("logs/app.log", size + 1, 0).await.map(|_| ());
        assert_eq!(fields(beyond), ["offset_bytes"]);
        assert_eq!(fields(of("logs/app.log", -1, -1).await.map(|_| ())), ["offset_bytes", "limit_bytes"]);
        let failed = of("journal.txt", 0, 0).await.unwrap_err();
        assert_eq!((failed.code(), reason_of(&failed)), (Code::FailedPrecondition, "ENTRY_WITHOUT_CONTENT".into()));
        assert!(failed.message().contains("permission denied"), "{failed:?}");
        assert_eq!(of("logs", 0, 0).await.unwrap_err().code(), Code::NotFound);
        let empty = vendor::ReadBundleEntryRequest::default();
        assert_eq!(fields(desk.engineer().read_bundle_entry(empty).await.map(|_| ())), ["bundle_id", "path"]);
    }

    async fn b03_content_that_was_altered_or_lost_where_it_lies_is_told(database: Database) {
        let desk = DeskBundle::start(&database).await;
        let folder = desk.scene.vendor_ground.path().join("blobs");
        let parts = |content: &[u8]| {
            let sha256 = samples::blob(content).sha256;
            let folder = folder.join(data_encoding::HEXLOWER.encode(&sha256));
            let mut parts: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            parts.sort();
            parts
        };
        let damaged = |status: Status| assert_eq!((status.code(), reason_of(&status)), (Code::DataLoss, "CONTENT_DAMAGED".into()));
        let part = parts(b"os\n").remove(0);
        std::fs::write(&part, b"Os\n").unwrap();
        damaged(read(&mut desk.engineer(), &desk.bundle_id, "os.txt", 0, 0).await.unwrap_err());
        let range = read(&mut desk.engineer(), &desk.bundle_id, "os.txt", 1, 2).await.unwrap();
        assert_eq!(range.1, b"s\n", "a range is not verified");
        std::fs::write(&part, b"o").unwrap();
        damaged(read(&mut desk.engineer(), &desk.bundle_id, "os.txt", 0, 0).await.unwrap_err());
        for part in parts(&log()) {
            std::fs::remove_file(part).unwrap();
        }
        damaged(read(&mut desk.engineer(), &desk.bundle_id, "logs/app.log", 0, 0).await.unwrap_err());
    }

    async fn b04_no_customer_and_no_partner_reads_at_the_vendors_desk(database: Database) {
        let desk = DeskBundle::start(&database).await;
        let request = vendor::GetBundleRequest { bundle_id: desk.bundle_id.clone() };
        let token = desk.scene.vendor_ground.end_user_token("eve", "contoso");
        let channel = desk.scene.vendor_ground.bearer(desk.scene.vendor.address, &token);
        let customer = refused(BundleDeskServiceClient::new(channel).get_bundle(request.clone()).await);
        assert_eq!(customer, (Code::PermissionDenied, "CUSTOMER_MUST_USE_PARTNER".into()));
        let partner = refused(BundleDeskServiceClient::new(desk.scene.north_at_vendor()).get_bundle(request).await);
        assert_eq!(partner, (Code::PermissionDenied, "ACCESS_DENIED".into()));
    }
}
