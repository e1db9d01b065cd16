//! Relay's cursor connections over keyset pages.

use async_graphql::connection::PageInfo;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::files::File;
use crate::{
    access::Sight,
    db::{Page, Rows},
    error::{Error, Result},
};

/// The most rows one page may have, and how many it has when nobody says.
pub const MAX_PAGE: u64 = 100;
pub const DEFAULT_PAGE: u64 = 20;

/// A page of a list and its edges, after the Relay connection specification. The words are for the descriptions:
///
/// ```text
/// connection_types!(FileConnection, FileEdge of File: "A" "file", with nodes);
/// ```
///
/// Nodes alone, `with nodes`, are for those who page by `pageInfo`.
macro_rules! connection_types {
    (
        $connection:ident, $edge:ident of $node:ident: $article:literal $noun:literal
        $(, with $nodes:ident)?
    ) => {
        #[doc = concat!("A page of ", $noun, "s, after the Relay connection specification.")]
        #[derive(async_graphql::SimpleObject)]
        pub struct $connection {
            #[doc = concat!("The ", $noun, "s, each with its cursor.")]
            edges: $crate::graphql::list::List<$edge>,
            /// Where this page lies in the list.
            page_info: async_graphql::connection::PageInfo,
            $(
                #[doc = concat!("The ", $noun, "s alone, for those who page by `pageInfo`.")]
                $nodes: $crate::graphql::list::List<$node>,
            )?
        }

        #[doc = concat!($article, " ", $noun, " and its place in the list.")]
        #[derive(async_graphql::SimpleObject)]
        pub struct $edge {
            #[doc = concat!("The ", $noun, ".")]
            node: $node,
            /// Opaque; give it to `after` or `before`.
            cursor: String,
        }

        impl $connection {
            /// `rows` of `page`: `key` is a row's place in the keyset, and `node` makes a node of a row.
            fn of<T>(
                page: $crate::db::Page,
                rows: $crate::db::Rows<T>,
                key: impl Fn(&T) -> uuid::Uuid,
                node: impl Fn(T) -> $node,
            ) -> Self {
                let (rows, page_info) = $crate::graphql::pagination::with_cursors(page, rows, key);
                let edges = rows.into_iter().map(|(cursor, row)| $edge {
                    node: node(row),
                    cursor,
                });
                let edges = edges.collect::<Vec<_>>();
                Self {
                    $($nodes: edges.iter().map(|edge| edge.node.clone()).collect(),)?
                    edges: edges.into_iter().collect(),
                    page_info,
                }
            }
        }
    };
}

pub(super) use connection_types;

connection_types!(FileConnection, FileEdge of File: "A" "file", with nodes);

/// The page these arguments ask for. `BAD_USER_INPUT` for both of `first` and `last`, for a number that is negative or
/// above 100, and for an invalid cursor.
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
pub fn connection(page: Page, rows: Rows<impl Into<Sight>>) -> FileConnection {
    FileConnection::of(page, rows.map(File::from), |file| file.0.id, |file| file)
}

/// `rows` of `page` with their cursors, and where they lie in the list; `key` is a row's place in the keyset.
pub(super) fn with_cursors<T>(
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
