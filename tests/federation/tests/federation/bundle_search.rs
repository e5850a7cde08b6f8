//! Engineers search the texts of a bundle.
//!
//! Proves B05.

use tonic::{Code, Status};
use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::search_bundle_response::Told;
use vouch_contract::status::reason_of;
use vouch_host::testing::fields;
use vouch_storage::on_both_engines;

use crate::desk_bundle::{DeskBundle, log};

impl DeskBundle {
    fn search(&self) -> vendor::SearchBundleRequest {
        vendor::SearchBundleRequest { bundle_id: self.bundle_id.clone(), ..Default::default() }
    }

    /// What a search finds, and what it came to.
    async fn found(
        &self,
        request: vendor::SearchBundleRequest,
    ) -> Result<(Vec<vendor::BundleMatch>, vendor::BundleSearchSummary), Status> {
        let mut stream = self.engineer().search_bundle(request).await?.into_inner();
        let mut found = Vec::new();
        while let Some(message) = stream.message().await? {
            match message.told.unwrap() {
                Told::Match(line) => found.push(line),
                Told::Summary(summary) => {
                    assert!(stream.message().await?.is_none(), "the sum is the last message");
                    return Ok((found, summary));
                }
            }
        }
        panic!("a search ended without its sum")
    }
}

fn places(found: &[vendor::BundleMatch]) -> Vec<(&str, i64)> {
    found.iter().map(|line| (line.path.as_str(), line.line_number)).collect()
}

on_both_engines! {
    async fn b05_lines_are_found_across_every_border_with_their_places(database: Database) {
        let desk = DeskBundle::start(&database).await;
        let text = vendor::SearchBundleRequest { text: "Fehler".into(), ..desk.search() };
        let (found, summary) = desk.found(text).await.unwrap();
        let expected =
            [("logs/app.log", 1024), ("logs/app.log", 4687), ("logs/app.log", 20_000), ("notes/a.txt", 1)];
        assert_eq!(places(&found), expected);
        assert_eq!(summary.end(), vendor::BundleSearchEnd::Complete);
        assert_eq!((summary.matches, summary.entries_searched, summary.entries_skipped), (4, 5, 1));
        let log = log();
        for line in found.iter().take(3) {
            let at = usize::try_from(line.line_offset_bytes).unwrap();
            let whole = format!("{}{}{}\n", line.before, line.matched, line.after);
            assert!(log[at..].starts_with(whole.as_bytes()) && log[at - 1] == b'\n', "{line:?}");
        }
        assert_eq!(found[3].after, " in the first note", "without the carriage return");
        assert_eq!(summary.bytes_searched, i64::try_from(log.len() + 26 + 11 + 3).unwrap());
    }

    async fn b05_a_search_folds_letters_takes_expressions_and_stays_in_its_scope(database: Database) {
        let desk = DeskBundle::start(&database).await;
        let folded = vendor::SearchBundleRequest { text: "GERÄT".into(), ignore_case: true, ..desk.search() };
        assert_eq!(desk.found(folded.clone()).await.unwrap().0.len(), 3);
        let exact = vendor::SearchBundleRequest { ignore_case: false, ..folded };
        assert!(desk.found(exact).await.unwrap().0.is_empty());
        let pattern = vendor::SearchBundleRequest { pattern: r"^\w+ note$".into(), ..desk.search() };
        let (found, _) = desk.found(pattern).await.unwrap();
        assert_eq!((places(&found), found[0].matched.as_str()), (vec![("notes/b.txt", 1)], "second note"));
        let prefix = vendor::SearchBundleRequest { text: "Fehler".into(), path_prefix: "notes/".into(), ..desk.search() };
        let (found, summary) = desk.found(prefix).await.unwrap();
        assert_eq!((places(&found), summary.entries_searched), (vec![("notes/a.txt", 1)], 2));
        let collector = vendor::SearchBundleRequest { text: "os".into(), collector: "os".into(), ..desk.search() };
        assert_eq!(places(&desk.found(collector).await.unwrap().0), [("os.txt", 1)]);
    }

    async fn b05_limits_end_a_search_and_are_told(database: Database) {
        let desk = DeskBundle::start(&database).await;
        let text = vendor::SearchBundleRequest { text: "Fehler".into(), ..desk.search() };
        let (found, summary) =
            desk.found(vendor::SearchBundleRequest { limit_matches: 2, ..text.clone() }).await.unwrap();
        assert_eq!((found.len(), summary.end(), summary.matches), (2, vendor::BundleSearchEnd::MatchLimit, 2));
        let (found, summary) =
            desk.found(vendor::SearchBundleRequest { limit_bytes: 70_000, ..text.clone() }).await.unwrap();
        let told = (found.len(), summary.end(), summary.bytes_searched);
        assert_eq!(told, (1, vendor::BundleSearchEnd::ByteLimit, 70_000));
        let moment = Some(prost_types::Duration { seconds: 0, nanos: 1000 });
        let (_, summary) = desk.found(vendor::SearchBundleRequest { limit_time: moment, ..text }).await.unwrap();
        assert_eq!(summary.end(), vendor::BundleSearchEnd::TimeLimit);
    }

    async fn b05_a_search_that_is_none_is_refused_with_every_field(database: Database) {
        let desk = DeskBundle::start(&database).await;
        let fields_of = async |request| fields(desk.engineer().search_bundle(request).await.map(|_| ()));
        assert_eq!(fields_of(vendor::SearchBundleRequest::default()).await, ["bundle_id", "text"]);
        let both = vendor::SearchBundleRequest { text: "a".into(), pattern: "b".into(), ..desk.search() };
        assert_eq!(fields_of(both).await, ["pattern"]);
        let bad = vendor::SearchBundleRequest {
            pattern: "a(".into(),
            path_prefix: "x".repeat(5000),
            limit_matches: 100_001,
            limit_bytes: -1,
            limit_time: Some(prost_types::Duration { seconds: 61, nanos: 0 }),
            ..desk.search()
        };
        let expected = ["pattern", "path_prefix", "limit_matches", "limit_bytes", "limit_time"];
        assert_eq!(fields_of(bad).await, expected);
        let elsewhere = vendor::SearchBundleRequest {
            bundle_id: vouch_core::World::system().id::<vouch_core::id::BundleTag>().to_string(),
            text: "a".into(),
            ..Default::default()
        };
        let nowhere = desk.engineer().search_bundle(elsewhere).await.map(|_| ()).unwrap_err();
        assert_eq!((nowhere.code(), reason_of(&nowhere)), (Code::NotFound, "NOT_FOUND".into()));
    }
}
