//! A catalogue to try things on: two tiers with their hours of cover, a product with its admission policy and the profiles by which its
//! diagnostics are collected (`profiles`), a partner, a covered end user, an article, a partner's customer.
//!
//! It is entered over the public RPCs, as an administrator would. Every request has a fixed `request_id`, so that a second
//! start enters nothing twice.

mod profiles;

use serde_json::{Value, json};
use tonic::Code;

use crate::call;
use crate::folder::{Folder, OTHER_PARTNER, PARTNER};
use crate::identities::{CONTACT, Role};
use crate::output::Problem;

/// The sample product.
pub(crate) const PRODUCT: &str = "atlas-server";
/// The federal holidays of the United States on which the sample vendor's desk is closed (5 U.S.C. 6103).
const HOLIDAYS: [&str; 22] = [
    "2026-01-01",
    "2026-01-19",
    "2026-02-16",
    "2026-05-25",
    "2026-06-19",
    "2026-07-03",
    "2026-09-07",
    "2026-10-12",
    "2026-11-11",
    "2026-11-26",
    "2026-12-25",
    "2027-01-01",
    "2027-01-18",
    "2027-02-15",
    "2027-05-31",
    "2027-06-18",
    "2027-07-05",
    "2027-09-06",
    "2027-10-11",
    "2027-11-11",
    "2027-11-25",
    "2027-12-24",
];
const KEY_FILE: &str = "sample-license-key.txt";

/// What a person needs to try things.
#[derive(Debug)]
pub(crate) struct Sample {
    /// The key of the sample licence.
    pub(crate) license_key: String,
}

/// The key of the sample licence, where the sample was entered.
pub(crate) fn license_key(folder: &Folder) -> Result<String, Problem> {
    Ok(folder.read(KEY_FILE)?.trim().to_owned())
}

/// Enters what is not there.
pub(crate) async fn enter(folder: &Folder) -> Result<Sample, Problem> {
    let is_there = folder.path(KEY_FILE).is_file();
    let license_key = if is_there { license_key(folder)? } else { enter_catalogue(folder).await? };
    // Looked after at every start: a folder of an earlier version of this program has none.
    profiles::publish(folder).await?;
    Ok(Sample { license_key })
}

