//! Reading columns back into values, with the column's name in the error.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;
use type_safe_id::{StaticType, TypeSafeId};

use crate::StoreError;

/// A column of text.
pub fn text(row: &AnyRow, column: &'static str) -> Result<String, StoreError> {
    Ok(row.try_get(column)?)
}

/// A column of text that may be NULL.
pub fn optional_text(row: &AnyRow, column: &'static str) -> Result<Option<String>, StoreError> {
    Ok(row.try_get(column)?)
}

/// A column of bytes.
pub fn bytes(row: &AnyRow, column: &'static str) -> Result<Vec<u8>, StoreError> {
    Ok(row.try_get(column)?)
}

/// A column of bytes that may be NULL.
pub fn optional_bytes(row: &AnyRow, column: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(row.try_get(column)?)
}

/// A column of bytes of a fixed length.
pub fn array<const N: usize>(row: &AnyRow, column: &'static str) -> Result<[u8; N], StoreError> {
    <[u8; N]>::try_from(bytes(row, column)?)
        .map_err(|_| StoreError::Corrupt { column, problem: format!("it does not have {N} bytes") })
}

/// A whole number.
pub fn integer(row: &AnyRow, column: &'static str) -> Result<i64, StoreError> {
    Ok(row.try_get(column)?)
}

/// A whole number that may be NULL.
pub fn optional_integer(row: &AnyRow, column: &'static str) -> Result<Option<i64>, StoreError> {
    Ok(row.try_get(column)?)
}

/// A whole number that fits a smaller type.
pub fn number<T: TryFrom<i64>>(row: &AnyRow, column: &'static str) -> Result<T, StoreError> {
    T::try_from(integer(row, column)?)
        .map_err(|_| StoreError::Corrupt { column, problem: "the number is out of range".into() })
}

/// A flag: 0 or 1.
pub fn flag(row: &AnyRow, column: &'static str) -> Result<bool, StoreError> {
    let value: i16 = row.try_get(column).or_else(|_| {
        let wide: i64 = row.try_get(column)?;
        i16::try_from(wide).map_err(|error| sqlx::Error::Decode(error.into()))
    })?;
    Ok(value != 0)
}

/// An instant, kept as microseconds UTC.
pub fn instant(row: &AnyRow, column: &'static str) -> Result<Timestamp, StoreError> {
    from_micros(integer(row, column)?, column)
}

/// An instant that may be NULL.
pub fn optional_instant(row: &AnyRow, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
    let micros: Option<i64> = row.try_get(column)?;
    micros.map(|micros| from_micros(micros, column)).transpose()
}

/// An id of the registry.
pub fn id<T: StaticType>(row: &AnyRow, column: &'static str) -> Result<TypeSafeId<T>, StoreError> {
    parsed(row, column, vouch_core::id::parse)
}

/// A column of text that a parser of the domain reads.
pub fn parsed<T>(
    row: &AnyRow,
    column: &'static str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, StoreError> {
    parse(&text(row, column)?).map_err(|problem| StoreError::Corrupt { column, problem })
}

/// A column of text that may be NULL and that a parser of the domain reads.
pub fn optional_parsed<T>(
    row: &AnyRow,
    column: &'static str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, StoreError> {
    optional_text(row, column)?
        .map(|text| parse(&text))
        .transpose()
        .map_err(|problem| StoreError::Corrupt { column, problem })
}

/// A size as a column keeps it.
pub fn as_bigint(size: u64) -> Result<i64, StoreError> {
    i64::try_from(size).map_err(|_| StoreError::Setup("a size is out of range".into()))
}

/// One of a list of words.
pub fn word<T>(row: &AnyRow, column: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
    parsed(row, column, |text| parse(text).ok_or_else(|| "the word is unknown".into()))
}

fn from_micros(micros: i64, column: &'static str) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|error| StoreError::Corrupt { column, problem: error.to_string() })
}
