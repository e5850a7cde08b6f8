//! Every RPC that is served is called by a test that expects success and by one that expects a refusal.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

/// The RPC services that are served today: all that the contract has. A service enters with its handlers.
const SERVED: &[&str] = &[
    "vouch.license.v1.AgreementService",
    "vouch.license.v1.BusinessCalendarService",
    "vouch.license.v1.CatalogService",
    "vouch.license.v1.DirectoryService",
    "vouch.license.v1.EntitlementService",
    "vouch.license.v1.IncidentService",
    "vouch.license.v1.LiaisonNoticeService",
    "vouch.license.v1.LicenseService",
    "vouch.license.v1.NamedPersonService",
    "vouch.license.v1.PartnerRegistryService",
    "vouch.partner.v1.DiagnosticsService",
    "vouch.partner.v1.EndUserService",
    "vouch.partner.v1.KeySetService",
    "vouch.partner.v1.TicketService",
    "vouch.partner.v1.VendorDirectoryService",
    "vouch.vendor.v1.AdmissionPolicyService",
    "vouch.vendor.v1.BundleDeskService",
    "vouch.vendor.v1.BundleService",
    "vouch.vendor.v1.CalendarService",
    "vouch.vendor.v1.CaseDeskService",
    "vouch.vendor.v1.EscalationService",
    "vouch.vendor.v1.KeySetService",
    "vouch.vendor.v1.KnowledgeService",
    "vouch.vendor.v1.ProfileService",
];

/// What a statement says that expects a refusal.
const REFUSALS: &[&str] = &["refused(", "fields(", "unwrap_err()", "is_err()"];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `CreateLicense` as a client's method is named.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[test]
fn every_served_rpc_has_a_success_and_a_refusal_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let tests_of = |package: &str| {
        let mut files = Vec::new();
        rust_files(&root.join("services").join(package).join("tests"), &mut files);
        rust_files(&root.join("tests/federation/tests"), &mut files);
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect::<String>()
    };
    let mut missing = Vec::new();
    for service in vouch_contract::services().filter(|service| SERVED.contains(&service.full_name())) {
        let text = tests_of(service.package_name().split('.').nth(1).unwrap());
        for method in service.methods() {
            let call = format!(".{}(", snake(method.name()));
            let calls: Vec<&str> = text.split(';').filter(|statement| statement.contains(&call)).collect();
            let refusing =
                calls.iter().filter(|statement| REFUSALS.iter().any(|word| statement.contains(word))).count();
            // Whoever has no argument and is open to anybody cannot be refused but for what every RPC refuses.
            let cannot_refuse = method.name() == "GetKeySet";
            if calls.len() == refusing || (refusing == 0 && !cannot_refuse) {
                missing.push(format!("{}: {} calls, {refusing} refusals", method.full_name(), calls.len()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
