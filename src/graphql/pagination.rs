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
        pub struct $connection($crate::graphql::pagination::Connected<$node>);

        #[doc = concat!("A page of ", $noun, "s, after the Relay connection specification.")]
        #[async_graphql::Object(crate = "crate::graphql::object::library")]
        impl $connection {
            #[doc = concat!("The ", $noun, "s, each with its cursor.")]
            async fn edges(&self) -> $crate::graphql::list::List<$edge> {
                let edges = self.0.nodes.iter().map(|node| $edge {
                    node: node.clone(),
                    cursor: (self.0.cursor)(node),
                });
                edges.collect()
            }

            /// Where this page lies in the list.
            async fn page_info(&self) -> async_graphql::connection::PageInfo {
                self.0.info()
            }

            $(
                #[doc = concat!("The ", $noun, "s alone, for those who page by `pageInfo`.")]
                async fn $nodes(&self) -> $crate::graphql::list::List<&$node> {
                    self.0.nodes.iter().collect()
                }
            )?
        }

        #[doc = concat!($article, " ", $noun, " and its place in the list.")]
        #[derive(async_graphql::SimpleObject)]
        #[graphql(crate = "crate::graphql::object::library")]
        pub struct $edge {
            #[doc = concat!("The ", $noun, ".")]
            node: $node,
            /// Opaque; give it to `after` or `before`.
            cursor: String,
        }

        impl $connection {
            /// `rows` of `page` of `list`; `id` is a row's place in the keyset.
            fn of(
                list: $crate::graphql::pagination::Keyset,
                page: $crate::db::Page,
                rows: $crate::db::Rows<$node>,
                id: fn(&$node) -> uuid::Uuid,
            ) -> Self {
                let cursor = move |node: &$node| list.cursor(id(node));
                Self($crate::graphql::pagination::Connected::new(page.into(), rows, cursor))
            }
        }
    };
}

pub(super) use connection_types;

connection_types!(FileConnection, FileEdge of File: "A" "file", with nodes);

impl FileConnection {
    /// `rows` between `ends`; `cursor` makes the cursor of a file.
    pub(super) fn sorted(
        ends: Ends,
        rows: Rows<File>,
        cursor: impl Fn(&File) -> String + Send + Sync + 'static,
    ) -> Self {
        Self(Connected::new(ends, rows, cursor))
    }
}

/// The lists that are paged by the ids of their rows. A cursor is of one of them; those of lists that can be sorted have other
/// tags.
#[derive(Clone, Copy)]
pub enum Keyset {
    Shares = 0x31,
    /// Those of a file, and those that concern a user: an event has one cursor.
    Events,
    Trash,
    FilesOfDrop,
    Groups,
    Members,
    Drops,
    Uploads,
    Users,
}

impl Keyset {
    pub fn cursor(self, id: Uuid) -> String {
        encode(&[&[self as u8], id.as_bytes().as_slice()].concat())
    }

    /// The id that the cursor given as `field` stands for: `BAD_USER_INPUT` for what is no cursor of this list.
    pub fn id(self, field: &'static str, cursor: &str) -> Result<Uuid> {
        let id = || {
            let cursor = decode(cursor)?;
            let (tag, id) = cursor.split_first()?;
            Uuid::from_slice(id).ok().filter(|_| *tag == self as u8)
        };
        id().ok_or_else(|| not_a_cursor(field))
    }
}

/// How many rows of which end of a list: `BAD_USER_INPUT` for both of `first` and `last`, and for a number that is negative
/// or above 100.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub limit: u64,
    pub backward: bool,
}

impl Extent {
    pub fn of(first: Option<i32>, last: Option<i32>) -> Result<Self> {
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
        Ok(Self { limit, backward })
    }
}

/// The page of `list` that these arguments ask for. `BAD_USER_INPUT` for both of `first` and `last`, for a number that is negative
/// or above 100, and for what is no cursor of this list.
pub fn page(
    list: Keyset,
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
) -> Result<Page> {
    let extent = Extent::of(first, last)?;
    Ok(Page {
        limit: extent.limit,
        after: after.map(|cursor| list.id("after", &cursor)).transpose()?,
        before: before
            .map(|cursor| list.id("before", &cursor))
            .transpose()?,
        backward: extent.backward,
    })
}

/// `rows` of `page` of `list` as a connection of files.
pub fn connection(list: Keyset, page: Page, rows: Rows<impl Into<Sight>>) -> FileConnection {
    FileConnection::of(list, page, rows.map(File::from), |file| file.0.id)
}

/// Whether a page was bounded by cursors, and at which end of the range it lies.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub after: bool,
    pub before: bool,
    pub backward: bool,
}

impl From<Page> for Ends {
    fn from(page: Page) -> Self {
        Self {
            after: page.after.is_some(),
            before: page.before.is_some(),
            backward: page.backward,
        }
    }
}

/// The nodes of a page, what makes their cursors, and whether the list goes on at both ends. Most clients want few cursors.
pub(super) struct Connected<N> {
    pub nodes: Vec<N>,
    pub cursor: Box<dyn Fn(&N) -> String + Send + Sync>,
    has_previous_page: bool,
    has_next_page: bool,
}

impl<N> Connected<N> {
    /// `rows` between `ends`.
    pub fn new(
        ends: Ends,
        rows: Rows<N>,
        cursor: impl Fn(&N) -> String + Send + Sync + 'static,
    ) -> Self {
        let (has_previous_page, has_next_page) = match ends.backward {
            true => (rows.more, ends.before),
            false => (ends.after, rows.more),
        };
        Self {
            nodes: rows.rows,
            cursor: Box::new(cursor),
            has_previous_page,
            has_next_page,
        }
    }

    pub fn info(&self) -> PageInfo {
        PageInfo {
            has_previous_page: self.has_previous_page,
            has_next_page: self.has_next_page,
            start_cursor: self.nodes.first().map(&self.cursor),
            end_cursor: self.nodes.last().map(&self.cursor),
        }
    }
}

pub(super) fn encode(cursor: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(cursor)
}

pub(super) fn decode(cursor: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()
}

pub(super) fn not_a_cursor(field: &'static str) -> Error {
    Error::bad_input(
        field,
        "This is not a cursor of this list and order; use one from `pageInfo` or `edges`.",
    )
}
