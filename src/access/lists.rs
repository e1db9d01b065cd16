//! Lists of files and shares, already filtered by the policy, and paged by keyset: ids of files sort by creation.

use std::collections::BTreeMap;

use entity::{file, share, user};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait,
    Select, sea_query::Expr,
};
use uuid::Uuid;

use super::{Grant, Owned, Readable, grants, sight};
use crate::{app::App, error::Result};

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
    pub(super) fn apply_bounds<E: EntityTrait>(
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

/// The live files of `user`.
pub async fn files_of(
    app: &App,
    user: &user::Model,
    page: Page,
) -> Result<Rows<Readable<file::Model>>> {
    owned_files(app, user, page, file::Column::TrashedAt.is_null()).await
}

/// The files in the trash of `user`.
pub async fn trash_of(
    app: &App,
    user: &user::Model,
    page: Page,
) -> Result<Rows<Readable<file::Model>>> {
    owned_files(app, user, page, file::Column::TrashedAt.is_not_null()).await
}

#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
async fn owned_files(
    app: &App,
    user: &user::Model,
    page: Page,
    state: Expr,
) -> Result<Rows<Readable<file::Model>>> {
    let mine = file::Entity::find()
        .filter(file::Column::OwnerId.eq(user.id))
        .filter(state);
    let rows = page
        .apply(mine, file::Column::Id)
        .all(app.db.read())
        .await?;
    let rows = rows.into_iter().map(|row| Owned(row).into()).collect();
    Ok(page.cut(rows))
}

/// The live files of others that `user` is granted sight of, each once.
///
/// Two scans, each bounded by the page and by an index (shares to the user; shares to AUTHENTICATED), merged.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub async fn shared_with(
    app: &App,
    user: &user::Model,
    page: Page,
) -> Result<Rows<Readable<file::Model>>> {
    let audiences = [
        share::Column::UserId.eq(user.id),
        share::Column::Audience.eq(share::Audience::Authenticated),
    ];
    let mut granted: BTreeMap<Uuid, Vec<share::Model>> = BTreeMap::new();
    for audience in audiences {
        let scan = share::Entity::find()
            .join(JoinType::InnerJoin, share::Relation::File.def())
            .filter(audience)
            .filter(grants(Expr::value(user.id), Expr::value(app.clock.now())))
            .filter(file::Column::TrashedAt.is_null())
            .filter(file::Column::OwnerId.ne(user.id));
        let shares = page
            .apply(scan, share::Column::FileId)
            .all(app.db.read())
            .await?;
        for share in shares {
            granted.entry(share.file_id).or_default().push(share);
        }
    }
    let ids: Vec<Uuid> = granted.keys().copied().collect();
    let live = file::Entity::find()
        .filter(file::Column::Id.is_in(ids))
        .filter(file::Column::TrashedAt.is_null());
    let files = live.all(app.db.read()).await?;
    let mut rows: Vec<_> = files
        .into_iter()
        .filter_map(|file| {
            let shares = granted.remove(&file.id)?;
            sight(file, false, Grant::by(&shares))
        })
        .collect();
    rows.sort_by_key(|row| row.id);
    if !page.backward {
        rows.reverse();
    }
    Ok(page.cut(rows))
}
