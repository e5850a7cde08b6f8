//! The edge of a service, around every RPC: a deadline, statuses in plain words, a count and a time for each answer, and a
//! panic that ends one request and not the connection.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::CatchUnwind;
use http::{HeaderMap, HeaderName, Request, Response};
use pin_project_lite::pin_project;
use tokio::time::Timeout;
use tonic::{Code, Status};
use tower::{Layer, Service};
use vouch_core::Reason;

// Looked for in every request and answer: not read anew each time.
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The edge of a service.
#[derive(Debug, Clone, Copy)]
pub struct Edge {
    /// The service's name in errors: `license.vouch`.
    pub domain: &'static str,
    /// The longest time a request may take.
    pub longest: Duration,
}

/// The edge as a tower layer.
#[derive(Debug, Clone, Copy)]
pub struct EdgeLayer(pub Edge);

impl<S> Layer<S> for EdgeLayer {
    type Service = EdgeService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        EdgeService { edge: self.0, inner }
    }
}

/// A service within its edge.
#[derive(Debug, Clone)]
pub struct EdgeService<S> {
    edge: Edge,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for EdgeService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = METHODS.get(request.uri().path()).unwrap_or(&OTHER);
        // An upload takes as long as its content is large: its handler bounds the pauses between parts instead.
        let longest = if method.is_upload { None } else { Some(self.edge.longest) };
        let deadline = [callers_deadline(request.headers()), longest].into_iter().flatten().min();
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Answering {
            answer: match deadline {
                Some(deadline) => Within::Limited { answer: tokio::time::timeout(deadline, answer) },
                None => Within::Unlimited { answer },
            },
            edge: self.edge,
            method,
            began: Instant::now(),
        }
    }
}

pin_project! {
    /// A request on its way to an answer. A type of its own, so that it needs no box: it is as large as what a handler keeps.
    #[derive(Debug)]
    pub struct Answering<F> {
        #[pin]
        answer: Within<CatchUnwind<AssertUnwindSafe<F>>>,
        edge: Edge,
        method: &'static Method,
        began: Instant,
    }
}

pin_project! {
    /// An answer that has until a deadline, or all the time in the world.
    #[project = WithinProjection]
    #[derive(Debug)]
    enum Within<F> {
        Limited { #[pin] answer: Timeout<F> },
        Unlimited { #[pin] answer: F },
    }
}

impl<F: Future> Future for Within<F> {
    type Output = Result<F::Output, tokio::time::error::Elapsed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            WithinProjection::Limited { answer } => answer.poll(context),
            WithinProjection::Unlimited { answer } => answer.poll(context).map(Ok),
        }
    }
}

impl<F, R, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match std::task::ready!(this.answer.poll(context)) {
            Ok(Ok(Ok(response))) => this.edge.plain(response),
            Ok(Ok(Err(error))) => return Poll::Ready(Err(error)),
            Ok(Err(_panic)) => {
                tracing::error!(rpc.method = this.method.path, "a handler panicked");
                this.edge.status(Code::Internal, Reason::Internal, "the service failed").into_http()
            }
            Err(_elapsed) => {
                let message = "the deadline passed; a mutation may have happened: ask again with its request_id";
                this.edge.status(Code::DeadlineExceeded, Reason::Unavailable, message).into_http()
            }
        };
        this.method.measure(&response, this.began.elapsed());
        Poll::Ready(Ok(response))
    }
}

impl Edge {
    /// Statuses that the transport made before any handler ran get a reason, and the code that the caller's mistake
    /// deserves; what a handler said passes through.
    fn plain<R: Default>(self, response: Response<R>) -> Response<R> {
        let Some(code) = code_in(response.headers()) else {
            return response;
        };
        if response.headers().contains_key(&GRPC_STATUS_DETAILS) {
            return response;
        }
        match code {
            // Handlers' own internal errors carry details; this one is the codec's.
            Code::OutOfRange | Code::Internal => unreadable(code, self.domain).into_http(),
            // With this header it is a compression that is not served, and the message says so.
            Code::Unimplemented if !response.headers().contains_key("grpc-accept-encoding") => {
                self.status(code, Reason::NotServed, "this RPC is not served here").into_http()
            }
            _ => response,
        }
    }

    fn status(self, code: Code, reason: Reason, message: &str) -> Status {
        vouch_contract::status::early(code, reason, message, self.domain)
    }
}

/// What a caller is told of a message that the codec refused with a code of its own.
pub(crate) fn unreadable(code: Code, domain: &str) -> Status {
    let (code, reason, message) = match code {
        Code::OutOfRange => (Code::ResourceExhausted, Reason::MessageTooLarge, "the message is larger than the limit"),
        _ => (Code::InvalidArgument, Reason::InvalidField, "the message cannot be decoded as the contract has it"),
    };
    vouch_contract::status::early(code, reason, message, domain)
}

