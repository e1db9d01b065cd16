//! One try to find the files of a page: along an index, or by the full-text index.

use entity::{Timestamp, listed_file::List};
use uuid::Uuid;

use super::{Order, Part, Place, SortKey, postgres, sqlite};
use crate::{access::Access, db::Reader, error::Result};

/// What is looked for, and how far.
#[derive(Clone, Debug)]
pub(super) struct Scan<'p> {
    pub part: &'p Part,
    pub lists: &'p [(List, Uuid)],
    /// Where the walk begins.
    pub from: Option<Place>,
    /// Files of each list that are enough.
    pub wanted: u64,
    /// How many rows the walk takes, those of all lists together.
    pub rows: u64,
    pub viewer_id: Uuid,
    pub now: Timestamp,
}

/// What a walk came to.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub places: Vec<Place>,
    /// Where the walk along each list ended, unless that was the end of the list.
    pub ends: Vec<Place>,
}

/// A row of either way: a file of the list, or, where it is no hit, only a place.
#[derive(Debug)]
pub(super) struct Row {
    pub file_id: Uuid,
    pub name_key: String,
    pub size: i64,
    pub is_hit: bool,
}

impl Row {
    fn place(self, order: Order) -> Place {
        let key = match order {
            Order::Created => SortKey::Created,
            Order::Name => SortKey::Name(self.name_key),
            Order::Size => SortKey::Size(self.size),
        };
        Place {
            key,
            id: self.file_id,
        }
    }
}

impl Scan<'_> {
    /// Walks along the index of the order.
    pub async fn walk(&self, access: &Access) -> Result<Found> {
        let rows = match access.db.reader() {
            Reader::Sqlite { queries, .. } => sqlite::walk(queries, self).await?,
            Reader::Postgres(connections) => postgres::walk(connections, self).await?,
        };
        let mut found = Found::default();
        for row in rows {
            let to = match row.is_hit {
                true => &mut found.places,
                false => &mut found.ends,
            };
            to.push(row.place(self.part.order));
        }
        Ok(found)
    }

    /// All files with this part of a name, in no order, where the full-text index has no more than `most` rows for it.
    pub async fn matching(&self, access: &Access, most: u64) -> Result<Option<Vec<Place>>> {
        let rows = match access.db.reader() {
            Reader::Sqlite { queries, .. } => sqlite::matching(queries, self, most).await?,
            Reader::Postgres(connections) => postgres::matching(connections, self, most).await?,
        };
        let hits = |rows: Vec<Row>| {
            let hits = rows.into_iter().filter(|row| row.is_hit);
            hits.map(|row| row.place(self.part.order)).collect()
        };
        Ok(rows.map(hits))
    }

    /// How many rows of each list a walk takes.
    pub fn rows_of_each(&self) -> u64 {
        let lists = self.lists.len().max(1) as u64;
        (self.rows / lists).max(self.wanted)
    }
}
