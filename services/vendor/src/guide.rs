//! Where customers turn who knock at the vendor's door.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tonic::transport::Channel;
use vouch_contract::pb::license::v1::FindSupportContactRequest;
use vouch_contract::pb::license::v1::directory_service_client::DirectoryServiceClient;
use vouch_core::World;
use vouch_identity::Guide;

/// How long an answer is told again without asking.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(1);
/// How many answers are kept.
const MOST: usize = 10_000;
/// How long the licence service may take; a customer is told in general terms otherwise.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tells customers their partner, as the licence service's directory names it.
#[derive(Debug, Clone)]
pub struct Directory {
    client: DirectoryServiceClient<Channel>,
    world: World,
    told: Arc<Mutex<BTreeMap<String, (Timestamp, String)>>>,
}

impl Directory {
    /// Asks over this channel.
    pub fn new(channel: Channel, world: World) -> Self {
        Self { client: DirectoryServiceClient::new(channel), world, told: Arc::default() }
    }

    async fn advice(&self, organisation: Option<String>) -> String {
        let general = "customers are supported by their partner; the licence service's directory names it".to_owned();
        let Some(organisation) = organisation else { return general };
        let now = self.world.now();
        if let Some((told_at, advice)) = self.told().get(&organisation)
            && now.duration_since(*told_at) < FRESH_FOR
        {
            return advice.clone();
        }
        let request = FindSupportContactRequest { end_user_id: organisation.clone(), ..Default::default() };
        let mut client = self.client.clone();
        let answer = tokio::time::timeout(PATIENCE, client.find_support_contact(request)).await;
        let Ok(Ok(answer)) = answer else { return general };
        let answer = answer.into_inner();
        let contact = answer.support_contact.unwrap_or_default();
        let ways = [contact.email, contact.phone, contact.portal_url].into_iter().filter(|way| !way.is_empty());
        let ways = ways.collect::<Vec<_>>().join(", ");
        let advice = format!("your partner {} supports you: {} ({ways})", answer.partner_name, contact.name);
        let mut told = self.told();
        if told.len() >= MOST {
            told.clear();
        }
        told.insert(organisation, (now, advice.clone()));
        advice
    }

    fn told(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (Timestamp, String)>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guide for Directory {
    fn advise(&self, organisation: Option<String>) -> Pin<Box<dyn Future<Output = String> + Send>> {
        let directory = self.clone();
        Box::pin(async move { directory.advice(organisation).await })
    }
}
