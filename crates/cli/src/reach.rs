//! A channel that says what became of a service which does not answer: which one, at which address, what happened, and what to do.
//!
//! Everything that this program asks of a service goes over it, so that no command has to tell "transport error".

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::output;

/// How long a service may take to answer: longer than it takes to give a request up by itself, which is 30 s where nothing else is configured.
const PATIENCE: Duration = Duration::from_secs(40);

/// A service of a data folder, and the way to it.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    channel: Channel,
    place: Arc<Place>,
    patience: Option<Duration>,
}

/// Where a service is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The service: `partner`.
    pub(crate) service: String,
    /// Its address, as the data folder has it.
    pub(crate) address: String,
    /// The flag that names the data folder, with a blank before it.
    pub(crate) data: String,
}

/// What happened instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happened {
    /// Nothing listens there.
    Refused,
    /// Who listens there cannot be believed, or speaks no TLS.
    Tls(String),
    /// Somebody listens and says nothing, for so long.
    Silent(Duration),
    /// The connection ended.
    Cut(String),
    /// The address cannot be reached at all.
    Unreachable(String),
}

/// That a service did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unanswered {
    pub(crate) place: Place,
    pub(crate) happened: Happened,
}

impl Reach {
    pub(crate) fn new(channel: Channel, place: Place) -> Self {
        Self { channel, place: Arc::new(place), patience: Some(PATIENCE) }
    }

    /// The same for what is answered once everything was sent, however long that takes.
    pub(crate) fn patient(self) -> Self {
        Self { patience: None, ..self }
    }
}

impl Service<http::Request<Body>> for Reach {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.channel.poll_ready(context).map_err(|error| self.place.told(&error))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let answer = self.channel.call(request);
        let (place, patience) = (Arc::clone(&self.place), self.patience);
        Box::pin(async move {
            let answer = match patience {
                Some(patience) => tokio::time::timeout(patience, answer)
                    .await
                    .map_err(|_| place.status(Happened::Silent(patience)))?,
                None => answer.await,
            };
            let answer = answer.map_err(|error| place.told(&error))?;
            // What comes behind the head of an answer may be cut, too.
            Ok(answer.map(|body| Body::new(body.map_err(move |error| place.told(&error)))))
        })
    }
}

impl Place {
    /// What is told of an error of the connection.
    fn told(&self, error: &(dyn Error + 'static)) -> Status {
        self.status(Happened::of(error))
    }

    fn status(&self, happened: Happened) -> Status {
        let unanswered = Unanswered { place: self.clone(), happened };
        let code =
            if matches!(unanswered.happened, Happened::Silent(_)) { Code::DeadlineExceeded } else { Code::Unavailable };
        let mut status = Status::new(code, unanswered.to_string());
        status.set_source(Arc::new(unanswered));
        status
    }
}

impl Happened {
    /// What happened, by the innermost error that says it.
    fn of(error: &(dyn Error + 'static)) -> Self {
        let causes: Vec<_> = std::iter::successors(Some(error), |&error| error.source()).collect();
        let said = causes.last().map(ToString::to_string).unwrap_or_default();
        let io = causes.iter().rev().find_map(|cause| cause.downcast_ref::<std::io::Error>());
        match io.map(std::io::Error::kind) {
            Some(ErrorKind::ConnectionRefused) => Self::Refused,
            // The operating system gives up at another time, and on connections that there were.
            Some(ErrorKind::TimedOut) if io.is_some_and(|error| error.raw_os_error().is_none()) => {
                Self::Silent(vouch_host::client::CONNECT)
            }
            Some(ErrorKind::InvalidData) => Self::Tls(said),
            Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => Self::Unreachable(said),
            // A name that nobody knows has no kind of its own.
            _ if said.contains("lookup address") => Self::Unreachable(said),
            _ => Self::Cut(said),
        }
    }

    /// For machines.
    fn word(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Tls(_) => "tls",
            Self::Silent(_) => "silent",
            Self::Cut(_) => "cut",
            Self::Unreachable(_) => "unreachable",
        }
    }
}

impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("nothing listens there"),
            Self::Tls(said) => write!(f, "TLS did not come about: {said}"),
            Self::Silent(time) => write!(f, "no answer within {} s", time.as_secs()),
            Self::Cut(said) => write!(f, "the connection was cut: {said}"),
            Self::Unreachable(said) => write!(f, "the address cannot be reached: {said}"),
        }
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { service, address, .. } = &self.place;
        write!(f, "the {service} service at {address} does not answer: {}", self.happened)
    }
}

impl Error for Unanswered {}

impl Unanswered {
    /// What a status says of a service that did not answer; `None` where one did.
    pub(crate) fn of(status: &Status) -> Option<&Self> {
        status.source()?.downcast_ref()
    }

