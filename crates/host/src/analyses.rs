//! Known problems in bundles of diagnostics: what every service that looks for them does alike.

use std::io::{self, Read};
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tokio::runtime::Handle;
use vouch_contract::convert::timestamp;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::{CureBy, Error, Finding, Reason, World};
use vouch_diagnostics::analyzers::{self, Verdict};
use vouch_diagnostics::profile::Profile;
use vouch_diagnostics::{Digest, Manifest, Place};
use vouch_storage::analyses::{self, Analysis, AnalysisState, Due, Found};
use vouch_storage::blobs::{BlobRef, Blobs};
use vouch_storage::{Store, StoreError};

use crate::uploads::{self, Whole};

/// So many known problems are told as warnings.
const MAX_WARNINGS: usize = 5;
/// More of a profile's words is not told in a warning.
const MAX_TOLD: usize = 300;

/// Runs the analyzers of a profile over a bundle that is there whole. Only what they want to see is read, a part at a time.
pub async fn look(blobs: &Blobs, owner: &str, manifest: &BlobRef, profile: Profile) -> Result<Found, Error> {
    let Whole { manifest, .. } = uploads::manifest(blobs, owner, manifest).await?;
    let contents = Contents { handle: Handle::current(), blobs: blobs.clone(), owner: owner.to_owned(), last: None };
    // Patterns are held against gigabytes: that is no work for the threads that answer calls.
    let work = tokio::task::spawn_blocking(move || run(&manifest, &profile, contents));
    work.await.map_err(Error::internal)?.map_err(|error| Error::Unavailable(error.into()))
}

/// How often the lease of a bundle that is looked at is renewed: well before it ends, however large the bundle is.
const RENEW: Duration = Duration::from_mins(1);

/// Analyses every bundle that is due, one after another, by `look`: callers keep the rest of the machine. It gives what is found, or `None`
/// when nobody has published the profile that the bundle names.
pub async fn run_due<F>(store: &Store, world: &World, look: impl Fn(Due) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<Option<Found>, Error>>,
{
    while let Some(mut due) = analyses::claim(store, world.now()).await? {
        let mut looking = std::pin::pin!(look(due.clone()));
        let found = loop {
            tokio::select! {
                biased;
                found = &mut looking => break Some(found),
                () = tokio::time::sleep(RENEW) => {}
            }
            // In turns: what is found is written by the lease that this one knows of.
            match analyses::renew(store, &mut due, world.now()).await {
                Ok(true) => {}
                Ok(false) => break None,
                Err(error) if world.now() + RENEW < due.leased_until => {
                    tracing::warn!(bundle.id = %due.bundle_id, error = ?error, "a lease could not be renewed; it is tried again");
                }
                Err(error) => return Err(error),
            }
        };
        // Somebody else has it, or it is to be looked at anew.
        let Some(found) = found else { continue };
        match found {
            Ok(found) => analyses::finish(store, &due, found.as_ref(), world.now()).await?,
            Err(error) => {
                let given_up = analyses::put_off(store, &due, world).await?;
                let bundle = due.bundle_id.to_string();
                tracing::warn!(bundle.id = bundle, given_up, error = ?error, "a bundle could not be analysed");
            }
        }
    }
    Ok(())
}

/// An analysis as the contract tells it.
pub fn message(analysis: Analysis) -> Result<pb::BundleAnalysis, Error> {
    let corrupt = |error: prost::DecodeError| StoreError::Corrupt { column: "told", problem: error.to_string() };
    let (findings, profile_sha256) = match analysis.found {
        Some(found) => {
            let told = pb::BundleAnalysis::decode(found.told.as_slice()).map_err(corrupt)?;
            (told.findings, found.profile_sha256.to_vec())
        }
        None => (Vec::new(), Vec::new()),
    };
    Ok(pb::BundleAnalysis {
        bundle_id: analysis.bundle_id.to_string(),
        profile: analysis.profile,
        state: match analysis.state {
            AnalysisState::Waiting => pb::AnalysisState::Waiting,
            AnalysisState::Done => pb::AnalysisState::Done,
            AnalysisState::ProfileUnknown => pb::AnalysisState::ProfileUnknown,
            AnalysisState::Failed => pb::AnalysisState::Failed,
        }
        .into(),
        findings,
        profile_sha256: profile_sha256.into(),
        analyse_time: analysis.decided_at.filter(|_| analysis.state == AnalysisState::Done).map(timestamp),
    })
}

/// The known problems that were found, as warnings: whoever escalates should have read their articles.
pub fn warnings(analysis: &pb::BundleAnalysis) -> Vec<Finding> {
    let matches = analysis.findings.iter().filter(|finding| finding.verdict() == pb::AnalyzerVerdict::Match);
    matches.take(MAX_WARNINGS).map(warning).collect()
}

fn warning(found: &pb::AnalyzerFinding) -> Finding {
    let place = found.seen.first().map(|seen| format!(", as {} shows", seen.path)).unwrap_or_default();
    Finding::blocking(
        Reason::KnownProblem,
        &cut(&found.issue),
        format!("The diagnostics show a known problem: {}{}.", cut(&found.title), cut(&place)),
        CureBy::Partner,
        format!("Read {} first: it may solve the problem.", cut(&found.article)),
    )
    .as_warning()
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TOLD).collect()
}

