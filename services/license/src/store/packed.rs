//! Facts as one value of a row: small, versioned, read a million times at a start.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vouch_core::code::PartnerId;
use vouch_core::id::ContactId;
use vouch_storage::StoreError;

use crate::domain::agreement::{Agreement, AgreementState, Liaison};
use crate::domain::entitlement::facts::EmailDigest;
use crate::domain::license::{License, LicenseState};

/// A licence's facts. The variant's number is the first byte: a later version is another variant.
#[derive(Serialize, Deserialize)]
enum AnyLicense<'a> {
    #[serde(borrow)]
    V1(PackedLicense<'a>),
    /// With a chain: the links from the vendor down, and the maker of a modification.
    V2(#[serde(borrow)] PackedLicense<'a>, #[serde(borrow)] Vec<&'a str>, #[serde(borrow)] Option<&'a str>),
}

/// A licence's facts. Instants are microseconds, ids are the bytes of their UUIDs.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedLicense<'a> {
    /// Its id.
    pub id: [u8; 16],
    /// The first half of its key's digest.
    pub key: [u8; 16],
    /// Its revision.
    pub revision: i64,
    /// The product.
    pub product: &'a str,
    /// The end user.
    pub end_user: &'a str,
    /// The partner responsible for support.
    pub responsible: &'a str,
    /// The partner that sold it.
    pub reseller: Option<&'a str>,
    /// When it begins.
    pub begins: i64,
    /// When it has ended.
    pub ends: Option<i64>,
    /// Days of grace after that.
    pub grace_days: u16,
    /// The last day of maintenance: year, month, day.
    pub maintenance_until: Option<(i16, i8, i8)>,
    /// The zone of its days.
    pub zone: &'a str,
    /// 0 active, 1 suspended, 2 revoked, 3 cancelled.
    pub state: u8,
    /// People named in it: ids and digests of addresses, 32 bytes each.
    #[serde(borrow)]
    pub named: Cow<'a, [u8]>,
    /// The links of its chain; packed from version 2 on.
    #[serde(skip)]
    pub links: Vec<&'a str>,
    /// The maker of a modification; packed from version 2 on.
    #[serde(skip)]
    pub maker: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
enum AnyAgreement<'a> {
    #[serde(borrow)]
    V1(PackedAgreement<'a>),
}

/// An agreement's facts, version 1.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedAgreement<'a> {
    /// Its id.
    pub id: [u8; 16],
    /// The end user.
    pub end_user: &'a str,
    /// The tier.
    pub tier: &'a str,
    /// When it begins.
    pub begins: i64,
    /// When it has ended.
    pub ends: i64,
    /// The zone of its days.
    pub zone: &'a str,
    /// 0 active, 1 suspended.
    pub state: u8,
    /// People named in it: ids and digests of addresses, 32 bytes each.
    #[serde(borrow)]
    pub named: Cow<'a, [u8]>,
}

/// Packs a licence's facts.
pub fn pack_license(license: &License) -> Result<Vec<u8>, StoreError> {
    let (terms, term) = (&license.terms, license.terms.validity.term());
    let packed = PackedLicense {
        id: *license.id.uuid().as_bytes(),
        key: half(&license.key.0),
        revision: license.revision,
        product: terms.product_id.as_str(),
        end_user: terms.end_user_id.as_str(),
        responsible: terms.responsible_partner_id.as_str(),
        reseller: terms.reseller_partner_id.as_ref().map(PartnerId::as_str),
        begins: term.begins.as_microsecond(),
        ends: term.ends.map(Timestamp::as_microsecond),
        grace_days: term.grace_days,
        maintenance_until: terms.maintenance_until.map(|date| (date.year(), date.month(), date.day())),
        zone: terms.validity.zone.iana_name().unwrap_or("UTC"),
        state: match license.state {
            LicenseState::Active => 0,
            LicenseState::Suspended => 1,
            LicenseState::Revoked => 2,
            LicenseState::Cancelled => 3,
        },
        named: pack_named(&license.liaisons).into(),
        links: Vec::new(),
        maker: None,
    };
    let chain = &license.resale.chain;
    if chain.is_empty() {
        return write(&AnyLicense::V1(packed));
    }
    let links = chain.links.iter().map(PartnerId::as_str).collect();
    write(&AnyLicense::V2(packed, links, chain.maker.as_ref().map(PartnerId::as_str)))
}

/// Packs an agreement's facts.
pub fn pack_agreement(agreement: &Agreement) -> Result<Vec<u8>, StoreError> {
    let (terms, term) = (&agreement.terms, agreement.terms.term());
    let packed = PackedAgreement {
        id: *agreement.id.uuid().as_bytes(),
        end_user: terms.end_user_id.as_str(),
        tier: terms.tier_id.as_str(),
        begins: term.begins.as_microsecond(),
        ends: term.ends.unwrap_or(Timestamp::MAX).as_microsecond(),
        zone: terms.zone.iana_name().unwrap_or("UTC"),
        state: match agreement.state {
            AgreementState::Active => 0,
            AgreementState::Suspended => 1,
        },
        named: pack_named(&agreement.liaisons).into(),
    };
    write(&AnyAgreement::V1(packed))
}

/// Reads a licence's facts.
pub fn read_license(bytes: &[u8]) -> Result<PackedLicense<'_>, StoreError> {
    match postcard::from_bytes(bytes).map_err(|error| corrupt("licenses.facts", &error))? {
        AnyLicense::V1(packed) => Ok(packed),
        AnyLicense::V2(packed, links, maker) => Ok(PackedLicense { links, maker, ..packed }),
    }
}

/// Reads an agreement's facts.
pub fn read_agreement(bytes: &[u8]) -> Result<PackedAgreement<'_>, StoreError> {
    let AnyAgreement::V1(packed) = postcard::from_bytes(bytes).map_err(|error| corrupt("agreements.facts", &error))?;
    Ok(packed)
}

/// The people named in an agreement's facts.
pub fn named_in(packed: &PackedAgreement<'_>) -> Vec<ContactId> {
    let (people, _) = packed.named.as_chunks::<32>();
    people.iter().map(|person| ContactId::from_uuid(Uuid::from_bytes(half(person)))).collect()
}

/// The first half of a digest: 128 bits of a keyed digest are nobody's to choose.
pub fn half(digest: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

fn pack_named(liaisons: &[Liaison]) -> Vec<u8> {
    liaisons.iter().flat_map(|one| [*one.id.uuid().as_bytes(), EmailDigest::of(&one.person.email).0].concat()).collect()
}

fn write(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    postcard::to_allocvec(value).map_err(|error| corrupt("facts", &error))
}

fn corrupt(column: &'static str, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt { column, problem: error.to_string() }
}
