//! The schema's own scalars, and ids.

use std::ops::RangeInclusive;

use async_graphql::{
    Description, ID, InputValueError, InputValueResult, Scalar, ScalarType, Value,
};
use entity::Timestamp;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use uuid::{Uuid, fmt::Hyphenated};

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

/// How long such a text is.
const LENGTH: usize = "2026-01-31T23:59:59.990Z".len();
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
        let mut text = String::with_capacity(LENGTH);
        // By hand: `format!` takes ten times as long, and a page of files has a hundred of these.
        for (number, digits, after) in [
            (date.year().unsigned_abs(), 4, '-'),
            (u8::from(date.month()).into(), 2, '-'),
            (date.day().into(), 2, 'T'),
            (hour.into(), 2, ':'),
            (minute.into(), 2, ':'),
            (second.into(), 2, '.'),
            (millisecond.into(), 3, 'Z'),
        ] {
            push(&mut text, number, digits);
            text.push(after);
        }
        Value::from(text)
    }
}

/// Adds the last `digits` decimal digits of `number`.
fn push(text: &mut String, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

/// How `id` is spelled. `format!`, by which the library does so, takes three times as long.
pub fn id(id: Uuid) -> ID {
    let mut text = [0; Hyphenated::LENGTH];
    ID(id.hyphenated().encode_lower(&mut text).to_owned())
}

/// The id that `id` spells. What is not an id names nothing: `NOT_FOUND`, the same as an id that nobody has.
pub fn parse_id(id: &ID) -> Result<Uuid> {
    Uuid::try_parse(id)
        .ok()
        .filter(|uuid| self::id(*uuid) == *id)
        .ok_or_else(Error::not_found)
}
