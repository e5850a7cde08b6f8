//! Reading the file and the environment, section by section, so that one mistake does not hide the next.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `store.address`, or the file's name.
    pub place: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes a problem.
    pub fn add(&mut self, place: impl Into<String>, message: impl fmt::Display) {
        self.0.push(Problem { place: place.into(), message: message.to_string() });
    }

    /// Takes a value, or notes why there is none.
    pub fn take<T>(&mut self, place: &str, value: Result<T, impl fmt::Display>) -> Option<T> {
        value.map_err(|message| self.add(place, message)).ok()
    }

    /// True while nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|problem| problem.place.len()).max().unwrap_or(0);
        for problem in &self.0 {
            writeln!(f, "  {:width$}  {}", problem.place, problem.message)?;
        }
        Ok(())
    }
}

/// A configuration that was read and not yet understood.
#[derive(Debug)]
pub struct Loaded {
    table: Table,
    /// The folder of the file: relative paths in it start there.
    pub folder: PathBuf,
    /// What is wrong so far.
    pub problems: Problems,
}

/// Reads the file, if one is given, and lays the environment over it.
pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Loaded {
    let mut problems = Problems::default();
    let mut table = Table::new();
    if let Some(path) = file {
        let place = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => match text.parse::<Table>() {
                Ok(read) => table = read,
                Err(error) => problems.add(place, error.message()),
            },
            Err(error) => problems.add(place, format!("cannot be read: {error}")),
        }
    }
    let mut overrides: Vec<_> = environment
        .into_iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("VOUCH_")?.to_lowercase(), value)))
        .filter(|(name, _)| name.contains("__"))
        .collect();
    overrides.sort();
    for (name, value) in overrides {
        lay_over(&mut table, &name, value, &mut problems);
    }
    let folder = file.and_then(Path::parent).map_or_else(PathBuf::new, Path::to_path_buf);
    Loaded { table, folder, problems }
}

impl Loaded {
    /// Takes a section; its defaults when it is not there.
    pub fn section<T: DeserializeOwned + Default>(&mut self, name: &str) -> T {
        let value = self.table.remove(name).unwrap_or_else(|| Value::Table(Table::new()));
        self.read(name, value).unwrap_or_default()
    }

    /// Takes a list of tables; empty when it is not there.
    pub fn list<T: DeserializeOwned>(&mut self, name: &str) -> Vec<T> {
        match self.table.remove(name) {
            None => Vec::new(),
            Some(Value::Array(members)) => members
                .into_iter()
                .enumerate()
                .filter_map(|(index, value)| self.read(&format!("{name}[{index}]"), value))
                .collect(),
            Some(_) => {
                self.problems.add(name, format!("must be a list of tables: [[{name}]]"));
                Vec::new()
            }
        }
    }

    /// A path as it is meant: relative ones start at the file's folder.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// What is left is not known: noted, and all problems given back.
    pub fn finish(mut self) -> Problems {
        for name in self.table.keys() {
            self.problems.add(name, "is not a section of this service's configuration");
        }
        self.problems
    }

    fn read<T: DeserializeOwned>(&mut self, place: &str, value: Value) -> Option<T> {
        match T::deserialize(value) {
            Ok(read) => Some(read),
            Err(error) => {
                self.problems.add(place, error.message().trim());
                None
            }
        }
    }
}

fn lay_over(table: &mut Table, name: &str, value: String, problems: &mut Problems) {
    let mut parts: Vec<&str> = name.split("__").collect();
    let Some(last) = parts.pop() else { return };
    let mut inner = table;
    for part in parts {
        let entry = inner.entry(part).or_insert_with(|| Value::Table(Table::new()));
        match entry {
            Value::Table(deeper) => inner = deeper,
            _ => return problems.add(format!("VOUCH_{}", name.to_uppercase()), "does not name a value"),
        }
    }
    // A number or a flag stays one; everything else is text, without the quotes that TOML would want.
    let parsed = format!("value = {value}")
        .parse::<Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .filter(|parsed| !matches!(parsed, Value::Table(_) | Value::Datetime(_)));
    inner.insert(last.to_owned(), parsed.unwrap_or(Value::String(value)));
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Store {
        address: String,
        connections: u32,
    }

    fn with(text: &str, environment: &[(&str, &str)]) -> Loaded {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vouch.toml");
        std::fs::write(&path, text).unwrap();
        load(Some(&path), environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_environment_lies_over_the_file() {
        let mut loaded = with(
            "[store]\naddress = 'sqlite:a.db'\nconnections = 4",
            &[("VOUCH_STORE__ADDRESS", "postgres://h/d"), ("VOUCH_TEST_X", "ignored"), ("HOME", "/root")],
        );
        let store: Store = loaded.section("store");
        assert_eq!(store, Store { address: "postgres://h/d".into(), connections: 4 });
        assert!(loaded.finish().is_empty());
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let mut loaded = with(
            "[store]\naddress = 5\n[log]\nlevel = 'x'\n[stroe]\nx = 1\n[[issuers]]\n",
            &[("VOUCH_LOG__SIZE", "1")],
        );
        let _: Store = loaded.section("store");
        let _: Store = loaded.section("log");
        let _: Vec<Store> = loaded.list("issuers");
        let places: Vec<String> = loaded.finish().iter().map(|problem| problem.place.clone()).collect();
        assert_eq!(places, ["store", "log", "stroe"]);
    }

    #[test]
    fn a_missing_file_is_a_problem_with_its_name() {
        let loaded = load(Some(Path::new("/nowhere/vouch.toml")), []);
        assert!(loaded.finish().to_string().contains("/nowhere/vouch.toml"));
    }
}
