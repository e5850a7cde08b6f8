//! Requests of `LicenseService` as commands: every bad field at once.
//!
//! `lists` reads what is listed or told, `terms` what is granted, `amendments` what is changed.

mod amendments;
mod lists;
mod terms;

use vouch_contract::pb::license::v1 as pb;
use vouch_core::code::EndUserId;
use vouch_core::{Violations, text};

use crate::domain::license::LicenseState;

pub(in crate::grpc) use lists::EXPORT;
pub(super) use lists::{All, CHANGES, FileFor, LICENSES, RELEASES, ReleasesOf, Wanted, write_place};
pub(in crate::grpc) use terms::read_terms;

const MOST_UNITS: i64 = 1_000_000_000;

/// Reads the state in which a licence comes from elsewhere: left out, it is active.
pub(in crate::grpc) fn read_kept_state(number: i32) -> Result<LicenseState, String> {
    if number == 0 { Ok(LicenseState::Active) } else { read_state(number) }
}

fn read_state(number: i32) -> Result<LicenseState, String> {
    match pb::LicenseState::try_from(number) {
        Ok(pb::LicenseState::Active) => Ok(LicenseState::Active),
        Ok(pb::LicenseState::Suspended) => Ok(LicenseState::Suspended),
        Ok(pb::LicenseState::Revoked) => Ok(LicenseState::Revoked),
        Ok(pb::LicenseState::Cancelled) => Ok(LicenseState::Cancelled),
        Ok(pb::LicenseState::Unspecified) => Err("is required".into()),
        Err(_) => Err(format!("has the unknown value {number}")),
    }
}

/// Reads an order's reference: one line of visible characters, which may be empty.
fn read_order(text: &str) -> Result<String, String> {
    text::optional_line(text, 100)
}

fn read_end_user(end_user: pb::EndUser, v: &mut Violations) -> Option<(EndUserId, String)> {
    let id = v.take("end_user_id", EndUserId::parse(&end_user.end_user_id));
    let name = v.take("name", text::line(&end_user.name, 200));
    id.zip(name)
}
