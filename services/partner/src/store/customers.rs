//! End-user organisations. Every query names the partner organisation whose they are.

use std::collections::BTreeMap;

use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::Error;
use vouch_core::code::{PartnerId, VendorId};
use vouch_core::id::CustomerId;
use vouch_host::Page;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::customer::Customer;

/// Adds an organisation with its licences.
pub async fn customer_insert(connection: &mut AnyConnection, customer: &Customer) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO customers (customer_id, partner_id, name, revision, created_at, organisation)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(customer.id.to_string())
    .bind(customer.partner_id.as_str())
    .bind(&customer.name)
    .bind(customer.revision)
    .bind(customer.created_at.as_microsecond())
    .bind(&customer.organisation)
    .execute(&mut *connection)
    .await
    .map_err(|error| exists(error, &customer.name))?;
    for (vendor_id, license_id) in &customer.licenses {
        sqlx::query("INSERT INTO customer_licenses (customer_id, vendor_id, license_id) VALUES ($1, $2, $3)")
            .bind(customer.id.to_string())
            .bind(vendor_id.as_str())
            .bind(license_id.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The organisation with this id, if it is this partner's.
pub async fn customer_fetch(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    id: CustomerId,
) -> Result<Option<Customer>, StoreError> {
    let found = sqlx::query("SELECT * FROM customers WHERE customer_id = $1 AND partner_id = $2")
        .bind(id.to_string())
        .bind(partner_id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    match found {
        Some(found) => with_licenses(connection, &found).await.map(Some),
        None => Ok(None),
    }
}

/// A page of this partner's organisations, by id.
pub async fn customer_list(
    connection: &mut AnyConnection,
    partner_id: &PartnerId,
    page: &Page,
) -> Result<Vec<Customer>, StoreError> {
    let rows =
        sqlx::query("SELECT * FROM customers WHERE partner_id = $1 AND customer_id > $2 ORDER BY customer_id LIMIT $3")
            .bind(partner_id.as_str())
            .bind(&page.after)
            .bind(page.limit())
            .fetch_all(&mut *connection)
            .await?;
    let mut customers = Vec::with_capacity(rows.len());
    for found in &rows {
        customers.push(with_licenses(connection, found).await?);
    }
    Ok(customers)
}

/// The organisations of this deployment whose people bring tokens with this code.
pub async fn customer_list_of(connection: &mut AnyConnection, organisation: &str) -> Result<Vec<Customer>, StoreError> {
    let rows =
        sqlx::query("SELECT * FROM customers WHERE organisation = $1 AND organisation <> '' ORDER BY customer_id")
            .bind(organisation)
            .fetch_all(&mut *connection)
            .await?;
    let mut customers = Vec::with_capacity(rows.len());
    for found in &rows {
        customers.push(with_licenses(connection, found).await?);
    }
    Ok(customers)
}

async fn with_licenses(connection: &mut AnyConnection, found: &AnyRow) -> Result<Customer, StoreError> {
    let id: CustomerId = row::id(found, "customer_id")?;
    let rows = sqlx::query("SELECT * FROM customer_licenses WHERE customer_id = $1")
        .bind(id.to_string())
        .fetch_all(connection)
        .await?;
    let mut licenses = BTreeMap::new();
    for license in &rows {
        licenses.insert(row::parsed(license, "vendor_id", VendorId::parse)?, row::id(license, "license_id")?);
    }
    Ok(Customer {
        id,
        partner_id: row::parsed(found, "partner_id", PartnerId::parse)?,
        name: row::text(found, "name")?,
        licenses,
        revision: row::integer(found, "revision")?,
        organisation: row::text(found, "organisation")?,
        created_at: row::instant(found, "created_at")?,
    })
}

/// Turns the violation of the one uniqueness rule into `AlreadyExists`.
fn exists(error: sqlx::Error, name: &str) -> WriteError {
    let error = StoreError::from(error);
    if error.violates("customers_partner_id_name_key", "customers.partner_id, customers.name") {
        WriteError::Refused(Error::already_exists("an organisation with the name", name))
    } else {
        WriteError::Store(error)
    }
}
