//! A road to a service that a test may cut: every connection on it ends.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A road to a service.
pub(crate) struct Road {
    /// Where it begins.
    pub(crate) address: SocketAddr,
    cuts: watch::Sender<u32>,
}

impl Road {
    pub(crate) async fn to(service: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cuts, _) = watch::channel(0);
        let all = cuts.clone();
        tokio::spawn(async move {
            while let Ok((mut caller, _)) = listener.accept().await {
                let mut cut = all.subscribe();
                tokio::spawn(async move {
                    let Ok(mut service) = TcpStream::connect(service).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut caller, &mut service) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { address, cuts }
    }

    /// Cuts it: whoever comes later finds it mended.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}
