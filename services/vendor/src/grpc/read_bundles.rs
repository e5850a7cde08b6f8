//! Reading the requests about what is in bundles.

use jiff::SignedDuration;
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::id::BundleId;
use vouch_core::{Violations, id};
use vouch_diagnostics::Digest;
use vouch_host::Page;

use super::bundle_view::{ENTRIES, READS};
use super::read::{One, one};
use crate::domain::bundle_read::{Scope, SearchKind};
use crate::domain::bundle_search::{Limits, Query};

/// The longest path of an entry, and the longest name of a collector that is asked for.
const MAX_PATH: usize = 4096;
/// The most lines that are told, and how many where nobody says it.
const MATCHES: (i32, i32) = (100_000, 1000);
/// The most bytes that are searched, and how many where nobody says it.
const BYTES: (i64, i64) = (16 << 30, 1 << 30);
/// The longest that is searched, and how long where nobody says it.
const TIME: (SignedDuration, SignedDuration) = (SignedDuration::from_secs(60), SignedDuration::from_secs(20));

/// A page of a bundle's entries, behind so many of them.
#[derive(Debug, Clone)]
pub(super) struct Entries {
    pub bundle_id: BundleId,
    pub scope: Scope,
    pub page: Page,
    pub after: usize,
}

/// Some of the content of an entry: from a place on, and how much; `None` to its end.
#[derive(Debug, Clone)]
pub(super) struct OneEntry {
    pub bundle_id: BundleId,
    pub path: String,
    pub offset: u64,
    pub most: Option<u64>,
}

/// A search.
#[derive(Debug, Clone)]
pub(super) struct Searching {
    pub bundle_id: BundleId,
    pub kind: SearchKind,
    pub query: Query,
    pub scope: Scope,
    pub limits: Limits,
}

/// A page of who read a bundle, before a place.
#[derive(Debug, Clone)]
pub(super) struct Reads<T> {
    pub of: T,
    pub page: Page,
    pub before: i64,
}

/// A partner's bundle, by one of its names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named {
    Id(BundleId),
    Root(Digest),
}

impl TryFrom<pb::GetBundleRequest> for One<BundleId> {
    type Error = Violations;

    fn try_from(request: pb::GetBundleRequest) -> Result<Self, Violations> {
        one("bundle_id", &request.bundle_id)
    }
}

impl TryFrom<pb::ListBundleEntriesRequest> for Entries {
    type Error = Violations;

    fn try_from(request: pb::ListBundleEntriesRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let bundle_id = violations.take("bundle_id", id::parse(&request.bundle_id));
        let scope = scope(request.path_prefix, request.collector, &mut violations);
        let page = page(request.page, ENTRIES, 0, &mut violations);
        let read = (|| {
            let (page, after) = page?;
            Some(Self { bundle_id: bundle_id?, scope: scope?, page, after })
        })();
        violations.finish(read)
    }
}

impl TryFrom<pb::ReadBundleEntryRequest> for OneEntry {
    type Error = Violations;

    fn try_from(request: pb::ReadBundleEntryRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let bundle_id = violations.take("bundle_id", id::parse(&request.bundle_id));
        if request.path.is_empty() {
            violations.add("path", "is required");
        }
        let path = violations.take("path", bounded(request.path));
        let mut number =
            |field, number: i64| violations.take(field, u64::try_from(number).map_err(|_| "must not be negative"));
        let offset = number("offset_bytes", request.offset_bytes);
        let most = number("limit_bytes", request.limit_bytes).map(|most| (most > 0).then_some(most));
        let read = (|| Some(Self { bundle_id: bundle_id?, path: path?, offset: offset?, most: most? }))();
        violations.finish(read)
    }
}

impl TryFrom<pb::SearchBundleRequest> for Searching {
    type Error = Violations;

    fn try_from(request: pb::SearchBundleRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let bundle_id = violations.take("bundle_id", id::parse(&request.bundle_id));
        let ignore_case = request.ignore_case;
        let query = match (request.text.as_str(), request.pattern.as_str()) {
            (text, "") => {
                violations.take("text", Query::text(text, ignore_case)).map(|query| (SearchKind::Text, query))
            }
            ("", pattern) => {
                let query = violations.take("pattern", Query::pattern(pattern, ignore_case));
                query.map(|query| (SearchKind::Pattern, query))
            }
            (_, _) => violations.take("pattern", Err("must be empty beside a text")),
        };
        let scope = scope(request.path_prefix, request.collector, &mut violations);
        let limits = limits(request.limit_matches, request.limit_bytes, request.limit_time, &mut violations);
        let read = (|| {
            let (kind, query) = query?;
            Some(Self { bundle_id: bundle_id?, kind, query, scope: scope?, limits: limits? })
        })();
        violations.finish(read)
    }
}

