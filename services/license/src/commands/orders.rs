//! Orders: carried out once, and within what a partner's systems may order by themselves.

use jiff::{SignedDuration, Timestamp};
use sqlx::AnyConnection;
use vouch_core::code::PartnerId;
use vouch_core::id::{LicenseId, OrderTag};
use vouch_core::{Error, Kind, Reason, World};
use vouch_identity::{Caller, CallerKind};
use vouch_storage::{Dialect, StoreError, WriteError};

use crate::domain::agreement::Person;
use crate::domain::license::LicenseTerms;
use crate::domain::license::amendment::Amendment;
use crate::domain::order;
use crate::store::orders::{PlacedOrder, order_count, order_fetch, order_insert};
use crate::store::partners;

/// What is ordered, before it is known whether it was ordered before.
#[derive(Debug, Clone)]
pub struct Order(PlacedOrder);

impl Order {
    /// An order for a new licence.
    pub fn for_grant(caller: &Caller, terms: &LicenseTerms, liaisons: &[Person], now: Timestamp) -> Self {
        let day = |day: Option<jiff::civil::Date>| day.map(|day| day.to_string()).unwrap_or_default();
        let mut people: Vec<_> = liaisons.iter().map(|person| person.email.as_str()).collect();
        people.sort_unstable();
        let wanted = vec![
            ("change", "granted".to_owned()),
            ("product_id", terms.product_id.to_string()),
            ("quantity", terms.quantity.to_string()),
            ("end_user_id", terms.end_user_id.to_string()),
            ("responsible_partner_id", terms.responsible_partner_id.to_string()),
            ("valid_from", terms.validity.from.to_string()),
            ("valid_until", day(terms.validity.until)),
            ("grace_days", terms.validity.grace_days.to_string()),
            ("maintenance_until", day(terms.maintenance_until)),
            ("zone", terms.validity.zone.iana_name().unwrap_or_default().to_owned()),
            ("kind", terms.kind.as_str().to_owned()),
            ("liaisons", people.join(" ")),
        ];
        let content = order::content(std::iter::empty(), &wanted);
        Self::new(caller, terms.seller(), &terms.order_reference, content, now)
    }

    /// An order for a change of licences of one seller.
    pub fn for_amendment(
        caller: &Caller,
        seller: &PartnerId,
        licenses: &[LicenseId],
        (reference, amendment): (&str, &Amendment),
        now: Timestamp,
    ) -> Self {
        let ids: Vec<_> = licenses.iter().map(ToString::to_string).collect();
        let content = order::content(ids.iter().map(String::as_str), &amendment.content());
        Self::new(caller, seller, reference, content, now)
    }

    fn new(caller: &Caller, seller: &PartnerId, reference: &str, content: [u8; 32], now: Timestamp) -> Self {
        Self(PlacedOrder {
            seller_id: seller.clone(),
            reference: reference.to_owned(),
            content,
            by_seller: caller.kind == CallerKind::ResellerWorkload,
            placed_at: now,
        })
    }
}

/// The licences of the same order, where it was carried out before.
pub async fn earlier(tx: &mut AnyConnection, Order(order): &Order) -> Result<Option<Vec<LicenseId>>, WriteError> {
    if order.reference.is_empty() {
        return Ok(None);
    }
    match order_fetch(tx, &order.seller_id, &order.reference).await? {
        Some((content, _)) if content != order.content => {
            let message = format!("the order {} was used before for something else", order.reference);
            Err(Error::Refused { kind: Kind::Refused, reason: Reason::OrderReferenceReused, message }.into())
        }
        found => Ok(found.map(|(_, licenses)| licenses)),
    }
}

/// Refuses what a partner's systems may not order by themselves.
pub async fn allow(
    tx: &mut AnyConnection,
    dialect: Dialect,
    Order(order): &Order,
    units: i64,
) -> Result<(), WriteError> {
    if !order.by_seller {
        return Ok(());
    }
    // The partner's row is locked, so that two orders at the same time are both counted.
    let unknown = || Error::internal("an order came from a partner that is not registered");
    let partner = partners::partner_lock(tx, dialect, &order.seller_id).await?.ok_or_else(unknown)?;
    let since = order.placed_at - SignedDuration::from_hours(24);
    let placed = order_count(tx, &order.seller_id, since).await?;
    partner.profile.order_quotas.allow(partner.standing, placed, units).map_err(WriteError::from)
}

/// Records an order with the licences that it granted or changed. One without a reference is given a name, so that it is counted.
pub async fn place(
    tx: &mut AnyConnection,
    world: &World,
    Order(order): &Order,
    licenses: &[LicenseId],
) -> Result<(), WriteError> {
    if order.reference.is_empty() && !order.by_seller {
        return Ok(());
    }
    let mut order = order.clone();
    if order.reference.is_empty() {
        order.reference = world.id::<OrderTag>().to_string();
    }
    // Somebody else placed it in the meantime: the transaction begins again and finds it.
    if order_insert(tx, &order, licenses).await? { Ok(()) } else { Err(WriteError::Store(StoreError::lost_race())) }
}