/// Enters everything but the profiles, and returns the key of the licence.
async fn enter_catalogue(folder: &Folder) -> Result<String, Problem> {
    let severities = json!(["SEVERITY_SITE_DOWN", "SEVERITY_ONE", "SEVERITY_TWO", "SEVERITY_THREE"]);
    let tiers = [
        ("standard", "Standard", json!(["CHANNEL_PORTAL", "CHANNEL_EMAIL"]), "business-hours", 10),
        (
            "premium",
            "Premium",
            json!(["CHANNEL_PORTAL", "CHANNEL_EMAIL", "CHANNEL_PHONE", "CHANNEL_CHAT"]),
            "around-the-clock",
            20,
        ),
    ];
    for (tier_id, name, channels, coverage, priority) in tiers {
        let tier = json!({
            "tierId": tier_id, "name": name, "assisted": true, "channels": channels, "severities": severities,
            "coverage": coverage, "priority": priority, "charging": "CHARGING_INCLUDED",
        });
        let request = json!({ "requestId": format!("sample-tier-{tier_id}"), "tier": tier });
        once(folder, "license.v1.CatalogService/CreateTier", request).await?;
    }
    let product = json!({
        "productId": PRODUCT, "name": "Atlas Server", "basis": "ENTITLEMENT_BASIS_EITHER", "defaultTierId": "standard",
    });
    let request = json!({ "requestId": "sample-product", "product": product });
    once(folder, "license.v1.CatalogService/CreateProduct", request).await?;
    for (version, released_on) in [("7.1.0", "2025-06-02"), ("7.2.1", "2026-01-15")] {
        let release = json!({ "version": version, "releasedOn": released_on });
        let request =
            json!({ "requestId": format!("sample-release-{version}"), "productId": PRODUCT, "release": release });
        once(folder, "license.v1.CatalogService/PublishRelease", request).await?;
    }
    let manifest_keys = enter_as(folder, Role::Anyone, "partner.v1.KeySetService/GetKeySet", json!({})).await?;
    let partner = json!({
        "partnerId": PARTNER, "name": "North Systems", "programme": "PARTNER_PROGRAMME_SOLUTION_PROVIDER",
        "spiffeIds": [
            format!("spiffe://{PARTNER}.example/partner/{PARTNER}"),
            format!("spiffe://{PARTNER}.example/reseller/{PARTNER}"),
        ],
        "trustBundlePem": folder.read(&format!("authority/{PARTNER}.pem"))?,
        "manifestJwks": manifest_keys["keySet"]["jwks"],
        "supportContact": {
            "name": "North help desk", "email": "help@north.example", "phone": "+49 30 123456",
            "portalUrl": "https://north.example/support",
        },
    });
    let request = json!({ "requestId": "sample-partner", "partner": partner });
    once(folder, "license.v1.PartnerRegistryService/RegisterPartner", request).await?;
    let other = json!({
        "partnerId": OTHER_PARTNER, "name": "South Systems", "programme": "PARTNER_PROGRAMME_SOLUTION_PROVIDER",
        "spiffeIds": [format!("spiffe://{OTHER_PARTNER}.example/partner/{OTHER_PARTNER}")],
        "trustBundlePem": folder.read(&format!("authority/{OTHER_PARTNER}.pem"))?, "manifestJwks": "{\"keys\":[]}",
        "supportContact": { "name": "South help desk", "email": "help@south.example" },
    });
    let request = json!({ "requestId": "sample-other-partner", "partner": other });
    once(folder, "license.v1.PartnerRegistryService/RegisterPartner", request).await?;
    let (license_key, license_id) = cover(folder).await?;
    publish_policies(folder).await?;
    let article = json!({
        "productId": PRODUCT, "title": "The disk of the spool is full", "audience": "ARTICLE_AUDIENCE_PUBLIC",
        "body": "Atlas stops taking work when less than 5 % of the spool's disk is free.\nRemove finished spools: atlas spool clean.",
    });
    let request = json!({ "requestId": "sample-article", "article": article });
    enter_as(folder, Role::Engineer, "vendor.v1.KnowledgeService/PublishArticle", request).await?;
    let customer = json!({
        "name": "Contoso Ltd", "organisation": "contoso",
        "licenses": [{ "vendorId": "acme", "licenseId": license_id }],
    });
    let request = json!({ "requestId": "sample-customer", "customer": customer });
    enter_as(folder, Role::Agent, "partner.v1.EndUserService/CreateCustomer", request).await?;
    // Written last: a file that is there means that everything is.
    folder.make(KEY_FILE, || Ok(format!("{license_key}\n").into_bytes()))?;
    Ok(license_key)
}

