//! Checks for an instant in the past: what was on record then, judged as of then.

use jiff::Timestamp;
use sqlx::AnyConnection;
use vouch_core::Error;
use vouch_core::code::{EndUserId, PartnerId};
use vouch_storage::{Secrets, Store, StoreError};

use crate::book::{Table, Wanted};
use crate::domain::entitlement::{Answer, Question, Viewer, judge};
use crate::domain::license::License;
use crate::domain::partner::Standing;
use crate::store::facts::license_fetch_for;
use crate::store::history::{facts_at, history_began};
use crate::store::packed::{self, PackedLicense};
use crate::store::{agreements, catalog, incidents, partners};

/// Answers a question for an instant. A partner must be in the licence's chain now and have been in it then; which licence a key names is
/// judged now; everything else by what was on record at the instant.
pub async fn check_at(
    store: &Store,
    secrets: &Secrets,
    question: &Question,
    viewer: &Viewer,
    at: Timestamp,
) -> Result<Answer, Error> {
    let mut snapshot = store.snapshot().await?;
    let began = history_began(&mut snapshot).await?;
    if at < began {
        return Err(Error::field("as_of", format!("must not lie before {began}, when the history begins")));
    }
    // Whether the viewer may know of it is decided with the licence: a foreign one takes no statement more than an unknown one.
    let license = license_fetch_for(&mut snapshot, secrets, &question.license, viewer).await?;
    let Some(license) = license.filter(|license| license.created_at <= at) else {
        return Ok(judge(None, question, viewer, at));
    };
    let table = table_at(&mut snapshot, &license, at).await?;
    let facts = table.facts(&Wanted::Id(license.id), at);
    // Of the time before it came into the chain, a partner learns nothing.
    Ok(judge(facts.as_ref(), question, viewer, at))
}

/// A table of one licence and all that decided about it at an instant.
async fn table_at(connection: &mut AnyConnection, license: &License, at: Timestamp) -> Result<Table, Error> {
    let facts = match facts_at(connection, &license.id.to_string(), at).await? {
        Some(facts) => facts,
        None => packed::pack_license(license)?,
    };
    let then = packed::read_license(&facts)?;
    let mut table = Table::with_room(1);
    let missing = || Error::internal("a licence names a product that is not there");
    let product_id = &license.terms.product_id;
    let mut product = catalog::product_fetch(connection, product_id).await?.ok_or_else(missing)?;
    let published = catalog::versions_published(connection, product_id, at).await?;
    product.releases.retain(|release| published.contains(&release.version));
    let standings = standings_at(connection, &then, at).await?;
    table.set_catalogue(catalog::tier_all(connection).await?, vec![product], standings);
    table.set_license(&then).map_err(Error::internal)?;
    let end_user = EndUserId::parse(then.end_user).map_err(Error::internal)?;
    let available = incidents::available_at(connection, &end_user, at).await?;
    table.set_end_user(then.end_user, available).map_err(Error::internal)?;
    for agreement in agreements::agreement_list_of(connection, &end_user).await? {
        if agreement.created_at > at {
            continue;
        }
        let facts = match facts_at(connection, &agreement.id.to_string(), at).await? {
            Some(facts) => facts,
            None => packed::pack_agreement(&agreement)?,
        };
        table.add_agreement(&packed::read_agreement(&facts)?).map_err(Error::internal)?;
    }
    Ok(table)
}

/// The standings of the partners of a chain at an instant.
async fn standings_at(
    connection: &mut AnyConnection,
    then: &PackedLicense<'_>,
    at: Timestamp,
) -> Result<Vec<(PartnerId, Standing)>, Error> {
    let corrupt = || StoreError::Corrupt { column: "changes.facts_before", problem: "it is no standing".into() };
    let mut standings = Vec::new();
    for id in std::iter::once(then.responsible).chain(then.reseller) {
        let id = PartnerId::parse(id).map_err(Error::internal)?;
        let standing = match facts_at(connection, id.as_str(), at).await? {
            Some(word) => std::str::from_utf8(&word).ok().and_then(Standing::parse).ok_or_else(corrupt)?,
            None => {
                partners::partner_fetch(connection, &id).await?.map_or(Standing::Suspended, |partner| partner.standing)
            }
        };
        standings.push((id, standing));
    }
    Ok(standings)
}
