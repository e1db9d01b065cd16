//! The schema's own scalars, and ids.

use std::ops::RangeInclusive;

use async_graphql::{
    Description, ID, InputValueError, InputValueResult, Scalar, ScalarType, Value,
};
use entity::Timestamp;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{
    clock,
    error::{Error, Result},
};

/// A whole number of 64 bits, as a JSON number. GraphQL's own Int ends at 2^31 - 1, and files are larger.
#[derive(Clone, Copy, Debug, Description)]
pub struct Int64(pub i64);

#[Scalar(use_type_description)]
impl ScalarType for Int64 {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => number
                .as_i64()
                .map(Self)
                .ok_or_else(|| InputValueError::custom("not a whole number of 64 bits")),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::from(self.0)
    }
}

/// The years that RFC 3339 can write.
const YEARS: RangeInclusive<i32> = 0..=9999;

/// A moment, as RFC 3339 text in UTC, always with three digits of the second: `2026-01-31T23:59:59.990Z`. Input may have
/// another offset, and any number of digits.
#[derive(Clone, Copy, Debug, Description)]
pub struct DateTime(pub Timestamp);

#[Scalar(
    use_type_description,
    specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        let date = OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            // In UTC it may be before the first year, or after the last.
            .and_then(|date| date.checked_to_offset(UtcOffset::UTC))
            .filter(|date| YEARS.contains(&date.year()));
        match date {
            Some(date) => Ok(Self(clock::from_date(date))),
            None => Err(InputValueError::custom("not an RFC 3339 date and time")),
        }
    }

    fn to_value(&self) -> Value {
        let date = clock::to_date(self.0);
        let (hour, minute, second, millisecond) = date.time().as_hms_milli();
        Value::from(format!(
            "{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
        ))
    }
}

/// The id that `id` spells. What is not an id names nothing: `NOT_FOUND`, the same as an id that nobody has.
pub fn parse_id(id: &ID) -> Result<Uuid> {
    Uuid::try_parse(id)
        .ok()
        .filter(|uuid| uuid.to_string() == id.0)
        .ok_or_else(Error::not_found)
}