/// The caller's deadline (the gRPC over HTTP/2 protocol, `grpc-timeout`): a number of at most eight digits and a unit.
fn callers_deadline(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(&GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

fn code_in(headers: &HeaderMap) -> Option<Code> {
    headers.get(&GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

/// What is known of an RPC: found once for each request. Its metrics, too, because finding them by their labels takes longer than
/// counting.
#[derive(Debug)]
struct Method {
    path: String,
    is_upload: bool,
    answered: metrics::Counter,
    seconds: metrics::Histogram,
}

/// Every RPC in the contract, by its path. Made with the first request: the recorder of metrics is there by then.
static METHODS: LazyLock<HashMap<String, Method>> = LazyLock::new(|| {
    let methods = vouch_contract::services().flat_map(|service| {
        let name = service.full_name().to_owned();
        let of_service = service
            .methods()
            .map(|method| Method::new(format!("/{name}/{}", method.name()), method.is_client_streaming()));
        of_service.collect::<Vec<_>>()
    });
    methods.map(|method| (method.path.clone(), method)).collect()
});
/// A path that is not in the contract must not become a label: callers would choose its values.
static OTHER: LazyLock<Method> = LazyLock::new(|| Method::new("other".to_owned(), false));

impl Method {
    fn new(path: String, is_upload: bool) -> Self {
        let seconds = metrics::histogram!("vouch_rpc_seconds", "method" => path.clone());
        Self { answered: count(&path, Code::Ok), seconds, path, is_upload }
    }

    fn measure<R>(&self, response: &Response<R>, took: Duration) {
        let code = code_in(response.headers()).unwrap_or(Code::Ok);
        match code {
            Code::Ok => self.answered.increment(1),
            code => count(&self.path, code).increment(1),
        }
        self.seconds.record(took.as_secs_f64());
        tracing::debug!(rpc.method = self.path, rpc.code = ?code, rpc.micros = took.as_micros(), "an RPC was answered");
    }
}

fn count(method: &str, code: Code) -> metrics::Counter {
    metrics::counter!("vouch_rpc_requests_total", "method" => method.to_owned(), "code" => format!("{code:?}"))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// What the edge makes of a request to `path` with headers, which `answer` answers.
    async fn ask<F>(path: &str, timeout: Option<&str>, answer: impl Fn() -> F) -> Status
    where
        F: Future<Output = Result<Response<String>, Infallible>>,
    {
        let edge = Edge { domain: "license.vouch", longest: Duration::from_secs(30) };
        let mut service = EdgeLayer(edge).layer(tower::service_fn(|_: Request<String>| answer()));
        let mut request = Request::builder().uri(path);
        if let Some(timeout) = timeout {
            request = request.header("grpc-timeout", timeout);
        }
        let response = service.call(request.body(String::new()).unwrap()).await.unwrap();
        Status::from_header_map(response.headers()).unwrap()
    }

    const CHECK: &str = "/vouch.license.v1.EntitlementService/CheckEntitlement";
    const UPLOAD: &str = "/vouch.vendor.v1.BundleService/WriteBlob";

    #[tokio::test(start_paused = true)]
    async fn a_request_has_until_its_deadline_and_never_longer_than_the_service_allows() {
        for (timeout, seconds) in [(None, 30), (Some("60S"), 30), (Some("2S"), 2)] {
            let began = tokio::time::Instant::now();
            let status = ask(CHECK, timeout, std::future::pending).await;
            assert_eq!(status.code(), Code::DeadlineExceeded, "{timeout:?}");
            assert!(!status.details().is_empty(), "{timeout:?}: it has its reason");
            assert_eq!(began.elapsed().as_secs(), seconds, "{timeout:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_never_lets_go_of_its_turn_meets_its_deadline_all_the_same() {
        // All that a task may do in one turn, at each of its turns.
        let busy = || async {
            loop {
                tokio::task::consume_budget().await;
                tokio::time::advance(Duration::from_millis(1)).await;
            }
        };
        assert_eq!(ask(CHECK, Some("1S"), busy).await.code(), Code::DeadlineExceeded);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_takes_as_long_as_it_takes_unless_its_caller_says_otherwise() {
        let began = tokio::time::Instant::now();
        let late = || async {
            tokio::time::sleep(Duration::from_hours(1)).await;
            Ok(Status::new(Code::Aborted, "").into_http())
        };
        assert_eq!(ask(UPLOAD, None, late).await.code(), Code::Aborted);
        assert_eq!(began.elapsed(), Duration::from_hours(1));
        assert_eq!(ask(UPLOAD, Some("5S"), late).await.code(), Code::DeadlineExceeded);
    }

    #[tokio::test]
    async fn a_panic_ends_one_request_and_tells_nothing() {
        let panics = || async { panic!("a secret") };
        let status = ask(CHECK, None, panics).await;
        assert_eq!((status.code(), status.message()), (Code::Internal, "the service failed"));
        assert!(!status.details().is_empty());
    }

    #[test]
    fn a_callers_deadline_is_read_as_the_protocol_has_it() {
        let deadline = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            callers_deadline(&headers)
        };
        assert_eq!(deadline("5S"), Some(Duration::from_secs(5)));
        assert_eq!(deadline("250m"), Some(Duration::from_millis(250)));
        for bad in ["", "S", "5", "5x", "123456789S", "-1S"] {
            assert_eq!(deadline(bad), None, "{bad:?}");
        }
    }
}
