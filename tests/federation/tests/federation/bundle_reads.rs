//! Who read a bundle is kept, and told to the partner and to the end user whose diagnostics they are.
//!
//! Proves W23.

use tonic::Code;
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::partner::v1 as partner;
use vouch_contract::pb::partner::v1::diagnostics_service_client::DiagnosticsServiceClient;
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::bundle_service_client::BundleServiceClient;
use vouch_core::World;
use vouch_core::testing::ManualClock;
use vouch_diagnostics::Digest;
use vouch_host::testing::{fields, refused};
use vouch_storage::on_both_engines;

use crate::desk_bundle::DeskBundle;
use crate::samples;

const GRACE: &str = "https://staff.vendor.example#grace";
const LINUS: &str = "https://staff.vendor.example#linus";

/// What a record says, in short.
fn line(read: &vendor::BundleRead) -> String {
    let who = read.reader.rsplit('#').next().unwrap();
    let kind = read.kind().as_str_name().trim_start_matches("BUNDLE_READ_KIND_").to_lowercase();
    let search = read.search().as_str_name().trim_start_matches("BUNDLE_SEARCH_KIND_").to_lowercase();
    let what = [read.path.as_str(), &read.path_prefix, &read.collector, &search];
    let what: Vec<_> = what.into_iter().filter(|part| !part.is_empty() && *part != "unspecified").collect();
    format!("{} {who} {kind} {} x{}", read.sequence, what.join(" "), read.times)
}

impl DeskBundle {
    fn page(size: i32, token: &str) -> PageRequest {
        PageRequest { page_size: size, page_token: token.into() }
    }

    async fn read_os(&self) {
        let (bundle_id, path) = (self.bundle_id.clone(), "os.txt".to_owned());
        let request = vendor::ReadBundleEntryRequest { bundle_id, path, ..Default::default() };
        let mut stream = self.engineer().read_bundle_entry(request).await.unwrap().into_inner();
        while stream.message().await.unwrap().is_some() {}
    }

    /// One reading of each kind, and some that are refused.
    async fn read_all(&self) {
        let bundle_id = self.bundle_id.clone();
        let get = vendor::GetBundleRequest { bundle_id: bundle_id.clone() };
        self.engineer().get_bundle(get.clone()).await.unwrap();
        self.other_engineer().get_bundle(get).await.unwrap();
        let list = vendor::ListBundleEntriesRequest {
            bundle_id: bundle_id.clone(),
            path_prefix: "logs/".into(),
            ..Default::default()
        };
        self.engineer().list_bundle_entries(list.clone()).await.unwrap();
        self.engineer().list_bundle_entries(list).await.unwrap();
        self.read_os().await;
        let search = vendor::SearchBundleRequest {
            bundle_id: bundle_id.clone(),
            text: "ada.lovelace@contoso.example".into(),
            path_prefix: "home/ada.lovelace".into(),
            collector: "os".into(),
            ..Default::default()
        };
        self.engineer().search_bundle(search.clone()).await.unwrap();
        let pattern = vendor::SearchBundleRequest { text: String::new(), pattern: "a+".into(), ..search };
        self.engineer().search_bundle(pattern).await.unwrap();
        for path in ["journal.txt", "home/ada.lovelace"] {
            let request = vendor::ReadBundleEntryRequest {
                bundle_id: bundle_id.clone(),
                path: path.into(),
                ..Default::default()
            };
            assert!(self.engineer().read_bundle_entry(request).await.is_err());
        }
    }

    /// What stands in the list after that, the latest first.
    fn all() -> Vec<String> {
        let list = [
            "6 grace searched os pattern x1",
            "5 grace searched os text x1",
            "4 grace read os.txt x1",
            "3 grace listed logs/ x2",
            "2 linus opened  x1",
            "1 grace opened  x1",
        ];
        list.map(str::to_owned).to_vec()
    }
}

