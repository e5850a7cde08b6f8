//! Values that every service reads from and writes to messages.

use jiff::{SignedDuration, Timestamp};
use vouch_core::{Channel, CureBy, Finding, Severity, StepMark, StepMarks, Violations, Weight};

use crate::pb::common::v1 as pb;

/// An instant as the wire has it.
pub fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    // jiff gives a second and a sub-second of the same sign; protobuf wants the nanos never negative.
    let (mut seconds, mut nanos) = (at.as_second(), at.subsec_nanosecond());
    if nanos < 0 {
        seconds -= 1;
        nanos += 1_000_000_000;
    }
    prost_types::Timestamp { seconds, nanos }
}

/// A length of time as the wire has it.
pub fn duration(length: SignedDuration) -> prost_types::Duration {
    prost_types::Duration { seconds: length.as_secs(), nanos: length.subsec_nanos() }
}

/// Reads an instant: from 1970 to 9000, cut to the microsecond.
pub fn instant(timestamp: &prost_types::Timestamp) -> Result<Timestamp, String> {
    let wrong = || "must be a timestamp between 1970 and 9000".to_owned();
    if !(0..=221_845_392_000).contains(&timestamp.seconds) || !(0..1_000_000_000).contains(&timestamp.nanos) {
        return Err(wrong());
    }
    Timestamp::new(timestamp.seconds, timestamp.nanos / 1000 * 1000).map_err(|_| wrong())
}

/// A finding as the wire has it.
pub fn finding(finding: &Finding) -> pb::Finding {
    pb::Finding {
        reason: finding.reason.number(),
        weight: match finding.weight {
            Weight::Blocking => pb::Weight::Blocking,
            Weight::Warning => pb::Weight::Warning,
        }
        .into(),
        subject: finding.subject.clone(),
        message: finding.message.clone(),
        cure_by: match finding.cure_by {
            CureBy::EndUser => pb::CureBy::EndUser,
            CureBy::Partner => pb::CureBy::Partner,
            CureBy::Vendor => pb::CureBy::Vendor,
        }
        .into(),
        remedy: finding.remedy.clone(),
        clears_at: finding.clears_at.map(timestamp),
    }
}

/// A severity as the wire has it.
pub fn severity(severity: Severity) -> pb::Severity {
    match severity {
        Severity::SiteDown => pb::Severity::SiteDown,
        Severity::One => pb::Severity::One,
        Severity::Two => pb::Severity::Two,
        Severity::Three => pb::Severity::Three,
    }
}

/// Reads a severity; one that is not said or not known is refused.
pub fn read_severity(number: i32) -> Result<Severity, String> {
    match pb::Severity::try_from(number) {
        Ok(pb::Severity::SiteDown) => Ok(Severity::SiteDown),
        Ok(pb::Severity::One) => Ok(Severity::One),
        Ok(pb::Severity::Two) => Ok(Severity::Two),
        Ok(pb::Severity::Three) => Ok(Severity::Three),
        Ok(pb::Severity::Unspecified) => Err("is required".into()),
        Err(_) => Err(format!("has the unknown value {number}")),
    }
}

/// A channel as the wire has it.
pub fn channel(channel: Channel) -> pb::Channel {
    match channel {
        Channel::Portal => pb::Channel::Portal,
        Channel::Email => pb::Channel::Email,
        Channel::Phone => pb::Channel::Phone,
        Channel::Chat => pb::Channel::Chat,
    }
}

/// Reads a channel; one that is not said or not known is refused.
pub fn read_channel(number: i32) -> Result<Channel, String> {
    match pb::Channel::try_from(number) {
        Ok(pb::Channel::Portal) => Ok(Channel::Portal),
        Ok(pb::Channel::Email) => Ok(Channel::Email),
        Ok(pb::Channel::Phone) => Ok(Channel::Phone),
        Ok(pb::Channel::Chat) => Ok(Channel::Chat),
        Ok(pb::Channel::Unspecified) => Err("is required".into()),
        Err(_) => Err(format!("has the unknown value {number}")),
    }
}

/// The marks of a step as the wire has them.
pub fn step_marks(marks: &StepMarks) -> Vec<i32> {
    let number = |mark| match mark {
        StepMark::NeedsAdministrativeRights => pb::StepMark::NeedsAdministrativeRights.into(),
        StepMark::ExposesSensitiveData => pb::StepMark::ExposesSensitiveData.into(),
    };
    marks.iter().map(number).collect()
}

