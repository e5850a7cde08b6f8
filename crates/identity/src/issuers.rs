//! Whose bearer tokens are believed: OpenID Connect issuers, each with its keys, its audience and its algorithms pinned.

use std::collections::HashMap;
use std::sync::Mutex;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{DecodingKey, Validation};
use serde::Deserialize;

use vouch_core::text;

use crate::CallerKind;

pub use jsonwebtoken::Algorithm;

/// How far two clocks may differ.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// A longer token is not read.
const MAX_BYTES: usize = 8 * 1024;
/// How many verified tokens are remembered.
const CACHE_SIZE: usize = 4096;

/// A token issuer that is believed.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Its `iss`.
    pub issuer: String,
    /// The `aud` that its tokens must carry for this service.
    pub audience: String,
    /// The algorithms that it may sign with.
    pub algorithms: Vec<Algorithm>,
    /// What its subjects are.
    pub kind: CallerKind,
    /// The organisation of all of its subjects; absent: each token carries its own in the claim `org`.
    pub organisation: Option<String>,
}

/// A person, as a token tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What the person is.
    pub kind: CallerKind,
    /// The subject: the issuer's own opaque name, with the issuer's, so that two issuers' subjects never meet.
    pub subject: String,
    /// The partner or end-user organisation; absent for the vendor's own.
    pub organisation: Option<String>,
    /// The roles.
    pub roles: Vec<String>,
    /// The e-mail address, in lower case, where the issuer vouches for one.
    pub email: Option<String>,
    /// When the token ends.
    pub expires_at: Timestamp,
}

/// Why a token is not believed. The text is for the log: a caller learns only that it was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token with the claims demanded.
    #[error("the token is malformed")]
    Malformed,
    /// Nobody who is believed issued it.
    #[error("the token's issuer is not configured")]
    UnknownIssuer,
    /// It names a key that its issuer does not publish.
    #[error("the token names an unknown key")]
    UnknownKey,
    /// The signature does not fit, or the algorithm is not allowed.
    #[error("the token's signature does not fit")]
    BadSignature,
    /// It is for another service.
    #[error("the token is for another audience")]
    WrongAudience,
    /// It is not in its time.
    #[error("the token is not in its time")]
    NotInTime,
}

#[derive(Debug, Clone, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    org: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

struct Believed {
    issuer: Issuer,
    keys: ArcSwap<JwkSet>,
}

/// The issuers that are believed, and the tokens whose signatures were verified lately.
///
/// Invariant: the cache holds results of signatures only. Time and standing are judged on every request.
pub struct Issuers {
    believed: Vec<Believed>,
    verified: Mutex<Verified>,
}

/// Tokens whose signatures were verified, with the generation of keys that verified them.
#[derive(Default)]
struct Verified {
    generation: u64,
    tokens: HashMap<[u8; 32], Claims>,
}

impl std::fmt::Debug for Issuers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.believed.iter().map(|believed| &believed.issuer.issuer)).finish()
    }
}

impl Issuers {
    /// Believes these issuers; their keys are set by [`Issuers::set_keys`].
    pub fn new(issuers: Vec<Issuer>) -> Self {
        let believed = issuers.into_iter().map(|issuer| Believed { issuer, keys: ArcSwap::default() }).collect();
        Self { believed, verified: Mutex::default() }
    }

    /// Sets the keys that an issuer publishes (a JSON Web Key Set). What was verified with others is forgotten.
    pub fn set_keys(&self, issuer: &str, jwks: &str) -> Result<(), String> {
        let keys: JwkSet = serde_json::from_str(jwks).map_err(|_| "is no JSON Web Key Set".to_owned())?;
        for believed in self.believed.iter().filter(|believed| believed.issuer.issuer == issuer) {
            if **believed.keys.load() != keys {
                believed.keys.store(std::sync::Arc::new(keys.clone()));
                // Ordering: after the new keys are in place. A verification that began with the old ones sees another
                // generation and is not remembered.
                let mut verified = self.verified_tokens();
                verified.generation += 1;
                verified.tokens.clear();
            }
        }
        Ok(())
    }

