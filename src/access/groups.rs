//! Groups as their members see them.

use std::collections::HashMap;

use entity::{Timestamp, group, group_member};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait, Select,
};
use uuid::Uuid;

use super::{Access, Owned, Readable, lists::still_active};
use crate::{
    auth::Viewer,
    db::{Page, Rows},
    error::{Error, Result},
};

/// A group.
#[derive(Clone, Debug)]
pub struct Group {
    pub id: Uuid,
    pub owner_id: Uuid,
    pub name: String,
    pub created_at: Timestamp,
}

impl From<group::Model> for Group {
    fn from(group: group::Model) -> Self {
        Self {
            id: group.id,
            owner_id: group.owner_id,
            name: group.name,
            created_at: group.created_at,
        }
    }
}

impl Owned<Group> {
    /// A group of `viewer`'s, as the transaction that has just made it left it.
    pub(crate) fn made(viewer: &Viewer, row: group::Model) -> Result<Self> {
        seen_by_member(viewer, row).into_owned()
    }

    /// The same group, as a transaction that has just changed it left it.
    pub(crate) fn renamed(&self, row: group::Model) -> Result<Self> {
        match (row.id, row.owner_id) == (self.id, self.owner_id()) {
            true => Ok(Self {
                row: row.into(),
                owner: self.owner,
            }),
            false => Err(Error::not_found()),
        }
    }
}

/// `group`, for `viewer`, who belongs to it.
fn seen_by_member(viewer: &Viewer, group: group::Model) -> Readable<Group> {
    Readable {
        until: None,
        owned: group.owner_id == viewer.id(),
        subject: viewer.into(),
        row: group.into(),
    }
}

/// The groups that `viewer` belongs to, who is still active. A group that is deleted has no members.
#[expect(clippy::disallowed_methods, reason = "this is the loader of groups")]
fn groups_with(viewer: &Viewer) -> Select<group::Entity> {
    group::Entity::find()
        .join_rev(JoinType::InnerJoin, group_member::Relation::Group.def())
        .filter(group_member::Column::UserId.eq(viewer.id()))
        .filter(still_active(viewer.into()))
}

/// The ids of the groups that `viewer` belongs to.
#[expect(clippy::disallowed_methods, reason = "this is the loader of groups")]
pub(super) async fn ids_of_groups(access: &Access, viewer: &Viewer) -> Result<Vec<Uuid>> {
    let mine = group_member::Entity::find().filter(group_member::Column::UserId.eq(viewer.id()));
    let mine = access.db.all(mine).await?.into_iter();
    Ok(mine.map(|member| member.group_id).collect())
}

/// The group `id`, if `viewer` belongs to it.
#[expect(clippy::disallowed_methods, reason = "this is the loader of groups")]
pub async fn visible_group(
    access: &Access,
    viewer: &Viewer,
    id: Uuid,
) -> Result<Option<Readable<Group>>> {
    let group = groups_with(viewer).filter(group_member::Column::GroupId.eq(id));
    let group = access.db.one(group).await?;
    Ok(group.map(|group| seen_by_member(viewer, group)))
}

/// The group `id`, for `viewer`, who belongs to it; `NOT_FOUND` for everybody else.
pub async fn readable_group(access: &Access, viewer: &Viewer, id: Uuid) -> Result<Readable<Group>> {
    let group = visible_group(access, viewer, id).await?;
    group.ok_or_else(Error::not_found)
}

/// The group `id`, where `viewer` owns it; `FORBIDDEN` for other members, `NOT_FOUND` for everybody else.
pub async fn owned_group(access: &Access, viewer: &Viewer, id: Uuid) -> Result<Owned<Group>> {
    readable_group(access, viewer, id).await?.into_owned()
}

/// The groups that `viewer` belongs to, newest first.
#[expect(clippy::disallowed_methods, reason = "this is the loader of groups")]
pub async fn groups_of(
    access: &Access,
    viewer: &Viewer,
    page: Page,
) -> Result<Rows<Readable<Group>>> {
    let groups = page.apply(groups_with(viewer), group_member::Column::GroupId);
    let groups = page.cut(access.db.all(groups).await?);
    Ok(groups.map(|group| seen_by_member(viewer, group)))
}

/// Those of the groups `ids` that `viewer` belongs to.
#[expect(clippy::disallowed_methods, reason = "this is the loader of groups")]
pub async fn groups_among(
    access: &Access,
    viewer: &Viewer,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Readable<Group>>> {
    let groups = groups_with(viewer).filter(group_member::Column::GroupId.is_in(ids.to_vec()));
    let groups = access.db.all(groups).await?.into_iter();
    Ok(groups
        .map(|group| (group.id, seen_by_member(viewer, group)))
        .collect())
}
