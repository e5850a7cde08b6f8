//! The vendor service as a process of its own, and in this one the licence service that tells it who its partners are.

use std::path::Path;
use std::process::Child;

use vouch_contract::pb::license::v1 as pb;
use vouch_contract::pb::license::v1::partner_registry_service_client::PartnerRegistryServiceClient;
use vouch_core::World;
use vouch_diagnostics::Digest;
use vouch_host::testing::{Ground, Running, call_bare, fresh};
use vouch_identity::development::Authority;
use vouch_license::LicenseConfig;
use vouch_proof::{ManifestSignature, SigningKey};

use super::{end, own, peak_bytes, receiver, word};
use crate::ground::{NORTH, config, stop};

/// Everything around the vendor service.
pub(super) struct VendorSide {
    pub(super) ground: Ground,
    license: Running,
    north: Authority,
    key: SigningKey,
}

/// The vendor service.
pub(super) struct Vendor {
    child: Child,
    pub(super) address: String,
}

impl VendorSide {
    /// Starts the licence service on a folder, and registers the partner.
    pub(super) async fn lay(folder: &Path) -> Self {
        let ground = Ground::new(vouch_vendor::DOMAIN, "vendor");
        let license_ground = Ground::with_vendor(vouch_license::DOMAIN, "license", &ground);
        let host = license_ground.config(config(&folder.join("license.db")));
        let license = Running::start(host, |host, listeners, shutdown| {
            vouch_license::serve(host, LicenseConfig::default(), World::system(), listeners, shutdown)
        })
        .await;
        let (north, key) = (Authority::new("north").unwrap(), SigningKey::generate(&World::system()).unwrap());
        let own = north.workload(NORTH).unwrap();
        ground.write("north.pem", own.certificate_pem.as_bytes());
        ground.write("north-key.pem", own.key_pem.as_bytes());
        ground.write("north-ca.pem", north.certificate_pem().as_bytes());
        let partner = pb::Partner {
            partner_id: "north".into(),
            name: "North Systems".into(),
            programme: pb::PartnerProgramme::SolutionProvider.into(),
            spiffe_ids: vec![NORTH.into()],
            trust_bundle_pem: north.certificate_pem().into(),
            manifest_jwks: format!(r#"{{"keys":[{}]}}"#, key.public_jwk()),
            support_contact: Some(pb::SupportContact {
                name: "North help desk".into(),
                email: "help@north.example".into(),
                ..pb::SupportContact::default()
            }),
            ..pb::Partner::default()
        };
        let request = pb::RegisterPartnerRequest { request_id: fresh(), partner: Some(partner) };
        let channel = license_ground.bearer(license.address, &license_ground.staff_token("ada", &["partner-manager"]));
        PartnerRegistryServiceClient::new(channel).register_partner(request).await.unwrap();
        Self { ground, license, north, key }
    }

    /// Starts the vendor service on an empty folder; it answers the partner when this returns.
    pub(super) async fn start(&self, folder: &Path) -> Vendor {
        let file = |path: std::path::PathBuf| toml::Value::String(path.display().to_string());
        let ground = |name: &str| file(self.ground.path().join(name));
        let text = format!(
            "[listen]\naddress = \"127.0.0.1:0\"\nops = \"127.0.0.1:0\"\n\
             [tls]\ncertificate = {}\nkey = {}\n[store]\naddress = {}\n[secrets]\nroot = {}\n\
             [log]\nformat = \"text\"\nlevel = \"error\"\n[[trust]]\ndomain = \"vendor.example\"\nbundle = {authorities}\n\
             [license]\naddress = \"https://{}\"\nauthorities = {authorities}\n[blobs]\nfolder = {}\n",
            ground("service.pem"),
            ground("service-key.pem"),
            toml::Value::String(format!("sqlite:{}", folder.join("vendor.db").display())),
            ground("root.key"),
            self.license.address,
            file(folder.join("blobs")),
            authorities = ground("vendor-ca.pem"),
        );
        let config = folder.join("vendor.toml");
        std::fs::write(&config, text).unwrap();
        let (child, address) = receiver(&mut own(&["vendor", word(&config)]), "rpc");
        let partner = self.ground.workload(address.parse().unwrap(), &self.north, NORTH);
        while call_bare(partner.clone(), "/vouch.vendor.v1.KeySetService/GetKeySet").await.is_err() {
            tokio::task::yield_now().await;
        }
        Vendor { child, address }
    }

    /// The partner's signature over a bundle's root.
    pub(super) fn sign(&self, root: Digest, redaction: &str) -> String {
        let claims = ManifestSignature {
            iss: "north".into(),
            iat: World::system().now().as_second(),
            root: root.to_string(),
            redaction: redaction.to_owned(),
        };
        claims.sign(&self.key).unwrap()
    }

    /// Stops the licence service.
    pub(super) async fn stop(self) {
        stop(self.license).await;
    }
}

impl Vendor {
    /// The most memory that it had.
    pub(super) fn peak_bytes(&self) -> u64 {
        peak_bytes(&self.child.id().to_string())
    }

    pub(super) fn end(self) {
        end(self.child);
    }
}
