//! A sealed bundle on its way to the partner: what is missing of it, several blobs at a time, on from where it was cut, until all of
//! it is there and committed.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::ProgressBar;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::interceptor::InterceptedService;
use tonic::{Code, Response, Status};
use vouch_contract::pb::partner::v1 as pb;
use vouch_contract::pb::partner::v1::diagnostics_service_client::DiagnosticsServiceClient;
use vouch_contract::pb::vendor::v1::BlobRef as Named;
use vouch_contract::status::reason_of;
use vouch_core::{Error, World};
use vouch_diagnostics::Digest;
use vouch_diagnostics::sealed::SealedBundle;
use vouch_host::uploads::{self, BlobRef, Far, Near, Outlet, PART_BYTES, Part, Told};

use crate::contract;
use crate::folder::Folder;
use crate::identities::{Bearer, Role};
use crate::output::{self, Problem};
use crate::reach::{Reach, Unanswered};

/// How often it is tried in a row without anything more arriving.
const ATTEMPTS: u32 = 10;

/// How often the first question is asked: whoever waits for it has sent nothing yet, and the service may not be there at all.
const FIRST_ATTEMPTS: u32 = 5;

/// What is asked of the partner on the way, in this order.
const MISSING: &str = "partner.v1.DiagnosticsService/FindMissingBlobs";
const QUERY: &str = "partner.v1.DiagnosticsService/QueryBlob";
const WRITE: &str = "partner.v1.DiagnosticsService/WriteBlob";
const COMMIT: &str = "partner.v1.DiagnosticsService/CommitBundle";
const PSEUDONYMS: &str = "partner.v1.DiagnosticsService/PutPseudonyms";

/// A bundle that was committed for a ticket.
pub(crate) struct Committed {
    pub(crate) bundle_id: String,
    pub(crate) entries: i32,
    pub(crate) size_bytes: i64,
    pub(crate) manifest_signature: String,
    /// How many bytes were sent, those included that were sent in vain.
    pub(crate) sent_bytes: u64,
    /// Why the partner did not take what its pseudonyms stand for.
    pub(crate) table_refused: Option<Status>,
}

/// The partner's diagnostics of one ticket.
pub(crate) struct Desk<'f> {
    folder: &'f Folder,
    role: Role,
    channel: Reach,
    ticket_id: String,
    /// How many bytes the partner said that it has, in this attempt.
    there: AtomicU64,
    /// How many bytes were handed to the connection, in all attempts.
    sent: Arc<AtomicU64>,
    /// The RPC that failed last.
    failed: Mutex<&'static str>,
}

type Client = DiagnosticsServiceClient<InterceptedService<Reach, Bearer>>;

impl<'f> Desk<'f> {
    pub(crate) fn open(folder: &'f Folder, role: Role, ticket_id: &str) -> Result<Self, Problem> {
        let channel = role.channel(folder, "partner")?;
        let (there, sent) = (AtomicU64::new(0), Arc::default());
        Ok(Self { folder, role, channel, ticket_id: ticket_id.to_owned(), there, sent, failed: Mutex::new(COMMIT) })
    }

    /// The answer of an RPC, which is remembered where it failed.
    fn heard<T>(&self, rpc: &'static str, answer: Result<Response<T>, Status>) -> Result<T, Status> {
        if answer.is_err() {
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = rpc;
        }
        answer.map(Response::into_inner)
    }

    /// A client with a token of now: an upload may last longer than one.
    pub(crate) fn client(&self) -> Result<Client, Status> {
        self.client_over(self.channel.clone())
    }

    /// A client for what is answered once all of it was sent.
    pub(crate) fn patient_client(&self) -> Result<Client, Status> {
        self.client_over(self.channel.clone().patient())
    }

    fn client_over(&self, channel: Reach) -> Result<Client, Status> {
        let bearer = self.role.bearer(self.folder, vouch_partner::DOMAIN);
        let bearer = bearer.map_err(|problem| Status::unauthenticated(problem.what))?;
        Ok(DiagnosticsServiceClient::with_interceptor(channel, bearer))
    }

