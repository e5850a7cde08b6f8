//! To the first of several servers that will do.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Error};
use tokio::time::timeout;

use super::address::{Address, host};
use super::answer::{Answer, GRACE, read, reason};
use super::passwords::Unused;
use super::session::{Role, Session};

/// What a server is, is told in no more bytes than this.
const MOST_ROLE_BYTES: u64 = 1024;

/// The servers of an address, in their order, and as whom they are asked.
pub(super) fn place(Address { servers, session, unused }: &Address) -> String {
    let at = servers.iter().map(|server| format!("at {}, port {}", host(server), server.get_port()));
    let at = at.collect::<Vec<_>>().join(", or else ");
    let wanted = session.words().map(|words| format!(" ({words})")).unwrap_or_default();
    let of = servers.first().map(|server| (server.get_database().unwrap_or_default(), server.get_username()));
    let (database, user) = of.unwrap_or_default();
    let without = unused
        .as_ref()
        .map(|Unused { file, why }| format!(", without a password: the file {} is not used ({why})", file.display()));
    format!("PostgreSQL {at}{wanted}, database {database}, as {user}{}", without.unwrap_or_default())
}

/// Connects to the first server that will do, or says why none does.
pub(super) async fn connect(address: &Address, limit: Duration) -> Result<PgConnection, String> {
    let Address { servers, session, unused } = address;
    let mut reasons = Vec::new();
    for wanted in session.rounds() {
        reasons.clear();
        for server in servers {
            match try_one(server, *wanted, limit).await {
                Ok(connection) => return Ok(connection),
                Err(Refusal { reason, is_final, wants_password }) => {
                    let without = unused.as_ref().filter(|_| wants_password);
                    let without = without.map(|Unused { why, .. }| format!("; the password file is not used: {why}"));
                    reasons.push(reason + &without.unwrap_or_default());
                    if is_final {
                        return Err(told(&reasons, servers.len()));
                    }
                }
            }
        }
    }
    Err(told(&reasons, servers.len()))
}

/// Why a server is not taken.
struct Refusal {
    reason: String,
    /// Whether those after it are not tried: a server that answers and lets nobody in is the one that was meant.
    is_final: bool,
    /// Whether it wants a password that it was not given.
    wants_password: bool,
}

async fn try_one(server: &PgConnectOptions, wanted: Session, limit: Duration) -> Result<PgConnection, Refusal> {
    let passing = |reason: String| Refusal { reason, is_final: false, wants_password: false };
    let mut connection = match timeout(limit, server.connect()).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => {
            let wants_password =
                error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("28P01"));
            return Err(Refusal { reason: reason(&error), is_final: is_final(&error), wants_password });
        }
        Err(_) => return Err(passing(format!("no connection within {} seconds", limit.as_secs()))),
    };
    if wanted == Session::Any {
        return Ok(connection);
    }
    let asked = read(&mut connection, include_str!("session.sql"), limit, MOST_ROLE_BYTES);
    let refused = match timeout(limit + GRACE, asked).await {
        Ok(Ok(Answer { text, .. })) => match std::str::from_utf8(&text).ok().and_then(Role::parse) {
            Some(role) => wanted.refuses(role),
            None => Some("the server does not tell what it is".to_owned()),
        },
        Ok(Err(error)) => Some(reason(&error)),
        Err(_) => Some(format!("stopped after {} seconds", limit.as_secs())),
    };
    match refused {
        None => Ok(connection),
        Some(reason) => {
            // One that is gone needs no farewell.
            let _ = timeout(GRACE, connection.close()).await;
            Err(passing(reason))
        }
    }
}

/// Whether those after a server are not tried, as `libpq` has it.
fn is_final(error: &Error) -> bool {
    match error {
        Error::Io(_) => false,
        Error::Database(refused) => refused.code().as_deref() != Some("57P03"),
        _ => true,
    }
}

