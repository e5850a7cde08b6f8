//! Where the server is, and as whom it is asked: what the environment says, and the service that it names. One or several are named, as
//! `libpq` understands it, and tried in their order.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::passwords::{Passwords, Unused};
use super::service::{self, Variable};
use super::session::Session;

/// What is taken of a service and of the environment, as `libpq` calls it in each. How long something may take is not: this program has
/// limits of its own.
const NAMES: [(&str, &str); 14] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("gssencmode", "PGGSSENCMODE"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("application_name", "PGAPPNAME"),
];
/// What demands more of a connection than this program can see to: nobody is connected without a protection that was asked for.
const DEMANDS: [(&str, &str); 6] = [
    ("channel_binding", "PGCHANNELBINDING"),
    ("require_auth", "PGREQUIREAUTH"),
    ("requirepeer", "PGREQUIREPEER"),
    ("sslcrl", "PGSSLCRL"),
    ("sslcrldir", "PGSSLCRLDIR"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
];
/// What these say when they demand nothing.
const UNDEMANDING: [&str; 4] = ["disable", "prefer", "TLSv1", "TLSv1.2"];
/// The database that every server has.
const DATABASE: &str = "postgres";
/// The port of a server that has no other.
const PORT: u16 = 5432;
/// Where a server has its socket that nobody names: a folder of its owner. In `/tmp`, where others have it, anybody may put one.
const SOCKETS: &str = "/var/run/postgresql";
/// Where else one is known as this host's, where it is named.
const NAMED_SOCKETS: &str = "/tmp";

/// How to connect.
#[derive(Clone)]
pub(super) struct Address {
    /// The servers, in the order in which they are tried.
    pub(super) servers: Vec<PgConnectOptions>,
    /// Which of them will do.
    pub(super) session: Session,
    /// The password file, where one is needed and not used.
    pub(super) unused: Option<Unused>,
}

/// Passwords are in no log.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("servers", &self.servers.len())
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// One of the servers that are named.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    host: String,
    address: String,
    port: u16,
}

/// How to connect, read once: what the one who runs this was shown is what is connected to. Nothing is connected yet; the password file is
/// read.
pub(super) fn address(variable: Variable<'_>) -> Result<Address, String> {
    let said = said(variable)?;
    let get = |name: &str| said.get(name).map(String::as_str).unwrap_or_default();
    if get("gssencmode") == "require" {
        return Err("a connection that Kerberos encrypts is demanded, and this program does not speak it".to_owned());
    }
    let demanded = |(name, _): &&(&str, &str)| !get(name).is_empty() && !UNDEMANDING.contains(&get(name));
    if let Some((name, _)) = DEMANDS.iter().find(demanded) {
        return Err(format!("{name} is demanded, and this program cannot see to it"));
    }
    let session = Session::parse(get("target_session_attrs"))?;
    let places = places(get("host"), get("hostaddr"), get("port"))?;
    let home = variable("HOME").map(|home| Path::new(&home).join(".pgpass"));
    // Whoever says a password needs no file of them.
    let file = said.get("passfile").map(PathBuf::from).or(home).filter(|_| !said.contains_key("password"));
    let (passwords, mut unused) = match file.as_deref().map(Passwords::read) {
        Some(Err(unused)) => (Passwords::default(), Some(unused)),
        Some(Ok(passwords)) => (passwords, None),
        None => (Passwords::default(), None),
    };
    let mut servers = Vec::with_capacity(places.len());
    for place in &places {
        let options = server(place, &said)?;
        let found = passwords.find(known_by(place, &options, &place.port.to_string())).unwrap_or_else(|why| {
            unused = file.clone().map(|file| Unused { file, why });
            None
        });
        servers.push(match found.as_deref().or(said.get("password").map(String::as_str)) {
            Some(password) => options.password(password),
            None => options,
        });
    }
    Ok(Address { servers, session, unused })
}

/// What a server is known by in password files.
fn known_by<'a>(place: &'a Place, options: &'a PgConnectOptions, port: &'a str) -> [&'a str; 4] {
    let named = if place.host.is_empty() { &place.address } else { &place.host };
    [known_as(named), port, options.get_database().unwrap_or_default(), options.get_username()]
}

