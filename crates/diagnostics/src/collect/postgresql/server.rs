//! The server that the environment names, and what it answers.

use std::thread;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::address::{Address, address};
use super::answer::{Answer, GRACE, read, reason};
use super::service::Variable;
use super::{connect, statement};
use crate::profile::Query;

/// The server that the environment names. It is connected to when it is first asked.
#[derive(Debug)]
pub(in super::super) struct Server {
    /// Where it is: found out once, so that nobody is asked but whom the one who runs this was shown.
    address: Result<Address, String>,
    connection: Option<PgConnection>,
    runtime: Option<Runtime>,
    /// Why nobody can connect. It is not tried again: a server that does not answer costs its time once.
    unreachable: Option<String>,
}

impl Server {
    /// The one that the environment names by now.
    pub(in super::super) fn named() -> Self {
        Self::of(&|name| std::env::var_os(name))
    }

    pub(super) fn of(variable: Variable<'_>) -> Self {
        Self { address: address(variable), connection: None, runtime: None, unreachable: None }
    }

    /// Where it is, and as whom it is asked: to be shown to the one who runs this.
    pub(in super::super) fn place(&self) -> String {
        match &self.address {
            Ok(address) => connect::place(address),
            Err(reason) => format!("PostgreSQL, but {reason}"),
        }
    }

    /// Asks, and gives the answer up to so many bytes, or why there is none.
    pub(in super::super) fn ask(&mut self, query: Query, limit: Duration, most: u64) -> Result<Vec<u8>, String> {
        // On a thread of its own: whoever collects may be within a runtime already.
        let asked = thread::scope(|scope| scope.spawn(|| self.run(query, limit, most)).join());
        asked.unwrap_or_else(|_| Err("was not asked".to_owned()))
    }

    /// Takes its leave of the server.
    pub(in super::super) fn close(&mut self) {
        let (connection, runtime) = (self.connection.take(), self.runtime.take());
        let leave = move || {
            if let Some((connection, runtime)) = connection.zip(runtime.as_ref()) {
                // A server that is gone already needs no farewell.
                let _ = runtime.block_on(async { timeout(GRACE, connection.close()).await });
            }
        };
        // On a thread of its own, as it was asked: a runtime cannot end within another.
        let _ = thread::scope(|scope| scope.spawn(leave).join());
    }

    fn run(&mut self, query: Query, limit: Duration, most: u64) -> Result<Vec<u8>, String> {
        let runtime = match self.runtime.take() {
            Some(runtime) => runtime,
            None => Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| format!("cannot be asked: {}", error.kind()))?,
        };
        let answer = runtime.block_on(self.answer(query, limit, most));
        self.runtime = Some(runtime);
        answer
    }

    async fn answer(&mut self, query: Query, limit: Duration, most: u64) -> Result<Vec<u8>, String> {
        if let Some(reason) = &self.unreachable {
            return Err(reason.clone());
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => reach(&self.address, limit).await.inspect_err(|reason| self.unreachable = Some(reason.clone()))?,
        };
        match timeout(limit + GRACE, read(&mut connection, statement(query), limit, most)).await {
            Ok(Ok(Answer { text, is_whole })) => {
                // What was not read to its end is left with its connection.
                self.connection = is_whole.then_some(connection);
                Ok(text)
            }
            Ok(Err(error)) => Err(reason(&error)),
            Err(_) => Err(format!("stopped after {} seconds", limit.as_secs())),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.runtime.is_some() {
            self.close();
        }
    }
}

async fn reach(address: &Result<Address, String>, limit: Duration) -> Result<PgConnection, String> {
    connect::connect(address.as_ref().map_err(Clone::clone)?, limit).await
}