    /// Commits a bundle by its manifest; its blobs are there.
    pub(crate) async fn commit(&self, manifest: &[u8]) -> Result<Committed, Status> {
        let manifest = uploads::write_blob(&reference(Digest::of(manifest), manifest.len() as u64));
        let request = pb::CommitBundleRequest { ticket_id: self.ticket_id.clone(), manifest: Some(manifest) };
        let answer = self.heard(COMMIT, self.client()?.commit_bundle(request).await)?;
        let bundle = answer.bundle.unwrap_or_default();
        Ok(Committed {
            bundle_id: bundle.bundle_id,
            entries: bundle.entries,
            size_bytes: bundle.size_bytes,
            manifest_signature: answer.manifest_signature,
            sent_bytes: 0,
            table_refused: None,
        })
    }

    /// Commits a bundle whose blobs are there, and hands over what its pseudonyms stand for, where its file has that.
    async fn take(&self, bundle: &SealedBundle) -> Result<Committed, Status> {
        let mut committed = self.commit(bundle.manifest_bytes()).await?;
        if let Some(sealed) = bundle.pseudonyms() {
            let request = pb::PutPseudonymsRequest {
                request_id: contract::fresh(),
                ticket_id: self.ticket_id.clone(),
                bundle_id: committed.bundle_id.clone(),
                sealed: sealed.to_vec().into(),
            };
            match self.heard(PSEUDONYMS, self.client()?.put_pseudonyms(request).await) {
                Ok(_) => {}
                Err(status) if is_passing(&status) => return Err(status),
                // The bundle is there all the same.
                Err(status) => committed.table_refused = Some(status),
            }
        }
        Ok(committed)
    }

    fn is_there(&self, bytes: i64) {
        self.there.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
    }
}

impl Far for Desk<'_> {
    async fn missing(&self, blobs: Vec<Named>) -> Result<Vec<Named>, Status> {
        let all: i64 = blobs.iter().map(|blob| blob.size_bytes).sum();
        let request = pb::FindMissingBlobsRequest { ticket_id: self.ticket_id.clone(), blobs };
        let missing = self.heard(MISSING, self.client()?.find_missing_blobs(request).await)?.missing;
        self.is_there(all - missing.iter().map(|blob| blob.size_bytes).sum::<i64>());
        Ok(missing)
    }

    async fn committed(&self, blob: Named) -> Result<i64, Status> {
        let request = pb::QueryBlobRequest { ticket_id: self.ticket_id.clone(), blob: Some(blob) };
        let committed = self.heard(QUERY, self.client()?.query_blob(request).await)?.committed_bytes;
        self.is_there(committed);
        Ok(committed)
    }

    async fn write(&self, parts: ReceiverStream<Part>) -> Result<bool, Status> {
        let (ticket_id, sent) = (self.ticket_id.clone(), Arc::clone(&self.sent));
        let messages = parts.map(move |Part { blob, offset_bytes, content }| {
            // Here, and not where it is read: what waited for a connection that was cut was not sent.
            sent.fetch_add(content.len() as u64, Ordering::Relaxed);
            // Said in the first message, as the blob is.
            let ticket_id = blob.as_ref().map(|_| ticket_id.clone()).unwrap_or_default();
            pb::WriteBlobRequest { ticket_id, blob, offset_bytes, part: content }
        });
        self.heard(WRITE, self.patient_client()?.write_blob(messages).await).map(|answer| answer.complete)
    }
}

/// The blobs of a sealed file, and its manifest.
struct Sealed {
    bundle: Arc<SealedBundle>,
}

impl Near for Sealed {
    async fn read(&self, mut outlet: Outlet) -> Result<(), Error> {
        let bundle = Arc::clone(&self.bundle);
        let reading = tokio::task::spawn_blocking(move || {
            let blob = bundle.blob(Digest(outlet.blob().sha256));
            let mut content: Box<dyn Read> = match blob {
                Some(blob) => Box::new(blob),
                None => Box::new(bundle.manifest_bytes()),
            };
            io::copy(&mut content.by_ref().take(outlet.offset()), &mut io::sink())?;
            loop {
                let left = outlet.blob().size_bytes.saturating_sub(outlet.offset()).min(PART_BYTES);
                let mut piece = Vec::with_capacity(usize::try_from(left).unwrap_or_default());
                content.by_ref().take(PART_BYTES).read_to_end(&mut piece)?;
                if piece.is_empty() || !outlet.send_blocking(piece.into()) {
                    return Ok::<_, io::Error>(());
                }
            }
        });
        reading.await.map_err(Error::internal)?.map_err(Error::internal)
    }
}