    /// What to do.
    pub(crate) fn next(&self) -> String {
        let up = format!("{} up{}", output::program(), self.place.data);
        match &self.happened {
            Happened::Refused => format!("Is `vouch up` running on this data folder? Start it: {up}"),
            Happened::Tls(_) => format!(
                "Another program listens there, or a `vouch up` on another data folder: name that one with --data, or start this one: {up}"
            ),
            Happened::Silent(_) | Happened::Cut(_) => {
                format!("What does `vouch up` say where it runs? Stop it and start it again, the data stay: {up}")
            }
            Happened::Unreachable(_) => "Is the address right that addresses.json of the data folder names?".to_owned(),
        }
    }

    /// What a program is told of it.
    pub(crate) fn members(&self) -> Map<String, Value> {
        let Place { service, address, .. } = &self.place;
        let told = json!({ "service": service, "address": address, "happened": self.happened.word() });
        told.as_object().cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::call;
    use crate::folder::Folder;
    use crate::identities::Role;

    /// What is told of a service at this address.
    async fn told(folder: &Folder, address: &str) -> Unanswered {
        folder.write("addresses.json", &json!({ "license": address }).to_string()).unwrap();
        let method = call::find("license.v1.EntitlementService/GetKeySet").unwrap();
        let request = call::read(&method, "{}").unwrap();
        let status = call::call(folder, Role::Anyone, &method, request).await.unwrap_err();
        let told = Unanswered::of(&status).unwrap_or_else(|| panic!("{status}")).clone();
        assert_eq!(status.message(), told.to_string());
        assert_eq!((told.place.service.as_str(), told.place.address.as_str()), ("license", address));
        told
    }

    #[tokio::test]
    async fn of_a_service_that_is_not_there_or_is_none_it_is_told_which_where_and_what_happened() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::prepare(data.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let hanging_up = tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                drop(caller);
            }
        });
        let cut = told(&folder, &address).await;
        assert!(matches!(cut.happened, Happened::Cut(_)), "{cut}");
        hanging_up.abort();
        assert!(hanging_up.await.unwrap_err().is_cancelled());
        let refused = told(&folder, &address).await;
        assert_eq!(
            refused.to_string(),
            format!("the license service at {address} does not answer: nothing listens there")
        );
        assert!(refused.next().contains("Is `vouch up` running") && refused.next().contains(" up --data "));
        assert_eq!(refused.members()["happened"], "refused");
    }

    #[tokio::test]
    async fn who_speaks_no_tls_is_told_apart_from_who_is_not_there() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::prepare(data.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let plain = async {
            let (mut caller, _) = listener.accept().await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut caller, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            caller
        };
        let (told, _caller) = tokio::join!(told(&folder, &address), plain);
        assert!(matches!(told.happened, Happened::Tls(_)), "{told}");
        assert!(told.next().contains("Another program listens there"), "{}", told.next());
    }

    #[tokio::test]
    async fn who_listens_and_says_nothing_is_waited_for_so_long_and_no_longer() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::prepare(data.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        folder.write("addresses.json", &json!({ "license": address }).to_string()).unwrap();
        let reach = Role::Anyone.channel(&folder, "license").unwrap();
        assert_eq!(reach.patience, Some(PATIENCE));
        let mut hasty = Reach { patience: Some(Duration::from_millis(1)), ..reach };
        std::future::poll_fn(|context| hasty.poll_ready(context)).await.unwrap();
        let status = hasty.call(http::Request::new(Body::empty())).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let silent = Unanswered::of(&status).unwrap();
        assert_eq!(silent.happened, Happened::Silent(Duration::from_millis(1)));
        assert!(silent.next().contains("Stop it and start it again"), "{}", silent.next());
        assert_eq!(hasty.patient().patience, None, "where everything is sent before anything is answered");
    }

    #[test]
    fn an_error_of_a_connection_says_what_happened() {
        let of = |kind: ErrorKind, said: &str| Happened::of(&std::io::Error::new(kind, said.to_owned())).to_string();
        for (kind, said, wanted) in [
            (ErrorKind::TimedOut, "deadline has elapsed", "no answer within 5 s"),
            (ErrorKind::InvalidData, "UnknownIssuer", "TLS did not come about: UnknownIssuer"),
            (ErrorKind::ConnectionReset, "reset", "the connection was cut: reset"),
            (
                ErrorKind::Other,
                "failed to lookup address information",
                "the address cannot be reached: failed to lookup",
            ),
        ] {
            assert!(of(kind, said).starts_with(wanted), "{}", of(kind, said));
        }
        // As the operating system says that the other side is gone.
        let gone = std::io::Error::from_raw_os_error(110);
        assert_eq!(gone.kind(), ErrorKind::TimedOut);
        assert!(matches!(Happened::of(&gone), Happened::Cut(_)), "nobody waited 5 s for it");
    }
}
