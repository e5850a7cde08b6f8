//! What a proof promises, and what does not pass for one.
//!
//! Proves B02.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use vouch_core::World;
use vouch_proof::{
    Act, AdmissionReceipt, Agreement, Bundle, EntitlementProof, Incident, KeyRing, KeySet, License, ManifestSignature,
    ProfileSignature, ROTATION_OVERLAP, RingKey, SigningKey, VerifyError,
};

const ISSUER: &str = "license.vouch";
const AUDIENCE: &str = "vendor.vouch";

fn noon() -> Timestamp {
    "2026-06-08T12:00:00Z".parse().unwrap()
}

fn key() -> SigningKey {
    SigningKey::generate(&World::system()).unwrap()
}

fn keys(key: &SigningKey) -> KeySet {
    KeySet::from_jwks(&format!(r#"{{"keys":[{}]}}"#, key.public_jwk())).unwrap()
}

fn proof() -> EntitlementProof {
    EntitlementProof {
        iss: ISSUER.into(),
        aud: AUDIENCE.into(),
        jti: "prf_1".into(),
        iat: noon().as_second(),
        nbf: noon().as_second(),
        exp: noon().as_second() + 900,
        sub: "contoso".into(),
        act: Act { sub: "spiffe://north.example/partner/north".into(), partner: "north".into() },
        lic: License { id: "lic_1".into(), rev: 3, product: "atlas".into(), version: "7.2.1".into() },
        agr: Agreement {
            id: Some("agr_1".into()),
            tier: "premium".into(),
            severities: vec!["1".into(), "2".into()],
            coverage: "around-the-clock".into(),
            until: None,
            priority: 10,
        },
        contact: "con_1".into(),
        bundle: Bundle { alg: "sha-256".into(), root: "ab".repeat(32) },
        esc: "esc_1".into(),
        inc: Incident { hold: "hold_1".into(), units: 1 },
    }
}

fn verify_at(signed: &str, keys: &KeySet, at: Timestamp) -> Result<EntitlementProof, VerifyError> {
    EntitlementProof::verify(signed, keys, ISSUER, AUDIENCE, at)
}

#[test]
fn the_signature_of_a_profile_is_over_one_text_and_passes_for_nothing_else() {
    let (key, text) = (key(), b"name = \"atlas-server\"".as_slice());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text);
    let signature = ProfileSignature {
        iss: AUDIENCE.into(),
        iat: noon().as_second(),
        name: "atlas-server".into(),
        version: 3,
        sha256: data_encoding::HEXLOWER.encode(digest.as_ref()),
    };
    let signed = signature.sign(&key).unwrap();
    assert_eq!(signed, signature.sign(&key).unwrap(), "the same key gives the same signature");
    let read = ProfileSignature::verify(&signed, &keys(&key)).unwrap();
    assert_eq!(read, signature);
    assert!(read.is_over(text) && !read.is_over(b"name = \"atlas-server\"\n"));
    assert_eq!(ProfileSignature::verify(&signed, &keys(&self::key())), Err(VerifyError::UnknownKey));
    assert_eq!(ManifestSignature::verify(&signed, &keys(&key)), Err(VerifyError::WrongKind));
}

#[test]
fn b02_a_genuine_proof_verifies_without_a_network() {
    let key = key();
    assert_eq!(verify_at(&proof().sign(&key).unwrap(), &keys(&key), noon()), Ok(proof()));
}

#[test]
fn b02_a_proof_of_another_signer_issuer_or_audience_is_refused() {
    let (ours, theirs) = (key(), key());
    let signed = proof().sign(&theirs).unwrap();
    assert_eq!(verify_at(&signed, &keys(&ours), noon()), Err(VerifyError::UnknownKey));
    let signed = proof().sign(&ours).unwrap();
    let other = EntitlementProof::verify(&signed, &keys(&ours), "license.other", AUDIENCE, noon());
    assert_eq!(other, Err(VerifyError::WrongIssuer));
    let other = EntitlementProof::verify(&signed, &keys(&ours), ISSUER, "vendor.other", noon());
    assert_eq!(other, Err(VerifyError::WrongAudience));
}

#[test]
fn b02_a_proof_holds_in_its_time_give_or_take_a_minute() {
    let key = key();
    let (signed, keys) = (proof().sign(&key).unwrap(), keys(&key));
    let cases =
        [(-61, Err(VerifyError::NotYet)), (-60, Ok(())), (0, Ok(())), (959, Ok(())), (960, Err(VerifyError::Expired))];
    for (seconds, expected) in cases {
        let at = noon() + SignedDuration::from_secs(seconds);
        assert_eq!(verify_at(&signed, &keys, at).map(|_| ()), expected, "{seconds} s");
    }
}

#[test]
fn b02_no_proof_lives_longer_than_fifteen_minutes_whatever_it_says() {
    let key = key();
    let signed = EntitlementProof { exp: noon().as_second() + 86_400, ..proof() }.sign(&key).unwrap();
    let later = noon() + SignedDuration::from_mins(17);
    assert_eq!(verify_at(&signed, &keys(&key), later), Err(VerifyError::Expired));
}

#[test]
fn one_kind_of_signed_text_does_not_pass_for_another() {
    let key = key();
    let manifest = ManifestSignature { iss: "north".into(), iat: 0, root: String::new(), redaction: String::new() };
    let signed = manifest.sign(&key).unwrap();
    assert_eq!(verify_at(&signed, &keys(&key), noon()), Err(VerifyError::WrongKind));
    assert_eq!(AdmissionReceipt::verify(&signed, &keys(&key)), Err(VerifyError::WrongKind));
    assert_eq!(ManifestSignature::verify(&signed, &keys(&key)), Ok(manifest));
}

#[test]
fn a_token_that_names_another_algorithm_is_refused() {
    let key = key();
    let signed = proof().sign(&key).unwrap();
    let (_, rest) = signed.split_once('.').unwrap();
    for alg in ["none", "HS256", "ES256", "RS256"] {
        let header = format!(r#"{{"alg":"{alg}","typ":"vouch-entitlement+jwt","kid":"{}"}}"#, key.kid());
        let forged = format!("{}.{rest}", BASE64URL_NOPAD.encode(header.as_bytes()));
        let refused = verify_at(&forged, &keys(&key), noon()).unwrap_err();
        assert!(matches!(refused, VerifyError::BadSignature | VerifyError::Malformed), "{alg}: {refused:?}");
    }
}

#[test]
fn a_critical_extension_is_refused() {
    let key = key();
    let signed = proof().sign(&key).unwrap();
    let (_, rest) = signed.split_once('.').unwrap();
    let header =
        format!(r#"{{"alg":"EdDSA","typ":"vouch-entitlement+jwt","kid":"{}","crit":["b64"],"b64":false}}"#, key.kid());
    let forged = format!("{}.{rest}", BASE64URL_NOPAD.encode(header.as_bytes()));
    assert!(verify_at(&forged, &keys(&key), noon()).is_err());
}

#[test]
fn a_key_set_with_private_or_misnamed_keys_is_not_read() {
    let key = key();
    let jwk = key.public_jwk();
    let with = |jwk: &str| KeySet::from_jwks(&format!(r#"{{"keys":[{jwk}]}}"#));
    assert!(with(&jwk).is_ok());
    for bad in [
        jwk.replace(key.kid(), "another"),
        jwk.replace("\"alg\":\"EdDSA\"", "\"alg\":\"HS256\""),
        jwk.replacen('{', r#"{"d":"AA","#, 1),
        r#"{"kty":"oct","k":"AA","alg":"HS256","kid":"x"}"#.to_owned(),
    ] {
        assert!(with(&bad).is_err(), "{bad}");
    }
    assert!(KeySet::from_jwks("{}").is_err() && KeySet::from_jwks("").is_err());
}

#[test]
fn a_new_key_is_published_before_it_signs_and_an_old_one_after() {
    let (old, new) = (key(), key());
    let (old_kid, new_kid) = (old.kid().to_owned(), new.kid().to_owned());
    let switch = noon() + ROTATION_OVERLAP;
    let ring = KeyRing::new(vec![
        RingKey { key: new, active_from: switch, retires_at: None },
        RingKey { key: old, active_from: noon(), retires_at: Some(switch + ROTATION_OVERLAP) },
    ]);
    let at = |at: Timestamp| {
        let published = ring.published(at).unwrap();
        (ring.signer(at).unwrap().kid().to_owned(), published.contains(&old_kid), published.contains(&new_kid))
    };
    assert_eq!(at(noon()), (old_kid.clone(), true, true));
    assert_eq!(at(switch), (new_kid.clone(), true, true));
    assert_eq!(at(switch + ROTATION_OVERLAP), (new_kid.clone(), false, true));
    assert!(ring.signer(noon() - SignedDuration::from_secs(1)).is_none());
}

proptest! {
    #[test]
    fn b02_no_altered_byte_passes(place in 0_usize..4096, change in 1_u8..=255) {
        let key = SigningKey::generate(&World::system()).unwrap();
        let mut bytes = proof().sign(&key).unwrap().into_bytes();
        let place = place % bytes.len();
        bytes[place] ^= change;
        // The last character of base64url has bits that do not count; a change there may be no change at all.
        if let Ok(altered) = String::from_utf8(bytes) && let Ok(read) = verify_at(&altered, &keys(&key), noon()) {
            prop_assert_eq!(read, proof());
        }
    }

    #[test]
    fn any_text_at_all_is_refused_without_a_panic(text in "\\PC{0,200}") {
        let key = SigningKey::generate(&World::system()).unwrap();
        prop_assert!(verify_at(&text, &keys(&key), noon()).is_err());
        let _ = KeySet::from_jwks(&text);
    }
}
