//! How long the contents of a bundle are kept.

use jiff::{SignedDuration, Timestamp};

/// What is promised about diagnostics that are handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// How long contents are kept after the last case that held them ended.
    pub retention: SignedDuration,
    /// In which region; empty where none is promised.
    pub region: String,
    /// How long a bundle is kept that no case ever held, after it was committed.
    pub lease: SignedDuration,
}

/// A case that holds a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// When the case ended; `None` while it is open.
    pub ended_at: Option<Timestamp>,
}

/// Until when a bundle's contents are kept: `None` while a case that is open holds it. `unheld` is until when they would be kept if no
/// case ever had.
pub fn kept_until(holders: &[Holder], retention: SignedDuration, unheld: Timestamp) -> Option<Timestamp> {
    let ends: Option<Vec<Timestamp>> = holders.iter().map(|holder| holder.ended_at).collect();
    // Somebody else's shorter promise takes nothing away: the latest counts.
    Some(ends?.into_iter().map(|end| end + retention).fold(unheld, Timestamp::max))
}

#[cfg(test)]
mod tests {
    //! Proves W23.

    use super::*;

    #[test]
    fn w23_contents_are_kept_until_the_retention_after_the_end_of_the_last_case() {
        let day =
            |day: i64| "2026-06-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * day);
        let retention = SignedDuration::from_hours(24 * 30);
        let table = [
            ("never held", vec![], Some(day(1))),
            ("held by an open case", vec![None], None),
            ("its case ended", vec![Some(day(10))], Some(day(40))),
            ("one of two cases ended", vec![Some(day(10)), None], None),
            ("both ended", vec![Some(day(20)), Some(day(10))], Some(day(50))),
        ];
        for (what, ends, expected) in table {
            let holders: Vec<Holder> = ends.into_iter().map(|ended_at| Holder { ended_at }).collect();
            assert_eq!(kept_until(&holders, retention, day(1)), expected, "{what}");
        }
        let long_promised = kept_until(&[Holder { ended_at: Some(day(1)) }], SignedDuration::ZERO, day(9));
        assert_eq!(long_promised, Some(day(9)), "what was committed anew lately is kept for its lease");
    }
}
