//! Taking licences from another system: many at once, each of them there already or new.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::AnyConnection;
use vouch_core::Violations;
use vouch_storage::{Dialect, Secrets, Store, StoreError, Tx, WriteError};

use crate::domain::agreement::Person;
use crate::domain::license::License;
use crate::store::facts::DIGESTS;
use crate::store::grants::{EndUserRows, LicenseRows, key_retired_all, liaison_insert_all};
use crate::store::{catalog, changes, licenses, partners};

/// A licence to be taken.
#[derive(Debug)]
pub struct Row {
    /// Its place in the request.
    pub place: usize,
    /// The licence.
    pub license: License,
    /// Whether its id was named, and not given to it here.
    pub keeps_id: bool,
}

/// What came of a request.
#[derive(Debug, Default)]
pub struct Imported {
    /// How many were entered.
    pub created: usize,
    /// How many were there already.
    pub unchanged: usize,
    /// Those that were not taken, by their place.
    pub problems: Vec<(usize, Violations)>,
    /// The revision with which checks know of what was entered; 0 where nothing was.
    pub facts_revision: i64,
}

/// The name of the key with which this service digests keys.
pub fn digest_key_id(secrets: &Secrets) -> String {
    secrets.digest_key_id(DIGESTS)
}

/// Licences to be taken, with what the database is told of them: made ready while it works on those before.
#[derive(Debug)]
pub struct Batch {
    rows: Vec<Row>,
    ready: Ready,
}

/// What the database is told of licences and their end users.
#[derive(Debug)]
struct Ready {
    end_users: EndUserRows,
    licenses: LicenseRows,
}

impl Ready {
    fn of<'a>(dialect: Dialect, licenses: impl Iterator<Item = &'a License> + Clone) -> Result<Self, StoreError> {
        let end_users = EndUserRows::of(dialect, licenses.clone());
        Ok(Self { end_users, licenses: LicenseRows::of(dialect, licenses)? })
    }
}

impl Batch {
    /// Makes licences with their places in the request ready for a database.
    pub fn of(dialect: Dialect, rows: Vec<Row>) -> Result<Self, vouch_core::Error> {
        Ok(Self { ready: Ready::of(dialect, rows.iter().map(|row| &row.license))?, rows })
    }
}

/// Takes licences; where it is a rehearsal, nothing is kept.
pub async fn take(store: &Store, batch: &Batch, rehearse: bool) -> Result<Imported, vouch_core::Error> {
    let dialect = store.dialect();
    if batch.rows.is_empty() {
        Ok(Imported::default())
    } else if rehearse {
        store.rehearse(|tx| enter(tx, dialect, batch)).await
    } else {
        store.write(|tx| enter(tx, dialect, batch)).await
    }
}

async fn enter(mut tx: Tx, dialect: Dialect, batch: &Batch) -> Result<(Tx, Imported), WriteError> {
    let mut imported = Imported::default();
    let known = known(&mut tx, dialect).await?;
    let mut good = Vec::with_capacity(batch.rows.len());
    for row in &batch.rows {
        let violations = known.against(&row.license);
        if violations.is_empty() {
            good.push(row);
        } else {
            imported.problems.push((row.place, violations));
        }
    }
    let anew;
    let ready = if imported.problems.is_empty() {
        &batch.ready
    } else {
        anew = Ready::of(dialect, good.iter().map(|row| &row.license))?;
        &anew
    };
    // Ordering: end users and partners are held before the revision, which is the last that others wait for; what is locked after it are
    // new rows of this transaction. Other changes of facts wait for the revision while these rows are written. To take it after them would
    // mean to write each row a second time, for its number, while others wait all the same: twice the work for a wait that is little
    // shorter. On SQLite they wait for the transaction in any case. Whom it keeps waiting too long is imported in smaller requests.
    let names = ready.end_users.hold(&mut tx).await?;
    let licenses: Vec<_> = good.iter().map(|row| with_one_name(&row.license, &names)).collect();
    let renamed;
    let rows = if licenses.iter().all(|license| matches!(license, Cow::Borrowed(_))) {
        &ready.licenses
    } else {
        renamed = LicenseRows::of(dialect, licenses.iter().map(AsRef::as_ref))?;
        &renamed
    };
    let revision = changes::revision_next(&mut tx).await?;
    let added = rows.insert_new(&mut tx, revision).await?;
    let there = if usize::try_from(added).is_ok_and(|added| added == licenses.len()) {
        None
    } else {
        let there = licenses::license_list_by_key(&mut tx, licenses.iter().map(|license| &license.key)).await?;
        Some(there.into_iter().map(|license| (license.key.0, license)).collect::<HashMap<_, _>>())
    };
    let mut created = Vec::with_capacity(good.len());
    let mut entered: HashMap<[u8; 32], &License> = HashMap::new();
    for (Row { place, keeps_id, .. }, license) in good.iter().zip(&licenses) {
        let stands = match (entered.get(&license.key.0), &there) {
            // Twice in one request: the second finds the first.
            (Some(first), _) => Some(against(Some(first), license, *keeps_id)),
            (None, None) => None,
            (None, Some(there)) => {
                let there = there.get(&license.key.0);
                if there.is_some_and(|there| was_added(there, license)) {
                    None
                } else {
                    Some(against(there, license, *keeps_id))
                }
            }
        };
        match stands {
            None => {
                entered.insert(license.key.0, license.as_ref());
                created.push(license.as_ref());
            }
            Some(violations) if violations.is_empty() => imported.unchanged += 1,
            Some(violations) => imported.problems.push((*place, violations)),
        }
    }
    imported.created = created.len();
    liaison_insert_all(&mut tx, created).await?;
    imported.problems.sort_by_key(|(place, _)| *place);
    imported.facts_revision = if imported.created > 0 { revision } else { 0 };
    Ok((tx, imported))
}

