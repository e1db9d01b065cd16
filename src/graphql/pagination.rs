//! Relay's cursor connections over keyset pages.

use async_graphql::{SimpleObject, connection::PageInfo};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use entity::file;
use uuid::Uuid;

use super::{files::File, list::List};
use crate::{
    access::Readable,
    db::{Page, Rows},
    error::{Error, Result},
};

/// The most rows one page may have, and how many it has when nobody says.
pub const MAX_PAGE: u64 = 100;
pub const DEFAULT_PAGE: u64 = 20;

/// A page of files, after the Relay connection specification.
#[derive(SimpleObject)]
pub struct FileConnection {
    /// The files, each with its cursor.
    edges: List<FileEdge>,
    /// Where this page lies in the list.
    page_info: PageInfo,
    /// The files alone, for those who page by `pageInfo`.
    nodes: List<File>,
}

/// A file and its place in the list.
#[derive(SimpleObject)]
pub struct FileEdge {
    /// The file.
    node: File,
    /// Opaque; give it to `after` or `before`.
    cursor: String,
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

/// `rows` of `page` as a connection of files.
pub fn connection(page: Page, rows: Rows<Readable<file::Model>>) -> FileConnection {
    let (rows, page_info) = place(page, rows, |row| row.id);
    let files: Vec<(String, File)> = rows
        .into_iter()
        .map(|(cursor, row)| (cursor, row.into()))
        .collect();
    FileConnection {
        nodes: files.iter().map(|(_, file)| file.clone()).collect(),
        edges: files
            .into_iter()
            .map(|(cursor, node)| FileEdge { node, cursor })
            .collect(),
        page_info,
    }
}

/// `rows` of `page` with their cursors, and where they lie in the list; `key` is a row's place in the keyset.
pub fn place<T>(
    page: Page,
    rows: Rows<T>,
    key: impl Fn(&T) -> Uuid,
) -> (Vec<(String, T)>, PageInfo) {
    let (has_previous_page, has_next_page) = match page.backward {
        true => (rows.more, page.before.is_some()),
        false => (page.after.is_some(), rows.more),
    };
    let cursor = |row: &T| BASE64_URL_SAFE_NO_PAD.encode(key(row).as_bytes());
    let rows: Vec<_> = rows
        .rows
        .into_iter()
        .map(|row| (cursor(&row), row))
        .collect();
    let page_info = PageInfo {
        has_previous_page,
        has_next_page,
        start_cursor: rows.first().map(|(cursor, _)| cursor.clone()),
        end_cursor: rows.last().map(|(cursor, _)| cursor.clone()),
    };
    (rows, page_info)
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
