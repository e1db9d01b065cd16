//! A point in time as both databases store it.

use sea_orm::DeriveValueType;

/// Milliseconds since the Unix epoch, UTC, in a `BIGINT` column.
///
/// An integer compares and sorts alike on SQLite and PostgreSQL; SQLite's own date texts do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
pub struct Timestamp(pub i64);
