//! Lists of files, already filtered by the policy, and paged by keyset: ids of files sort by creation.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use entity::{file, share, user};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait, Select,
    sea_query::{Expr, Query, SelectStatement},
};
use uuid::Uuid;

use super::{
    Access, Owned, Readable, Sight, Trashed,
    audiences::{self, unexpired},
    facts::{active, is_in, state},
    policy::{Facts, Grant, State},
    sight,
};
use crate::{
    auth::Viewer,
    db::{Page, Rows},
    error::Result,
};

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
        .filter(Expr::exists(still_active(viewer)));
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
        .filter(Expr::exists(still_active(viewer)));
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
    let mut granted: BTreeMap<Uuid, Vec<share::Model>> = BTreeMap::new();
    for audience in audiences::of_user(viewer.id()) {
        let scan = share::Entity::find()
            .join(JoinType::InnerJoin, share::Relation::File.def())
            .filter(audience.matches())
            .filter(unexpired(Expr::value(access.clock.now())))
            .filter(is_in(State::Live))
            .filter(file::Column::OwnerId.ne(viewer.id()))
            .filter(Expr::exists(still_active(viewer)));
        let scan = page.apply(scan, share::Column::FileId);
        for share in access.db.all(scan).await? {
            granted.entry(share.file_id).or_default().push(share);
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
            let shares = granted.remove(&file.id)?;
            let facts = Facts {
                state: State::Live,
                is_active: true,
                is_owner: false,
                grant: Grant::of(shares.iter().map(|share| share.expires_at)),
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

/// A row while `viewer` is active, and none after that: lists are empty then.
fn still_active(viewer: &Viewer) -> SelectStatement {
    let active = active(Expr::value(viewer.id()), Expr::value(viewer.epoch()));
    Query::select()
        .expr(Expr::value(1))
        .from(user::Entity)
        .cond_where(active)
        .to_owned()
}
