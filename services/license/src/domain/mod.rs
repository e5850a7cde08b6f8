//! The rules of licences and entitlement: plain types, data in and verdict out. No transport, no database, no clock.

pub mod agreement;
pub mod business_calendar;
pub mod change;
pub mod departure;
pub mod entitlement;
pub mod guesses;
pub mod incident;
pub mod liaison_notice;
pub mod license;
pub mod license_key;
pub mod notice;
pub mod online_account;
pub mod order;
pub mod partner;
pub mod product;
pub mod release;
pub mod resale;
pub mod sdk_user;
pub mod tier;
