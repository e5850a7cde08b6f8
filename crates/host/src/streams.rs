//! Answers that go on: streams to a caller, and the bell that wakes them.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Response, Status, Streaming};

/// The messages of a server stream.
pub type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// How many messages wait for a slow caller before the stream does.
const AHEAD: usize = 4;

/// Answers with what `produce` sends, until it ends, the caller goes, or the service stops. A caller whose stream ended because
/// the service stops is told to come back.
pub fn streamed<T, F, Fut>(mut stopping: watch::Receiver<bool>, produce: F) -> Response<Streamed<T>>
where
    T: Send + 'static,
    F: FnOnce(mpsc::Sender<Result<T, Status>>) -> Fut,
    Fut: Future<Output = Result<(), Status>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(AHEAD);
    let producing = produce(sender.clone());
    tokio::spawn(async move {
        let ended = tokio::select! {
            ended = producing => ended,
            () = sender.closed() => return,
            _ = stopping.wait_for(|stopping| *stopping) => Err(Status::unavailable("the service stops")),
        };
        if let Err(status) = ended {
            let _ = sender.send(Err(status)).await;
        }
    });
    Response::new(Box::pin(ReceiverStream::new(receiver)))
}

/// The next message of a caller's stream; what the codec refuses is the caller's fault, and told as such.
pub async fn next_message<T>(messages: &mut Streaming<T>, domain: &str) -> Result<Option<T>, Status> {
    messages.message().await.map_err(|status| match status.code() {
        code @ (Code::Internal | Code::OutOfRange) => crate::edge::unreadable(code, domain),
        _ => status,
    })
}

/// Rung after a commit; whoever watches looks again.
#[derive(Debug, Clone)]
pub struct Bell(watch::Sender<u64>);

impl Default for Bell {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Bell {
    /// Wakes everybody who listens.
    pub fn ring(&self) {
        self.0.send_modify(|rung| *rung = rung.wrapping_add(1));
    }

    /// Listens from now on.
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

/// Somebody who listens to a [`Bell`].
#[derive(Debug)]
pub struct Listener(watch::Receiver<u64>);

impl Listener {
    /// Resolves when the bell was rung since the last time, or after `at_most`: another replica's bell is not heard here.
    pub async fn rung(&mut self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.0.changed()).await;
    }
}
