//! The table of facts: narrow records with numbers in place of names, and three indexes.
//!
//! A licence takes about 90 bytes here and 20 in the indexes; names, zones, products, tiers and partners are kept once.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_core::dates;
use vouch_core::id::{AgreementId, ContactId, LicenseId};

use crate::domain::agreement::AgreementState;
use crate::domain::entitlement::facts::{
    AgreementFacts, EmailDigest, Facts, LicenseFacts, Named, NamedDigest, Term, precedence,
};
use crate::domain::license::LicenseState;
use crate::domain::license_key::KeyDigest;
use crate::domain::partner::Standing;
use crate::domain::product::{Basis, Product};
use crate::domain::resale::Chain;
use crate::domain::tier::Tier;
use crate::store::packed::{PackedAgreement, PackedLicense, half};

/// No such number: a licence without a reseller, a product without a default tier.
const NONE: u32 = u32::MAX;
/// No end.
const NEVER: i64 = i64::MAX;

/// The facts of every licence.
#[derive(Debug, Default)]
pub struct Table {
    licenses: Vec<LicenseRecord>,
    by_key: HashTable<u32>,
    by_id: HashTable<u32>,
    /// People named in licences themselves: few licences have any.
    named: HashMap<u32, Box<[NamedDigest]>>,
    /// Chains of licences that have one: few have, and many of them the same.
    chain_of: HashMap<u32, u32>,
    chains: Vec<Chain>,
    chain_numbers: BTreeMap<String, u32>,
    end_users: Vec<EndUserRecord>,
    by_end_user: HashTable<u32>,
    names: RandomState,
    products: Vec<(Product, u32)>,
    product_numbers: BTreeMap<String, u32>,
    tiers: Vec<Arc<Tier>>,
    tier_numbers: BTreeMap<String, u32>,
    partners: Vec<(PartnerId, Standing)>,
    partner_numbers: BTreeMap<String, u32>,
    zones: Vec<TimeZone>,
    zone_numbers: BTreeMap<String, u16>,
}

#[derive(Debug)]
struct LicenseRecord {
    id: LicenseId,
    key: [u8; 16],
    revision: i64,
    begins: i64,
    ends: i64,
    end_user: u32,
    product: u32,
    responsible: u32,
    reseller: u32,
    maintenance_until: Option<Date>,
    zone: u16,
    grace_days: u16,
    state: LicenseState,
    has_named: bool,
    has_chain: bool,
}

#[derive(Debug)]
struct EndUserRecord {
    id: EndUserId,
    incidents: i64,
    agreements: Vec<AgreementRecord>,
}

#[derive(Debug)]
struct AgreementRecord {
    id: AgreementId,
    begins: i64,
    ends: i64,
    tier: u32,
    zone: u16,
    state: AgreementState,
    named: Box<[NamedDigest]>,
}

/// A licence that is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Wanted {
    /// By the keyed digest of its key.
    Key(KeyDigest),
    /// By its id.
    Id(LicenseId),
}

/// A value that a row does not promise to hold.
#[derive(Debug, thiserror::Error)]
#[error("a row's facts cannot be used: {0}")]
pub struct Unusable(String);

impl Table {
    /// An empty table with room for so many licences.
    pub fn with_room(licenses: usize) -> Self {
        Self {
            licenses: Vec::with_capacity(licenses),
            by_key: HashTable::with_capacity(licenses),
            by_id: HashTable::with_capacity(licenses),
            ..Self::default()
        }
    }

    /// How many licences it knows.
    pub fn licenses(&self) -> usize {
        self.licenses.len()
    }

    /// Takes the whole catalogue and every partner. Numbers that were given out stay.
    pub fn set_catalogue(&mut self, tiers: Vec<Tier>, products: Vec<Product>, partners: Vec<(PartnerId, Standing)>) {
        for tier in tiers {
            let tier = Arc::new(tier);
            number(&mut self.tiers, &mut self.tier_numbers, tier.id.as_str().to_owned(), tier);
        }
        for product in products {
            let default_tier = match &product.basis {
                Basis::Either(tier) => self.tier_number(tier.as_str()),
                Basis::Agreement => NONE,
            };
            let id = product.id.as_str().to_owned();
            number(&mut self.products, &mut self.product_numbers, id, (product, default_tier));
        }
        for (id, standing) in partners {
            number(&mut self.partners, &mut self.partner_numbers, id.as_str().to_owned(), (id, standing));
        }
    }

