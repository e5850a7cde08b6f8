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
use tokio::time::Sleep;
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
        Answering {
            answer: AssertUnwindSafe(self.inner.call(request)).catch_unwind(),
            deadline: deadline.map(tokio::time::sleep),
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
        answer: CatchUnwind<AssertUnwindSafe<F>>,
        #[pin]
        deadline: Option<Sleep>,
        edge: Edge,
        method: &'static Method,
        began: Instant,
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
        let response = match this.answer.poll(context) {
            Poll::Ready(Ok(Ok(response))) => this.edge.plain(response),
            Poll::Ready(Ok(Err(error))) => return Poll::Ready(Err(error)),
            Poll::Ready(Err(_panic)) => {
                tracing::error!(rpc.method = this.method.path, "a handler panicked");
                this.edge.status(Code::Internal, Reason::Internal, "the service failed").into_http()
            }
            Poll::Pending => match this.deadline.as_pin_mut().map(|deadline| deadline.poll(context)) {
                Some(Poll::Ready(())) => {
                    let message = "the deadline passed; a mutation may have happened: ask again with its request_id";
                    this.edge.status(Code::DeadlineExceeded, Reason::Unavailable, message).into_http()
                }
                Some(Poll::Pending) | None => return Poll::Pending,
            },
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
    use super::*;

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
