//! What a front line hands over, between messages and values. The partner writes what the vendor reads.

use std::collections::BTreeMap;

use vouch_core::code::ProductId;
use vouch_core::escalation::{
    ContactRange, ContactTimes, Environment, ErrorReport, Escalation, FrontLineWork, KnowledgeSearch, Origin, Problem,
    Replication, TroubleshootingStep,
};
use vouch_core::{Violations, dates, id, text};

use crate::convert::{instant, known_step_marks, read_severity, read_step_marks, severity, step_marks, timestamp};
use crate::pb::partner::v1 as partner;
use crate::pb::vendor::v1 as pb;

/// The most key words.
const MAX_KEY_WORDS: usize = 20;
/// The most searches, steps, and fields of the vendor's own.
const MAX_RECORDS: usize = 200;
/// A longer text is not taken.
const LONG: usize = 20_000;

/// Reads an escalation. What a vendor's policy may require is not required here.
pub fn read(escalation: pb::Escalation, v: &mut Violations) -> Option<Escalation> {
    let id = v.take("escalation_id", id::parse(&escalation.escalation_id));
    let ticket_number = v.take("ticket_number", text::line(&escalation.ticket_number, 40));
    let created_at = v.take("created_at", required_instant(escalation.created_at.as_ref()));
    let statement_confirmed_at = optional_instant("statement_confirmed_at", escalation.statement_confirmed_at, v);
    let work = read_work(
        partner::FrontLineWork {
            searches: escalation.searches,
            steps: escalation.steps,
            replication: escalation.replication,
        },
        v,
    );
    let further = read_further(escalation.further, v);
    let problem = read_problem(
        partner::Problem {
            product_id: escalation.product_id,
            version: escalation.version,
            category: escalation.category,
            severity: escalation.severity,
            impact: escalation.impact,
            subject: escalation.subject,
            description: escalation.description,
            language: escalation.language,
            description_english: escalation.description_english,
            key_words: escalation.key_words,
            environment: escalation.environment,
            origin: escalation.origin,
            error_report: escalation.error_report,
            contact_times: escalation.contact_times,
            confirmed_at: None,
        },
        v,
    );
    Some(Escalation {
        id: id?,
        ticket_number: ticket_number?,
        created_at: created_at?,
        problem: problem?,
        work: work?,
        statement_confirmed_at,
        further,
        test_case: escalation.test_case,
        liaison_has_rights: escalation.liaison_administrative_rights,
    })
}

/// An escalation as the wire has it.
pub fn write(escalation: Escalation) -> pb::Escalation {
    let problem = write_problem(escalation.problem);
    let work = write_work(escalation.work);
    pb::Escalation {
        escalation_id: escalation.id.to_string(),
        ticket_number: escalation.ticket_number,
        created_at: Some(timestamp(escalation.created_at)),
        product_id: problem.product_id,
        version: problem.version,
        category: problem.category,
        severity: problem.severity,
        impact: problem.impact,
        subject: problem.subject,
        description: problem.description,
        language: problem.language,
        description_english: problem.description_english,
        key_words: problem.key_words,
        environment: problem.environment,
        origin: problem.origin,
        searches: work.searches,
        steps: work.steps,
        replication: work.replication,
        error_report: problem.error_report,
        statement_confirmed_at: escalation.statement_confirmed_at.map(timestamp),
        contact_times: problem.contact_times,
        further: escalation.further,
        test_case: escalation.test_case,
        liaison_administrative_rights: escalation.liaison_has_rights,
    }
}

