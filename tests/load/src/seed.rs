//! Licences by the million, written as the service writes them, with an agreement of three liaisons for every five.

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_core::code::{EndUserId, PartnerId, ProductId, TierId};
use vouch_core::id::{LicenseId, LicenseTag};
use vouch_core::{World, dates};
use vouch_license::domain::agreement::{Agreement, AgreementState, AgreementTerms, Liaison, Person, Plan};
use vouch_license::domain::license::{License, LicenseKind, LicenseState, LicenseTerms, Validity};
use vouch_license::domain::license_key::KeyDigest;
use vouch_license::domain::resale::Resale;
use vouch_license::store::changes;
use vouch_storage::{Store, WriteError};

/// Licences of one end user.
pub(crate) const LICENSES_EACH: usize = 5;
/// End users in one transaction.
const IN_ONE_GO: usize = 2_000;

/// Writes so many licences; their ids.
pub(crate) async fn seed(store: &Store, licenses: usize) -> Vec<LicenseId> {
    let world = World::system();
    let bar = ProgressBar::new(licenses as u64);
    bar.set_style(ProgressStyle::with_template("  writing {bar:30} {human_pos} of {human_len} licences").unwrap());
    let mut ids = Vec::with_capacity(licenses);
    let end_users: Vec<usize> = (0..licenses / LICENSES_EACH).collect();
    for some in end_users.chunks(IN_ONE_GO) {
        let world = &world;
        let written = store
            .write(|mut tx| async move {
                let mut written = Vec::new();
                for number in some {
                    written.extend(end_user(&mut tx, world, *number).await?);
                }
                changes::revision_next(&mut tx).await?;
                Ok::<_, WriteError>((tx, written))
            })
            .await
            .unwrap();
        bar.inc(written.len() as u64);
        ids.extend(written);
    }
    bar.finish_and_clear();
    ids
}

/// The address of an end user's first liaison.
pub(crate) fn contact(end_user: usize) -> String {
    format!("liaison0@customer-{end_user}.example")
}

async fn end_user(tx: &mut AnyConnection, world: &World, number: usize) -> Result<Vec<LicenseId>, WriteError> {
    let id = EndUserId::parse(&format!("customer-{number}")).unwrap();
    let now = world.now();
    vouch_license::store::grants::end_user_insert(tx, &id, id.as_str()).await?;
    let mut ids = Vec::with_capacity(LICENSES_EACH);
    for _ in 0..LICENSES_EACH {
        ids.push(license(tx, world, &id, now).await?);
    }
    agreement(tx, world, &id, number, now).await?;
    changes::end_user_stamp(tx, &id, 1).await?;
    Ok(ids)
}

async fn agreement(
    tx: &mut AnyConnection,
    world: &World,
    end_user: &EndUserId,
    number: usize,
    now: Timestamp,
) -> Result<(), WriteError> {
    let liaison = |which: usize| Liaison {
        id: world.id(),
        person: Person {
            name: format!("Liaison {which}"),
            email: format!("liaison{which}@customer-{number}.example"),
            administrative_rights: false,
        },
        named_at: now,
    };
    let agreement = Agreement {
        id: world.id(),
        terms: AgreementTerms {
            end_user_id: end_user.clone(),
            tier_id: TierId::parse("standard").unwrap(),
            from: dates::date("2026-01-01").unwrap(),
            until: dates::date("2036-12-31").unwrap(),
            zone: dates::zone("America/Denver").unwrap(),
            liaison_seats: 3,
            plan: Plan::Contract,
        },
        state: AgreementState::Active,
        liaisons: (0..3).map(liaison).collect(),
        revision: 4,
        created_at: now,
    };
    vouch_license::store::agreements::agreement_insert(tx, &agreement).await?;
    for liaison in &agreement.liaisons {
        vouch_license::store::agreements::liaison_insert(tx, &agreement.id.to_string(), liaison).await?;
    }
    Ok(())
}

async fn license(
    tx: &mut AnyConnection,
    world: &World,
    end_user: &EndUserId,
    now: Timestamp,
) -> Result<LicenseId, WriteError> {
    let license = License {
        id: world.id::<LicenseTag>(),
        key: KeyDigest(world.random()),
        key_hint: "ABCDE".into(),
        terms: LicenseTerms {
            product_id: ProductId::parse("atlas").unwrap(),
            quantity: 25,
            end_user_id: end_user.clone(),
            end_user_name: end_user.to_string(),
            responsible_partner_id: PartnerId::parse("north").unwrap(),
            reseller_partner_id: None,
            validity: Validity {
                from: dates::date("2026-01-01").unwrap(),
                until: Some(dates::date("2036-12-31").unwrap()),
                grace_days: 14,
                zone: dates::zone("America/Denver").unwrap(),
            },
            maintenance_until: Some(dates::date("2036-12-31").unwrap()),
            kind: LicenseKind::Paid,
            order_reference: String::new(),
        },
        state: LicenseState::Active,
        state_note: String::new(),
        liaisons: Vec::new(),
        resale: Resale::default(),
        revision: 1,
        created_at: now,
    };
    vouch_license::store::grants::license_insert(tx, &license, 1).await?;
    Ok(license.id)
}