    /// Takes a licence, new or changed.
    pub fn set_license(&mut self, packed: &PackedLicense<'_>) -> Result<(), Unusable> {
        let record = LicenseRecord {
            id: LicenseId::from_uuid(uuid::Uuid::from_bytes(packed.id)),
            key: packed.key,
            revision: packed.revision,
            begins: packed.begins,
            ends: packed.ends.unwrap_or(NEVER),
            end_user: self.end_user_number(packed.end_user)?,
            product: *self.product_numbers.get(packed.product).ok_or_else(|| unknown("product", packed.product))?,
            responsible: self.partner_number(packed.responsible)?,
            reseller: packed.reseller.map_or(Ok(NONE), |id| self.partner_number(id))?,
            maintenance_until: date(packed.maintenance_until)?,
            zone: self.zone_number(packed.zone)?,
            grace_days: packed.grace_days,
            state: match packed.state {
                0 => LicenseState::Active,
                1 => LicenseState::Suspended,
                2 => LicenseState::Revoked,
                3 => LicenseState::Cancelled,
                other => return Err(unknown("state", &other.to_string())),
            },
            has_named: !packed.named.is_empty(),
            has_chain: !packed.links.is_empty() || packed.maker.is_some(),
        };
        let known = self.find_id(record.id);
        let place = known.unwrap_or_else(|| u32::try_from(self.licenses.len()).unwrap_or(NONE));
        if record.has_named {
            self.named.insert(place, named(&packed.named)?);
        } else {
            self.named.remove(&place);
        }
        if record.has_chain {
            let chain = self.chain_number(&packed.links, packed.maker)?;
            self.chain_of.insert(place, chain);
        } else {
            self.chain_of.remove(&place);
        }
        let (licenses, by_key, by_id) = (&mut self.licenses, &mut self.by_key, &mut self.by_id);
        let key = record.key;
        if let Some(place) = known {
            let old = std::mem::replace(&mut licenses[place as usize], record);
            if old.key != key {
                // The key was replaced: the old one finds nothing from now on.
                if let Ok(entry) = by_key.find_entry(hash_key(&old.key), |other| *other == place) {
                    entry.remove();
                }
                by_key.insert_unique(hash_key(&key), place, |other| hash_key(&licenses[*other as usize].key));
            }
        } else {
            let id = hash_id(record.id);
            licenses.push(record);
            by_key.insert_unique(hash_key(&key), place, |other| hash_key(&licenses[*other as usize].key));
            by_id.insert_unique(id, place, |other| hash_id(licenses[*other as usize].id));
        }
        Ok(())
    }

    /// Takes an end user, new or changed: its agreements are to be added anew.
    pub fn set_end_user(&mut self, id: &str, incidents: i64) -> Result<(), Unusable> {
        let place = self.end_user_number(id)?;
        let record = &mut self.end_users[place as usize];
        record.incidents = incidents;
        record.agreements = Vec::new();
        Ok(())
    }

    /// Adds an agreement to those of its end user.
    pub fn add_agreement(&mut self, packed: &PackedAgreement<'_>) -> Result<(), Unusable> {
        let record = AgreementRecord {
            id: AgreementId::from_uuid(uuid::Uuid::from_bytes(packed.id)),
            begins: packed.begins,
            ends: packed.ends,
            tier: self.tier_number(packed.tier),
            zone: self.zone_number(packed.zone)?,
            state: match packed.state {
                0 => AgreementState::Active,
                1 => AgreementState::Suspended,
                other => return Err(unknown("state", &other.to_string())),
            },
            named: named(&packed.named)?,
        };
        let end_user = self.end_user_number(packed.end_user)?;
        let agreements = &mut self.end_users[end_user as usize].agreements;
        // Most end users have one: no room is kept for more.
        agreements.reserve_exact(1);
        agreements.push(record);
        Ok(())
    }

