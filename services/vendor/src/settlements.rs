//! Settling holds at the licence service: what cases decided about their incidents, sent until it is acknowledged.

use std::time::Duration;

use prost::Message;
use tonic::transport::Channel;
use tonic::{Code, Status};
use vouch_contract::pb::license::v1::SettleHoldRequest;
use vouch_contract::pb::license::v1::incident_service_client::IncidentServiceClient;
use vouch_core::{Error, World};
use vouch_storage::outbox::{self, Entry};
use vouch_storage::{Store, WriteError};

/// How long the licence service may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends settlements.
#[derive(Debug, Clone)]
pub struct Settlements {
    store: Store,
    world: World,
    client: IncidentServiceClient<Channel>,
}

impl Settlements {
    /// Sends over this channel what the outbox holds.
    pub fn new(store: Store, world: World, channel: Channel) -> Self {
        Self { store, world, client: IncidentServiceClient::new(channel) }
    }

    /// Sends everything that is due.
    pub async fn send_due(&self) -> Result<(), Error> {
        while let Some(entry) = outbox::claim(&self.store, self.world.now()).await? {
            self.send(&entry).await?;
        }
        Ok(())
    }

    async fn send(&self, entry: &Entry) -> Result<(), Error> {
        let request = SettleHoldRequest::decode(entry.payload.as_slice()).map_err(Error::internal)?;
        let hold_id = request.hold_id.clone();
        let mut client = self.client.clone();
        let answer = tokio::time::timeout(PATIENCE, client.settle_hold(request)).await;
        match answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time"))) {
            Ok(_) => self.finish(entry).await,
            // There is nothing to settle, and there will not be: asking again would not help.
            Err(status) if status.code() == Code::NotFound => {
                tracing::error!(hold.id = hold_id, case.id = entry.lane, "the licence service knows no such hold");
                self.finish(entry).await
            }
            Err(status) => {
                let problem = format!("{:?}: {}", status.code(), status.message());
                if outbox::give_back(&self.store, entry, &problem, &self.world).await? {
                    tracing::error!(hold.id = hold_id, case.id = entry.lane, problem, "settling a hold was parked");
                }
                Ok(())
            }
        }
    }

    async fn finish(&self, entry: &Entry) -> Result<(), Error> {
        let id = entry.id;
        self.store
            .write(|mut tx| async move {
                outbox::finish(&mut tx, id).await?;
                Ok::<_, WriteError>((tx, ()))
            })
            .await
    }
}
