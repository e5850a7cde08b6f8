//! What the processes of a measurement run.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Subcommand;
use tonic::transport::Channel;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::bundle_service_client::BundleServiceClient;
use vouch_core::Error;
use vouch_diagnostics::Digest;
use vouch_diagnostics::sealed::SealedBundle;
use vouch_host::client::{self, ClientIdentity, ClientTls};
use vouch_host::uploads::{self, BlobRef, Near, Outlet, Told};

use super::{PIECE, Sent, bare, peak_bytes};

/// The sides.
#[derive(Subcommand)]
pub(crate) enum SideCommand {
    /// The vendor service, as it is run anywhere.
    Vendor { config: PathBuf },
    /// Hands a sealed file over and commits it.
    Send { address: String, folder: PathBuf, sealed: PathBuf, signature: String },
    /// The bare receiver.
    BareReceive { files: PathBuf, folder: PathBuf },
    /// The bare sender.
    BareSend { address: String, folder: PathBuf, blobs: u64, bytes_each: u64 },
}

pub(crate) async fn run(command: &SideCommand) -> ExitCode {
    match command {
        SideCommand::Vendor { config } => {
            return vouch_host::run_with::<vouch_vendor::Vendor>(Some(config), true).await;
        }
        SideCommand::Send { address, folder, sealed, signature } => {
            tell(send(address, folder, sealed, signature).await);
        }
        SideCommand::BareReceive { files, folder } => {
            let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
            let address = bare::serve(files, &read("service.pem"), &read("service-key.pem")).await;
            println!("listening rpc={address}");
            tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await.unwrap().unwrap();
        }
        SideCommand::BareSend { address, folder, blobs, bytes_each } => {
            let began = Instant::now();
            bare::send(channel(address, folder), *blobs, *bytes_each).await;
            tell(Sent { open_seconds: 0.0, seconds: began.elapsed().as_secs_f64(), peak_bytes: peak_bytes("self") });
        }
    }
    ExitCode::SUCCESS
}

fn tell(sent: Sent) {
    println!("{}", serde_json::to_string(&sent).unwrap());
}

/// A channel to the receiver, as the partner.
fn channel(address: &str, folder: &Path) -> Channel {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let (certificate, key) = (read("north.pem"), read("north-key.pem"));
    let identity = ClientIdentity { certificate: &certificate, key: &key };
    let tls = ClientTls::new(&read("vendor-ca.pem"), Some(identity)).unwrap();
    client::channel(&format!("https://{address}"), Arc::new(tls)).unwrap()
}

async fn send(address: &str, folder: &Path, sealed: &Path, signature: &str) -> Sent {
    let began = Instant::now();
    let path = sealed.to_owned();
    let opened = tokio::task::spawn_blocking(move || SealedBundle::open(&path)).await.unwrap();
    let bundle = Arc::new(opened.unwrap());
    let open_seconds = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let vendor = BundleServiceClient::new(channel(address, folder));
    let named = |(digest, size_bytes): (Digest, u64)| BlobRef { sha256: digest.0, size_bytes };
    let mut blobs: Vec<BlobRef> = bundle.manifest().blobs().into_iter().map(named).collect();
    let manifest = named((bundle.root(), bundle.manifest_bytes().len() as u64));
    blobs.push(manifest);
    let nobody: Told = Arc::new(|_, _| ());
    uploads::send(&Sealed(bundle), &vendor, &blobs, &nobody).await.unwrap().unwrap();
    let request = pb::CommitBundleRequest {
        manifest: Some(uploads::write_blob(&manifest)),
        manifest_signature: signature.to_owned(),
    };
    vendor.clone().commit_bundle(request).await.unwrap();
    Sent { open_seconds, seconds: began.elapsed().as_secs_f64(), peak_bytes: peak_bytes("self") }
}

/// The blobs of a sealed file, and its manifest, as `vouch bundle upload` reads them.
struct Sealed(Arc<SealedBundle>);

impl Near for Sealed {
    async fn read(&self, mut outlet: Outlet) -> Result<(), Error> {
        let bundle = Arc::clone(&self.0);
        let reading = tokio::task::spawn_blocking(move || {
            let blob = bundle.blob(Digest(outlet.blob().sha256));
            let mut content: Box<dyn Read> = match blob {
                Some(blob) => Box::new(blob),
                None => Box::new(bundle.manifest_bytes()),
            };
            loop {
                let mut piece = Vec::with_capacity(PIECE);
                content.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
                if piece.is_empty() || !outlet.send_blocking(piece.into()) {
                    return Ok::<_, io::Error>(());
                }
            }
        });
        reading.await.map_err(Error::internal)?.map_err(Error::internal)
    }
}