fn run(manifest: &Manifest, profile: &Profile, mut contents: Contents) -> io::Result<Found> {
    let mut analysis = analyzers::Analysis::new(&profile.analyzers);
    for entry in &manifest.entries {
        if let Some(reason) = &entry.failed {
            analysis.failed(&entry.collector, &entry.path, reason);
        } else if analysis.wants(&entry.collector, &entry.path) {
            match manifest.place(entry) {
                Some(place) => analysis.read(&entry.collector, &entry.path, &mut contents.of(place))?,
                None => analysis.read(&entry.collector, &entry.path, &mut io::empty())?,
            }
        }
    }
    let findings = analysis.findings().into_iter().map(finding).collect();
    let told = pb::BundleAnalysis { findings, ..pb::BundleAnalysis::default() }.encode_to_vec();
    let Digest(profile_sha256) = profile.digest();
    Ok(Found { told, profile_sha256 })
}

fn finding(found: analyzers::Finding) -> pb::AnalyzerFinding {
    let (mut seen, mut lacking) = (Vec::new(), Vec::new());
    let verdict = match found.verdict {
        Verdict::Match(places) => {
            seen = places.into_iter().map(sighting).collect();
            pb::AnalyzerVerdict::Match
        }
        Verdict::NoMatch => pb::AnalyzerVerdict::NoMatch,
        Verdict::Inconclusive(lacks) => {
            let lack = |lack: analyzers::Lacking| pb::AnalyzerLack { collector: lack.collector, reason: lack.reason };
            lacking = lacks.into_iter().map(lack).collect();
            pb::AnalyzerVerdict::Inconclusive
        }
    };
    pb::AnalyzerFinding {
        analyzer: found.analyzer,
        title: found.title,
        issue: found.issue,
        article: found.article,
        verdict: verdict.into(),
        seen,
        lacking,
    }
}

fn sighting(seen: analyzers::Seen) -> pb::AnalyzerSighting {
    let line = seen.line.and_then(|line| i64::try_from(line).ok()).unwrap_or(0);
    pb::AnalyzerSighting { path: seen.path, line, fact: seen.fact }
}

/// The contents of an owner's blobs, for who reads them one after another in a thread of its own.
struct Contents {
    handle: Handle,
    blobs: Blobs,
    owner: String,
    /// What was read last: small contents lie side by side in packs.
    last: Option<Stretch>,
}

/// A stretch of a blob.
struct Stretch {
    blob: Digest,
    offset: u64,
    bytes: Bytes,
}

impl Contents {
    fn of(&mut self, place: Place) -> Content<'_> {
        Content { contents: self, place, done: 0 }
    }

    /// What a blob has from a place on, as far as it is at hand; read from there where it is not.
    fn at(&mut self, blob: BlobRef, offset: u64) -> Result<Bytes, Error> {
        let digest = Digest(blob.sha256);
        if let Some(Stretch { blob: of, offset: from, bytes }) = &self.last
            && *of == digest
            && let Some(within) = offset.checked_sub(*from).and_then(|within| usize::try_from(within).ok())
            && within < bytes.len()
        {
            return Ok(bytes.slice(within..));
        }
        let read = self.handle.block_on(self.blobs.read_from(&self.owner, &blob, offset))?;
        let bytes = read.ok_or_else(|| Error::internal("a blob of a committed bundle is not whole"))?;
        self.last = Some(Stretch { blob: digest, offset, bytes: bytes.clone() });
        Ok(bytes)
    }
}

/// The content of one entry.
struct Content<'a> {
    contents: &'a mut Contents,
    place: Place,
    done: u64,
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Place { blob, blob_bytes, offset, size_bytes } = self.place;
        let rest = usize::try_from(size_bytes - self.done).unwrap_or(usize::MAX);
        if rest == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let blob = BlobRef { sha256: blob.0, size_bytes: blob_bytes };
        let bytes = self.contents.at(blob, offset + self.done).map_err(io::Error::other)?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let count = rest.min(buffer.len()).min(bytes.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        self.done += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    //! Proves V10.

    use super::*;

    #[test]
    fn v10_a_known_problem_is_a_warning_that_names_issue_and_article() {
        let of = |issue: &str, verdict: pb::AnalyzerVerdict| pb::AnalyzerFinding {
            title: "This version loses sessions".into(),
            issue: issue.into(),
            article: "https://kb.example/7".into(),
            verdict: verdict.into(),
            ..pb::AnalyzerFinding::default()
        };
        let findings = vec![
            of("ATL-6", pb::AnalyzerVerdict::NoMatch),
            of("ATL-7", pb::AnalyzerVerdict::Match),
            of("ATL-8", pb::AnalyzerVerdict::Inconclusive),
        ];
        let warnings = warnings(&pb::BundleAnalysis { findings, ..Default::default() });
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!((warnings[0].weight, warnings[0].subject.as_str()), (vouch_core::Weight::Warning, "ATL-7"));
        assert!(warnings[0].message.contains("loses sessions") && warnings[0].remedy.contains("https://kb.example/7"));
    }
}