/// The most marks of a step that are read: there are few, and each counts once.
const MAX_MARKS: usize = 10;

/// Reads the marks of a step; each one that is not said or not known is refused.
pub fn read_step_marks(numbers: &[i32], v: &mut Violations) -> StepMarks {
    if numbers.len() > MAX_MARKS {
        v.add("marks", format!("must be at most {MAX_MARKS}"));
    }
    for (index, number) in numbers.iter().take(MAX_MARKS).enumerate() {
        if known_step_mark(*number).is_none() {
            v.add(format!("marks[{index}]"), format!("has the unknown value {number}"));
        }
    }
    known_step_marks(numbers)
}

/// The marks of a step, of which only those count that this version knows: for what somebody else took in.
pub fn known_step_marks(numbers: &[i32]) -> StepMarks {
    numbers.iter().copied().filter_map(known_step_mark).collect()
}

fn known_step_mark(number: i32) -> Option<StepMark> {
    match pb::StepMark::try_from(number) {
        Ok(pb::StepMark::NeedsAdministrativeRights) => Some(StepMark::NeedsAdministrativeRights),
        Ok(pb::StepMark::ExposesSensitiveData) => Some(StepMark::ExposesSensitiveData),
        Ok(pb::StepMark::Unspecified) | Err(_) => None,
    }
}

/// Rows a page when none are asked for.
pub const DEFAULT_PAGE_SIZE: i32 = 50;
/// The most rows a page.
pub const MAX_PAGE_SIZE: i32 = 200;

/// Reads how many rows are wanted.
pub fn page_size(asked: i32) -> Result<i64, String> {
    match asked {
        0 => Ok(i64::from(DEFAULT_PAGE_SIZE)),
        1..=MAX_PAGE_SIZE => Ok(i64::from(asked)),
        _ => Err(format!("must be 1 to {MAX_PAGE_SIZE}, or 0 for {DEFAULT_PAGE_SIZE}")),
    }
}

#[cfg(test)]
mod tests {
    //! Proves S07.

    use super::*;

    #[test]
    fn instants_travel_whole_to_the_microsecond() {
        for text in ["2026-06-08T10:00:00.123456Z", "1970-01-01T00:00:00Z", "8999-12-31T23:59:59.999999Z"] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(instant(&timestamp(at)), Ok(at));
        }
        for (seconds, nanos) in [(-1, 0), (i64::MAX, 0), (0, -1), (0, 1_000_000_000)] {
            assert!(instant(&prost_types::Timestamp { seconds, nanos }).is_err());
        }
    }

    #[test]
    fn unknown_words_are_refused_and_known_ones_travel_both_ways() {
        for known in Severity::ALL {
            assert_eq!(read_severity(severity(known).into()), Ok(known));
            assert_eq!(Severity::parse(known.as_str()), Some(known));
        }
        for known in Channel::ALL {
            assert_eq!(read_channel(channel(known).into()), Ok(known));
            assert_eq!(Channel::parse(known.as_str()), Some(known));
        }
        for unknown in [0, -1, 99] {
            assert!(read_severity(unknown).is_err() && read_channel(unknown).is_err());
        }
    }

    #[test]
    fn s07_marks_travel_both_ways_and_unknown_ones_are_refused_where_they_are_given() {
        let all: StepMarks = StepMark::ALL.into_iter().collect();
        let mut violations = Violations::new();
        assert_eq!(read_step_marks(&step_marks(&all), &mut violations), all);
        assert!(violations.is_empty());
        let refused: [(&[i32], &[&str]); 4] = [
            (&[0], &["marks[0]"]),
            (&[2, 9], &["marks[1]"]),
            (&[9, 1, -1], &["marks[0]", "marks[2]"]),
            (&[1; MAX_MARKS + 1], &["marks"]),
        ];
        for (numbers, expected) in refused {
            let mut violations = Violations::new();
            read_step_marks(numbers, &mut violations);
            let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
            assert_eq!(fields, expected);
        }
        assert_eq!(known_step_marks(&[9, 2]), std::iter::once(StepMark::ExposesSensitiveData).collect());
    }

    #[test]
    fn a_page_has_a_stated_maximum() {
        assert_eq!(page_size(0), Ok(50));
        assert_eq!(page_size(200), Ok(200));
        assert!(page_size(201).is_err() && page_size(-1).is_err());
    }
}
