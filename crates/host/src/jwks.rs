//! The keys of token issuers: from a file, or fetched over HTTPS.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::CryptoProvider;
use tonic::codegen::Bytes;
use vouch_identity::Issuers;

use crate::config::IssuerConfig;

/// A larger key set is not read.
const MAX_BYTES: usize = 256 * 1024;
/// How long fetching may take.
const FETCH: Duration = Duration::from_secs(10);

/// Reads every issuer's keys from files; those that are fetched are left alone. One that cannot be read keeps the keys it
/// had and holds up no other; all problems are told.
pub(crate) fn read_files(issuers: &Issuers, configs: &[IssuerConfig]) -> Result<(), String> {
    let read = |config: &IssuerConfig| {
        let Some(path) = &config.jwks_file else { return Ok(()) };
        let jwks = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        issuers.set_keys(&config.issuer, &jwks).map_err(|problem| format!("{} {problem}", path.display()))
    };
    all(configs.iter().map(read))
}

/// Fetches every issuer's keys that are to be fetched, side by side. One that does not answer keeps the keys it had and holds
/// up no other; all problems are told.
pub(crate) async fn fetch(
    issuers: &Issuers,
    configs: &[IssuerConfig],
    provider: &Arc<CryptoProvider>,
) -> Result<(), String> {
    let fetch = async |config: &IssuerConfig| {
        let Some(url) = &config.jwks_url else { return Ok(()) };
        let jwks = tokio::time::timeout(FETCH, get(url, provider))
            .await
            .map_err(|_| format!("{url} did not answer in time"))?
            .map_err(|problem| format!("{url}: {problem}"))?;
        issuers.set_keys(&config.issuer, &jwks).map_err(|problem| format!("{url} {problem}"))
    };
    all(futures_util::future::join_all(configs.iter().map(fetch)).await)
}

/// Success, or every problem.
pub(crate) fn all(outcomes: impl IntoIterator<Item = Result<(), String>>) -> Result<(), String> {
    let problems: Vec<String> = outcomes.into_iter().filter_map(Result::err).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

async fn get(url: &str, provider: &Arc<CryptoProvider>) -> Result<String, String> {
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(provider.clone())
        .map_err(|error| error.to_string())?
        .https_only()
        .enable_http1()
        .build();
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let url = url.parse().map_err(|_| "is no address".to_owned())?;
    let response = client.get(url).await.map_err(|error| error.to_string())?;
    if !response.status().is_success() {
        return Err(format!("answered {}", response.status()));
    }
    let body = Limited::new(response.into_body(), MAX_BYTES).collect().await.map_err(|error| error.to_string())?;
    String::from_utf8(body.to_bytes().to_vec()).map_err(|_| "is no text".into())
}