/// A licence with the name that its end user has, where that is another one.
fn with_one_name<'a>(license: &'a License, names: &BTreeMap<String, String>) -> Cow<'a, License> {
    match names.get(license.terms.end_user_id.as_str()) {
        Some(name) if *name != license.terms.end_user_name => {
            let mut license = license.clone();
            license.terms.end_user_name.clone_from(name);
            Cow::Owned(license)
        }
        _ => Cow::Borrowed(license),
    }
}

/// Whether what is there is this one, and not one from before.
fn was_added(there: &License, license: &License) -> bool {
    there.created_at == license.created_at && there.id == license.id && there.revision == 1
}

/// What stands against a licence that was not added: nothing where it is there with the same terms.
fn against(there: Option<&License>, license: &License, keeps_id: bool) -> Violations {
    let mut violations = Violations::new();
    match there {
        Some(there) if keeps_id && there.id != license.id => {
            violations.add("license.license_id", format!("is not {}, whose key it is", there.id));
        }
        Some(there) if is_same(there, license) => {}
        Some(there) => violations.add("license_key", format!("is the key of {}, which has other terms", there.id)),
        None => violations.add("license.license_id", format!("{} is there with another key", license.id)),
    }
    violations
}

/// Whether two licences are the same but for what this service gave them.
fn is_same(there: &License, license: &License) -> bool {
    // In whatever order they were named.
    let people = |license: &License| -> BTreeMap<String, Person> {
        let people = license.liaisons.iter().map(|liaison| liaison.person.clone());
        people.map(|person| (person.email.clone(), person)).collect()
    };
    there.terms == license.terms
        && there.state == license.state
        && there.state_note == license.state_note
        && there.key_hint == license.key_hint
        && people(there) == people(license)
}

/// The products and partners that licences may name.
struct Known {
    replaced: BTreeSet<Vec<u8>>,
    products: BTreeSet<String>,
    partners: BTreeSet<String>,
}

impl Known {
    fn against(&self, license: &License) -> Violations {
        let (terms, mut v) = (&license.terms, Violations::new());
        if self.replaced.contains(license.key.0.as_slice()) {
            v.add("license_key", "was replaced by another key, and is not taken again");
        }
        if !self.products.contains(terms.product_id.as_str()) {
            v.add("license.product_id", format!("there is no product {}", terms.product_id));
        }
        let chain = [
            ("license.responsible_partner_id", Some(&terms.responsible_partner_id)),
            ("license.reseller_partner_id", terms.reseller_partner_id.as_ref()),
        ];
        for (field, partner) in chain {
            if let Some(partner) = partner.filter(|partner| !self.partners.contains(partner.as_str())) {
                v.add(field, format!("there is no partner {partner}"));
            }
        }
        v
    }
}

async fn known(tx: &mut AnyConnection, dialect: Dialect) -> Result<Known, WriteError> {
    let products = catalog::product_ids(tx).await?;
    let partners = partners::standing_share(tx, dialect).await?;
    Ok(Known {
        replaced: key_retired_all(tx).await?,
        products: products.into_iter().collect(),
        partners: partners.into_iter().map(|(id, _)| id.to_string()).collect(),
    })
}
