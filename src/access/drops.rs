//! Drops as their owners see them, and the files that came by them.

use std::collections::{HashMap, HashSet};

use entity::{Timestamp, drop, dropped_file, file};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{ExprTrait, Query, SelectStatement},
};
use uuid::Uuid;

use super::{Access, Owned, Sight, facts::is_in, lists::owned_of_ids, policy::State};
use crate::{
    auth::Viewer,
    db::{LISTS_MAX, Page, Rows},
    error::{Error, Result},
};

/// A drop, without its password's hash.
#[derive(Clone, Debug)]
pub struct Drop {
    pub id: Uuid,
    pub owner_id: Uuid,
    pub name: String,
    pub has_password: bool,
    pub max_files: Option<i32>,
    pub max_file_size: Option<i64>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
}

impl From<drop::Model> for Drop {
    fn from(drop: drop::Model) -> Self {
        Self {
            id: drop.id,
            owner_id: drop.owner_id,
            name: drop.name,
            has_password: drop.password_hash.is_some(),
            max_files: drop.max_files,
            max_file_size: drop.max_file_size,
            created_at: drop.created_at,
            expires_at: drop.expires_at,
            closed_at: drop.closed_at,
        }
    }
}

impl Owned<Drop> {
    /// A drop of `viewer`'s, as the transaction that has just made it left it.
    pub(crate) fn made(viewer: &Viewer, row: drop::Model) -> Result<Self> {
        owned(viewer, row).ok_or_else(Error::not_found)
    }
}

/// `drop`, where it is `viewer`'s.
fn owned(viewer: &Viewer, drop: drop::Model) -> Option<Owned<Drop>> {
    (drop.owner_id == viewer.id()).then(|| Owned {
        row: drop.into(),
        owner: viewer.into(),
    })
}

/// The drop `id`, if it is `viewer`'s.
#[expect(clippy::disallowed_methods, reason = "this is the loader of drops")]
pub async fn visible_drop(
    access: &Access,
    viewer: &Viewer,
    id: Uuid,
) -> Result<Option<Owned<Drop>>> {
    let drop = access.db.one(drop::Entity::find_by_id(id)).await?;
    Ok(drop.and_then(|drop| owned(viewer, drop)))
}

/// The drop `id` of `viewer`; `NOT_FOUND` for everybody else.
pub async fn owned_drop(access: &Access, viewer: &Viewer, id: Uuid) -> Result<Owned<Drop>> {
    let drop = visible_drop(access, viewer, id).await?;
    drop.ok_or_else(Error::not_found)
}

/// The drops of `viewer`, newest first, those that are closed too.
#[expect(clippy::disallowed_methods, reason = "this is the loader of drops")]
pub async fn drops_of(access: &Access, viewer: &Viewer, page: Page) -> Result<Rows<Owned<Drop>>> {
    let mine = drop::Entity::find().filter(drop::Column::OwnerId.eq(viewer.id()));
    let drops = access.db.all(page.apply(mine, drop::Column::Id)).await?;
    let drops = drops.into_iter();
    Ok(page.cut(drops.filter_map(|drop| owned(viewer, drop)).collect()))
}

/// Those of `ids` that are drops of `viewer`'s.
#[expect(clippy::disallowed_methods, reason = "this is the loader of drops")]
pub async fn drops_of_ids(
    access: &Access,
    viewer: &Viewer,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Owned<Drop>>> {
    let drops = drop::Entity::find().filter(drop::Column::Id.is_in(ids));
    let drops = access.db.all(drops).await?.into_iter();
    Ok(drops
        .filter_map(|drop| Some((drop.id, owned(viewer, drop)?)))
        .collect())
}

/// The drops by which files of `viewer`'s own came, by the ids of the files.
#[expect(clippy::disallowed_methods, reason = "this is the loader of drops")]
pub async fn drops_of_files(
    access: &Access,
    viewer: &Viewer,
    file_ids: &[&Owned<Uuid>],
) -> Result<HashMap<Uuid, Owned<Drop>>> {
    let ids = file_ids.iter().map(|id| ***id);
    let dropped = dropped_file::Entity::find().filter(dropped_file::Column::FileId.is_in(ids));
    let dropped = access.db.all(dropped).await?;
    let ids: HashSet<_> = dropped.iter().map(|file| file.drop_id).collect();
    let drops = drops_of_ids(access, viewer, ids).await?;
    let of_files = dropped
        .into_iter()
        .filter_map(|file| Some((file.file_id, drops.get(&file.drop_id)?.clone())));
    Ok(of_files.collect())
}

/// Of each of `drops`, the page of the live files that came by it.
///
/// One query for [`LISTS_MAX`] drops, which reads no more of each than its page.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub async fn files_of_drops(
    access: &Access,
    viewer: &Viewer,
    drops: &[&Owned<Drop>],
    page: Page,
) -> Result<HashMap<Uuid, Rows<Sight>>> {
    let mut pages = HashMap::new();
    for drops in drops.chunks(LISTS_MAX) {
        let lists = drops.iter().map(|drop| live_files(drop.id));
        let Some(keys) = page.keys_of_each(lists, dropped_file::Column::FileId) else {
            continue;
        };
        let dropped =
            dropped_file::Entity::find().filter(dropped_file::Column::FileId.in_subquery(keys));
        let dropped = match page.backward {
            true => dropped.order_by_asc(dropped_file::Column::FileId),
            false => dropped.order_by_desc(dropped_file::Column::FileId),
        };
        let dropped = access.db.all(dropped).await?;
        let ids = dropped.iter().map(|dropped| dropped.file_id);
        let mut files = owned_of_ids(access, viewer, ids).await?;
        let mut by_drop: HashMap<_, Vec<_>> = HashMap::new();
        for dropped in dropped {
            let ids = by_drop.entry(dropped.drop_id).or_default();
            ids.push(dropped.file_id);
        }
        for (drop_id, ids) in by_drop {
            // Before the files are taken: one that is deleted meanwhile leaves a gap, and not the end of the list.
            let Rows { rows, more } = page.cut(ids);
            let rows = rows.into_iter().filter_map(|id| files.remove(&id));
            let rows = rows.filter(|file| matches!(file, Sight::Live(_))).collect();
            pages.insert(drop_id, Rows { rows, more });
        }
    }
    Ok(pages)
}

/// The ids of the live files that came by a drop.
fn live_files(drop_id: Uuid) -> SelectStatement {
    let same_file = dropped_file::Column::FileId
        .into_expr()
        .equals((file::Entity, file::Column::Id));
    Query::select()
        .column((dropped_file::Entity, dropped_file::Column::FileId))
        .from(dropped_file::Entity)
        .inner_join(file::Entity, same_file)
        .and_where(dropped_file::Column::DropId.eq(drop_id))
        .and_where(is_in(State::Live))
        .to_owned()
}
