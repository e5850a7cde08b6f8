//! The vendor service's tables: the only place with SQL.

pub mod articles;
pub mod bundle_reads;
pub mod bundles;
pub mod cases;
pub mod escalations;
pub mod history;
pub mod policies;
pub mod profiles;
pub mod retention;
pub mod revocations;

use vouch_storage::{Migrations, Step};

const SQLITE: &[Step] = &[
    (1000, "vendor", include_str!("../../migrations/sqlite/1000_vendor.sql")),
    (1001, "bundles", include_str!("../../migrations/sqlite/1001_bundles.sql")),
    (1002, "cases", include_str!("../../migrations/sqlite/1002_cases.sql")),
    (1003, "revocations", include_str!("../../migrations/sqlite/1003_revocations.sql")),
    (1004, "liaisons", include_str!("../../migrations/sqlite/1004_liaisons.sql")),
    (1005, "bundle_reads", include_str!("../../migrations/sqlite/1005_bundle_reads.sql")),
    (1006, "profiles", include_str!("../../migrations/sqlite/1006_profiles.sql")),
    (1007, "retention", include_str!("../../migrations/sqlite/1007_retention.sql")),
    (1009, "liaison_rights", include_str!("../../migrations/sqlite/1009_liaison_rights.sql")),
];
const POSTGRES: &[Step] = &[
    (1000, "vendor", include_str!("../../migrations/postgres/1000_vendor.sql")),
    (1001, "bundles", include_str!("../../migrations/postgres/1001_bundles.sql")),
    (1002, "cases", include_str!("../../migrations/postgres/1002_cases.sql")),
    (1003, "revocations", include_str!("../../migrations/postgres/1003_revocations.sql")),
    (1004, "liaisons", include_str!("../../migrations/postgres/1004_liaisons.sql")),
    (1005, "bundle_reads", include_str!("../../migrations/postgres/1005_bundle_reads.sql")),
    (1006, "profiles", include_str!("../../migrations/postgres/1006_profiles.sql")),
    (1007, "retention", include_str!("../../migrations/postgres/1007_retention.sql")),
    (1009, "liaison_rights", include_str!("../../migrations/postgres/1009_liaison_rights.sql")),
];

/// The service's migrations, for both engines.
pub static MIGRATIONS: Migrations = Migrations::new(SQLITE, POSTGRES);
