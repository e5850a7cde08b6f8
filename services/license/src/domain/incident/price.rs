//! What work costs (H04).

/// A ticket that is turned over to the support team.
pub const TECHNICAL_SUPPORT: u32 = 1;
/// The first hour of an appointment, or part of it.
pub const FIRST_HOUR: u32 = 2;

/// An appointment of so many whole elapsed minutes: the first hour, and 1 for each started 30 minutes after. One that
/// was cancelled before its start has no minutes and costs nothing.
pub fn appointment(minutes: u32) -> u32 {
    if minutes == 0 { 0 } else { FIRST_HOUR + minutes.saturating_sub(60).div_ceil(30) }
}

#[cfg(test)]
mod tests {
    //! Proves H04.

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn h04_an_appointment_costs_2_for_its_first_hour_and_1_for_each_started_half_hour_after() {
        let table = [(0, 0), (1, 2), (25, 2), (60, 2), (61, 3), (90, 3), (91, 4), (120, 4), (121, 5), (125, 5)];
        for (minutes, incidents) in table {
            assert_eq!(appointment(minutes), incidents, "{minutes} minutes");
        }
    }

    proptest! {
        #[test]
        fn h04_a_longer_appointment_never_costs_less_and_half_an_hour_more_costs_1(minutes in 1_u32..100_000) {
            prop_assert!(appointment(minutes) <= appointment(minutes + 1));
            prop_assert!(appointment(minutes + 1) - appointment(minutes) <= 1);
            let half_an_hour_more = appointment(minutes.max(31) + 30) - appointment(minutes.max(31));
            prop_assert!(half_an_hour_more == 1 || minutes <= 60);
        }
    }
}