/// Reads a problem: product, severity, subject and description are required. `confirmed_at` is not a part of it: that is the
/// end user's word on it, and the reader's to take.
pub fn read_problem(problem: partner::Problem, v: &mut Violations) -> Option<Problem> {
    let product_id = v.take("product_id", ProductId::parse(&problem.product_id));
    let version = v.take("version", text::optional_line(&problem.version, 64));
    let category = v.take("category", text::optional_line(&problem.category, 64));
    let severity = v.take("severity", read_severity(problem.severity));
    let impact = v.take("impact", optional_paragraph(&problem.impact, 2000));
    let subject = v.take("subject", text::line(&problem.subject, 200));
    let description = v.take("description", text::paragraph(&problem.description, LONG));
    let language = v.take("language", read_language(&problem.language));
    let description_english = v.take("description_english", optional_paragraph(&problem.description_english, LONG));
    if problem.key_words.len() > MAX_KEY_WORDS {
        v.add("key_words", format!("must be at most {MAX_KEY_WORDS}"));
    }
    let key_words = lines("key_words", &problem.key_words, v);
    let environment = match problem.environment {
        None => Some(Environment::default()),
        some => v.nested("environment", some, read_environment),
    };
    let origin = v.take("origin", read_origin(problem.origin));
    let error_report = match problem.error_report {
        None => Some(None),
        some => v.nested("error_report", some, read_error_report).map(Some),
    };
    let contact_times = match problem.contact_times {
        None => Some(None),
        some => v.nested("contact_times", some, read_contact_times).map(Some),
    };
    Some(Problem {
        product_id: product_id?,
        version: version?,
        category: category?,
        severity: severity?,
        impact: impact?,
        subject: subject?,
        description: description?,
        language: language?,
        description_english: description_english?,
        key_words,
        environment: environment?,
        origin: origin?,
        error_report: error_report?,
        contact_times: contact_times?,
    })
}

/// A problem as the wire has it, without the end user's confirmation.
pub fn write_problem(problem: Problem) -> partner::Problem {
    let Environment { kind, operating_system, system_id, details } = problem.environment;
    partner::Problem {
        product_id: problem.product_id.to_string(),
        version: problem.version,
        category: problem.category,
        severity: severity(problem.severity).into(),
        impact: problem.impact,
        subject: problem.subject,
        description: problem.description,
        language: problem.language,
        description_english: problem.description_english,
        key_words: problem.key_words,
        environment: Some(pb::OperatingEnvironment { kind, operating_system, system_id, details }),
        origin: problem.origin.map_or(pb::ProblemOrigin::Unspecified, write_origin).into(),
        error_report: problem.error_report.map(|report| pb::ErrorReport {
            documentation_passage: report.documentation_passage,
            replication_steps: report.replication_steps,
            expected: report.expected,
            actual: report.actual,
        }),
        contact_times: problem.contact_times.map(|times| pb::ContactTimes {
            zone: times.zone,
            ranges: times.ranges.into_iter().map(write_range).collect(),
        }),
        confirmed_at: None,
    }
}

/// Reads what the front line did. Of the marks of its steps those count that this version knows: they are advice, and whoever took them in may be
/// of a later version.
pub fn read_work(work: partner::FrontLineWork, v: &mut Violations) -> Option<FrontLineWork> {
    if work.searches.len() > MAX_RECORDS || work.steps.len() > MAX_RECORDS {
        v.add("steps", format!("searches and steps must be at most {MAX_RECORDS} each"));
        return None;
    }
    let mut searches = Vec::new();
    for (index, search) in work.searches.into_iter().enumerate() {
        searches.extend(v.nested(&format!("searches[{index}]"), Some(search), read_search));
    }
    let mut steps = Vec::new();
    for (index, step) in work.steps.into_iter().enumerate() {
        steps.extend(v.nested(&format!("steps[{index}]"), Some(step), read_known_step));
    }
    let replication = match work.replication {
        None => None,
        some => v.nested("replication", some, read_replication),
    };
    Some(FrontLineWork { searches, steps, replication })
}

/// What the front line did as the wire has it.
pub fn write_work(work: FrontLineWork) -> partner::FrontLineWork {
    partner::FrontLineWork {
        searches: work
            .searches
            .into_iter()
            .map(|search| pb::KnowledgeSearch {
                query: search.query,
                searched_at: Some(timestamp(search.searched_at)),
                article_ids: search.article_ids.iter().map(ToString::to_string).collect(),
            })
            .collect(),
        steps: work
            .steps
            .into_iter()
            .map(|step| pb::TroubleshootingStep {
                action: step.action,
                finding: step.finding,
                done_at: Some(timestamp(step.done_at)),
                marks: step_marks(&step.marks),
            })
            .collect(),
        replication: work.replication.map(|replication| pb::Replication {
            reproduced: replication.reproduced,
            unmodified: replication.unmodified,
            notes: replication.notes,
        }),
    }
}