/// Uploads a bundle for a ticket and commits it. What passes is tried again with growing pauses, and told; a status is what does not.
pub(crate) async fn upload(desk: &Desk<'_>, bundle: Arc<SealedBundle>, bar: &ProgressBar) -> Result<Committed, Failed> {
    let manifest = bundle.manifest_bytes();
    let mut blobs: Vec<_> =
        bundle.manifest().blobs().into_iter().map(|(digest, size)| reference(digest, size)).collect();
    blobs.push(reference(bundle.root(), manifest.len() as u64));
    bar.set_length(blobs.iter().map(|blob| blob.size_bytes).sum());
    let near = Sealed { bundle: Arc::clone(&bundle) };
    let told = shown(bar);
    let (mut most, mut retries) = (0, Retries::new(ATTEMPTS));
    loop {
        desk.there.store(0, Ordering::Relaxed);
        let outcome = match uploads::send(&near, desk, &blobs, &told).await {
            Ok(Ok(())) => desk.take(&bundle).await,
            Ok(Err(status)) => Err(status),
            Err(error) => return Err(Failed::Read(error)),
        };
        let status = match outcome {
            Ok(committed) => return Ok(Committed { sent_bytes: desk.sent.load(Ordering::Relaxed), ..committed }),
            Err(status) => status,
        };
        let there = desk.there.load(Ordering::Relaxed);
        let has_progressed = there > most;
        most = most.max(there);
        retries.has_begun |= desk.sent.load(Ordering::Relaxed) > 0;
        let rpc = *desk.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = retries.after(status, has_progressed, bar).map_err(|status| Failed::Refused { status, rpc })?;
        tokio::time::sleep(pause).await;
    }
}

/// Asks a question, and asks it again after a cut: as an upload goes on, but not as often.
pub(crate) async fn ask<T>(bar: &ProgressBar, question: impl AsyncFn() -> Result<T, Status>) -> Result<T, Status> {
    let mut retries = Retries::new(FIRST_ATTEMPTS);
    loop {
        let status = match question().await {
            Ok(answer) => return Ok(answer),
            Err(status) => status,
        };
        tokio::time::sleep(retries.after(status, false, bar)?).await;
    }
}

/// How often something is tried again.
struct Retries {
    world: World,
    /// So often in a row.
    most: u32,
    failures: u32,
    /// Whether anything was sent, so that there is something to go on with.
    has_begun: bool,
}

impl Retries {
    fn new(most: u32) -> Self {
        Self { world: World::system(), most, failures: 0, has_begun: false }
    }

    /// How long to wait after a failure, which is told; the failure itself, where it does not pass or was met often enough.
    fn after(&mut self, status: Status, has_progressed: bool, bar: &ProgressBar) -> Result<Duration, Status> {
        self.failures = if has_progressed { 1 } else { self.failures + 1 };
        if !is_passing(&status) || self.failures >= self.most {
            return Err(status);
        }
        let pause = pause(self.failures, u16::from_be_bytes(self.world.random::<2>()));
        bar.suspend(|| output::remark(&self.told(&status, pause)));
        Ok(pause)
    }

    /// What is told while somebody waits.
    fn told(&self, status: &Status, pause: Duration) -> String {
        let what = if self.has_begun {
            ["The upload was cut", "It goes on"]
        } else if Unanswered::of(status).is_some() {
            ["The service did not answer", "It is asked again"]
        } else {
            ["The service could not do it", "It is asked again"]
        };
        let ([what, then], said) = (what, output::on_one_line(status.message()));
        let (seconds, attempt) = (pause.as_secs_f64(), self.failures + 1);
        format!("{what} ({said}). {then} in {seconds:.1} s, attempt {attempt} of {}.", self.most)
    }
}

