//! What every handler does around its one line of its own: parse, call, wrap, map.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;
use prost::{Message, Name};
use tonic::{Request, Response, Status};
use vouch_contract::content::{self, Mutation};
use vouch_core::{Error, Violations, World, text};
use vouch_identity::Caller;
use vouch_storage::results::{self, Keeping};
use vouch_storage::{Secrets, Store, StoreError, Tx, WriteError};

/// What handlers share.
#[derive(Debug, Clone)]
pub struct Rpc {
    /// The service's name in errors: `license.vouch`.
    pub domain: &'static str,
    /// The database.
    pub store: Store,
    /// The keys under which secrets are kept.
    pub secrets: Arc<Secrets>,
    /// Clock and entropy.
    pub world: World,
}

/// A call that was parsed: who calls, what they want, and when.
#[derive(Debug)]
pub struct Call<C> {
    /// Who calls.
    pub caller: Caller,
    /// What they want.
    pub command: C,
    /// The instant for which the call is judged.
    pub now: Timestamp,
    /// Clock and entropy, for ids.
    pub world: World,
}

impl Rpc {
    /// Answers a question: parses it and hands it to `act`. Nothing is stored.
    pub async fn query<Q, C, R, F, Fut>(&self, request: Request<Q>, act: F) -> Result<Response<R>, Status>
    where
        C: TryFrom<Q, Error = Violations>,
        F: FnOnce(Call<C>) -> Fut,
        Fut: Future<Output = Result<R, Error>>,
    {
        let answer = async {
            let (caller, message) = part(request)?;
            let command = C::try_from(message)?;
            act(Call { caller, command, now: self.world.now(), world: self.world.clone() }).await
        };
        answer.await.map(Response::new).map_err(|error| self.status(&error))
    }

    /// Carries out a mutation once: looks for the stored result of the same request, validates, acts, and stores the
    /// result, all in one transaction. `act` may run again when the transaction lost against another one.
    pub async fn mutate<Q, C, R, F, Fut>(
        &self,
        method: &'static str,
        request: Request<Q>,
        act: F,
    ) -> Result<Response<R>, Status>
    where
        Q: Mutation + Message + Name,
        C: TryFrom<Q, Error = Violations> + Send + Sync,
        R: Message + Default,
        F: Fn(Tx, Arc<Call<C>>) -> Fut + Sync,
        Fut: Future<Output = Result<(Tx, R), WriteError>> + Send,
    {
        let act = &act;
        let act = |tx, call| async move { act(tx, call).await.map(|(tx, response)| (tx, Ok(response))) };
        self.once(method, request, Keeping::Plain, act).await.map(Response::new).map_err(|error| self.status(&error))
    }

    /// The same, for a mutation whose refusal leaves a record: what `act` wrote is committed with the error that it gives. A
    /// refusal stores no result, so that the same request may be made again.
    pub async fn mutate_or_record<Q, C, R, F, Fut>(
        &self,
        method: &'static str,
        request: Request<Q>,
        act: F,
    ) -> Result<Response<R>, Status>
    where
        Q: Mutation + Message + Name,
        C: TryFrom<Q, Error = Violations> + Send + Sync,
        R: Message + Default,
        F: Fn(Tx, Arc<Call<C>>) -> Fut + Sync,
        Fut: Future<Output = Result<(Tx, Result<R, Error>), WriteError>> + Send,
    {
        self.once(method, request, Keeping::Plain, act).await.map(Response::new).map_err(|error| self.status(&error))
    }

    /// The same, for a result that tells a secret: it is kept encrypted, and told again for a day only.
    pub async fn mutate_sealed<Q, C, R, F, Fut>(
        &self,
        method: &'static str,
        request: Request<Q>,
        act: F,
    ) -> Result<Response<R>, Status>
    where
        Q: Mutation + Message + Name,
        C: TryFrom<Q, Error = Violations> + Send + Sync,
        R: Message + Default,
        F: Fn(Tx, Arc<Call<C>>) -> Fut + Sync,
        Fut: Future<Output = Result<(Tx, R), WriteError>> + Send,
    {
        let keeping = Keeping::Sealed(&self.secrets);
        let act = &act;
        let act = |tx, call| async move { act(tx, call).await.map(|(tx, response)| (tx, Ok(response))) };
        self.once(method, request, keeping, act).await.map(Response::new).map_err(|error| self.status(&error))
    }