/// Reads a troubleshooting step that is being recorded: a mark that is not known is refused.
pub fn read_step(step: pb::TroubleshootingStep, v: &mut Violations) -> Option<TroubleshootingStep> {
    let numbers = step.marks.clone();
    let read = read_known_step(step, v);
    let marks = read_step_marks(&numbers, v);
    Some(TroubleshootingStep { marks, ..read? })
}

fn read_known_step(step: pb::TroubleshootingStep, v: &mut Violations) -> Option<TroubleshootingStep> {
    let action = v.take("action", text::paragraph(&step.action, 5000));
    let finding = v.take("finding", text::paragraph(&step.finding, 5000));
    let done_at = v.take("done_at", required_instant(step.done_at.as_ref()));
    let marks = known_step_marks(&step.marks);
    Some(TroubleshootingStep { action: action?, finding: finding?, done_at: done_at?, marks })
}

/// Reads an attempt to replicate a problem.
pub fn read_replication(replication: pb::Replication, v: &mut Violations) -> Option<Replication> {
    let notes = v.take("notes", text::paragraph(&replication.notes, 5000));
    let pb::Replication { reproduced, unmodified, .. } = replication;
    Some(Replication { reproduced, unmodified, notes: notes? })
}

fn read_search(search: pb::KnowledgeSearch, v: &mut Violations) -> Option<KnowledgeSearch> {
    let query = v.take("query", text::line(&search.query, 200));
    let searched_at = v.take("searched_at", required_instant(search.searched_at.as_ref()));
    let mut article_ids = Vec::new();
    for (index, article) in search.article_ids.iter().take(MAX_RECORDS).enumerate() {
        article_ids.extend(v.take(&format!("article_ids[{index}]"), id::parse(article)));
    }
    Some(KnowledgeSearch { query: query?, searched_at: searched_at?, article_ids })
}

fn read_environment(environment: pb::OperatingEnvironment, v: &mut Violations) -> Option<Environment> {
    let kind = v.take("kind", text::optional_line(&environment.kind, 64));
    let operating_system = v.take("operating_system", text::optional_line(&environment.operating_system, 200));
    let system_id = v.take("system_id", text::optional_line(&environment.system_id, 200));
    let details = v.take("details", optional_paragraph(&environment.details, 5000));
    Some(Environment { kind: kind?, operating_system: operating_system?, system_id: system_id?, details: details? })
}

fn read_error_report(report: pb::ErrorReport, v: &mut Violations) -> Option<ErrorReport> {
    let documentation_passage = v.take("documentation_passage", text::paragraph(&report.documentation_passage, 5000));
    let replication_steps = v.take("replication_steps", text::paragraph(&report.replication_steps, LONG));
    let expected = v.take("expected", text::paragraph(&report.expected, 5000));
    let actual = v.take("actual", text::paragraph(&report.actual, 5000));
    Some(ErrorReport {
        documentation_passage: documentation_passage?,
        replication_steps: replication_steps?,
        expected: expected?,
        actual: actual?,
    })
}

fn read_contact_times(times: pb::ContactTimes, v: &mut Violations) -> Option<ContactTimes> {
    let zone = v.take("zone", dates::zone(&times.zone).map(|_| times.zone.clone()));
    if !(1..=14).contains(&times.ranges.len()) {
        v.add("ranges", "must be 1 to 14");
    }
    let mut ranges = Vec::new();
    for (index, range) in times.ranges.into_iter().take(14).enumerate() {
        ranges.extend(v.nested(&format!("ranges[{index}]"), Some(range), read_range));
    }
    Some(ContactTimes { zone: zone?, ranges })
}