    /// The person that a token names, if it is believed.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Person, TokenError> {
        let (believed, claims) = self.verify_signature(token)?;
        let issuer = &believed.issuer;
        if claims.sub.is_empty() {
            return Err(TokenError::Malformed);
        }
        if !claims.aud.names(&issuer.audience) {
            return Err(TokenError::WrongAudience);
        }
        let at = |seconds: i64| Timestamp::from_second(seconds).map_err(|_| TokenError::Malformed);
        let expires_at = at(claims.exp)?;
        let not_before = claims.nbf.map(at).transpose()?.unwrap_or(Timestamp::MIN);
        if now >= expires_at.saturating_add(LEEWAY).unwrap_or(Timestamp::MAX)
            || now < not_before.saturating_sub(LEEWAY).unwrap_or(Timestamp::MIN)
        {
            return Err(TokenError::NotInTime);
        }
        let organisation = match (issuer.kind, &issuer.organisation, claims.org) {
            (CallerKind::VendorStaff, _, _) => None,
            (_, Some(fixed), None) => Some(fixed.clone()),
            // An issuer of one organisation cannot speak for another.
            (_, Some(fixed), Some(claimed)) if *fixed == claimed => Some(claimed),
            (_, None, Some(claimed)) => Some(claimed),
            _ => return Err(TokenError::Malformed),
        };
        Ok(Person {
            kind: issuer.kind,
            subject: format!("{}#{}", issuer.issuer, claims.sub),
            organisation,
            roles: claims.roles,
            // One that the issuer itself did not verify is anybody's claim.
            email: claims
                .email
                .filter(|_| claims.email_verified != Some(false))
                .and_then(|email| text::email(&email).ok()),
            expires_at,
        })
    }

    fn verify_signature(&self, token: &str) -> Result<(&Believed, Claims), TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::Malformed);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes()).as_ref());
        let (generation, remembered) = {
            let verified = self.verified_tokens();
            (verified.generation, verified.tokens.get(&digest).cloned())
        };
        if let Some(claims) = remembered {
            let believed = self.issuer_of(&claims)?;
            return Ok((believed, claims));
        }

        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        if header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        // Read unverified only to find whose keys to verify with.
        let unverified: Claims =
            jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| TokenError::Malformed)?;
        let believed = self.issuer_of(&unverified)?;
        if !believed.issuer.algorithms.contains(&header.alg) {
            return Err(TokenError::BadSignature);
        }
        let keys = believed.keys.load();
        let jwk = find_key(&keys, header.kid.as_deref()).ok_or(TokenError::UnknownKey)?;
        let key = DecodingKey::from_jwk(jwk).map_err(|_| TokenError::UnknownKey)?;
        let mut validation = Validation::new(header.alg);
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims =
            jsonwebtoken::decode::<Claims>(token, &key, &validation).map_err(|_| TokenError::BadSignature)?.claims;

        let mut verified = self.verified_tokens();
        if verified.generation == generation {
            if verified.tokens.len() >= CACHE_SIZE {
                verified.tokens.clear();
            }
            verified.tokens.insert(digest, claims.clone());
        }
        drop(verified);
        Ok((believed, claims))
    }

    fn issuer_of(&self, claims: &Claims) -> Result<&Believed, TokenError> {
        self.believed
            .iter()
            .find(|believed| believed.issuer.issuer == claims.iss && claims.aud.names(&believed.issuer.audience))
            .or_else(|| self.believed.iter().find(|believed| believed.issuer.issuer == claims.iss))
            .ok_or(TokenError::UnknownIssuer)
    }

    fn verified_tokens(&self) -> std::sync::MutexGuard<'_, Verified> {
        self.verified.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The key that a token names; an issuer with one key need not name it.
fn find_key<'k>(keys: &'k JwkSet, kid: Option<&str>) -> Option<&'k Jwk> {
    match (kid, keys.keys.as_slice()) {
        (Some(kid), _) => keys.find(kid),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}
