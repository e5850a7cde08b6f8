//! How a service says no.

use std::time::Duration;

use crate::{Findings, Reason, Violations};

/// The small set of ways in which a call can fail. The contract crate maps each to one gRPC code, in one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong, whatever the state.
    Invalid,
    /// No such thing, or not the caller's.
    NotFound,
    /// It is there already.
    AlreadyExists,
    /// Somebody else was faster; read again and decide anew.
    Conflict,
    /// The state or a rule stands against it.
    Refused,
    /// Too much of it.
    Exhausted,
    /// Not now.
    Unavailable,
    /// What was kept is lost or altered.
    Damaged,
    /// A fault of the service itself.
    Internal,
}

/// Why a command was not carried out. Nothing was changed.
///
/// The text of every variant is public; the source of [`Error::Unavailable`] and [`Error::Internal`] is for the log only.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields are missing or malformed.
    #[error("the request has fields that must be mended")]
    Invalid(Violations),
    /// No such thing, or somebody else's.
    #[error("{what} {id} was not found")]
    NotFound {
        /// The kind of thing: `license`.
        what: &'static str,
        /// How the caller named it; never a secret.
        id: String,
    },
    /// It is there already.
    #[error("{what} {id} exists already")]
    AlreadyExists {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        id: String,
    },
    /// The request id was used for something else.
    #[error("request_id was used before for another request")]
    RequestIdReused,
    /// The etag is stale.
    #[error("{what} {id} was changed since it was read")]
    EtagMismatch {
        /// The kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// The state does not allow the step.
    #[error("{what} {id} is {state}: it cannot {step}")]
    StateConflict {
        /// The kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
        /// The state in which it is, as an adjective.
        state: &'static str,
        /// The step refused, as a verb.
        step: &'static str,
    },
    /// A judgement was negative.
    #[error("{message}")]
    Judged {
        /// The reason of the refusal as a whole.
        reason: Reason,
        /// One sentence.
        message: &'static str,
        /// What was found.
        findings: Findings,
    },
    /// A single reason stands against it.
    #[error("{message}")]
    Refused {
        /// The way in which the call fails.
        kind: Kind,
        /// The reason.
        reason: Reason,
        /// One sentence.
        message: String,
    },
    /// Too many calls.
    #[error("too many calls")]
    RateLimited {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// Overloaded, stopping, or without its database.
    #[error("the service cannot answer now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The service's own fault.
    #[error("the service failed")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// No such thing, or somebody else's.
    pub fn not_found(what: &'static str, id: impl ToString) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    /// It is there already.
    pub fn already_exists(what: &'static str, id: impl ToString) -> Self {
        Self::AlreadyExists { what, id: id.to_string() }
    }

    /// The service's own fault, told to the log only.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// One bad field.
    pub fn field(field: &str, description: impl Into<String>) -> Self {
        let mut violations = Violations::new();
        violations.add(field, description);
        Self::Invalid(violations)
    }

    /// The way in which the call failed.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Invalid(_) => Kind::Invalid,
            Self::NotFound { .. } => Kind::NotFound,
            Self::AlreadyExists { .. } => Kind::AlreadyExists,
            Self::EtagMismatch { .. } => Kind::Conflict,
            Self::RequestIdReused | Self::StateConflict { .. } | Self::Judged { .. } => Kind::Refused,
            Self::Refused { kind, .. } => *kind,
            Self::RateLimited { .. } => Kind::Exhausted,
            Self::Unavailable(_) => Kind::Unavailable,
            Self::Internal(_) => Kind::Internal,
        }
    }

    /// The reason that the caller is told.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Invalid(_) => Reason::InvalidField,
            Self::NotFound { .. } => Reason::NotFound,
            Self::AlreadyExists { .. } => Reason::AlreadyExists,
            Self::RequestIdReused => Reason::RequestIdReused,
            Self::EtagMismatch { .. } => Reason::EtagMismatch,
            Self::StateConflict { .. } => Reason::StateConflict,
            Self::Judged { reason, .. } | Self::Refused { reason, .. } => *reason,
            Self::RateLimited { .. } => Reason::RateLimited,
            Self::Unavailable(_) => Reason::Unavailable,
            Self::Internal(_) => Reason::Internal,
        }
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}