    async fn once<Q, C, R, F, Fut>(
        &self,
        method: &'static str,
        request: Request<Q>,
        keeping: Keeping<'_>,
        act: F,
    ) -> Result<R, Error>
    where
        Q: Mutation + Message + Name,
        C: TryFrom<Q, Error = Violations> + Send + Sync,
        R: Message + Default,
        F: Fn(Tx, Arc<Call<C>>) -> Fut + Sync,
        Fut: Future<Output = Result<(Tx, Result<R, Error>), WriteError>> + Send,
    {
        let (caller, message) = part(request)?;
        let now = self.world.now();
        let request_id = text::request_id(message.request_id());
        let content = content::digest(&message)?;
        let command = C::try_from(message);
        let (request_id, command) = match (request_id, command) {
            (Ok(request_id), command) => (request_id, command),
            (Err(problem), command) => return Err(all_violations(problem, command.err())),
        };
        let call = results::Call { caller: caller.name().to_string(), method, request_id, content };
        let once = Once { rpc: self, call, keeping, now };
        // Ordering: a stored result is looked for before the request is validated, so that a request that was good once
        // stays good when it is repeated.
        let response = match command {
            Err(violations) => once.first_result().await?.ok_or(violations)?,
            Ok(command) => {
                let call = Arc::new(Call { caller, command, now, world: self.world.clone() });
                let act = |tx| {
                    let acting = act(tx, call.clone());
                    let written = async move {
                        let (tx, outcome) = acting.await?;
                        Ok((tx, outcome.map(|response| response.encode_to_vec())))
                    };
                    Box::pin(written) as Pin<Box<dyn Future<Output = _> + Send + '_>>
                };
                once.carry_out(&act).await?
            }
        };
        R::decode(response.as_slice()).map_err(Error::internal)
    }

    /// The status for an error. What the service itself did wrong is logged here, once, and told to nobody.
    pub fn status(&self, error: &Error) -> Status {
        if let Error::Internal(cause) | Error::Unavailable(cause) = error {
            tracing::error!(error = %chain(cause.as_ref()), "{error}");
        }
        vouch_contract::status::from_error(error, self.domain)
    }
}

/// A mutation that is carried out once. It knows messages as bytes only, so that it is compiled once and not for every RPC.
struct Once<'a> {
    rpc: &'a Rpc,
    call: results::Call,
    keeping: Keeping<'a>,
    now: Timestamp,
}

/// What acting wrote, and its encoded response.
type Written<'a> = Pin<Box<dyn Future<Output = Result<(Tx, Result<Vec<u8>, Error>), WriteError>> + Send + 'a>>;

impl Once<'_> {
    /// Acts, or gives the result of the same call where there is one.
    async fn carry_out<'b>(&self, act: &'b (dyn Fn(Tx) -> Written<'b> + Sync)) -> Result<Vec<u8>, Error> {
        let Self { rpc, call, keeping, now } = self;
        let outcome = rpc
            .store
            .write(|mut tx| async move {
                if let Some(stored) = results::lookup(&mut tx, call, *keeping, *now).await? {
                    return Ok((tx, Ok(stored)));
                }
                let (mut tx, outcome) = act(tx).await?;
                if let Ok(response) = &outcome {
                    results::store(&mut tx, call, response, *keeping, *now).await?;
                }
                Ok((tx, outcome))
            })
            .await
            .and_then(|outcome| outcome);
        match outcome {
            Ok(response) => Ok(response),
            // A database that does not answer has no result to give, and is not asked again.
            Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => Err(error),
            Err(error) => match self.first_result().await {
                Ok(Some(first)) => Ok(first),
                Err(reused @ Error::RequestIdReused) => Err(reused),
                Ok(None) | Err(_) => Err(error),
            },
        }
    }

    /// The result of the same call, where it was running at the same time and was faster: what refused this one may be what
    /// that one did.
    async fn first_result(&self) -> Result<Option<Vec<u8>>, Error> {
        let mut connection = self.rpc.store.reader().acquire().await.map_err(StoreError::from)?;
        results::lookup(&mut connection, &self.call, self.keeping, self.now).await
    }
}

/// The caller that the gate put into the request. Handlers of streams ask for it themselves.
pub fn caller<Q>(request: &Request<Q>) -> Result<Caller, Error> {
    request.extensions().get::<Caller>().cloned().ok_or_else(past_the_gate)
}

/// The caller and the message.
fn part<Q>(request: Request<Q>) -> Result<(Caller, Q), Error> {
    let (_, mut extensions, message) = request.into_parts();
    Ok((extensions.remove::<Caller>().ok_or_else(past_the_gate)?, message))
}

fn past_the_gate() -> Error {
    Error::internal("a request came past the gate")
}

fn all_violations(request_id: String, others: Option<Violations>) -> Error {
    let mut violations = Violations::new();
    violations.add("request_id", request_id);
    let _ = violations.absorb(others.map_or(Ok(()), Err));
    Error::Invalid(violations)
}

/// An error with all that caused it, on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
