//! Which products there are, as the licence service's catalogue has them.

use std::time::Duration;

use tonic::Code;
use tonic::transport::Channel;
use vouch_contract::pb::license::v1::GetProductRequest;
use vouch_contract::pb::license::v1::catalog_service_client::CatalogServiceClient;
use vouch_core::Violations;
use vouch_core::code::ProductId;

/// How long the licence service may take for all that it is asked at a time.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks the licence service for products.
#[derive(Debug, Clone)]
pub struct Catalogue {
    client: CatalogServiceClient<Channel>,
}

impl Catalogue {
    /// Asks over this channel.
    pub fn new(channel: Channel) -> Self {
        Self { client: CatalogServiceClient::new(channel) }
    }

    /// What is wrong with codes of products, each by its place in a field: the catalogue does not have it. `None` where the licence service does
    /// not say.
    pub async fn judge(&self, field: &str, codes: &[String]) -> Option<Violations> {
        let asked = async {
            let mut violations = Violations::new();
            for (place, code) in codes.iter().enumerate() {
                // What is no code is refused before.
                let Ok(product_id) = ProductId::parse(code) else { continue };
                let request = GetProductRequest { product_id: product_id.to_string() };
                match self.client.clone().get_product(request).await {
                    Ok(_) => {}
                    Err(status) if status.code() == Code::NotFound => {
                        let told =
                            "is no product of the licence service's catalogue: ListProducts tells those that there are";
                        violations.add(format!("{field}[{place}]"), told);
                    }
                    Err(_) => return None,
                }
            }
            Some(violations)
        };
        tokio::time::timeout(PATIENCE, asked).await.ok().flatten()
    }
}
