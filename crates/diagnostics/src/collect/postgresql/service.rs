//! Service files: what a connection is to be, under a name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A variable of the environment.
pub(super) type Variable<'v> = &'v dyn Fn(&str) -> Option<OsString>;

/// Where the service file of the whole host is, by the folder that `libpq` was built with.
const FOLDERS: [&str; 4] = ["/etc", "/etc/postgresql-common", "/etc/sysconfig/pgsql", "/usr/local/etc"];

/// A service by its name: the first file that has it counts.
pub(super) fn find(name: &str, variable: Variable<'_>) -> Result<BTreeMap<String, String>, String> {
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
fn service(text: &str, name: &str) -> Option<BTreeMap<String, String>> {
    let title = format!("[{name}]");
    let mut lines = text.lines().map(str::trim).skip_while(|line| *line != title);
    lines.next()?;
    let values = lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with('#'));
    let pairs = values.filter_map(|line| line.split_once('='));
    Some(pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "# ours\n[other]\nhost=x\n\n[main]\nhost = /run/pg\nport=6543\n# no\nuser=anna\npassword=a&b=c d\n[last]\n";

    #[test]
    fn a_service_is_read_as_libpq_reads_it() {
        let pairs = [("host", "/run/pg"), ("port", "6543"), ("user", "anna"), ("password", "a&b=c d")];
        let expected = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert_eq!(service(FILE, "main"), Some(expected));
        assert_eq!(service(FILE, "none"), None);
        assert_eq!(service(FILE, "last"), Some(BTreeMap::new()));
    }
}
