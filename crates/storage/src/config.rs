//! Which database to open.

use std::fmt;
use std::path::PathBuf;

use crate::Engine;

/// Where a service keeps its data.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreConfig {
    /// A file, held by one process.
    Sqlite {
        /// The file. It is made when it is missing; its folder is not.
        path: PathBuf,
        /// How many connections read at a time.
        readers: u32,
    },
    /// A PostgreSQL database, which replicas may share.
    Postgres {
        /// `postgres://user@host/database`; may hold a password and is never shown.
        url: String,
        /// How many connections the pool may open.
        connections: u32,
    },
}

impl StoreConfig {
    /// Reads an address: `sqlite:FOLDER/FILE` or `postgres://…`.
    pub fn parse(address: &str, connections: u32) -> Result<Self, String> {
        if !(1..=500).contains(&connections) {
            return Err("needs 1 to 500 connections".into());
        }
        if let Some(path) = address.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains('?') {
                return Err("must be sqlite:FOLDER/FILE, without parameters".into());
            }
            return Ok(Self::Sqlite { path: path.into(), readers: connections });
        }
        if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            return Ok(Self::Postgres { url: address.to_owned(), connections });
        }
        Err("must begin with sqlite: or postgres://".into())
    }

    /// The engine that it names.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite { .. } => Engine::Sqlite,
            Self::Postgres { .. } => Engine::Postgres,
        }
    }
}

/// Shows the place and hides the password.
impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path, .. } => write!(f, "sqlite:{}", path.display()),
            Self::Postgres { url, .. } => {
                // Parameters first: they may hold a password, and that may hold an @.
                let place = url.split_once('?').map_or(url.as_str(), |(place, _)| place);
                let shown = place.rsplit_once('@').map_or(place, |(_, place)| place);
                write!(f, "postgres://…@{}", shown.trim_start_matches("postgres://"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let config = StoreConfig::parse("postgres://vouch:s3cret@db.example:5432/license?password=s3cret", 8).unwrap();
        assert_eq!(format!("{config:?}"), "postgres://…@db.example:5432/license");
        let config = StoreConfig::parse("postgres://db.example/license?password=p@s3cret", 8).unwrap();
        assert_eq!(format!("{config:?}"), "postgres://…@db.example/license");
    }

    #[test]
    fn an_address_names_its_engine() {
        assert_eq!(StoreConfig::parse("sqlite:data/license.db", 4).unwrap().engine(), Engine::Sqlite);
        for bad in ["", "license.db", "sqlite:", "sqlite:a.db?mode=memory", "mysql://x"] {
            assert!(StoreConfig::parse(bad, 4).is_err(), "{bad:?}");
        }
        assert!(StoreConfig::parse("sqlite:a.db", 0).is_err());
    }
}
