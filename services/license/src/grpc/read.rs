//! Reading parts of messages that several requests have.

use vouch_core::{Violations, dates};

/// One thing that is wanted, by its name.
#[derive(Debug, Clone)]
pub(super) struct One<T>(pub T);

/// A list that is wanted.
#[derive(Debug, Clone)]
pub(super) struct ListOf<F> {
    /// Which page.
    pub page: vouch_host::Page,
    /// What narrows it.
    pub filter: F,
}

/// Reads a date that may be left out.
pub(super) fn optional_date(text: &str) -> Result<Option<jiff::civil::Date>, String> {
    if text.is_empty() { Ok(None) } else { dates::date(text).map(Some) }
}

/// Reads a code that may be left out.
pub(super) fn optional<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

/// Reads a whole number within bounds.
pub(super) fn within<N: Into<i64> + Copy, T: TryFrom<i64>>(number: N, least: i64, most: i64) -> Result<T, String> {
    let number: i64 = number.into();
    let wrong = || format!("must be {least} to {most}");
    if !(least..=most).contains(&number) {
        return Err(wrong());
    }
    T::try_from(number).map_err(|_| wrong())
}

/// Reads a SHA-256 digest.
pub(super) fn digest(bytes: &[u8]) -> Result<[u8; 32], &'static str> {
    <[u8; 32]>::try_from(bytes).map_err(|_| "must be a SHA-256 digest of 32 bytes")
}

/// Reads a list request that may be narrowed to one end user.
pub(super) fn list_of(
    page: Option<vouch_contract::pb::common::v1::PageRequest>,
    list: &str,
    field: &str,
    end_user_id: &str,
) -> Result<ListOf<Option<vouch_core::code::EndUserId>>, Violations> {
    let mut violations = Violations::new();
    let filter = violations.take(field, optional(end_user_id, vouch_core::code::EndUserId::parse));
    let page = violations.absorb(vouch_host::Page::read(page, list));
    violations.finish(page.zip(filter).map(|(page, filter)| ListOf { page, filter }))
}
