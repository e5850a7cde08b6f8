//! The partner service's tables: the only place with SQL.

pub mod analyses;
pub mod collections;
pub mod customers;
pub mod history;
pub mod notes;
pub mod profiles;
pub mod pseudonyms;
pub mod retention;
pub mod successions;
pub mod tickets;

use vouch_storage::{Migrations, Step};

const SQLITE: &[Step] = &[
    (1000, "partner", include_str!("../../migrations/sqlite/1000_partner.sql")),
    (1001, "tickets", include_str!("../../migrations/sqlite/1001_tickets.sql")),
    (1002, "charges", include_str!("../../migrations/sqlite/1002_charges.sql")),
    (1003, "profiles", include_str!("../../migrations/sqlite/1003_profiles.sql")),
    (1004, "collection_tickets", include_str!("../../migrations/sqlite/1004_collection_tickets.sql")),
    (1005, "retention", include_str!("../../migrations/sqlite/1005_retention.sql")),
    (1006, "step_marks", include_str!("../../migrations/sqlite/1006_step_marks.sql")),
];
const POSTGRES: &[Step] = &[
    (1000, "partner", include_str!("../../migrations/postgres/1000_partner.sql")),
    (1001, "tickets", include_str!("../../migrations/postgres/1001_tickets.sql")),
    (1002, "charges", include_str!("../../migrations/postgres/1002_charges.sql")),
    (1003, "profiles", include_str!("../../migrations/postgres/1003_profiles.sql")),
    (1004, "collection_tickets", include_str!("../../migrations/postgres/1004_collection_tickets.sql")),
    (1005, "retention", include_str!("../../migrations/postgres/1005_retention.sql")),
    (1006, "step_marks", include_str!("../../migrations/postgres/1006_step_marks.sql")),
];

/// The service's migrations, for both engines.
pub static MIGRATIONS: Migrations = Migrations::new(SQLITE, POSTGRES);
