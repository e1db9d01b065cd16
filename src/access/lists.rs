//! Lists of files, already filtered by the policy, and paged by keyset: ids of files sort by creation.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use entity::{Timestamp, file, share, user};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait, Select,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{
    Access, Owned, Readable, Sight, Trashed,
    audiences::{self, Key, unexpired},
    facts::{active, is_in, state},
    policy::{Facts, Grant, State},
    sight,
};
use crate::{
    auth::Viewer,
    db::{Page, Rows},
    error::Result,
};

mod groups;

/// The live files of `viewer`.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub async fn files_of(
    access: &Access,
    viewer: &Viewer,
    page: Page,
) -> Result<Rows<Owned<file::Model>>> {
    owned_among(access, viewer, file::Entity::find(), page, State::Live).await
}

/// The files in the trash of `viewer`.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub async fn trash_of(
    access: &Access,
    viewer: &Viewer,
    page: Page,
) -> Result<Rows<Owned<Trashed>>> {
    let rows = owned_among(access, viewer, file::Entity::find(), page, State::Trashed).await?;
    Ok(rows.map(Owned::into_trashed))
}

/// The files of `viewer` among `files` that are in `state`.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub(super) async fn owned_among(
    access: &Access,
    viewer: &Viewer,
    files: Select<file::Entity>,
    page: Page,
    state: State,
) -> Result<Rows<Owned<file::Model>>> {
    let mine = files
        .filter(file::Column::OwnerId.eq(viewer.id()))
        .filter(is_in(state))
        .filter(still_active(viewer));
    let mine = page.apply(mine, file::Column::Id);
    let rows = access.db.all(mine).await?;
    let facts = Facts {
        state,
        is_active: true,
        is_owner: true,
        grant: None,
    };
    let rows = rows
        .into_iter()
        .filter_map(|row| sight(row, &facts, state, viewer.into()).ok())
        .filter_map(|row| row.into_owned().ok());
    Ok(page.cut(rows.collect()))
}

/// Those of `ids` that are files of `viewer`'s, live or in the trash.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub(super) async fn owned_of_ids(
    access: &Access,
    viewer: &Viewer,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Sight>> {
    let mine = file::Entity::find()
        .filter(file::Column::Id.is_in(ids))
        .filter(file::Column::OwnerId.eq(viewer.id()))
        .filter(still_active(viewer));
    let mine = access.db.all(mine).await?.into_iter();
    Ok(mine
        .filter_map(|row| {
            let facts = Facts {
                state: state(&row),
                is_active: true,
                is_owner: true,
                grant: None,
            };
            let file = sight(row, &facts, facts.state, viewer.into()).ok()?;
            let file = match facts.state {
                State::Live => Sight::Live(file),
                State::Trashed => file.into_owned().ok()?.into_trashed().into(),
            };
            Some((file.id, file))
        })
        .collect())
}

/// The live files of others that `viewer` is granted sight of, each once.
///
/// One scan for each audience of the user, bounded by the page and by the index of shares by audience; merged.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub async fn shared_with(
    access: &Access,
    viewer: &Viewer,
    page: Page,
) -> Result<Rows<Readable<file::Model>>> {
    let mut granted: BTreeMap<Uuid, Vec<Option<Timestamp>>> = BTreeMap::new();
    for audience in audiences::of_user(viewer.id()) {
        let shares = match audience.is_one() {
            true => shared_with_one(access, viewer, &audience, page).await?,
            false => groups::shared_with_groups(access, viewer, page).await?,
        };
        for (file_id, end) in shares {
            granted.entry(file_id).or_default().push(end);
        }
    }
    let mut ids: Vec<Uuid> = granted.keys().copied().collect();
    if !page.backward {
        ids.reverse();
    }
    // Before the files are read: one that is deleted meanwhile leaves a gap, and not the end of the list.
    let ids = page.cut(ids);
    let live = file::Entity::find()
        .filter(file::Column::Id.is_in(ids.rows))
        .filter(is_in(State::Live));
    let files = access.db.all(live).await?;
    let mut rows: Vec<_> = files
        .into_iter()
        .filter_map(|file| {
            let ends = granted.remove(&file.id)?;
            let facts = Facts {
                state: State::Live,
                is_active: true,
                is_owner: false,
                grant: Grant::of(ends),
            };
            sight(file, &facts, State::Live, viewer.into()).ok()
        })
        .collect();
    rows.sort_by_key(|row| Reverse(row.id));
    Ok(Rows {
        rows,
        more: ids.more,
    })
}

/// The files that are shared with one audience, and when the shares end.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
async fn shared_with_one(
    access: &Access,
    viewer: &Viewer,
    audience: &Key,
    page: Page,
) -> Result<Vec<(Uuid, Option<Timestamp>)>> {
    let scan = share::Entity::find()
        .join(JoinType::InnerJoin, share::Relation::File.def())
        .filter(audience.matches())
        .filter(unexpired(Expr::value(access.clock.now())))
        .filter(is_in(State::Live))
        .filter(file::Column::OwnerId.ne(viewer.id()))
        .filter(still_active(viewer));
    let scan = page.apply(scan, share::Column::FileId);
    let shares = access.db.all(scan).await?.into_iter();
    Ok(shares
        .map(|share| (share.file_id, share.expires_at))
        .collect())
}

/// Whether `viewer` is active: lists are empty when not.
fn still_active(viewer: &Viewer) -> Expr {
    exists(active(
        Expr::value(viewer.id()),
        Expr::value(viewer.epoch()),
    ))
}

/// Whether there is a user of whom `condition` is true.
fn exists(condition: Condition) -> Expr {
    let user = Query::select()
        .expr(Expr::cust("1"))
        .from(user::Entity)
        .cond_where(condition)
        .to_owned();
    Expr::exists(user)
}
