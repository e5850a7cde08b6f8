//! The one gate before every handler: finds out who calls, and asks the contract whether they may.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use tonic::{Code, Status};
use tower::{Layer, Service};
use vouch_core::code::PartnerId;
use vouch_core::{Reason, World};

use crate::{AccessRules, Caller, CallerKind, Identity, Issuers, PeerInfo, TrustBundles, WorkloadDirectory};

/// What the gate needs to know.
pub struct Access {
    /// The contract's rules.
    pub rules: AccessRules,
    /// Whose certificates are believed.
    pub bundles: TrustBundles,
    /// Whose tokens are believed.
    pub issuers: Issuers,
    /// Who is registered.
    pub directory: Arc<dyn WorkloadDirectory>,
    /// The service's name in errors: `license.vouch`.
    pub domain: &'static str,
    /// The clock.
    pub world: World,
    /// Who tells customers where to turn, where they may call nothing of their own.
    pub guide: Option<Arc<dyn Guide>>,
}

/// Tells a customer, who is turned away here, which partner to turn to.
pub trait Guide: Send + Sync {
    /// One sentence for a person of this end-user organisation.
    fn advise(&self, organisation: Option<String>) -> Pin<Box<dyn Future<Output = String> + Send>>;
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("domain", &self.domain).finish_non_exhaustive()
    }
}

/// Why a request was turned away at the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The caller proved no identity, or one that is not accepted.
    Unauthenticated(&'static str),
    /// The caller is known and not granted.
    Denied(CallerKind),
    /// The caller is a customer, of this organisation, and is to turn to a partner.
    Customer(Option<String>),
    /// The path is not in the contract.
    Unknown,
}

impl Access {
    /// Who sends this request, and whether the RPC at `path` is open to them.
    pub fn judge(&self, path: &str, peer: &PeerInfo, authorization: Option<&str>) -> Result<Caller, Refusal> {
        let grants = self.rules.grants(path);
        if grants.is_none() && !is_reflection(path) {
            return Err(Refusal::Unknown);
        }
        let caller = self.identify(peer, authorization)?;
        if is_reflection(path) {
            return match caller.kind {
                CallerKind::Anonymous => Err(Refusal::Unauthenticated("reflection needs a certificate or a token")),
                _ => Ok(caller),
            };
        }
        if grants.into_iter().flatten().any(|grant| grant.admits(&caller)) {
            return Ok(caller);
        }
        match caller.kind {
            CallerKind::Anonymous => Err(Refusal::Unauthenticated("present a client certificate or a bearer token")),
            CallerKind::EndUser if self.guide.is_some() => Err(Refusal::Customer(caller.organisation.clone())),
            kind => Err(Refusal::Denied(kind)),
        }
    }

    fn identify(&self, info: &PeerInfo, authorization: Option<&str>) -> Result<Caller, Refusal> {
        let now = self.world.now();
        let address = info.address.map(|address| address.ip());
        let workload = match &info.peer {
            None => None,
            Some(peer) if self.bundles.believes(peer, now) => Some(peer.id()),
            Some(_) => return Err(Refusal::Unauthenticated("the client certificate is no longer accepted")),
        };
        if let Some(authorization) = authorization {
            let token = bearer(authorization)
                .ok_or(Refusal::Unauthenticated("the authorization header must be a bearer token"))?;
            let person = self.issuers.verify(token, now).map_err(|error| {
                tracing::debug!(%error, "a bearer token was refused");
                Refusal::Unauthenticated("the bearer token is not accepted")
            })?;
            // An organisation that has no code cannot be anybody's.
            if person.organisation.as_deref().is_some_and(|org| PartnerId::parse(org).is_err()) {
                return Err(Refusal::Unauthenticated("the bearer token names an organisation that is no code"));
            }
            return Ok(Caller::new(Arc::new(Identity::person(person, workload.cloned())), address));
        }
        let Some(id) = workload else {
            return Ok(Caller::new(Arc::new(Identity::anonymous()), address));
        };
        let known = self
            .directory
            .find(id)
            // An id's path and the registry's entry must tell the same kind.
            .filter(|known| id.path().kind() == known.kind)
            .ok_or(Refusal::Unauthenticated("the workload is not registered"))?;
        Ok(Caller::new(known, address))
    }

    fn customer_status(&self, advice: &str) -> Status {
        let reason = Reason::CustomerMustUsePartner;
        vouch_contract::status::early(Code::PermissionDenied, reason, advice, self.domain)
    }

    fn status(&self, refusal: &Refusal) -> Status {
        match refusal {
            Refusal::Unauthenticated(message) => {
                vouch_contract::status::early(Code::Unauthenticated, Reason::Unauthenticated, *message, self.domain)
            }
            Refusal::Denied(kind) => vouch_contract::status::early(
                Code::PermissionDenied,
                Reason::AccessDenied,
                format!("this RPC is not open to a caller of kind {} with these roles", kind.as_str()),
                self.domain,
            ),
            Refusal::Customer(_) => self.customer_status("customers are supported by their partner"),
            Refusal::Unknown => Status::unimplemented("the contract has no such RPC"),
        }
    }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn is_reflection(path: &str) -> bool {
    path.starts_with("/grpc.reflection.v1.ServerReflection/")
}

fn is_health(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.Health/")
}

/// The gate as a tower layer.
#[derive(Debug, Clone)]
pub struct AccessLayer(pub Arc<Access>);

impl<S> Layer<S> for AccessLayer {
    type Service = AccessService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AccessService { access: self.0.clone(), inner }
    }
}

/// A service behind the gate.
#[derive(Debug, Clone)]
pub struct AccessService<S> {
    access: Arc<Access>,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for AccessService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Default + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    /// What is let in goes on as it is; what is turned away is rare.
    type Future = Either<S::Future, Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let path = request.uri().path();
        if !is_health(path) {
            let peer = request.extensions().get::<PeerInfo>().cloned().unwrap_or_default();
            let authorization = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap_or(""));
            match self.access.judge(path, &peer, authorization) {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                }
                Err(Refusal::Customer(organisation)) if self.access.guide.is_some() => {
                    let access = self.access.clone();
                    return Either::Right(Box::pin(async move {
                        let advice = match &access.guide {
                            Some(guide) => guide.advise(organisation).await,
                            None => String::new(),
                        };
                        Ok(access.customer_status(&advice).into_http())
                    }));
                }
                Err(refusal) => {
                    let response = self.access.status(&refusal).into_http();
                    return Either::Right(Box::pin(std::future::ready(Ok(response))));
                }
            }
            // A handler needs no token, and what it does not have it cannot log.
            request.headers_mut().remove(AUTHORIZATION);
        }
        Either::Left(self.inner.call(request))
    }
}