/// Why none of the servers is asked: by their places, because a reason names no host.
fn told(reasons: &[String], servers: usize) -> String {
    if let ([reason], 1) = (reasons, servers) {
        return reason.clone();
    }
    let each = reasons.iter().enumerate().map(|(place, reason)| format!("{}: {reason}", place + 1));
    let rest = if reasons.len() < servers { "; those after it are not tried" } else { "" };
    format!("none of {servers} servers is asked ({}{rest})", each.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::thread;

    use tokio::net::TcpSocket;
    use tokio::runtime::Builder;

    use super::super::address::address;
    use super::super::server::Server;
    use super::*;
    use crate::profile::Query;

    /// A server that answers to whoever knocks with these bytes.
    fn answering(bytes: &'static [u8]) -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), bytes);
            }
        });
        port
    }

    fn answer(mut stream: TcpStream, bytes: &[u8]) {
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
        stream.read_exact(&mut vec![0; length - 4]).unwrap();
        stream.write_all(bytes).unwrap();
        // Whoever hangs up has read it.
        let _ = stream.read(&mut [0]);
    }

    /// A port on which nobody listens, and nobody else can begin to while it is held.
    fn silent() -> (TcpSocket, u16) {
        let held = TcpSocket::new_v4().unwrap();
        held.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let port = held.local_addr().unwrap().port();
        (held, port)
    }

    /// Why nobody can connect to these ports.
    fn refused(ports: &[u16]) -> String {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(connect(&at(ports, None), Duration::from_secs(30))).unwrap_err()
    }

    fn at(ports: &[u16], passwords: Option<&Path>) -> Address {
        let hosts = vec!["127.0.0.1"; ports.len()].join(",");
        let ports = ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let variable = |name: &str| match name {
            "PGHOST" => Some(hosts.clone().into()),
            "PGPORT" => Some(ports.clone().into()),
            "PGUSER" => Some("anna".into()),
            "PGSSLMODE" => Some("disable".into()),
            "PGPASSFILE" => passwords.map(|file| file.as_os_str().to_owned()),
            _ => None,
        };
        address(&variable).unwrap()
    }

    /// What asks for GSSAPI, and errors that have no words: the server is about to start, and it does not take the password.
    const GSSAPI: &[u8] = b"R\0\0\0\x08\0\0\0\x07";
    const STARTING: &[u8] = b"E\0\0\0\x15SFATAL\0C57P03\0M\0\0";
    const PASSWORD: &[u8] = b"E\0\0\0\x15SFATAL\0C28P01\0M\0\0";

    #[test]
    fn a_server_that_asks_for_kerberos_is_told_as_such() {
        let told = refused(&[answering(GSSAPI)]);
        assert!(told.contains("Kerberos (GSSAPI)") && told.contains("another method"), "{told}");
    }

    #[test]
    fn several_servers_are_tried_in_their_order_until_one_answers_for_good() {
        let [(_first, first), (_second, second)] = [silent(), silent()];
        let told = refused(&[first, answering(STARTING), answering(GSSAPI), second]);
        let (begin, rest) = told.split_once("; 2: ").unwrap();
        assert!(begin.starts_with("none of 4 servers is asked (1: the server cannot be reached"), "{told}");
        assert!(
            rest.starts_with("the server is starting, or is about to stop; 3: the server asks for Kerberos"),
            "{told}"
        );
        assert!(rest.ends_with("; those after it are not tried)"), "{told}");
        let told = refused(&[first, second]);
        assert!(told.contains("2: the server cannot be reached") && !told.contains("not tried"), "{told}");
    }

    #[test]
    fn a_password_file_that_is_not_used_is_told_where_a_password_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passwords");
        fs::write(&file, "*:*:*:*:secret\n").unwrap();
        let (_held, nobody) = silent();
        let reasons = |mode| {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let address = at(&[nobody, answering(PASSWORD)], Some(&file));
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            (place(&address), runtime.block_on(connect(&address, Duration::from_secs(30))).unwrap_err())
        };
        let (shown, told) = reasons(0o644);
        let cure = "others may read it; allow its owner alone: chmod 0600";
        assert!(shown.contains(&format!("the file {} is not used ({cure})", file.display())), "{shown}");
        assert!(told.ends_with(&format!("or none was given; the password file is not used: {cure})")), "{told}");
        assert_eq!(told.matches(cure).count(), 1, "whoever is not there wants none: {told}");
        assert!(!told.contains(folder.path().to_str().unwrap()), "a reason names no folder: {told}");
        let (shown, told) = reasons(0o600);
        assert!(!shown.contains("not used") && !told.contains("not used") && told.contains("2: the server"), "{told}");
    }

    #[test]
    fn what_was_shown_is_connected_to_whatever_the_files_say_by_then() {
        let folder = tempfile::tempdir().unwrap();
        let services = folder.path().join("services");
        let say = |port: u16| {
            let service = format!("[main]\nhost=127.0.0.1\nport={port}\nuser=anna\npassword=x\nsslmode=disable\n");
            fs::write(&services, service).unwrap();
        };
        let variable = |name: &str| match name {
            "PGSERVICE" => Some("main".into()),
            "PGSERVICEFILE" => Some(services.clone().into_os_string()),
            _ => None,
        };
        let port = answering(STARTING);
        say(port);
        let mut server = Server::of(&variable);
        let (_held, nobody) = silent();
        say(nobody);
        assert!(server.place().contains(&format!("port {port},")), "{}", server.place());
        let told = server.ask(Query::Version, Duration::from_secs(30), 1).unwrap_err();
        assert!(told.starts_with("the server is starting"), "{told}");
    }
}