impl TryFrom<pb::ListDeskBundleReadsRequest> for Reads<BundleId> {
    type Error = Violations;

    fn try_from(request: pb::ListDeskBundleReadsRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let of = violations.take("bundle_id", id::parse(&request.bundle_id));
        reads(of, request.page, violations)
    }
}

impl TryFrom<pb::ListBundleReadsRequest> for Reads<Named> {
    type Error = Violations;

    fn try_from(request: pb::ListBundleReadsRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let of = match (request.bundle_id.as_str(), request.root.as_ref()) {
            (bundle_id, []) => violations.take("bundle_id", id::parse(bundle_id)).map(Named::Id),
            ("", root) => {
                let digest = <[u8; 32]>::try_from(root).map_err(|_| "must be a SHA-256 digest of 32 bytes");
                violations.take("root", digest).map(|digest| Named::Root(Digest(digest)))
            }
            (_, _) => violations.take("root", Err("must be empty beside a bundle_id")),
        };
        reads(of, request.page, violations)
    }
}

fn reads<T>(of: Option<T>, asked: Option<PageRequest>, mut violations: Violations) -> Result<Reads<T>, Violations> {
    let page = page(asked, READS, i64::MAX, &mut violations);
    violations.finish(of.zip(page).map(|(of, (page, before))| Reads { of, page, before }))
}

/// A page of a list whose keys are numbers, with the number after which it goes on; `first` on the first one.
fn page<N: std::str::FromStr>(
    asked: Option<PageRequest>,
    list: &str,
    first: N,
    v: &mut Violations,
) -> Option<(Page, N)> {
    let page = v.absorb(Page::read(asked, list))?;
    let number = match page.after.as_str() {
        "" => Ok(first),
        key => key.parse().map_err(|_| "must be the next_page_token of a page of this list"),
    };
    let number = v.take("page.page_token", number)?;
    Some((page, number))
}

fn scope(path_prefix: String, collector: String, v: &mut Violations) -> Option<Scope> {
    let path_prefix = v.take("path_prefix", bounded(path_prefix));
    let collector = v.take("collector", bounded(collector));
    path_prefix.zip(collector).map(|(path_prefix, collector)| Scope { path_prefix, collector })
}

fn bounded(text: String) -> Result<String, String> {
    if text.len() <= MAX_PATH { Ok(text) } else { Err(format!("must be at most {MAX_PATH} bytes")) }
}

fn limits(matches: i32, bytes: i64, time: Option<prost_types::Duration>, v: &mut Violations) -> Option<Limits> {
    let matches = match matches {
        0 => Ok(MATCHES.1),
        1.. if matches <= MATCHES.0 => Ok(matches),
        _ => Err(format!("must be 1 to {}, or 0 for {}", MATCHES.0, MATCHES.1)),
    };
    let matches = v.take("limit_matches", matches);
    let bytes = match bytes {
        0 => Ok(BYTES.1),
        1.. if bytes <= BYTES.0 => Ok(bytes),
        _ => Err("must be 1 byte to 16 GiB, or 0 for 1 GiB".to_owned()),
    };
    let bytes = v.take("limit_bytes", bytes);
    let time = match time {
        None => Some(TIME.1),
        Some(time) if (0..=60).contains(&time.seconds) && (0..1_000_000_000).contains(&time.nanos) => {
            Some(SignedDuration::new(time.seconds, time.nanos))
        }
        Some(_) => None,
    };
    let fits = |time: &SignedDuration| *time > SignedDuration::ZERO && *time <= TIME.0;
    let time = v.take("limit_time", time.filter(fits).ok_or("must be more than 0 s, and at most 60 s"));
    let (matches, bytes) = (u64::try_from(matches?).ok()?, u64::try_from(bytes?).ok()?);
    Some(Limits { matches, bytes, time: time? })
}