/// What is said of the connection: a service says more than the environment, and what is empty says nothing.
fn said(variable: Variable<'_>) -> Result<BTreeMap<&'static str, String>, String> {
    let named = variable("PGSERVICE").filter(|name| !name.is_empty());
    let service = match named {
        Some(name) => service::find(&name.to_string_lossy(), variable)?,
        None => BTreeMap::new(),
    };
    let value = |(name, of_environment): (&'static str, &str)| {
        let environment = || variable(of_environment).map(|value| value.to_string_lossy().into_owned());
        let value = service.get(name).cloned().or_else(environment);
        value.filter(|value| !value.is_empty()).map(|value| (name, value))
    };
    Ok(NAMES.into_iter().chain(DEMANDS).filter_map(value).collect())
}

/// The servers that are named, by lists with commas: as many hosts as addresses, and as many ports as servers, or one for all.
fn places(hosts: &str, addresses: &str, ports: &str) -> Result<Vec<Place>, String> {
    let [hosts, addresses, ports] = [hosts, addresses, ports].map(|list| match list {
        "" => Vec::new(),
        list => list.split(',').map(str::trim).collect(),
    });
    if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
        return Err(format!("{} hosts are named with {} addresses", hosts.len(), addresses.len()));
    }
    let count = hosts.len().max(addresses.len()).max(1);
    if ports.len() > 1 && ports.len() != count {
        return Err(format!("{count} servers are named with {} ports", ports.len()));
    }
    let place = |at: usize| {
        let [host, address] = [&hosts, &addresses].map(|list| list.get(at).copied().unwrap_or_default().to_owned());
        if !address.is_empty() && address.parse::<IpAddr>().is_err() {
            return Err("an address of a server is none".to_owned());
        }
        let port = match ports.get(if ports.len() == 1 { 0 } else { at }).copied().unwrap_or_default() {
            "" => PORT,
            port => port.parse().ok().filter(|port| *port > 0).ok_or("a port of a server is none")?,
        };
        Ok(Place { host, address, port })
    };
    (0..count).map(place).collect()
}

/// How to connect to one of the servers, but for its password.
fn server(place: &Place, said: &BTreeMap<&'static str, String>) -> Result<PgConnectOptions, String> {
    let get = |name: &str| said.get(name).map(String::as_str);
    let Place { host, address, port } = place;
    let mode = get("sslmode").unwrap_or("prefer");
    // A name is only resolved where there is no address, or where the certificate has to have it.
    let target = match (host.as_str(), address.as_str()) {
        ("", "") => local(*port),
        ("", address) => address.to_owned(),
        (host, "") => host.to_owned(),
        (host, _) if mode == "verify-full" => host.to_owned(),
        (_, address) => address.to_owned(),
    };
    let mode: PgSslMode = mode.parse().map_err(|_| "the sslmode that is named is none".to_owned())?;
    let options = PgConnectOptions::new_without_pgpass();
    let options = if target.starts_with('/') { options.socket(&target) } else { options.host(&target) };
    let mut options = options.port(*port).database(get("dbname").unwrap_or(DATABASE)).ssl_mode(mode);
    if let Some(user) = get("user") {
        options = options.username(user);
    }
    for (name, set) in [
        ("sslrootcert", PgConnectOptions::ssl_root_cert as fn(_, PathBuf) -> _),
        ("sslcert", PgConnectOptions::ssl_client_cert),
        ("sslkey", PgConnectOptions::ssl_client_key),
    ] {
        if let Some(file) = get(name) {
            options = set(options, PathBuf::from(file));
        }
    }
    let name = get("application_name").unwrap_or("vouch");
    // A pooler takes no settings that it does not know, and what is asked here is in no log of this program.
    Ok(options.application_name(name).extra_float_digits(None).disable_statement_logging())
}

/// Where a server is: the folder of its socket, or its host.
pub(super) fn host(server: &PgConnectOptions) -> String {
    server.get_socket().map_or_else(|| server.get_host().to_owned(), |folder| folder.display().to_string())
}

/// The server of this host: at its socket, where it has one.
fn local(port: u16) -> String {
    let socket = format!(".s.PGSQL.{port}");
    if Path::new(SOCKETS).join(&socket).exists() { SOCKETS } else { "localhost" }.to_owned()
}

/// The name of a server in password files: the one of this host has it, too, when it is asked at its usual socket.
fn known_as(host: &str) -> &str {
    if host.is_empty() || [SOCKETS, NAMED_SOCKETS].contains(&host.trim_end_matches('/')) { "localhost" } else { host }
}

#[cfg(test)]
mod tests {
    //! Proves B03.

