//! Which products there are, as the licence service's catalogue has them.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Status};
use vouch_contract::pb::license::v1::GetProductRequest;
use vouch_contract::pb::license::v1::catalog_service_client::CatalogServiceClient;
use vouch_core::Violations;
use vouch_core::code::ProductId;

/// How long the licence service may take for all that it is asked at a time.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many products are asked about at once.
const AT_ONCE: usize = 10;

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
    /// not say that of any, and does not answer for all.
    pub async fn judge(&self, field: &str, codes: &[String]) -> Option<Violations> {
        let ask = |product_id: ProductId| {
            let mut client = self.client.clone();
            async move {
                match client.get_product(GetProductRequest { product_id: product_id.to_string() }).await {
                    Ok(_) => Ok(true),
                    Err(status) if status.code() == Code::NotFound => Ok(false),
                    Err(status) => Err(status),
                }
            }
        };
        judge(field, codes, tokio::time::sleep(PATIENCE), ask).await
    }
}

/// Asks about each code whether there is such a product, as long as there is patience. What was heard until then counts.
async fn judge<F>(
    field: &str,
    codes: &[String],
    patience: impl Future<Output = ()>,
    ask: impl Fn(ProductId) -> F,
) -> Option<Violations>
where
    F: Future<Output = Result<bool, Status>> + Send + 'static,
{
    // What is no code is refused before.
    let products: Vec<_> =
        codes.iter().enumerate().filter_map(|(place, code)| Some((place, ProductId::parse(code).ok()?))).collect();
    let (mut unknown, mut silence) = (BTreeSet::new(), None);
    let asked = async {
        for together in products.chunks(AT_ONCE) {
            let mut asking = JoinSet::new();
            for (place, product_id) in together {
                let (place, answer) = (*place, ask(product_id.clone()));
                asking.spawn(async move { (place, answer.await) });
            }
            while let Some(answered) = asking.join_next().await {
                match answered {
                    Ok((_, Ok(true))) => {}
                    Ok((place, Ok(false))) => _ = unknown.insert(place),
                    Ok((_, Err(status))) => silence = Some(status.to_string()),
                    Err(broken) => silence = Some(broken.to_string()),
                }
            }
        }
    };
    let is_late = tokio::select! {
        biased;
        () = asked => false,
        () = patience => true,
    };
    if is_late {
        silence = Some("no answer in time".to_owned());
    }
    let mut violations = Violations::new();
    for place in unknown {
        let told = "is no product of the licence service's catalogue: ListProducts tells those that there are";
        violations.add(format!("{field}[{place}]"), told);
    }
    match silence {
        Some(error) if violations.is_empty() => {
            tracing::warn!(error, "nobody looked whether the catalogue has these products");
            None
        }
        _ => Some(violations),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of codes when those of `known` are there, one is not answered for, and one never.
    async fn said(codes: &[&str]) -> Option<Vec<String>> {
        let codes: Vec<_> = codes.iter().map(|code| (*code).to_owned()).collect();
        let ask = |product_id: ProductId| async move {
            match product_id.as_str() {
                "atlas" => Ok(true),
                "broken" => Err(Status::unavailable("it is down")),
                "silent" => std::future::pending().await,
                _ => Ok(false),
            }
        };
        // Every other answer is there by then.
        let patience = async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        };
        let judged = judge("product_ids", &codes, patience, ask).await?;
        Some(judged.iter().map(|violation| violation.field.clone()).collect())
    }

    #[tokio::test]
    async fn a_product_that_there_is_not_is_told_whatever_becomes_of_the_other_questions() {
        assert_eq!(said(&["atlas"]).await, Some(vec![]));
        assert_eq!(said(&["atlas", "broken"]).await, None, "nobody looked");
        let unknown = ["broken", "atlas", "atlsa", "no code", "atlantis"];
        let told = Some(vec!["product_ids[2]".to_owned(), "product_ids[4]".to_owned()]);
        assert_eq!(said(&unknown).await, told);
        assert_eq!(said(&["atlas", "silent"]).await, None);
        assert_eq!(said(&["silent", "atlantis"]).await, Some(vec!["product_ids[1]".to_owned()]));
        let many = vec!["atlantis"; 3 * AT_ONCE];
        assert_eq!(said(&many).await.map(|told| told.len()), Some(many.len()));
    }
}
