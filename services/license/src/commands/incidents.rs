//! Prepaid incidents. Every command locks the account, does first what time has to do to it, and books what it moves.
//!
//! Read in this order: `purse` (opening and closing an account), [`granting`], [`escalations`] (what is set aside
//! with a proof), [`reservations`] (what a partner sets aside), [`reversals`], [`due`] (what nobody else does: time).

pub mod due;
pub mod escalations;
pub mod granting;
mod purse;
pub mod reservations;
pub mod reversals;

pub use due::{apply_due, lapse};
pub use purse::as_of;

use vouch_core::Error;
use vouch_storage::WriteError;

use crate::domain::incident::BelowZero;

impl From<BelowZero> for WriteError {
    fn from(error: BelowZero) -> Self {
        Error::internal(error).into()
    }
}
