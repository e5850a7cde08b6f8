//! Prepaid incidents: accounts, packs, holds, and how they move.
//!
//! Read in this order: [`ledger`] (between which places units move, and that every movement adds up to zero),
//! [`account`] (the balances), [`pack`] (which units are spent first), [`rollover`] (what an anniversary leaves),
//! [`purse`] (an account with its packs, to which everything is done), [`hold`] (what is set aside and what becomes of
//! it), [`rest`] (on what an escalation rests), [`needed`] (what has to be set aside), [`price`] (what work costs).

pub mod account;
pub mod hold;
pub mod ledger;
pub mod needed;
pub mod pack;
pub mod price;
pub mod purse;
pub mod rest;
pub mod rollover;

pub use account::{Account, AccountState};
pub use hold::{Hold, HoldState, Purpose, Reversal, Settlement, Work};
pub use ledger::{Booking, Cause, LedgerEntry, Movement, Place, Posting};
pub use needed::{Needed, Outlook, outlook, to_reserve};
pub use pack::{Pack, Share};
pub use purse::{BelowZero, Purse};
pub use rest::{NamedCharge, OnRecord, Rest};
pub use rollover::Anniversary;

#[cfg(test)]
mod tests;
