//! Published policies and covers as the rules have them: read from the contract's messages, every bad field at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use jiff::civil::{Date, Time, Weekday};
use vouch_contract::convert::read_severity;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_core::code::ProductId;
use vouch_core::{Severity, Violations, dates, text};
use vouch_sla::{Allowance, Calendar, Window};

use crate::domain::coverage::{Coverage, MAX_CODE};
use crate::domain::policy::{Duty, PolicyTerms, RequirementSet};

/// The most requirement sets, and the most entries of a list in one.
const MAX_SETS: usize = 100;
/// The most holidays.
const MAX_HOLIDAYS: usize = 2000;
/// The longest target in days of business.
const MAX_BUSINESS_DAYS: i32 = 30;

/// Reads a policy: its product and its terms.
pub fn read_policy(policy: &pb::AdmissionPolicy, v: &mut Violations) -> Option<(ProductId, PolicyTerms)> {
    let product_id = v.take("product_id", ProductId::parse(&policy.product_id));
    if policy.requirement_sets.len() > MAX_SETS || policy.categories.len() > MAX_SETS {
        v.add("requirement_sets", format!("sets and categories must be at most {MAX_SETS} each"));
        return None;
    }
    let mut sets = Vec::new();
    for (index, set) in policy.requirement_sets.iter().enumerate() {
        sets.extend(v.nested(&format!("requirement_sets[{index}]"), Some(set), |set, v| Some(read_set(set, v))));
    }
    if policy.categories.is_empty() {
        v.add("categories", "must be 1 to 100");
    }
    let mut categories = Vec::new();
    for (index, category) in policy.categories.iter().enumerate() {
        categories.extend(v.nested(&format!("categories[{index}]"), Some(category), |category, v| {
            let code = v.take("category", code(&category.category));
            let name = v.take("name", text::line(&category.name, 200));
            code.zip(name)
        }));
    }
    let redaction_policies = lines("redaction_policies", &policy.redaction_policies, v).into_iter().collect();
    let freshness = v.take("freshness", policy.freshness.ok_or("is required".to_owned()).and_then(duration));
    let terms = PolicyTerms {
        sets,
        redaction_policies,
        freshness: freshness?,
        english_required_when_urgent: policy.english_required_when_urgent,
        categories,
    };
    // What belongs together is judged where every part could be read.
    if v.is_empty() {
        terms.check(v);
    }
    Some((product_id?, terms))
}

fn read_set(set: &pb::RequirementSet, v: &mut Violations) -> RequirementSet {
    let categories = lines("categories", &set.categories, v).into_iter().collect();
    let mut severities = BTreeSet::new();
    for (index, severity) in set.severities.iter().enumerate() {
        severities.extend(v.take(&format!("severities[{index}]"), read_severity(*severity)));
    }
    let mut duties = Vec::new();
    for (index, duty) in set.duties.iter().enumerate() {
        duties.extend(v.take(&format!("duties[{index}]"), read_duty(*duty)));
    }
    let information = lines("information", &set.information, v);
    let artefacts = lines("artefacts", &set.artefacts, v);
    RequirementSet { categories, severities, information, artefacts, duties }
}

fn read_duty(number: i32) -> Result<Duty, String> {
    match pb::FrontLineDuty::try_from(number) {
        Ok(pb::FrontLineDuty::KnowledgeSearched) => Ok(Duty::KnowledgeSearched),
        Ok(pb::FrontLineDuty::TroubleshootingRecorded) => Ok(Duty::TroubleshootingRecorded),
        Ok(pb::FrontLineDuty::ReplicationAttempted) => Ok(Duty::ReplicationAttempted),
        Ok(pb::FrontLineDuty::OriginStated) => Ok(Duty::OriginStated),
        Ok(pb::FrontLineDuty::StatementConfirmed) => Ok(Duty::StatementConfirmed),
        Ok(pb::FrontLineDuty::ErrorReported) => Ok(Duty::ErrorReported),
        Ok(pb::FrontLineDuty::Unspecified) => Err("is required".into()),
        Err(_) => Err(format!("has the unknown value {number}")),
    }
}

