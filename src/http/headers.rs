//! Headers that may be there once (RFC 9110 §5.3): of two, a proxy might go by the one and this server by the other.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::{Code, Error, Result};

/// What such a header says; `BAD_USER_INPUT` where it is there twice.
pub fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    match values.next() {
        None => Ok(value),
        Some(_) => Err(malformed(name, "comes once at most")),
    }
}

/// The refusal of a header, as clients write it, by the rule for it.
pub fn malformed(name: &HeaderName, rule: &str) -> Error {
    let mut written = String::with_capacity(name.as_str().len());
    for (at, word) in name.as_str().split('-').enumerate() {
        if at > 0 {
            written.push('-');
        }
        let (first, rest) = word.split_at(word.len().min(1));
        written.push_str(&first.to_ascii_uppercase());
        written.push_str(rest);
    }
    Error::new(
        Code::BadUserInput,
        format!("The header `{written}` {rule}."),
    )
    .with("field", written)
}