fn read_range(range: pb::ContactRange, v: &mut Violations) -> Option<ContactRange> {
    if range.weekdays.len() > 7 || range.weekdays.iter().any(|day| !(1..=7).contains(day)) {
        v.add("weekdays", "must be numbers from 1 (Monday) to 7 (Sunday)");
    }
    let from = v.take("from", dates::time_of_day(&range.from));
    let until = v.take("until", dates::time_of_day(&range.until));
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        v.add("until", "must be after the beginning");
    }
    (from.is_some() && until.is_some()).then_some(ContactRange {
        weekdays: range.weekdays,
        from: range.from,
        until: range.until,
    })
}

fn write_range(range: ContactRange) -> pb::ContactRange {
    pb::ContactRange { weekdays: range.weekdays, from: range.from, until: range.until }
}

fn read_origin(number: i32) -> Result<Option<Origin>, String> {
    match pb::ProblemOrigin::try_from(number) {
        Ok(pb::ProblemOrigin::Unspecified) => Ok(None),
        Ok(pb::ProblemOrigin::Product) => Ok(Some(Origin::Product)),
        Ok(pb::ProblemOrigin::Integration) => Ok(Some(Origin::Integration)),
        Ok(pb::ProblemOrigin::Modification) => Ok(Some(Origin::Modification)),
        Ok(pb::ProblemOrigin::Environment) => Ok(Some(Origin::Environment)),
        Ok(pb::ProblemOrigin::Unknown) => Ok(Some(Origin::Unknown)),
        Err(_) => Err(format!("has the unknown value {number}")),
    }
}

fn write_origin(origin: Origin) -> pb::ProblemOrigin {
    match origin {
        Origin::Product => pb::ProblemOrigin::Product,
        Origin::Integration => pb::ProblemOrigin::Integration,
        Origin::Modification => pb::ProblemOrigin::Modification,
        Origin::Environment => pb::ProblemOrigin::Environment,
        Origin::Unknown => pb::ProblemOrigin::Unknown,
    }
}

fn read_further(further: BTreeMap<String, String>, v: &mut Violations) -> BTreeMap<String, String> {
    if further.len() > MAX_RECORDS {
        v.add("further", format!("must be at most {MAX_RECORDS}"));
    }
    for (name, value) in &further {
        v.take("further", text::line(name, 64).and_then(|_| optional_paragraph(value, 5000)));
    }
    further
}

/// A language tag by its shape (RFC 5646, section 2.1): subtags of 1 to 8 letters and digits.
fn read_language(tag: &str) -> Result<String, String> {
    let fits = tag.is_empty()
        || (tag.len() <= 35
            && tag
                .split('-')
                .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
            && tag.starts_with(|c: char| c.is_ascii_alphabetic()));
    if fits { Ok(tag.to_owned()) } else { Err("must be a BCP 47 tag such as en or de-CH".into()) }
}

fn lines(field: &str, texts: &[String], v: &mut Violations) -> Vec<String> {
    let mut read = Vec::new();
    for (index, line) in texts.iter().take(MAX_KEY_WORDS).enumerate() {
        read.extend(v.take(&format!("{field}[{index}]"), text::line(line, 64)));
    }
    read
}

fn optional_paragraph(value: &str, most: usize) -> Result<String, String> {
    if value.is_empty() { Ok(String::new()) } else { text::paragraph(value, most) }
}

fn required_instant(at: Option<&prost_types::Timestamp>) -> Result<jiff::Timestamp, String> {
    at.map_or(Err("is required".into()), instant)
}

fn optional_instant(field: &str, at: Option<prost_types::Timestamp>, v: &mut Violations) -> Option<jiff::Timestamp> {
    at.and_then(|at| v.take(field, instant(&at)))
}

#[cfg(test)]
mod tests {
    //! Proves Q11, S07.

    use super::*;