/// Reads a cover.
pub fn read_coverage(coverage: &pb::Coverage, v: &mut Violations) -> Option<Coverage> {
    let code = v.take("coverage", code(&coverage.coverage));
    let zone = v.take("zone", dates::zone(&coverage.zone));
    let mut windows = Vec::new();
    for (index, window) in coverage.windows.iter().take(MAX_SETS).enumerate() {
        windows.extend(v.nested(&format!("windows[{index}]"), Some(window), read_window));
    }
    if coverage.holidays.len() > MAX_HOLIDAYS {
        v.add("holidays", format!("must be at most {MAX_HOLIDAYS}"));
    }
    let mut holidays: Vec<Date> = Vec::new();
    for (index, holiday) in coverage.holidays.iter().take(MAX_HOLIDAYS).enumerate() {
        holidays.extend(v.take(&format!("holidays[{index}]"), dates::date(holiday)));
    }
    let mut first_response = BTreeMap::new();
    for (index, target) in coverage.first_response.iter().take(MAX_SETS).enumerate() {
        let read = v.nested(&format!("first_response[{index}]"), Some(target), read_target);
        if let Some((severity, allowance)) = read
            && first_response.insert(severity, allowance).is_some()
        {
            v.add(format!("first_response[{index}].severity"), "is named twice");
        }
    }
    let calendar = if coverage.windows.is_empty() {
        if !holidays.is_empty() {
            v.add("holidays", "must be empty for cover around the clock");
        }
        Some(Calendar::around_the_clock(zone?))
    } else {
        v.take("windows", Calendar::new(zone?, windows, holidays).map_err(|error| error.to_string()))
    };
    Some(Coverage { code: code?, calendar: calendar?, first_response })
}

fn read_window(window: &pb::WeeklyWindow, v: &mut Violations) -> Option<(Weekday, Window)> {
    let day = i8::try_from(window.weekday).ok().and_then(|day| Weekday::from_monday_one_offset(day).ok());
    let day = v.take("weekday", day.ok_or("must be 1 (Monday) to 7 (Sunday)"));
    let opens = v.take("opens", dates::time_of_day(&window.opens).map(time));
    let closes = v.take("closes", dates::time_of_day(&window.closes).map(time));
    Some((day?, Window { opens: opens?, closes: closes? }))
}

/// Minutes since midnight as a time of day; the day's end is midnight, as calendars have it.
fn time(minutes: i64) -> Time {
    let part = |value: i64| i8::try_from(value).unwrap_or(0);
    Time::new(part(minutes / 60 % 24), part(minutes % 60), 0, 0).unwrap_or(Time::midnight())
}

fn read_target(target: &pb::ResponseTarget, v: &mut Violations) -> Option<(Severity, Allowance)> {
    use pb::response_target::Within;
    let severity = v.take("severity", read_severity(target.severity));
    let allowance = match &target.within {
        None => v.take("within", Err("is required")),
        Some(Within::CoverageTime(time)) => v.take("coverage_time", duration(*time)).map(Allowance::Coverage),
        Some(Within::ElapsedTime(time)) => v.take("elapsed_time", duration(*time)).map(Allowance::Elapsed),
        Some(Within::BusinessDays(days)) => {
            let fits = usize::try_from(*days).ok().filter(|_| (1..=MAX_BUSINESS_DAYS).contains(days));
            v.take("business_days", fits.ok_or("must be 1 to 30")).map(Allowance::BusinessDays)
        }
    };
    severity.zip(allowance)
}

/// A whole number of seconds, up to 90 days.
fn duration(duration: prost_types::Duration) -> Result<SignedDuration, String> {
    if duration.nanos == 0 && (1..=90 * 24 * 3600).contains(&duration.seconds) {
        Ok(SignedDuration::from_secs(duration.seconds))
    } else {
        Err("must be whole seconds, 1 second to 90 days".into())
    }
}

fn code(text: &str) -> Result<String, String> {
    // The same shape as every code that people choose.
    ProductId::parse(text).map(|_| text.to_owned()).map_err(|_| {
        format!("must be 2 to {MAX_CODE} of a-z, 0-9 and hyphen, beginning with a letter and not ending with a hyphen")
    })
}

fn lines(field: &str, texts: &[String], v: &mut Violations) -> Vec<String> {
    if texts.len() > MAX_SETS {
        v.add(field, format!("must be at most {MAX_SETS}"));
    }
    let mut read = Vec::new();
    for (index, line) in texts.iter().take(MAX_SETS).enumerate() {
        read.extend(v.take(&format!("{field}[{index}]"), text::line(line, 200)));
    }
    read
}