/// Why a bundle is not there.
pub(crate) enum Failed {
    /// The sealed file cannot be read any more.
    Read(Error),
    /// The partner's service does not take it, and which RPC says so.
    Refused { status: Status, rpc: &'static str },
}

/// A blob by its digest and size.
pub(crate) fn reference(digest: Digest, size_bytes: u64) -> BlobRef {
    BlobRef { sha256: digest.0, size_bytes }
}

/// Shows how far each blob is; one that was cut may be further back than it seemed.
fn shown(bar: &ProgressBar) -> Told {
    let (bar, at) = (bar.clone(), Mutex::new(HashMap::new()));
    Arc::new(move |blob, position| {
        let before = at.lock().unwrap_or_else(PoisonError::into_inner).insert(blob.sha256, position).unwrap_or(0);
        if position >= before { bar.inc(position - before) } else { bar.dec(before - position) }
    })
}

/// Whether it may be otherwise the next time: no answer, a cut, or somebody else at the same blob.
pub(crate) fn is_passing(status: &Status) -> bool {
    let is_cut = matches!(
        status.code(),
        Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled | Code::DeadlineExceeded | Code::Aborted
    );
    is_cut || matches!(reason_of(status).as_str(), "OFFSET_MISMATCH" | "DIGEST_MISMATCH" | "BUNDLE_INCOMPLETE")
}

/// The pause after so many failures: a quarter of a second, doubled each time up to half a minute, less up to half of it.
fn pause(failures: u32, jitter: u16) -> Duration {
    let full = Duration::from_millis(125).saturating_mul(1 << failures.clamp(1, 8)).min(Duration::from_secs(30));
    full.mul_f64(1.0 - f64::from(jitter) / f64::from(u16::MAX) / 2.0)
}

#[cfg(test)]
mod tests {
    //! Proves B03.

    use super::*;

    #[test]
    fn b03_pauses_grow_to_half_a_minute_and_differ() {
        assert_eq!(pause(1, 0), Duration::from_millis(250));
        assert_eq!(pause(1, u16::MAX), Duration::from_millis(125));
        assert!((1..ATTEMPTS).all(|failures| pause(failures, 7) <= pause(failures + 1, 7)));
        assert_eq!(pause(ATTEMPTS, 0), Duration::from_secs(30));
    }

    #[test]
    fn b03_a_first_question_is_asked_again_after_a_cut_but_not_for_ever() {
        let (bar, mut retries) = (ProgressBar::hidden(), Retries::new(FIRST_ATTEMPTS));
        let mut waited = Duration::ZERO;
        for _ in 1..FIRST_ATTEMPTS {
            waited += retries.after(Status::unavailable("cut"), false, &bar).unwrap();
        }
        assert!(waited < Duration::from_secs(5), "somebody waits for it: {waited:?}");
        assert_eq!(retries.after(Status::unavailable("cut"), false, &bar).unwrap_err().message(), "cut");
        assert!(retries.after(Status::unavailable("cut"), true, &bar).is_ok(), "what goes on is tried on");
        assert!(Retries::new(ATTEMPTS).after(Status::not_found("no ticket"), false, &bar).is_err());
    }

    #[test]
    fn b03_of_a_service_that_is_not_there_nobody_is_told_that_an_upload_was_cut() {
        use crate::reach::{Happened, Place};
        let place = Place { service: "partner".into(), address: "https://[::1]:9".into(), data: String::new() };
        let mut status = Status::unavailable("nothing listens there");
        status.set_source(Arc::new(Unanswered { place, happened: Happened::Refused }));
        let mut retries = Retries::new(FIRST_ATTEMPTS);
        retries.failures = 1;
        let told = retries.told(&status, Duration::from_millis(250));
        let expected =
            "The service did not answer (nothing listens there). It is asked again in 0.2 s, attempt 2 of 5.";
        assert_eq!(told, expected);
        retries.has_begun = true;
        assert!(
            retries.told(&status, Duration::ZERO).starts_with("The upload was cut (nothing"),
            "there is what goes on"
        );
    }

    #[test]
    fn b03_what_a_cut_leaves_is_tried_again_and_a_refusal_is_not() {
        assert!([Status::unavailable(""), Status::unknown("h2"), Status::cancelled("")].iter().all(is_passing));
        assert!(
            ![Status::not_found(""), Status::permission_denied(""), Status::invalid_argument("")]
                .iter()
                .any(is_passing)
        );
    }
}
