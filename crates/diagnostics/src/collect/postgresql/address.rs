//! Where the server is, and as whom it is asked: what the environment says, and the service that it names.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

/// What is taken of a service, as `libpq` calls it. What stands there besides is about how long something may take, and this program has limits of
/// its own.
const KEYS: [&str; 11] = [
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "application_name",
];
/// The database that every server has.
const DATABASE: &str = "postgres";
/// Where the service file of the whole host is, by the folder that `libpq` was built with.
const FOLDERS: [&str; 4] = ["/etc", "/etc/postgresql-common", "/etc/sysconfig/pgsql", "/usr/local/etc"];

/// A variable of the environment.
type Variable<'v> = &'v dyn Fn(&str) -> Option<OsString>;

/// How to connect. Nothing is connected yet; the password file is read.
pub(super) fn options(variable: Variable<'_>) -> Result<PgConnectOptions, String> {
    let pairs = match variable("PGSERVICE") {
        Some(name) => service_of(&name.to_string_lossy(), variable)?,
        None => Vec::new(),
    };
    let options: PgConnectOptions = address(&pairs, variable("PGDATABASE").is_some())
        .parse()
        .map_err(|_| "the service that is named is none".to_owned())?;
    let name = options.get_application_name().unwrap_or("vouch").to_owned();
    // A pooler takes no settings that it does not know, and what is asked here is in no log of this program.
    Ok(options.application_name(&name).extra_float_digits(None).disable_statement_logging())
}

/// An address with a service's values. What it does not say is said by the environment.
fn address(pairs: &[(String, String)], has_database: bool) -> String {
    let is_given = |name: &str| pairs.iter().any(|(key, _)| key == name);
    let known =
        pairs.iter().filter(|(key, _)| KEYS.contains(&key.as_str()) && (key != "hostaddr" || !is_given("host")));
    let mut parameters: Vec<String> = known.map(|(key, value)| format!("{key}={}", encoded(value))).collect();
    if !has_database && !is_given("dbname") {
        parameters.push(format!("dbname={DATABASE}"));
    }
    format!("postgres:///?{}", parameters.join("&"))
}

fn encoded(value: &str) -> String {
    let written = value.bytes().map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    written.collect()
}

/// A service by its name: the first file that has it counts.
fn service_of(name: &str, variable: Variable<'_>) -> Result<Vec<(String, String)>, String> {
    let own = variable("PGSERVICEFILE").map(PathBuf::from);
    let own = own.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".pg_service.conf")));
    let configured = variable("PGSYSCONFDIR").map(PathBuf::from);
    let folders = configured.into_iter().chain(FOLDERS.map(PathBuf::from));
    let files = own.into_iter().chain(folders.map(|folder| folder.join("pg_service.conf")));
    let mut texts = files.filter_map(|file| std::fs::read_to_string(file).ok());
    texts
        .find_map(|text| service(&text, name))
        .ok_or_else(|| "the service that PGSERVICE names is in no service file".to_owned())
}

/// The values of a service in a file of them.
fn service(text: &str, name: &str) -> Option<Vec<(String, String)>> {
    let title = format!("[{name}]");
    let mut lines = text.lines().map(str::trim).skip_while(|line| *line != title);
    lines.next()?;
    let values = lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with('#'));
    let pairs = values.filter_map(|line| line.split_once('='));
    Some(pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect())
}

#[cfg(test)]
mod tests {
    //! Proves B03.

    use super::*;

    const FILE: &str = "# ours\n[other]\nhost=x\n\n[main]\nhost = /run/pg\nport=6543\n# no\nuser=anna\npassword=a&b=c d\nkeepalives=1\n[last]\n";

    #[test]
    fn b03_a_service_is_read_as_libpq_reads_it() {
        let pairs = service(FILE, "main").unwrap();
        assert_eq!(
            address(&pairs, false),
            "postgres:///?host=%2Frun%2Fpg&port=6543&user=anna&password=a%26b%3Dc%20d&dbname=postgres"
        );
        assert_eq!(service(FILE, "none"), None);
        assert_eq!(service(FILE, "last"), Some(Vec::new()));
        assert_eq!(address(&[], true), "postgres:///?");
    }

    #[test]
    fn b03_a_service_says_more_than_the_environment_and_a_password_is_looked_up_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("services");
        std::fs::write(&file, FILE).unwrap();
        let variable = |name: &str| match name {
            "PGSERVICE" => Some("main".into()),
            "PGSERVICEFILE" => Some(file.clone().into_os_string()),
            _ => None,
        };
        let options = options(&variable).unwrap();
        assert_eq!((options.get_port(), options.get_username()), (6543, "anna"));
        assert_eq!(options.get_socket().map(PathBuf::as_path), Some(Path::new("/run/pg")));
        assert_eq!(options.get_database(), Some("postgres"));
        let missing = |name: &str| (name == "PGSERVICE").then(|| "none".into());
        assert!(super::options(&missing).unwrap_err().contains("PGSERVICE"));
    }
}
