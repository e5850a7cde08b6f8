//! Collection tickets: requests for diagnostics that are issued for a ticket.

use jiff::Timestamp;
use vouch_core::code::ProfileTitle;
use vouch_core::id::{CollectionTicketId, TicketId};
use vouch_core::{Error, Kind, Reason, StepMarks, Violations};
use vouch_diagnostics::profile::Profile;

use super::ticket::{Ticket, Viewer};

/// A request for diagnostics that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionTicket {
    /// Its id, which the manifest of what is collected names.
    pub id: CollectionTicketId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// What is collected.
    pub wanted: Wanted,
    /// What is asked besides.
    pub questions: Vec<String>,
    /// Who had it issued, by opaque subject.
    pub issued_by: String,
    /// When.
    pub issued_at: Timestamp,
}

/// What is to be collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The profile.
    pub profile: ProfileTitle,
    /// The collectors of it; all of them, if there is none.
    pub collectors: Vec<String>,
}

/// What a collection ticket is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// For what is named here.
    Named(Wanted),
    /// For what the vendor asks for; by this profile, where the vendor names none.
    ForVendorRequest(Option<ProfileTitle>),
}

/// What the vendor asks for, as it asked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorRequest {
    /// The questions.
    pub questions: Vec<String>,
    /// The collectors.
    pub collectors: Vec<String>,
    /// The profile, as the vendor names it; may be empty.
    pub profile: String,
    /// What it asks of whoever carries it out.
    pub marks: StepMarks,
    /// When.
    pub asked_at: Timestamp,
}

impl Asked {
    /// What is to be collected for a ticket. What the vendor asks is between it and the partner: an end user does not ask for that.
    pub fn settle(&self, ticket: &Ticket, viewer: &Viewer, request: Option<&VendorRequest>) -> Result<Wanted, Error> {
        if ticket.state.has_ended() {
            return Err(ticket.refuses("have diagnostics collected for it"));
        }
        let named = match (self, viewer) {
            (Self::Named(wanted), _) => return Ok(wanted.clone()),
            (Self::ForVendorRequest(_), Viewer::Customer(_)) => {
                return Err(Error::field("for_vendor_request", "must be false: it is for agents"));
            }
            (Self::ForVendorRequest(named), Viewer::Partner(_)) => named,
        };
        let nothing = |message: &str| Error::Refused {
            kind: Kind::Refused,
            reason: Reason::NothingRequested,
            message: message.to_owned(),
        };
        let request = request
            .filter(|request| !request.collectors.is_empty())
            .ok_or_else(|| nothing("the vendor asks for no collectors of this ticket now"))?;
        if !request.collectors.iter().all(|name| is_collector(name)) {
            return Err(nothing("what the vendor asks for names no collectors that a profile could have"));
        }
        let profile = match (ProfileTitle::parse(&request.profile), named) {
            (Ok(profile), _) => profile,
            (Err(_), Some(profile)) => profile.clone(),
            (Err(_), None) => return Err(Error::field("profile", "is required: the vendor names none")),
        };
        Ok(Wanted { profile, collectors: request.collectors.clone() })
    }

    /// Refuses collectors that the profile does not have, where it is known: nobody is to find that out at the end user's site.
    pub fn check(&self, wanted: &Wanted, profile: &Profile) -> Result<(), Error> {
        let mut violations = Violations::new();
        for (place, told) in profile.strangers(&wanted.collectors) {
            match self {
                Self::Named(_) => violations.add(format!("collectors[{place}]"), told),
                Self::ForVendorRequest(_) => {
                    let name = &wanted.collectors[place];
                    violations.add(
                        "for_vendor_request",
                        format!("asks for {name}, which {told}: name those that are wanted"),
                    );
                }
            }
        }
        violations.finish(Some(())).map_err(Error::from)
    }
}

/// Whether a name is one that a collector of a profile may have.
pub fn is_collector(name: &str) -> bool {
    (1..=100).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
