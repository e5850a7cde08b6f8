//! `BundleDeskService`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vouch_contract::convert::timestamp;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::bundle_desk_service_server::BundleDeskService;
use vouch_core::id::BundleId;
use vouch_core::{Error, Kind, Reason, short_number};
use vouch_diagnostics::{Entry, Manifest};
use vouch_host::{Call, Streamed, streamed};

use super::Handlers;
use super::bundle_view::{self, CASES, ENTRIES, READS};
use super::read::One;
use super::read_bundles::{Entries, OneEntry, Reads, Searching};
use crate::commands::bundle_reads::record;
use crate::contents::{Content, Reading as Sending};
use crate::domain::bundle::Bundle;
use crate::domain::bundle_read::{Reader, Reading};
use crate::searching::Search;
use crate::store::bundle_reads::read_list;
use crate::store::bundles::{bundle_fetch_held, case_bundle_list};

/// The role to which bundles are open.
const ENGINEER: &str = "support-engineer";

/// A bundle that is being read.
struct Open {
    bundle: Bundle,
    manifest: Arc<Manifest>,
}

#[tonic::async_trait]
impl BundleDeskService for Handlers {
    async fn get_bundle(
        &self,
        request: Request<pb::GetBundleRequest>,
    ) -> Result<Response<pb::GetBundleResponse>, Status> {
        self.rpc
            .query(request, |call: Call<One<BundleId>>| async move {
                let Open { bundle, manifest } = self.open(call.command.0).await?;
                self.record(&call, &bundle, Reading::Opened).await?;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let cases = case_bundle_list(&mut snapshot, bundle.id, CASES).await?;
                let cases = cases.into_iter().map(|(case_id, number, since)| pb::BundleCase {
                    case_id: case_id.to_string(),
                    number: short_number::show(number),
                    hold_time: Some(timestamp(since)),
                });
                Ok(pb::GetBundleResponse { cases: cases.collect(), ..bundle_view::overview(bundle, &manifest) })
            })
            .await
    }

    async fn list_bundle_entries(
        &self,
        request: Request<pb::ListBundleEntriesRequest>,
    ) -> Result<Response<pb::ListBundleEntriesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Entries>| async move {
                let Entries { bundle_id, scope, page, after } = &call.command;
                let Open { bundle, manifest } = self.open(*bundle_id).await?;
                self.record(&call, &bundle, Reading::Listed(scope.kept(&manifest))).await?;
                let entries = manifest.entries.iter().enumerate().skip(*after).filter(|(_, entry)| scope.has(entry));
                let most = usize::try_from(page.limit()).map_err(Error::internal)?;
                let mut entries: Vec<_> = entries.take(most).collect();
                let info = page.cut(&mut entries, ENTRIES, |(place, _)| (place + 1).to_string());
                let entries = entries.into_iter().map(|(_, entry)| bundle_view::entry(entry)).collect();
                Ok(pb::ListBundleEntriesResponse { entries, page: Some(info) })
            })
            .await
    }

    type ReadBundleEntryStream = Streamed<pb::ReadBundleEntryResponse>;

    async fn read_bundle_entry(
        &self,
        request: Request<pb::ReadBundleEntryRequest>,
    ) -> Result<Response<Self::ReadBundleEntryStream>, Status> {
        let begun = self.rpc.query(request, |call: Call<OneEntry>| async move {
            let OneEntry { bundle_id, path, offset, most } = &call.command;
            let Open { bundle, manifest } = self.open(*bundle_id).await?;
            let entry = find(&manifest, path)?;
            if *offset > entry.size_bytes {
                let message = format!("must be at most the entry's size, {}", entry.size_bytes);
                return Err(Error::field("offset_bytes", message));
            }
            self.record(&call, &bundle, Reading::Read { path: path.clone() }).await?;
            let range =
                *offset..most.map_or(entry.size_bytes, |most| entry.size_bytes.min(offset.saturating_add(most)));
            let content = Content::of_entry(&self.blobs, &bundle.partner_id, &manifest, entry, range.clone());
            let sha256 = (range == (0..entry.size_bytes)).then_some(entry.sha256);
            Ok(Sending { rpc: self.rpc.clone(), entry: bundle_view::entry(entry), sha256, range, content })
        });
        let sending = begun.await?.into_inner();
        Ok(streamed(self.stopping.clone(), move |sender| sending.run(sender)))
    }

    type SearchBundleStream = Streamed<pb::SearchBundleResponse>;

    async fn search_bundle(
        &self,
        request: Request<pb::SearchBundleRequest>,
    ) -> Result<Response<Self::SearchBundleStream>, Status> {
        let begun = self.rpc.query(request, |call: Call<Searching>| async move {
            let Searching { bundle_id, kind, query, scope, limits } = &call.command;
            let Open { bundle, manifest } = self.open(*bundle_id).await?;
            let permit = self.searches.begin()?;
            self.record(&call, &bundle, Reading::Searched(*kind, scope.kept(&manifest))).await?;
            let (scope, query, limits) = (scope.clone(), query.clone(), *limits);
            let (rpc, blobs) = (self.rpc.clone(), self.blobs.clone());
            Ok(Search { rpc, blobs, partner_id: bundle.partner_id, manifest, scope, query, limits, permit })
        });
        let search = begun.await?.into_inner();
        Ok(streamed(self.stopping.clone(), move |sender| search.run(sender)))
    }

    async fn list_desk_bundle_reads(
        &self,
        request: Request<pb::ListDeskBundleReadsRequest>,
    ) -> Result<Response<pb::ListDeskBundleReadsResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Reads<BundleId>>| async move {
                let Reads { of, page, before } = &call.command;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let bundle = bundle_fetch_held(&mut snapshot, *of).await?;
                let bundle = bundle.ok_or_else(|| Error::not_found("bundle", of))?;
                let mut found = read_list(&mut snapshot, bundle.id, *before, page.limit()).await?;
                let info = page.cut(&mut found, READS, |read| read.sequence.to_string());
                let reads = found.into_iter().map(Into::into).collect();
                Ok(pb::ListDeskBundleReadsResponse { reads, page: Some(info) })
            })
            .await
    }
}

impl Handlers {
    /// A bundle that engineers may read: one that a case holds.
    async fn open(&self, id: BundleId) -> Result<Open, Error> {
        let mut snapshot = self.rpc.store.snapshot().await?;
        let bundle = bundle_fetch_held(&mut snapshot, id).await?.ok_or_else(|| Error::not_found("bundle", id))?;
        drop(snapshot);
        let manifest = self.manifests.of(&bundle).await?;
        Ok(Open { bundle, manifest })
    }

    async fn record<C>(&self, call: &Call<C>, bundle: &Bundle, reading: Reading) -> Result<(), Error> {
        let reader = Reader { subject: call.caller.subject.clone(), role: ENGINEER.to_owned() };
        record(&self.rpc.store, bundle.id, &reader, &reading, call.now).await
    }
}

/// An entry that has content.
fn find<'a>(manifest: &'a Manifest, path: &str) -> Result<&'a Entry, Error> {
    // Entries are in the order of their paths.
    let place = manifest.entries.binary_search_by(|entry| entry.path.as_str().cmp(path));
    let entry =
        place.ok().and_then(|place| manifest.entries.get(place)).ok_or_else(|| Error::not_found("entry", path))?;
    match &entry.failed {
        None => Ok(entry),
        Some(why) => {
            let message = format!("the entry has no content: {}", bundle_view::bounded(why));
            Err(Error::Refused { kind: Kind::Refused, reason: Reason::EntryWithoutContent, message })
        }
    }
}
