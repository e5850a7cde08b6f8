//! The licence service's tables: the only place with SQL.
//!
//! Functions are named noun first. Those that write take a connection inside a transaction of the caller's; those that
//! read take any connection.

pub mod agreements;
pub mod business_calendar;
pub mod catalog;
pub mod changes;
pub mod departures;
pub mod facts;
pub mod gone_licenses;
pub mod grants;
pub mod history;
pub mod incidents;
pub mod liaison_notices;
pub mod licenses;
pub mod notices;
pub mod online_accounts;
pub mod orders;
pub mod packed;
pub mod partners;
pub mod proofs;
pub mod resale;
pub mod rights;
pub mod sdk_users;
pub mod seat_grants;
mod translate;

use vouch_storage::{Migrations, Step};

const SQLITE: &[Step] = &[
    (1000, "license", include_str!("../../migrations/sqlite/1000_license.sql")),
    (1001, "support_contact_notices", include_str!("../../migrations/sqlite/1001_support_contact_notices.sql")),
    (1002, "facts", include_str!("../../migrations/sqlite/1002_facts.sql")),
    (1003, "license_life", include_str!("../../migrations/sqlite/1003_license_life.sql")),
    (1004, "incidents", include_str!("../../migrations/sqlite/1004_incidents.sql")),
    (1005, "named_people", include_str!("../../migrations/sqlite/1005_named_people.sql")),
    (1006, "resale", include_str!("../../migrations/sqlite/1006_resale.sql")),
    (1007, "notices_releases", include_str!("../../migrations/sqlite/1007_notices_releases.sql")),
    (1008, "gone_licenses_and_names", include_str!("../../migrations/sqlite/1008_gone_licenses_and_names.sql")),
    (1009, "resellers_and_charges", include_str!("../../migrations/sqlite/1009_resellers_and_charges.sql")),
    (1010, "licenses_refer", include_str!("../../migrations/sqlite/1010_licenses_refer.sql")),
    (1011, "licenses_refer_still", include_str!("../../migrations/sqlite/1011_licenses_refer_still.sql")),
];
const POSTGRES: &[Step] = &[
    (1000, "license", include_str!("../../migrations/postgres/1000_license.sql")),
    (1001, "support_contact_notices", include_str!("../../migrations/postgres/1001_support_contact_notices.sql")),
    (1002, "facts", include_str!("../../migrations/postgres/1002_facts.sql")),
    (1003, "license_life", include_str!("../../migrations/postgres/1003_license_life.sql")),
    (1004, "incidents", include_str!("../../migrations/postgres/1004_incidents.sql")),
    (1005, "named_people", include_str!("../../migrations/postgres/1005_named_people.sql")),
    (1006, "resale", include_str!("../../migrations/postgres/1006_resale.sql")),
    (1007, "notices_releases", include_str!("../../migrations/postgres/1007_notices_releases.sql")),
    (1008, "gone_licenses_and_names", include_str!("../../migrations/postgres/1008_gone_licenses_and_names.sql")),
    (1009, "resellers_and_charges", include_str!("../../migrations/postgres/1009_resellers_and_charges.sql")),
    (1010, "licenses_refer", include_str!("../../migrations/postgres/1010_licenses_refer.sql")),
    (1011, "licenses_refer_still", include_str!("../../migrations/postgres/1011_licenses_refer_still.sql")),
];

/// The service's migrations, for both engines.
pub static MIGRATIONS: Migrations = Migrations::new(SQLITE, POSTGRES);

/// The words of a list, as one column keeps them.
fn join<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

/// Reads a list of words back.
fn split<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    text.split_whitespace().map(|word| parse(word).ok_or_else(|| "a word is unknown".to_owned())).collect()
}