on_both_engines! {
    async fn w23_every_reading_is_recorded_before_it_is_given_and_without_what_was_searched_for(database: Database) {
        let desk = DeskBundle::start(&database).await;
        desk.read_all().await;
        let list = |size, token: &str| vendor::ListDeskBundleReadsRequest {
            bundle_id: desk.bundle_id.clone(),
            page: Some(DeskBundle::page(size, token)),
        };
        let (mut reads, mut token) = (Vec::new(), String::new());
        loop {
            let page = desk.engineer().list_desk_bundle_reads(list(4, &token)).await.unwrap().into_inner();
            reads.extend(page.reads);
            token = page.page.unwrap().next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(reads.iter().map(line).collect::<Vec<_>>(), DeskBundle::all());
        assert!(reads.iter().all(|read| read.role == "support-engineer" && read.first_time.is_some() && read.last_time.is_some()));
        assert_eq!((reads[0].reader.as_str(), reads[4].reader.as_str()), (GRACE, LINUS));
        assert!(!format!("{reads:?}").contains("lovelace"), "what was typed is not kept");
        let bad = vendor::ListDeskBundleReadsRequest { bundle_id: "x".into(), page: Some(DeskBundle::page(-1, "")) };
        let named = fields(desk.engineer().list_desk_bundle_reads(bad).await);
        assert_eq!(named, ["bundle_id", "page.page_size"]);
        let loose = desk.scene.commit_without_case(&desk.ticket_id, &samples::manifest(&["os", "disks"])).await;
        let loose = vendor::ListDeskBundleReadsRequest { bundle_id: loose, page: None };
        assert_eq!(refused(desk.engineer().list_desk_bundle_reads(loose).await).0, Code::NotFound);
    }

    async fn w23_what_one_person_does_within_a_minute_is_one_record_that_counts(database: Database) {
        let clock = ManualClock::at(&World::system().now().to_string());
        let desk = DeskBundle::start_with(&database, clock.world()).await;
        desk.read_os().await;
        clock.advance_seconds(59);
        desk.read_os().await;
        clock.advance_seconds(1);
        let at_once = [(); 4].map(|()| desk.read_os());
        let [a, b, c, d] = at_once;
        tokio::join!(a, b, c, d);
        let list = vendor::ListDeskBundleReadsRequest { bundle_id: desk.bundle_id.clone(), page: None };
        let reads = desk.engineer().list_desk_bundle_reads(list).await.unwrap().into_inner().reads;
        assert_eq!(reads.iter().map(line).collect::<Vec<_>>(), ["2 grace read os.txt x4", "1 grace read os.txt x2"]);
        let seconds = |read: &vendor::BundleRead| read.last_time.unwrap().seconds - read.first_time.unwrap().seconds;
        assert_eq!((seconds(&reads[1]), seconds(&reads[0])), (59, 0));
    }

    async fn w23_a_partner_is_told_who_read_its_bundle_and_nobody_elses(database: Database) {
        let desk = DeskBundle::start(&database).await;
        desk.read_all().await;
        let by_id = vendor::ListBundleReadsRequest { bundle_id: desk.bundle_id.clone(), ..Default::default() };
        let root = Digest::of(&desk.manifest).0.to_vec();
        let by_root = vendor::ListBundleReadsRequest { root: root.into(), ..Default::default() };
        let mut north = desk.scene.bundles_of_north();
        let mut south = BundleServiceClient::new(desk.scene.south_at_vendor());
        for request in [by_id, by_root] {
            let told = north.list_bundle_reads(request.clone()).await.unwrap().into_inner();
            assert_eq!(told.reads.iter().map(line).collect::<Vec<_>>(), DeskBundle::all());
            let foreign = refused(south.list_bundle_reads(request).await);
            assert_eq!(foreign, (Code::NotFound, "NOT_FOUND".into()));
        }
        let bad = vendor::ListBundleReadsRequest { root: vec![1; 31].into(), ..Default::default() };
        assert_eq!(fields(north.list_bundle_reads(bad).await), ["root"]);
        assert_eq!(fields(north.list_bundle_reads(vendor::ListBundleReadsRequest::default()).await), ["bundle_id"]);
    }

    async fn w23_an_agent_and_the_end_user_are_told_who_read_and_nobody_else_is(database: Database) {
        let desk = DeskBundle::start(&database).await;
        desk.read_all().await;
        let list = |ticket_id: &str, bundle_id: &str, size, token: &str| partner::ListBundleReadsRequest {
            ticket_id: ticket_id.into(),
            bundle_id: bundle_id.into(),
            page: Some(DeskBundle::page(size, token)),
        };
        let of_bundle = list(&desk.ticket_id, &desk.local_id, 0, "");
        let channels = [desk.scene.agent(), desk.scene.customer()];
        for channel in channels {
            let mut diagnostics = DiagnosticsServiceClient::new(channel);
            let told = diagnostics.list_bundle_reads(of_bundle.clone()).await.unwrap().into_inner();
            assert_eq!(told.reads.iter().map(line).collect::<Vec<_>>(), DeskBundle::all());
            assert_eq!((told.vendor_id.as_str(), told.handed_over), ("acme", true));
        }
        let mut agent = desk.scene.diagnostics();
        let first = agent.list_bundle_reads(list(&desk.ticket_id, &desk.local_id, 5, "")).await.unwrap().into_inner();
        let token = first.page.unwrap().next_page_token;
        let rest = agent.list_bundle_reads(list(&desk.ticket_id, &desk.local_id, 5, &token)).await.unwrap().into_inner();
        assert_eq!((first.reads.len(), rest.reads.len()), (5, 1));
        let foreign = agent.list_bundle_reads(list(&desk.ticket_id, &desk.local_id, 5, "x")).await;
        assert_eq!(fields(foreign), ["page.page_token"]);

        // The first bundle of the ticket stayed with the partner.
        let stayed = desk.scene.ticket(&desk.ticket_id).await.bundle_ids.remove(0);
        let told = agent.list_bundle_reads(list(&desk.ticket_id, &stayed, 0, "")).await.unwrap().into_inner();
        assert!(told.reads.is_empty() && !told.handed_over);
        let mut others = DiagnosticsServiceClient::new(desk.scene.other_agent());
        assert_eq!(refused(others.list_bundle_reads(of_bundle.clone()).await), (Code::NotFound, "NOT_FOUND".into()));
        let token = desk.scene.partner_ground.end_user_token("mallory", "fabrikam");
        let channel = desk.scene.partner_ground.bearer(desk.scene.partner.address, &token);
        let mut stranger = DiagnosticsServiceClient::new(channel);
        assert_eq!(refused(stranger.list_bundle_reads(of_bundle).await), (Code::NotFound, "NOT_FOUND".into()));
        let elsewhere = list(&desk.ticket_id, &desk.bundle_id, 0, "");
        assert_eq!(refused(agent.list_bundle_reads(elsewhere).await).0, Code::NotFound, "the vendor's id is not its id here");
        let bad = partner::ListBundleReadsRequest::default();
        assert_eq!(fields(agent.list_bundle_reads(bad).await), ["ticket_id", "bundle_id"]);
    }
}
