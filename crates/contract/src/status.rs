//! The one place where an error becomes a gRPC status.

use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, StatusExt};
use vouch_core::{Error, Finding, Kind, Reason, Weight};

use crate::{convert, pb};

/// The reason's name on the wire: `LICENSE_NOT_FOUND`.
pub fn reason_name(reason: Reason) -> &'static str {
    pb::common::v1::Reason::try_from(reason.number())
        .map_or("INTERNAL", |reason| reason.as_str_name().trim_start_matches("REASON_"))
}

/// The gRPC code of a kind of failure.
pub fn code(kind: Kind) -> Code {
    match kind {
        Kind::Invalid => Code::InvalidArgument,
        Kind::NotFound => Code::NotFound,
        Kind::AlreadyExists => Code::AlreadyExists,
        Kind::Conflict => Code::Aborted,
        Kind::Refused => Code::FailedPrecondition,
        Kind::Exhausted => Code::ResourceExhausted,
        Kind::Unavailable => Code::Unavailable,
        Kind::Damaged => Code::DataLoss,
        Kind::Internal => Code::Internal,
    }
}

/// The status that tells a caller of an error. `domain` names the service: `license.vouch`.
///
/// What caused an error of the service's own is never in it; the caller of this function logs that.
pub fn from_error(error: &Error, domain: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason_name(error.reason()), domain, std::collections::HashMap::new());
    let mut findings = None;
    match error {
        Error::Invalid(violations) => {
            let fields: Vec<_> = violations
                .iter()
                .map(|violation| FieldViolation::new(&violation.field, &violation.description))
                .collect();
            details.set_bad_request(fields);
        }
        Error::RateLimited { retry_after } => {
            details.set_retry_info(Some(*retry_after));
        }
        Error::Judged { findings: found, .. } => {
            let sorted = found.clone().into_sorted();
            details.set_precondition_failure(precondition_violations(&sorted));
            findings = Some(pb::common::v1::Findings { findings: sorted.iter().map(convert::finding).collect() });
        }
        Error::NotFound { .. }
        | Error::AlreadyExists { .. }
        | Error::RequestIdReused
        | Error::EtagMismatch { .. }
        | Error::StateConflict { .. }
        | Error::Refused { .. }
        | Error::Unavailable(_)
        | Error::Internal(_) => {}
    }
    with_findings(code(error.kind()), error.to_string(), details, findings)
}

/// A status for a refusal that is made before any handler runs: by the transport, the access rules, the limits.
pub fn early(code: Code, reason: Reason, message: impl Into<String>, domain: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason_name(reason), domain, std::collections::HashMap::new());
    Status::with_error_details(code, message, details)
}

/// The findings that a status carries, if any.
pub fn findings(status: &Status) -> Option<pb::common::v1::Findings> {
    let wire = tonic_types::pb::Status::decode(status.details()).ok()?;
    wire.details
        .iter()
        .find(|detail| detail.type_url == FINDINGS_TYPE_URL)
        .and_then(|detail| pb::common::v1::Findings::decode(detail.value.as_slice()).ok())
}

/// The reason that a status carries, as its name on the wire; empty when it carries none.
pub fn reason_of(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// The fields that a status names as bad.
pub fn fields_of(status: &Status) -> Vec<String> {
    violations_of(status).into_iter().map(|(field, _)| field).collect()
}

/// The fields that a status names as bad, each with what it must be.
pub fn violations_of(status: &Status) -> Vec<(String, String)> {
    let violations = status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default();
    violations.into_iter().map(|violation| (violation.field, violation.description)).collect()
}

const FINDINGS_TYPE_URL: &str = "type.googleapis.com/vouch.common.v1.Findings";

fn precondition_violations(findings: &[Finding]) -> Vec<PreconditionViolation> {
    findings
        .iter()
        .filter(|finding| finding.weight == Weight::Blocking)
        .map(|finding| {
            PreconditionViolation::new(
                reason_name(finding.reason),
                &finding.subject,
                format!("{} {}", finding.message, finding.remedy),
            )
        })
        .collect()
}

/// tonic-types writes the standard details; the findings are ours and go beside them in the same `google.rpc.Status`.
fn with_findings(
    code: Code,
    message: String,
    details: ErrorDetails,
    findings: Option<pb::common::v1::Findings>,
) -> Status {
    let status = Status::with_error_details(code, message, details);
    let Some(findings) = findings else { return status };
    let Ok(mut wire) = tonic_types::pb::Status::decode(status.details()) else {
        return status;
    };
    wire.details.push(Any { type_url: FINDINGS_TYPE_URL.into(), value: findings.encode_to_vec() });
    Status::with_details(code, status.message().to_owned(), wire.encode_to_vec().into())
}

#[cfg(test)]
mod tests {
    //! Proves V01.

    use vouch_core::{CureBy, Findings, Violations};

    use super::*;

    #[test]
    fn every_reason_of_the_contract_is_a_reason_of_the_code_and_back() {
        for reason in Reason::ALL {
            let in_contract = pb::common::v1::Reason::try_from(reason.number()).unwrap();
            let camel: String =
                reason_name(*reason).split('_').map(|word| word[..1].to_owned() + &word[1..].to_lowercase()).collect();
            assert_eq!(format!("{reason:?}"), camel, "{in_contract:?}");
        }
        let in_contract = crate::pool().get_enum_by_name("vouch.common.v1.Reason").unwrap();
        assert_eq!(in_contract.values().len(), Reason::ALL.len() + 1, "the contract also has UNSPECIFIED");
    }

    #[test]
    fn v01_a_judgement_carries_every_finding_with_who_cures_it() {
        let mut found = Findings::new();
        found.add(
            Finding::blocking(Reason::InGrace, "license", "It ran out.", CureBy::EndUser, "Renew it.").as_warning(),
        );
        found.add(Finding::blocking(Reason::Suspended, "license", "It is suspended.", CureBy::Partner, "Ask."));
        found.add(Finding::blocking(Reason::ContactNotNamed, "contact", "Not named.", CureBy::EndUser, "Ask."));
        let error = Error::Judged { reason: Reason::EntitlementRefused, message: "not entitled", findings: found };

        let status = from_error(&error, "license.vouch");

        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(reason_of(&status), "ENTITLEMENT_REFUSED");
        let reasons: Vec<_> = findings(&status).unwrap().findings.iter().map(|f| (f.reason(), f.cure_by())).collect();
        assert_eq!(
            reasons,
            [
                (pb::common::v1::Reason::Suspended, pb::common::v1::CureBy::Partner),
                (pb::common::v1::Reason::ContactNotNamed, pb::common::v1::CureBy::EndUser),
                (pb::common::v1::Reason::InGrace, pb::common::v1::CureBy::EndUser),
            ]
        );
        let standard = status.get_details_precondition_failure().unwrap();
        assert_eq!(standard.violations.len(), 2, "a warning is no failed precondition");
    }

    #[test]
    fn every_violation_is_told_with_its_field() {
        let mut violations = Violations::new();
        violations.add("license.quantity", "must be at least 1");
        violations.add("license.zone", "is required");
        let status = from_error(&Error::Invalid(violations), "license.vouch");
        let fields = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(fields.len(), 2);
        assert_eq!(status.code(), Code::InvalidArgument);
    }

    #[test]
    fn what_went_wrong_inside_is_not_told() {
        let status = from_error(&Error::internal("no such column: key_digest"), "license.vouch");
        assert_eq!(status.message(), "the service failed");
        assert!(!String::from_utf8_lossy(status.details()).contains("column"));
    }
}
