//! The server that the environment names, and what it answers.

use std::thread;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Error, Row as _, raw_sql};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::address::{Address, Variable, address};
use super::{connect, statement};
use crate::profile::Query;

/// How long a statement waits for a lock: nobody is to wait behind it.
const LOCK_MILLISECONDS: u32 = 1000;
/// A server may ask for what this program does not speak.
const KERBEROS: &str = "the server asks for Kerberos (GSSAPI), which this program does not speak: let it in by another method, such as a \
    password, a certificate, or peer at the server's socket";
/// How much longer than the server this program waits before it hangs up.
pub(super) const GRACE: Duration = Duration::from_secs(2);

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

/// An answer, and whether all of it was read.
pub(super) struct Answer {
    pub(super) text: Vec<u8>,
    is_whole: bool,
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

/// Asks in a transaction that can only read, and sets nothing beyond it: behind a pooler the session is somebody else's afterwards. Names are looked
/// up among the server's own, whatever the database has.
pub(super) async fn read(
    connection: &mut PgConnection,
    statement: &'static str,
    limit: Duration,
    most: u64,
) -> Result<Answer, Error> {
    let begin = format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = {}; SET LOCAL lock_timeout = {LOCK_MILLISECONDS}; \
         SET LOCAL search_path = pg_catalog; SET LOCAL standard_conforming_strings = on",
        limit.as_millis()
    );
    raw_sql(AssertSqlSafe(begin)).execute(&mut *connection).await?;
    let mut text: Vec<u8> = Vec::new();
    let mut rows = raw_sql(statement).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let line = row.try_get_raw(0)?.as_str().map_err(Error::Decode)?;
        if (text.len() + line.len()) as u64 >= most {
            text.extend_from_slice(format!("{{\"left_out\":\"more than {most} bytes\"}}\n").as_bytes());
            return Ok(Answer { text, is_whole: false });
        }
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    drop(rows);
    raw_sql("ROLLBACK").execute(connection).await?;
    Ok(Answer { text, is_whole: true })
}

/// Why there is no answer, without the words of the server: they name accounts and hosts, and a reason is not masked.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Database(refused) => match refused.code().as_deref() {
            Some("28P01") => "the server does not take the password, or none was given".to_owned(),
            Some("28000") => "the server does not let this account in".to_owned(),
            Some("3D000") => "the server has no such database".to_owned(),
            Some("42501") => "this account may not read that".to_owned(),
            Some("42P01" | "42703" | "42883") => "a server of this version does not tell that".to_owned(),
            Some("53300") => "the server has no connection left".to_owned(),
            Some("55P03") => "somebody holds a lock on it".to_owned(),
            Some("57014") => "the server stopped it at its limit of time".to_owned(),
            Some("57P03") => "the server is starting, or is about to stop".to_owned(),
            code => format!("the server refused it with {}", code.unwrap_or("no code")),
        },
        Error::Io(error) => format!("the server cannot be reached: {}", error.kind()),
        Error::Tls(_) => "there is no encrypted connection to the server".to_owned(),
        Error::Configuration(_) => "the settings of the connection are none".to_owned(),
        Error::Protocol(problem) if wants_kerberos(problem) => KERBEROS.to_owned(),
        _ => "the server gave no answer that can be read".to_owned(),
    }
}

/// Whether a server asks for GSSAPI or SSPI, by the numbers that the protocol has for them; the driver knows neither.
fn wants_kerberos(problem: &str) -> bool {
    ["authentication method: 7 ", "authentication method: 9 "].iter().any(|method| problem.contains(method))
}
