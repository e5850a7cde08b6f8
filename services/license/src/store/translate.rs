//! Which uniqueness rule was violated, in the domain's words. PostgreSQL names the constraint, SQLite the columns; a test
//! provokes each on both.

use vouch_core::Error;
use vouch_storage::{StoreError, WriteError};

/// A uniqueness rule: its name on PostgreSQL, its columns as SQLite lists them, and what exists already.
struct Rule {
    postgres: &'static str,
    sqlite: &'static str,
    what: &'static str,
}

const RULES: &[Rule] = &[
    Rule { postgres: "tiers_pkey", sqlite: "tiers.tier_id", what: "tier" },
    Rule { postgres: "products_pkey", sqlite: "products.product_id", what: "product" },
    Rule { postgres: "releases_pkey", sqlite: "releases.product_id, releases.version", what: "release" },
    Rule { postgres: "partners_pkey", sqlite: "partners.partner_id", what: "partner" },
    Rule {
        postgres: "partner_trust_domains_pkey",
        sqlite: "partner_trust_domains.trust_domain",
        what: "another partner with the trust domain of",
    },
    Rule {
        postgres: "partner_spiffe_ids_pkey",
        sqlite: "partner_spiffe_ids.spiffe_id",
        what: "another partner with the SPIFFE id of",
    },
    Rule {
        postgres: "liaisons_holder_email",
        sqlite: "liaisons.holder_id, liaisons.email",
        what: "a named contact with the address of",
    },
    Rule {
        postgres: "sdk_users_license_email",
        sqlite: "sdk_users.license_id, sdk_users.email",
        what: "a named user with the address of",
    },
    Rule {
        postgres: "online_accounts_agreement_email",
        sqlite: "online_accounts.agreement_id, online_accounts.email",
        what: "an online account with the address of",
    },
];

/// Turns the violation of a known rule into `AlreadyExists`; everything else stays the store's.
pub(super) fn exists(error: sqlx::Error, id: &dyn std::fmt::Display) -> WriteError {
    let error = StoreError::from(error);
    match RULES.iter().find(|rule| error.violates(rule.postgres, rule.sqlite)) {
        Some(rule) => WriteError::Refused(Error::already_exists(rule.what, id)),
        None => WriteError::Store(error),
    }
}
