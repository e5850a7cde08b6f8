//! One statement asked over a connection, and why there is no answer.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Error, Row as _, raw_sql};

/// How long a statement waits for a lock: nobody is to wait behind it.
const LOCK_MILLISECONDS: u32 = 1000;
/// A server may ask for what this program does not speak.
const KERBEROS: &str = "the server asks for Kerberos (GSSAPI), which this program does not speak: let it in by another method, such as a \
    password, a certificate, or peer at the server's socket";
/// How much longer than the server this program waits before it hangs up.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// An answer, and whether all of it was read.
pub(super) struct Answer {
    pub(super) text: Vec<u8>,
    pub(super) is_whole: bool,
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