    fn complete() -> pb::Escalation {
        let now = timestamp("2026-06-08T10:00:00Z".parse().unwrap());
        let times = pb::ContactRange { weekdays: vec![1, 2], from: "09:00".into(), until: "24:00".into() };
        pb::Escalation {
            escalation_id: "esc_01jz0000000000000000000000".into(),
            ticket_number: "10-428".into(),
            created_at: Some(now),
            product_id: "atlas".into(),
            severity: 3,
            subject: "No jobs".into(),
            description: "Nothing is printed.".into(),
            language: "de-CH".into(),
            environment: Some(pb::OperatingEnvironment { kind: "production".into(), ..Default::default() }),
            origin: 5,
            searches: vec![pb::KnowledgeSearch { query: "jobs".into(), searched_at: Some(now), article_ids: vec![] }],
            steps: vec![pb::TroubleshootingStep {
                action: "restarted".into(),
                finding: "no change".into(),
                done_at: Some(now),
                marks: vec![1, 2],
            }],
            replication: Some(pb::Replication { notes: "shows".into(), ..Default::default() }),
            statement_confirmed_at: Some(now),
            contact_times: Some(pb::ContactTimes { zone: "Europe/Berlin".into(), ranges: vec![times] }),
            further: BTreeMap::from([("site".to_owned(), "Bern".to_owned())]),
            liaison_administrative_rights: true,
            ..Default::default()
        }
    }

    #[test]
    fn an_escalation_travels_whole() {
        let mut violations = Violations::new();
        let read_once = read(complete(), &mut violations).unwrap();
        assert!(violations.is_empty(), "{violations:?}");
        assert_eq!(write(read_once), complete());
    }

    #[test]
    fn q11_a_report_of_an_error_has_the_passage_the_steps_and_what_should_and_does_happen() {
        let whole = pb::ErrorReport {
            documentation_passage: "Chapter 7: it prints.".into(),
            replication_steps: "Print.".into(),
            expected: "A page.".into(),
            actual: "Nothing.".into(),
        };
        let mut violations = Violations::new();
        let said = |report: &pb::ErrorReport| pb::Escalation { error_report: Some(report.clone()), ..complete() };
        let read_once = read(said(&whole), &mut violations).unwrap();
        assert!(violations.is_empty() && write(read_once) == said(&whole), "{violations:?}");
        read(said(&pb::ErrorReport::default()), &mut violations);
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        let parts = ["documentation_passage", "replication_steps", "expected", "actual"];
        assert_eq!(fields, parts.map(|part| format!("error_report.{part}")));
    }

    #[test]
    fn s07_a_mark_of_a_later_version_is_refused_where_it_is_given_and_no_gate_for_what_is_handed_over() {
        let mut later = complete();
        later.steps[0].marks = vec![2, 9];
        let mut violations = Violations::new();
        let read_once = read(later.clone(), &mut violations).unwrap();
        assert!(violations.is_empty(), "{violations:?}");
        assert_eq!(step_marks(&read_once.work.steps[0].marks), [2]);
        read_step(later.steps.remove(0), &mut violations);
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["marks[1]"]);
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let bad = pb::Escalation {
            origin: 77,
            severity: 99,
            subject: "a\u{0}b".into(),
            language: "not a tag".into(),
            created_at: Some(prost_types::Timestamp { seconds: -1, nanos: 0 }),
            contact_times: Some(pb::ContactTimes {
                zone: "Nowhere".into(),
                ranges: vec![pb::ContactRange { weekdays: vec![8], from: "17:00".into(), until: "9".into() }],
            }),
            steps: vec![pb::TroubleshootingStep { marks: vec![1, 9], ..Default::default() }],
            ..Default::default()
        };
        let mut violations = Violations::new();
        read(bad, &mut violations);
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        let expected = [
            "escalation_id",
            "ticket_number",
            "created_at",
            "steps[0].action",
            "steps[0].finding",
            "steps[0].done_at",
            "product_id",
            "severity",
            "subject",
            "description",
            "language",
            "origin",
            "contact_times.zone",
            "contact_times.ranges[0].weekdays",
            "contact_times.ranges[0].until",
        ];
        assert_eq!(fields, expected);
    }
}