    /// The facts of a licence at an instant; `None` when there is no such licence.
    pub fn facts(&self, wanted: &Wanted, now: Timestamp) -> Option<Facts<'_>> {
        let place = match wanted {
            Wanted::Id(id) => self.find_id(*id)?,
            Wanted::Key(digest) => self.find_key(digest)?,
        };
        let record = &self.licenses[place as usize];
        let (product, default_tier) = &self.products[record.product as usize];
        let (responsible, standing) = &self.partners[record.responsible as usize];
        let end_user = &self.end_users[record.end_user as usize];
        let deciding = end_user.agreements.iter().min_by_key(|agreement| precedence(&agreement.term(), now));
        Some(Facts {
            license: LicenseFacts {
                id: record.id,
                revision: record.revision,
                end_user_id: &end_user.id,
                responsible,
                reseller: self.partners.get(record.reseller as usize).map(|(id, _)| id),
                chain: record.has_chain.then(|| &self.chains[self.chain_of[&place] as usize]),
                state: record.state,
                term: Term {
                    begins: instant(record.begins),
                    ends: (record.ends != NEVER).then(|| instant(record.ends)),
                    grace_days: record.grace_days,
                },
                zone: &self.zones[usize::from(record.zone)],
                maintenance_until: record.maintenance_until,
                named: Named::Digests(if record.has_named { &self.named[&place] } else { &[] }),
            },
            product,
            agreement: deciding.map(|agreement| AgreementFacts {
                id: agreement.id,
                state: agreement.state,
                term: agreement.term(),
                zone: &self.zones[usize::from(agreement.zone)],
                tier: self.tiers.get(agreement.tier as usize),
                named: Named::Digests(&agreement.named),
            }),
            default_tier: self.tiers.get(*default_tier as usize),
            partner_standing: *standing,
            incidents: end_user.incidents,
        })
    }

    fn find_id(&self, id: LicenseId) -> Option<u32> {
        self.by_id.find(hash_id(id), |place| self.licenses[*place as usize].id == id).copied()
    }

    fn find_key(&self, digest: &KeyDigest) -> Option<u32> {
        let key = half(&digest.0);
        self.by_key.find(hash_key(&key), |place| self.licenses[*place as usize].key == key).copied()
    }

    fn end_user_number(&mut self, id: &str) -> Result<u32, Unusable> {
        let hash = self.names.hash_one(id);
        let (end_users, names) = (&mut self.end_users, &self.names);
        if let Some(place) = self.by_end_user.find(hash, |place| end_users[*place as usize].id.as_str() == id) {
            return Ok(*place);
        }
        let place = u32::try_from(end_users.len()).map_err(|_| unknown("end user", id))?;
        let id = EndUserId::parse(id).map_err(Unusable)?;
        end_users.push(EndUserRecord { id, incidents: 0, agreements: Vec::new() });
        self.by_end_user.insert_unique(hash, place, |other| names.hash_one(end_users[*other as usize].id.as_str()));
        Ok(place)
    }

    fn tier_number(&self, id: &str) -> u32 {
        self.tier_numbers.get(id).copied().unwrap_or(NONE)
    }

    fn partner_number(&self, id: &str) -> Result<u32, Unusable> {
        self.partner_numbers.get(id).copied().ok_or_else(|| unknown("partner", id))
    }

    fn chain_number(&mut self, links: &[&str], maker: Option<&str>) -> Result<u32, Unusable> {
        let name = format!("{}/{}", links.join(" "), maker.unwrap_or_default());
        if let Some(number) = self.chain_numbers.get(&name) {
            return Ok(*number);
        }
        let parse = |id: &str| PartnerId::parse(id).map_err(Unusable);
        let links = links.iter().map(|id| parse(id)).collect::<Result<_, _>>()?;
        let chain = Chain { links, maker: maker.map(parse).transpose()? };
        let number = u32::try_from(self.chains.len()).map_err(|_| unknown("chain", &name))?;
        self.chains.push(chain);
        self.chain_numbers.insert(name, number);
        Ok(number)
    }

    fn zone_number(&mut self, name: &str) -> Result<u16, Unusable> {
        if let Some(number) = self.zone_numbers.get(name) {
            return Ok(*number);
        }
        let zone = dates::zone(name).map_err(Unusable)?;
        let number = u16::try_from(self.zones.len()).map_err(|_| unknown("zone", name))?;
        self.zones.push(zone);
        self.zone_numbers.insert(name.to_owned(), number);
        Ok(number)
    }
}

impl AgreementRecord {
    fn term(&self) -> Term {
        Term { begins: instant(self.begins), ends: Some(instant(self.ends)), grace_days: 0 }
    }
}

/// Puts a value under its name, over the old one where there is one.
fn number<T>(values: &mut Vec<T>, numbers: &mut BTreeMap<String, u32>, name: String, value: T) {
    if let Some(number) = numbers.get(&name) {
        values[*number as usize] = value;
    } else {
        numbers.insert(name, u32::try_from(values.len()).unwrap_or(NONE));
        values.push(value);
    }
}

fn named(bytes: &[u8]) -> Result<Box<[NamedDigest]>, Unusable> {
    let (people, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() {
        return Err(unknown("named people", "cut off"));
    }
    let read = |person: &[u8; 32]| {
        let mut email = [0; 16];
        email.copy_from_slice(&person[16..]);
        let contact_id = ContactId::from_uuid(uuid::Uuid::from_bytes(half(person)));
        NamedDigest { contact_id, email: EmailDigest(email) }
    };
    Ok(people.iter().map(read).collect())
}

fn date(date: Option<(i16, i8, i8)>) -> Result<Option<Date>, Unusable> {
    date.map(|(year, month, day)| Date::new(year, month, day)).transpose().map_err(|error| Unusable(error.to_string()))
}

fn unknown(what: &str, value: &str) -> Unusable {
    Unusable(format!("{what} {value}"))
}

fn instant(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

/// A keyed digest is its own hash.
fn hash_key(key: &[u8; 16]) -> u64 {
    let (first, _) = key.split_at(8);
    first.iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// The random half of a UUID version 7, spread over all bits: its first two are always the same.
fn hash_id(id: LicenseId) -> u64 {
    let (_, random) = id.uuid().as_u64_pair();
    random.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests;
