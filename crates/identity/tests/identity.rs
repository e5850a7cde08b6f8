//! Who is believed, and who is let in.
//!
//! Proves B05.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use serde_json::json;
use vouch_core::World;
use vouch_core::code::PartnerId;
use vouch_identity::development::{Authority, TokenIssuer};
use vouch_identity::{
    Access, AccessRules, Algorithm, Caller, CallerKind, Grant, Identity, Issuer, Issuers, PeerInfo, Person, Refusal,
    SpiffeId, TokenError, TrustBundles, TrustDomain, WorkloadDirectory,
};

const NORTH: &str = "spiffe://north.example/partner/north";
const SOUTH: &str = "spiffe://south.example/partner/south";
const ISSUER: &str = "https://id.vendor.example";
const AUDIENCE: &str = "license.vouch";

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn domain(name: &str) -> TrustDomain {
    TrustDomain::parse(name).unwrap()
}

fn chain(authority: &Authority, id: &str) -> Vec<CertificateDer<'static>> {
    let identity = authority.workload(id).unwrap();
    CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes()).map(Result::unwrap).collect()
}

fn accepted(bundles: &TrustBundles, chain: &[CertificateDer<'static>]) -> bool {
    bundles.verify_client_cert(&chain[0], &chain[1..], UnixTime::now()).is_ok()
}

/// The directory of these tests: north is a partner, and the vendor's own service is known.
struct Directory;

impl WorkloadDirectory for Directory {
    fn find(&self, id: &SpiffeId) -> Option<Arc<Identity>> {
        let known = |kind, partner| Some(Arc::new(Identity::workload(id.clone(), kind, partner)));
        match id.to_string().as_str() {
            NORTH => known(CallerKind::PartnerWorkload, PartnerId::parse("north").ok()),
            // The second is what a registry should not say: another kind than the id's own path.
            "spiffe://vendor.example/vendor/vendor" | "spiffe://north.example/reseller/north" => {
                known(CallerKind::VendorWorkload, None)
            }
            _ => None,
        }
    }
}

fn staff_issuer() -> Issuer {
    Issuer {
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
        algorithms: vec![Algorithm::ES256],
        kind: CallerKind::VendorStaff,
        organisation: None,
    }
}

fn issuers(token_issuer: &TokenIssuer, issuer: Issuer) -> Issuers {
    let issuers = Issuers::new(vec![issuer]);
    issuers.set_keys(ISSUER, &token_issuer.jwks().unwrap()).unwrap();
    issuers
}

#[test]
fn b05_a_partners_authority_cannot_make_another_partners_certificate() {
    let (north, south) = (Authority::new("north").unwrap(), Authority::new("south").unwrap());
    let bundles = TrustBundles::empty(provider());
    bundles
        .replace([
            (domain("north.example"), north.certificate_pem()),
            (domain("south.example"), south.certificate_pem()),
        ])
        .unwrap();
    assert!(accepted(&bundles, &chain(&north, NORTH)));
    assert!(accepted(&bundles, &chain(&south, SOUTH)));
    assert!(!accepted(&bundles, &chain(&north, SOUTH)), "north signs for south");
    assert!(!accepted(&bundles, &chain(&north, "spiffe://elsewhere.example/partner/north")));
}

#[test]
fn a_living_connection_is_judged_again_when_an_authority_is_withdrawn() {
    let (old, new) = (Authority::new("old").unwrap(), Authority::new("new").unwrap());
    let bundles = TrustBundles::empty(provider());
    bundles.replace([(domain("north.example"), old.certificate_pem())]).unwrap();
    let peer = bundles.peer(Some(&chain(&old, NORTH))).unwrap();
    let now = World::system().now();
    assert!(bundles.believes(&peer, now));

    let both = format!("{}{}", old.certificate_pem(), new.certificate_pem());
    bundles.replace([(domain("north.example"), both.as_str())]).unwrap();
    assert!(bundles.believes(&peer, now), "rotation with overlap keeps it");

    bundles.replace([(domain("north.example"), new.certificate_pem())]).unwrap();
    assert!(!bundles.believes(&peer, now));
}

#[test]
fn a_certificate_is_not_believed_past_its_end() {
    let authority = Authority::new("north").unwrap();
    let bundles = TrustBundles::empty(provider());
    bundles.replace([(domain("north.example"), authority.certificate_pem())]).unwrap();
    let peer = bundles.peer(Some(&chain(&authority, NORTH))).unwrap();
    assert!(bundles.believes(&peer, World::system().now()));
    assert!(!bundles.believes(&peer, "9000-01-01T00:00:00Z".parse().unwrap()));
}

#[test]
fn a_bad_bundle_changes_nothing() {
    let authority = Authority::new("north").unwrap();
    let bundles = TrustBundles::empty(provider());
    bundles.replace([(domain("north.example"), authority.certificate_pem())]).unwrap();
    let refused = bundles.replace([
        (domain("south.example"), authority.certificate_pem()),
        (domain("north.example"), "no certificate at all"),
    ]);
    assert_eq!(refused.unwrap_err().0, domain("north.example"));
    assert!(accepted(&bundles, &chain(&authority, NORTH)), "the old bundle stands");
}

#[test]
fn a_token_is_believed_from_its_issuer_for_this_service_in_its_time() {
    let world = World::system();
    let ours = TokenIssuer::new(ISSUER).unwrap();
    let issuers = issuers(&ours, staff_issuer());
    let now = world.now();
    let token = ours.token(&world, AUDIENCE, "ada", None, &["license-administrator"], 300).unwrap();

    let person = issuers.verify(&token, now).unwrap();
    assert_eq!((person.kind, person.roles), (CallerKind::VendorStaff, vec!["license-administrator".to_owned()]));
    assert_eq!(person.subject, format!("{ISSUER}#ada"));

    let later = now + jiff::SignedDuration::from_secs(361);
    assert_eq!(issuers.verify(&token, later), Err(TokenError::NotInTime), "also when its signature is remembered");
    let other = ours.token(&world, "vendor.vouch", "ada", None, &[], 300).unwrap();
    assert_eq!(issuers.verify(&other, now), Err(TokenError::WrongAudience));
    let stranger = TokenIssuer::new(ISSUER).unwrap();
    let forged = stranger.token(&world, AUDIENCE, "ada", None, &[], 300).unwrap();
    assert_eq!(issuers.verify(&forged, now), Err(TokenError::BadSignature));
    let unknown = TokenIssuer::new("https://elsewhere.example").unwrap();
    let foreign = unknown.token(&world, AUDIENCE, "ada", None, &[], 300).unwrap();
    assert_eq!(issuers.verify(&foreign, now), Err(TokenError::UnknownIssuer));
    assert_eq!(issuers.verify("a.b.c", now), Err(TokenError::Malformed));
}

#[test]
fn a_claim_of_the_wrong_type_is_refused_and_never_skipped() {
    let ours = TokenIssuer::new(ISSUER).unwrap();
    let issuers = issuers(&ours, staff_issuer());
    let now = World::system().now();
    for (claim, value) in
        [("exp", json!("soon")), ("exp", json!(null)), ("nbf", json!("now")), ("roles", json!("admin"))]
    {
        let mut claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": now.as_second() + 300});
        claims[claim] = value;
        let token = ours.sign(&claims).unwrap();
        assert_eq!(issuers.verify(&token, now), Err(TokenError::Malformed), "{claim}");
    }
}

#[test]
fn an_issuer_of_one_organisation_cannot_speak_for_another() {
    let world = World::system();
    let ours = TokenIssuer::new(ISSUER).unwrap();
    let issuer = Issuer { kind: CallerKind::PartnerStaff, organisation: Some("north".into()), ..staff_issuer() };
    let issuers = issuers(&ours, issuer);
    let own = ours.token(&world, AUDIENCE, "ada", Some("north"), &[], 300).unwrap();
    assert_eq!(issuers.verify(&own, world.now()).unwrap().organisation.as_deref(), Some("north"));
    let other = ours.token(&world, AUDIENCE, "ada", Some("south"), &[], 300).unwrap();
    assert_eq!(issuers.verify(&other, world.now()), Err(TokenError::Malformed));
}

#[test]
fn keys_that_an_issuer_withdrew_are_not_believed_from_memory() {
    let world = World::system();
    let (old, new) = (TokenIssuer::new(ISSUER).unwrap(), TokenIssuer::new(ISSUER).unwrap());
    let issuers = issuers(&old, staff_issuer());
    let token = old.token(&world, AUDIENCE, "ada", None, &[], 300).unwrap();
    assert!(issuers.verify(&token, world.now()).is_ok());
    issuers.set_keys(ISSUER, &new.jwks().unwrap()).unwrap();
    assert_eq!(issuers.verify(&token, world.now()), Err(TokenError::BadSignature));
}

#[test]
fn every_rpc_of_the_contract_has_an_access_rule() {
    let rules = AccessRules::from_contract(vouch_contract::pool()).unwrap();
    let rpcs: usize = vouch_contract::services().map(|service| service.methods().len()).sum();
    assert_eq!(rules.iter().count(), rpcs);
    assert!(rpcs > 0);
}

#[test]
fn a_person_comes_through_a_workload_only_where_the_rule_says_so() {
    let person = Person {
        kind: CallerKind::VendorStaff,
        subject: "ada".into(),
        organisation: None,
        email: None,
        roles: vec!["engineer".into()],
        expires_at: Timestamp::MAX,
    };
    let identity = Identity::person(person, Some(SpiffeId::parse(NORTH).unwrap()));
    let caller = Caller::new(Arc::new(identity), None);
    let grant = |roles: &[&str], through_workload| Grant {
        caller: CallerKind::VendorStaff,
        roles: roles.iter().map(ToString::to_string).collect(),
        through_workload,
    };
    assert!(!grant(&[], false).admits(&caller));
    assert!(grant(&[], true).admits(&caller));
    assert!(grant(&["engineer", "manager"], true).admits(&caller));
    assert!(!grant(&["manager"], true).admits(&caller));
}

struct Gate {
    access: Access,
    north: Authority,
    staff: TokenIssuer,
}

fn gate() -> Gate {
    let (north, staff) = (Authority::new("north").unwrap(), TokenIssuer::new(ISSUER).unwrap());
    let bundles = TrustBundles::empty(provider());
    bundles.replace([(domain("north.example"), north.certificate_pem())]).unwrap();
    let access = Access {
        rules: AccessRules::from_contract(vouch_contract::pool()).unwrap(),
        bundles,
        issuers: issuers(&staff, staff_issuer()),
        directory: Arc::new(Directory),
        domain: "license.vouch",
        world: World::system(),
        guide: None,
    };
    Gate { access, north, staff }
}

impl Gate {
    fn peer(&self, id: &str) -> PeerInfo {
        PeerInfo {
            peer: self.access.bundles.peer(Some(&chain(&self.north, id))).map(Arc::new),
            address: Some(SocketAddr::from(([127, 0, 0, 1], 9))),
        }
    }

    fn judge(&self, rpc: &str, peer: &PeerInfo, authorization: Option<&str>) -> Result<CallerKind, Refusal> {
        self.access.judge(&format!("/vouch.license.v1.{rpc}"), peer, authorization).map(|caller| caller.kind)
    }
}

#[test]
fn b05_the_gate_lets_in_whom_the_contract_names_and_nobody_else() {
    let gate = gate();
    let (nobody, north) = (PeerInfo::default(), gate.peer(NORTH));
    let denied = |kind| Err(Refusal::Denied(kind));

    assert_eq!(gate.judge("EntitlementService/CheckEntitlement", &north, None), Ok(CallerKind::PartnerWorkload));
    assert_eq!(gate.judge("LicenseService/CreateLicense", &north, None), denied(CallerKind::PartnerWorkload));
    assert_eq!(gate.judge("DirectoryService/FindSupportContact", &nobody, None), Ok(CallerKind::Anonymous));
    assert!(matches!(
        gate.judge("EntitlementService/CheckEntitlement", &nobody, None),
        Err(Refusal::Unauthenticated(_))
    ));
    assert_eq!(gate.judge("EntitlementService/NoSuchRpc", &north, None), Err(Refusal::Unknown));

    let world = World::system();
    let token = gate.staff.token(&world, AUDIENCE, "ada", None, &["license-administrator"], 60).unwrap();
    let bearer = format!("Bearer {token}");
    assert_eq!(gate.judge("LicenseService/CreateLicense", &nobody, Some(&bearer)), Ok(CallerKind::VendorStaff));
    assert_eq!(
        gate.judge("LicenseService/CreateLicense", &north, Some(&bearer)),
        denied(CallerKind::VendorStaff),
        "through a workload, where the rule does not say so"
    );
    let plain = format!("Bearer {}", gate.staff.token(&world, AUDIENCE, "bob", None, &[], 60).unwrap());
    assert_eq!(gate.judge("LicenseService/CreateLicense", &nobody, Some(&plain)), denied(CallerKind::VendorStaff));
    for bad in ["", "Bearer", "Basic eDp5", "Bearer x.y.z"] {
        let refused = gate.judge("DirectoryService/FindSupportContact", &nobody, Some(bad));
        assert!(matches!(refused, Err(Refusal::Unauthenticated(_))), "a bad token is no anonymous caller: {bad:?}");
    }
}

#[test]
fn a_workload_that_is_not_registered_by_its_exact_id_is_nobody() {
    let gate = gate();
    for id in [
        "spiffe://north.example/partner/south",
        "spiffe://north.example/vendor/license",
        // Registered, but as another kind than its own path says.
        "spiffe://north.example/reseller/north",
    ] {
        let refused = gate.judge("EntitlementService/CheckEntitlement", &gate.peer(id), None);
        assert!(matches!(refused, Err(Refusal::Unauthenticated(_))), "{id}");
    }
}

#[test]
fn reflection_is_for_known_callers() {
    let gate = gate();
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    assert!(gate.access.judge(path, &gate.peer(NORTH), None).is_ok());
    assert!(matches!(gate.access.judge(path, &PeerInfo::default(), None), Err(Refusal::Unauthenticated(_))));
}

#[test]
fn a_token_in_its_time_is_judged_by_the_service_clock() {
    let clock = vouch_core::testing::ManualClock::at("2026-06-08T12:00:00Z");
    let ours = TokenIssuer::new(ISSUER).unwrap();
    let issuers = issuers(&ours, staff_issuer());
    let token = ours.token(&clock.world(), AUDIENCE, "ada", None, &[], 300).unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    assert!(issuers.verify(&token, at("2026-06-08T11:59:00Z")).is_ok(), "sixty seconds of skew");
    assert!(issuers.verify(&token, at("2026-06-08T11:58:59Z")).is_err());
    assert!(issuers.verify(&token, at("2026-06-08T12:05:59Z")).is_ok());
    assert!(issuers.verify(&token, at("2026-06-08T12:06:00Z")).is_err());
}
