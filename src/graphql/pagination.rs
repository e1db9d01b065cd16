//! Relay's cursor connections over keyset pages.

use async_graphql::{
    OutputType,
    connection::{Connection, CursorType, Edge},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::{
    access::{Page, Rows},
    error::{Error, Result},
};

/// The most rows one page may have, and how many it has when nobody says.
pub const MAX_PAGE: u64 = 100;
pub const DEFAULT_PAGE: u64 = 20;
/// The fields that answer with a page.
pub const CONNECTIONS: [&str; 3] = ["files", "sharedWithMe", "trash"];

/// A place in a list: opaque to clients, the row's id to us.
pub struct Cursor(Uuid);

impl CursorType for Cursor {
    type Error = Error;

    fn decode_cursor(text: &str) -> Result<Self> {
        decode("after", text).map(Self)
    }

    fn encode_cursor(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0.as_bytes())
    }
}

/// The page these arguments ask for. `BAD_USER_INPUT` for both of `first` and `last`, for a number that is negative or
/// above 100, and for a cursor that is none.
pub fn page(
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
) -> Result<Page> {
    let (field, count, backward) = match (first, last) {
        (Some(_), Some(_)) => {
            return Err(Error::bad_input(
                "last",
                "Ask for `first` or for `last`, not for both.",
            ));
        }
        (None, Some(last)) => ("last", Some(last), true),
        (first, None) => ("first", first, false),
    };
    let limit = match count.map(u64::try_from) {
        None => DEFAULT_PAGE,
        Some(Ok(limit)) if limit <= MAX_PAGE => limit,
        Some(_) => {
            return Err(Error::bad_input(
                field,
                format!("A page has 0 to {MAX_PAGE} rows."),
            ));
        }
    };
    Ok(Page {
        limit,
        after: after.map(|cursor| decode("after", &cursor)).transpose()?,
        before: before.map(|cursor| decode("before", &cursor)).transpose()?,
        backward,
    })
}

/// `rows` of `page` as a connection; `key` tells a row's id, `node` makes its object.
pub fn connection<T, N: OutputType>(
    page: Page,
    rows: Rows<T>,
    key: impl Fn(&T) -> Uuid,
    node: impl Fn(T) -> N,
) -> Connection<Cursor, N> {
    let (previous, next) = match page.backward {
        true => (rows.more, page.before.is_some()),
        false => (page.after.is_some(), rows.more),
    };
    let mut connection = Connection::new(previous, next);
    connection.edges = rows
        .rows
        .into_iter()
        .map(|row| Edge::new(Cursor(key(&row)), node(row)))
        .collect();
    connection
}

fn decode(field: &'static str, cursor: &str) -> Result<Uuid> {
    BASE64_URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| Uuid::from_slice(&bytes).ok())
        .ok_or_else(|| {
            Error::bad_input(
                field,
                "This is not a cursor; use one from `pageInfo` or `edges`.",
            )
        })
}