/// Publishes what the vendor requires, and its hours of cover with their targets.
async fn publish_policies(folder: &Folder) -> Result<(), Problem> {
    let duties = json!([
        "FRONT_LINE_DUTY_KNOWLEDGE_SEARCHED",
        "FRONT_LINE_DUTY_TROUBLESHOOTING_RECORDED",
        "FRONT_LINE_DUTY_REPLICATION_ATTEMPTED",
        "FRONT_LINE_DUTY_ORIGIN_STATED",
        "FRONT_LINE_DUTY_STATEMENT_CONFIRMED",
    ]);
    let policy = json!({
        "productId": PRODUCT,
        "requirementSets": [
            { "severities": ["SEVERITY_SITE_DOWN"], "information": ["impact"], "artefacts": ["os"] },
            {
                "information": ["version", "category", "impact", "environment.kind"],
                "artefacts": ["os", "hardware", "disks", "processes"], "duties": duties,
            },
        ],
        "redactionPolicies": ["standard/1"], "freshness": "86400s",
        "categories": [
            { "category": "printing", "name": "Printing" }, { "category": "performance", "name": "Performance" },
            { "category": "other", "name": "Anything else" },
        ],
    });
    let request = json!({ "requestId": "sample-policy", "policy": policy });
    once(folder, "vendor.v1.AdmissionPolicyService/PublishAdmissionPolicy", request).await?;
    let windows: Vec<Value> =
        (1..=5).map(|day| json!({ "weekday": day, "opens": "09:00", "closes": "17:00" })).collect();
    let covers = [
        json!({
            "coverage": "business-hours", "zone": "America/Denver", "windows": windows, "holidays": HOLIDAYS,
            "firstResponse": [
                { "severity": "SEVERITY_SITE_DOWN", "elapsedTime": "900s" },
                { "severity": "SEVERITY_ONE", "coverageTime": "14400s" },
                { "severity": "SEVERITY_TWO", "coverageTime": "28800s" },
                { "severity": "SEVERITY_THREE", "businessDays": 1 },
            ],
        }),
        json!({
            "coverage": "around-the-clock", "zone": "America/Denver",
            "firstResponse": [
                { "severity": "SEVERITY_SITE_DOWN", "elapsedTime": "900s" },
                { "severity": "SEVERITY_ONE", "elapsedTime": "3600s" },
                { "severity": "SEVERITY_TWO", "elapsedTime": "7200s" },
                { "severity": "SEVERITY_THREE", "elapsedTime": "14400s" },
            ],
        }),
    ];
    for coverage in covers {
        let request = json!({ "requestId": format!("sample-{}", coverage["coverage"].as_str().unwrap_or("")), "coverage": coverage });
        once(folder, "vendor.v1.CalendarService/PublishCoverage", request).await?;
    }
    Ok(())
}

/// Enters a licence and an agreement that names a contact; returns the licence's key and id.
async fn cover(folder: &Folder) -> Result<(String, Value), Problem> {
    let license = json!({
        "productId": PRODUCT, "quantity": "25", "endUser": { "endUserId": "contoso", "name": "Contoso Ltd" },
        "responsiblePartnerId": PARTNER, "validFrom": "2026-01-01", "validUntil": "2036-12-31", "graceDays": 14,
        "zone": "America/Denver",
    });
    let request = json!({ "requestId": "sample-license", "license": license });
    let created = once(folder, "license.v1.LicenseService/CreateLicense", request).await?;
    let agreement = json!({
        "endUserId": "contoso", "tierId": "premium", "validFrom": "2026-01-01", "validUntil": "2036-12-31",
        "zone": "America/Denver", "liaisonSeats": 3,
    });
    let request = json!({ "requestId": "sample-agreement", "agreement": agreement });
    let agreed = once(folder, "license.v1.AgreementService/CreateAgreement", request).await?;
    let liaison = json!({ "name": "Ada Lovelace", "email": CONTACT, "administrativeRights": true });
    let agreement_id = &agreed["agreement"]["agreementId"];
    let request = json!({ "requestId": "sample-liaison", "agreementId": agreement_id, "liaison": liaison });
    once(folder, "license.v1.AgreementService/NameLiaison", request).await?;
    let key = created["licenseKey"].as_str().map(str::to_owned);
    let key = key.ok_or_else(|| Problem::new("a licence came without its key"))?;
    Ok((key, created["license"]["licenseId"].clone()))
}

async fn once(folder: &Folder, rpc: &str, request: Value) -> Result<Value, Problem> {
    enter_as(folder, Role::Administrator, rpc, request).await
}

async fn enter_as(folder: &Folder, role: Role, rpc: &str, request: Value) -> Result<Value, Problem> {
    let method = call::find(rpc)?;
    let message = call::read(&method, &request.to_string())?;
    match call::call(folder, role, &method, message).await {
        Ok(answer) => serde_json::from_str(&call::show(&answer)).map_err(|error| Problem::new(error.to_string())),
        // Entered at an earlier start, so long ago that its result is forgotten.
        Err(status) if status.code() == Code::AlreadyExists => Ok(Value::Null),
        Err(status) => {
            Err(Problem::new(format!("the sample catalogue could not be entered: {rpc}: {}", status.message()))
                .next("Start without it: vouch up --bare."))
        }
    }
}
