//! Drops as their owners see them, and the files that came by them.

use std::collections::{HashMap, HashSet};

use entity::{Timestamp, drop, dropped_file, file};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, Select,
    sea_query::{ExprTrait, Query, SelectStatement},
};
use uuid::Uuid;

use super::{
    Access, Owned, Sight,
    facts::is_in,
    lists::{owned_of_ids, still_active},
    policy::State,
    proof::{Owner, together},
};
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
        owned(viewer.into(), row).ok_or_else(Error::not_found)
    }
}

/// `drop`, where it is `owner`'s.
fn owned(owner: Owner, drop: drop::Model) -> Option<Owned<Drop>> {
    (drop.owner_id == owner.id).then(|| Owned {
        row: drop.into(),
        owner,
    })
}

/// The drops of `owner`; none of one who is no longer active.
#[expect(clippy::disallowed_methods, reason = "this is the loader of drops")]
fn theirs(owner: Owner) -> Select<drop::Entity> {
    drop::Entity::find()
        .filter(drop::Column::OwnerId.eq(owner.id))
        .filter(still_active(owner.subject))
}

/// The drop `id`, if it is `viewer`'s.
#[expect(clippy::disallowed_methods, reason = "this is the loader of drops")]
pub async fn visible_drop(
    access: &Access,
    viewer: &Viewer,
    id: Uuid,
) -> Result<Option<Owned<Drop>>> {
    let drop = theirs(viewer.into()).filter(drop::Column::Id.eq(id));
    let drop = access.db.one(drop).await?;
    Ok(drop.and_then(|drop| owned(viewer.into(), drop)))
}

/// The drop `id` of `viewer`; `NOT_FOUND` for everybody else.
pub async fn owned_drop(access: &Access, viewer: &Viewer, id: Uuid) -> Result<Owned<Drop>> {
    let drop = visible_drop(access, viewer, id).await?;
    drop.ok_or_else(Error::not_found)
}

/// The drops of `viewer`, newest first, those that are closed too.
#[expect(clippy::disallowed_methods, reason = "this is the loader of drops")]
pub async fn drops_of(access: &Access, viewer: &Viewer, page: Page) -> Result<Rows<Owned<Drop>>> {
    let owner = viewer.into();
    let mine = page.apply(theirs(owner), drop::Column::Id);
    let drops = access.db.all(mine).await?.into_iter();
    Ok(page.cut(drops.filter_map(|drop| owned(owner, drop)).collect()))
}

/// Those of `ids` that are drops of `viewer`'s.
pub async fn drops_of_ids(
    access: &Access,
    viewer: &Viewer,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Owned<Drop>>> {
    of_ids(access, viewer.into(), ids).await
}

#[expect(clippy::disallowed_methods, reason = "this is the loader of drops")]
async fn of_ids(
    access: &Access,
    owner: Owner,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Owned<Drop>>> {
    let drops = theirs(owner).filter(drop::Column::Id.is_in(ids));
    let drops = access.db.all(drops).await?.into_iter();
    Ok(drops
        .filter_map(|drop| Some((drop.id, owned(owner, drop)?)))
        .collect())
}

/// The drops by which files of their owners' own came, by the ids of the files.
#[expect(clippy::disallowed_methods, reason = "this is the loader of drops")]
pub async fn drops_of_files(
    access: &Access,
    file_ids: &[&Owned<Uuid>],
) -> Result<HashMap<Uuid, Owned<Drop>>> {
    let mut of_files = HashMap::new();
    for (owner, ids) in together(file_ids, |id| id.owner) {
        let ids = ids.iter().map(|id| ***id);
        let dropped = dropped_file::Entity::find().filter(dropped_file::Column::FileId.is_in(ids));
        let dropped = access.db.all(dropped).await?;
        let ids: HashSet<_> = dropped.iter().map(|file| file.drop_id).collect();
        let drops = of_ids(access, owner, ids).await?;
        of_files.extend(dropped.into_iter().filter_map(|file| {
            let drop = drops.get(&file.drop_id)?.clone();
            Some((file.file_id, drop))
        }));
    }
    Ok(of_files)
}

/// Of each of `drops`, the page of the live files that came by it.
pub async fn files_of_drops(
    access: &Access,
    drops: &[&Owned<Drop>],
    page: Page,
) -> Result<HashMap<Uuid, Rows<Sight>>> {
    let mut pages = HashMap::new();
    for (owner, drops) in together(drops, |drop| drop.owner) {
        for drops in drops.chunks(LISTS_MAX) {
            pages.extend(files_of_owner(access, owner, drops, page).await?);
        }
    }
    Ok(pages)
}

/// One query, for no more than [`LISTS_MAX`] drops of `owner`'s, which reads no more of each than its page.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
async fn files_of_owner(
    access: &Access,
    owner: Owner,
    drops: &[&Owned<Drop>],
    page: Page,
) -> Result<HashMap<Uuid, Rows<Sight>>> {
    let lists = drops.iter().map(|drop| live_files(drop.id));
    let Some(keys) = page.keys_of_each(lists, dropped_file::Column::FileId) else {
        return Ok(HashMap::new());
    };
    let dropped =
        dropped_file::Entity::find().filter(dropped_file::Column::FileId.in_subquery(keys));
    let dropped = match page.backward {
        true => dropped.order_by_asc(dropped_file::Column::FileId),
        false => dropped.order_by_desc(dropped_file::Column::FileId),
    };
    let dropped = access.db.all(dropped).await?;
    let ids = dropped.iter().map(|dropped| dropped.file_id);
    let mut files = owned_of_ids(access, owner, ids).await?;
    let mut by_drop: HashMap<_, Vec<_>> = HashMap::new();
    for dropped in dropped {
        let ids = by_drop.entry(dropped.drop_id).or_default();
        ids.push(dropped.file_id);
    }
    let pages = by_drop.into_iter().map(|(drop_id, ids)| {
        // Before the files are taken: one that is deleted meanwhile leaves a gap, and not the end of the list.
        let Rows { rows, more } = page.cut(ids);
        let rows = rows.into_iter().filter_map(|id| files.remove(&id));
        let rows = rows.filter(|file| matches!(file, Sight::Live(_))).collect();
        (drop_id, Rows { rows, more })
    });
    Ok(pages.collect())
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
