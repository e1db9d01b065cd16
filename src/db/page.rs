//! Pages of lists, by keyset: the ids of rows sort by creation.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

/// Which part of a list, newest first: `limit` rows after one id or before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    pub limit: u64,
    /// Only rows older than this one.
    pub after: Option<Uuid>,
    /// Only rows newer than this one.
    pub before: Option<Uuid>,
    /// Take the rows at the old end of that range rather than at the new end.
    pub backward: bool,
}

/// A part of a list, newest first.
#[derive(Clone, Debug)]
pub struct Rows<T> {
    pub rows: Vec<T>,
    /// Whether the range goes on beyond the end that was cut off.
    pub more: bool,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            more: false,
        }
    }
}

impl<T> Rows<T> {
    /// The same part of the list, of other rows.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Rows<U> {
        Rows {
            rows: self.rows.into_iter().map(change).collect(),
            more: self.more,
        }
    }
}

impl Page {
    /// Puts this page's bounds on `query`, whose keyset is `column`; one row too many tells whether there are more.
    pub(crate) fn apply<E: EntityTrait>(
        &self,
        query: Select<E>,
        column: impl ColumnTrait,
    ) -> Select<E> {
        let query = self.apply_bounds(query, column);
        let query = match self.backward {
            true => query.order_by_asc(column),
            false => query.order_by_desc(column),
        };
        query.limit(self.limit + 1)
    }

    /// Puts nothing but the cursors' bounds on `query`.
    pub(crate) fn apply_bounds<E: EntityTrait>(
        &self,
        query: Select<E>,
        column: impl ColumnTrait,
    ) -> Select<E> {
        let query = match self.after {
            Some(id) => query.filter(column.lt(id)),
            None => query,
        };
        match self.before {
            Some(id) => query.filter(column.gt(id)),
            None => query,
        }
    }

    /// Drops the row too many and puts the newest first.
    pub(crate) fn cut<T>(&self, mut rows: Vec<T>) -> Rows<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        if self.backward {
            rows.reverse();
        }
        Rows { rows, more }
    }
}
