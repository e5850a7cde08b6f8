//! Prepaid incidents: accounts, packs, holds, and the ledger.

mod accounts;
mod holds;
mod ledger;
mod packs;

pub use accounts::{account_fetch, account_list_due, account_lock, account_update};
pub use holds::{
    charge_is_taken, hold_fetch, hold_fetch_of, hold_insert, hold_list_owing, hold_list_unsettled, hold_update,
};
pub use ledger::{Booked, available_at, charge_entry_fetch, entry_insert, ledger_list};
pub use packs::{pack_fetch, pack_fetch_by_order, pack_insert, pack_list, pack_list_open, pack_update};
