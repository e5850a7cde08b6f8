//! A road between two services on which a test may stop the traffic at a chosen instant.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// A barrier on every road that shares it: the chunk with the chosen number, or with the chosen byte, waits there until the test lets it go.
#[derive(Clone, Default)]
pub(crate) struct Barrier(Arc<Mutex<Option<Armed>>>);

struct Armed {
    /// How many more chunks, or bytes, go by with the one that waits.
    left: usize,
    counts_bytes: bool,
    reached: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

/// The test's end of an armed barrier. Dropping it cuts the connection whose chunk waits there.
pub(crate) struct Held {
    pub(crate) reached: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

impl Held {
    /// Lets the chunk go.
    pub(crate) fn release(self) {
        let _ = self.release.send(());
    }
}

impl Barrier {
    /// Stops the `nth` chunk from now on, 1 being the next, whichever way it goes.
    pub(crate) fn arm(&self, nth: u32) -> Held {
        self.arm_for(nth as usize, false)
    }

    /// Stops the chunk with the `nth` byte from now on, whichever way it goes: the same instant however many chunks the bytes come in.
    pub(crate) fn arm_at_byte(&self, nth: usize) -> Held {
        self.arm_for(nth, true)
    }

    fn arm_for(&self, left: usize, counts_bytes: bool) -> Held {
        let (reached, is_reached) = oneshot::channel();
        let (release, released) = oneshot::channel();
        *self.0.lock().unwrap() = Some(Armed { left, counts_bytes, reached, released });
        Held { reached: is_reached, release }
    }

    /// Whether the chunk may go on.
    async fn pass(&self, bytes: usize) -> bool {
        let stopped = {
            let mut armed = self.0.lock().unwrap();
            match armed.as_mut() {
                None => None,
                Some(one) => {
                    one.left = one.left.saturating_sub(if one.counts_bytes { bytes } else { 1 });
                    if one.left == 0 { armed.take() } else { None }
                }
            }
        };
        let Some(armed) = stopped else { return true };
        let _ = armed.reached.send(());
        armed.released.await.is_ok()
    }
}

/// Opens a road to a service; returns the address at which it begins.
pub(crate) async fn road(to: SocketAddr, barrier: Barrier) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            let barrier = barrier.clone();
            tokio::spawn(async move {
                // A service that is down is a caller's connection that ends.
                let Ok(service) = TcpStream::connect(to).await else { return };
                let (from_caller, to_caller) = caller.into_split();
                let (from_service, to_service) = service.into_split();
                tokio::select! {
                    () = forward(from_caller, to_service, barrier.clone()) => {}
                    () = forward(from_service, to_caller, barrier) => {}
                }
            });
        }
    });
    address
}

async fn forward(mut from: tokio::net::tcp::OwnedReadHalf, mut to: tokio::net::tcp::OwnedWriteHalf, barrier: Barrier) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        if !barrier.pass(read).await || to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}
