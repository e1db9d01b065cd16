//! Pages of lists, by keyset: the ids of rows sort by creation.

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Asterisk, Query, SelectStatement, UnionType},
};
use uuid::Uuid;

/// How many lists one statement has pages of.
pub const LISTS_MAX: usize = 100;

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
    /// The newest `limit` rows.
    pub fn first(limit: u64) -> Self {
        Self {
            limit,
            after: None,
            before: None,
            backward: false,
        }
    }

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

    /// The keys that this page has in each of `lists`, one row too many included, as one statement: each reads no more of its list
    /// than that. A list selects its `key`, the column of its keyset. `None` for no lists; there may be [`LISTS_MAX`].
    pub(crate) fn keys_of_each(
        &self,
        lists: impl IntoIterator<Item = SelectStatement>,
        key: impl ColumnTrait,
    ) -> Option<SelectStatement> {
        let mut pages = lists.into_iter().map(|mut list| {
            if let Some(id) = self.after {
                list.and_where(key.lt(id));
            }
            if let Some(id) = self.before {
                list.and_where(key.gt(id));
            }
            let order = match self.backward {
                true => Order::Asc,
                false => Order::Desc,
            };
            list.order_by_expr(key.into_expr(), order)
                .limit(self.limit + 1);
            // SQLite lets no part of a union have a limit of its own.
            let mut page = Query::select();
            page.column(Asterisk).from_subquery(list, "page");
            page
        });
        let mut all = pages.next()?;
        all.unions(pages.map(|page| (UnionType::All, page)));
        Some(all)
    }

    /// Puts nothing but the cursors' bounds on `query`.
    pub(crate) fn apply_bounds<E: EntityTrait>(
        &self,
        query: Select<E>,
        column: impl ColumnTrait,
    ) -> Select<E> {
        query.filter(self.bounds(Condition::all(), column))
    }

    /// `condition`, and the cursors' bounds.
    pub(crate) fn bounds(&self, condition: Condition, column: impl ColumnTrait) -> Condition {
        condition
            .add_option(self.after.map(|id| column.lt(id)))
            .add_option(self.before.map(|id| column.gt(id)))
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