    use std::ffi::OsString;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Address, String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        address(&variable)
    }

    fn places_of(variables: &[(&str, &str)]) -> Vec<(String, u16)> {
        let servers = of(variables).unwrap().servers;
        servers.iter().map(|server| (host(server), server.get_port())).collect()
    }

    #[test]
    fn servers_are_named_by_lists_as_libpq_reads_them() {
        for (hosts, addresses, ports, expected) in [
            ("a", "", "", vec![("a", PORT)]),
            ("a,b", "", "", vec![("a", PORT), ("b", PORT)]),
            ("a,b", "", "6000", vec![("a", 6000), ("b", 6000)]),
            ("a, b", "", "6000, 6001", vec![("a", 6000), ("b", 6001)]),
            ("a,b", "", ",6001", vec![("a", PORT), ("b", 6001)]),
            ("/run/pg,b", "", "", vec![("/run/pg", PORT), ("b", PORT)]),
            ("", "10.0.0.1,::1", "", vec![("10.0.0.1", PORT), ("::1", PORT)]),
            ("a,b", "10.0.0.1,", "", vec![("10.0.0.1", PORT), ("b", PORT)]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(host, port)| (host.to_owned(), port)).collect();
            let told = places_of(&[("PGHOST", hosts), ("PGHOSTADDR", addresses), ("PGPORT", ports)]);
            assert_eq!(told, expected, "{hosts} {addresses} {ports}");
        }
        let verified = [("PGHOST", "a"), ("PGHOSTADDR", "10.0.0.1"), ("PGSSLMODE", "verify-full")];
        assert_eq!(places_of(&verified), [("a".to_owned(), PORT)], "the certificate has to have the name");
    }

    #[test]
    fn what_is_no_address_is_told_before_anything_is_asked() {
        for (variables, why) in [
            (vec![("PGHOST", "a,b,c"), ("PGPORT", "1,2")], "3 servers are named with 2 ports"),
            (vec![("PGHOST", "a,b"), ("PGHOSTADDR", "10.0.0.1")], "2 hosts are named with 1 addresses"),
            (vec![("PGHOST", "a"), ("PGPORT", "65536")], "a port of a server is none"),
            (vec![("PGHOST", "a"), ("PGPORT", "0")], "a port of a server is none"),
            (vec![("PGHOSTADDR", "a")], "an address of a server is none"),
            (vec![("PGSSLMODE", "perhaps")], "the sslmode that is named is none"),
            (vec![("PGTARGETSESSIONATTRS", "writable")], "target_session_attrs"),
            (vec![("PGGSSENCMODE", "require")], "Kerberos"),
            (vec![("PGCHANNELBINDING", "require")], "channel_binding is demanded"),
            (vec![("PGREQUIREPEER", "postgres")], "requirepeer is demanded"),
            (vec![("PGSERVICE", "none")], "PGSERVICE"),
        ] {
            let told = of(&variables).unwrap_err();
            assert!(told.contains(why), "{variables:?}: {told}");
        }
    }

    #[test]
    fn a_service_says_more_than_the_environment_and_each_of_its_servers_has_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let [services, passwords] = ["services", "passwords"].map(|name| folder.path().join(name));
        let service = format!(
            "[main]\nhost=a,/run/pg\nport=6543,6544\nuser=anna\npassfile={}\ntarget_session_attrs=read-write\n",
            passwords.display()
        );
        std::fs::write(&services, service).unwrap();
        std::fs::write(&passwords, "a:6543:*:anna:first\n*:*:postgres:anna:second\n").unwrap();
        let variables = [
            ("PGSERVICE", "main"),
            ("PGSERVICEFILE", services.to_str().unwrap()),
            ("PGHOST", "elsewhere"),
            ("PGAPPNAME", "ours"),
            ("PGPASSFILE", "/nowhere"),
        ];
        let told = |mode: u32| {
            std::fs::set_permissions(&passwords, std::fs::Permissions::from_mode(mode)).unwrap();
            let Address { servers, session, unused } = of(&variables).unwrap();
            assert_eq!(unused.map(|unused| unused.file), (mode != 0o600).then(|| passwords.clone()));
            assert_eq!((servers.len(), session), (2, Session::ReadWrite));
            assert!(servers.iter().all(|server| server.get_application_name() == Some("ours")), "{servers:?}");
            // What a connection would use is told by its address only.
            servers.iter().map(|server| server.to_url_lossy().to_string()).collect::<Vec<_>>()
        };
        let private = told(0o600);
        assert!(private[0].starts_with("postgres://anna:first@a:6543/postgres?"), "{private:?}");
        assert!(private[1].starts_with("postgres://anna:second@%2Frun%2Fpg:6544/postgres?"), "{private:?}");
        let open = told(0o640);
        assert!(open[0].starts_with("postgres://anna@a:6543/"), "a file that others read is not read: {open:?}");
        let given = [variables.as_slice(), &[("PGPASSWORD", "third")]].concat();
        assert_eq!(of(&given).unwrap().unused, None, "nobody needs it");
    }

    #[test]
    fn the_server_of_this_host_has_the_name_that_password_files_give_it() {
        for (host, name) in
            [("", "localhost"), ("/tmp", "localhost"), ("/var/run/postgresql/", "localhost"), ("/run/pg", "/run/pg")]
        {
            assert_eq!(known_as(host), name);
        }
    }
}
