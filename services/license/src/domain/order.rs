//! Orders: what a partner's systems ask for by themselves, once for each reference, and how much of it.
//!
//! Proves W20.

use aws_lc_rs::digest::{Context, SHA256};
use vouch_core::{Error, Kind, Reason};

use super::change::Fields;
use super::partner::Standing;

/// How much a partner's ordering systems may order by themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrderQuotas {
    /// Orders within 24 hours; 0: none.
    pub orders_per_day: u32,
    /// Units of one order.
    pub units_per_order: i64,
}

impl OrderQuotas {
    /// Refuses an order of a partner that is suspended, or that goes beyond what it may order by itself.
    pub fn allow(&self, standing: Standing, placed_today: u32, units: i64) -> Result<(), Error> {
        let refused = |kind, reason, message: String| Err(Error::Refused { kind, reason, message });
        if standing == Standing::Suspended {
            let message = "the vendor has suspended the partner: it orders nothing new".to_owned();
            return refused(Kind::Refused, Reason::PartnerSuspended, message);
        }
        if placed_today >= self.orders_per_day {
            let message = format!("the partner may place {} orders in 24 hours", self.orders_per_day);
            return refused(Kind::Exhausted, Reason::OrderQuotaExceeded, message);
        }
        if units > self.units_per_order {
            let message = format!("the partner may order {} units at a time, and not {units}", self.units_per_order);
            return refused(Kind::Exhausted, Reason::OrderQuotaExceeded, message);
        }
        Ok(())
    }
}

/// What an order asks for, as a digest: of the licences that it names, and what it wants of them.
pub fn content<'a>(licenses: impl Iterator<Item = &'a str>, wanted: &Fields) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    let mut add = |text: &str| {
        // Lengths stand before texts, so that no two contents run together into one.
        context.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(text.as_bytes());
    };
    for (field, value) in wanted {
        add(field);
        add(value);
    }
    licenses.for_each(&mut add);
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w20_an_order_is_judged_by_standing_then_number_then_size() {
        let quotas = OrderQuotas { orders_per_day: 2, units_per_order: 100 };
        let reason = |standing, placed, units| quotas.allow(standing, placed, units).err().map(|error| error.reason());
        assert_eq!(reason(Standing::Good, 1, 100), None);
        assert_eq!(reason(Standing::Good, 2, 1), Some(Reason::OrderQuotaExceeded));
        assert_eq!(reason(Standing::Good, 0, 101), Some(Reason::OrderQuotaExceeded));
        assert_eq!(reason(Standing::Suspended, 0, 1), Some(Reason::PartnerSuspended));
        let none = OrderQuotas::default().allow(Standing::Good, 0, 1);
        assert!(none.is_err(), "who was given no quota orders nothing");
    }

    #[test]
    fn contents_that_read_alike_are_not_the_same() {
        let of = |first: &str, second: &str| {
            content(["lic_1"].into_iter(), &vec![("a", first.to_owned()), ("b", second.to_owned())])
        };
        assert_eq!(of("1", "2"), of("1", "2"));
        assert_ne!(of("12", ""), of("1", "2"));
        assert_ne!(content(["lic_1"].into_iter(), &vec![]), content(["lic_2"].into_iter(), &vec![]));
    }
}
