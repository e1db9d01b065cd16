//! Resumable uploads: whose they are, and the only loader of them.

use std::ops::Deref;

use entity::{Timestamp, resumable_upload};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{Access, Destination};
use crate::{
    auth::{Viewer, drop::DropVisitor},
    db::{Page, Rows},
    error::{Error, Result},
};

/// A resumable upload of the one who asked, and into whose account it goes. One that has expired is nobody's any more.
#[derive(Clone, Debug)]
pub struct Resumable {
    row: resumable_upload::Model,
    into: Destination,
}

impl Deref for Resumable {
    type Target = resumable_upload::Model;

    fn deref(&self) -> &resumable_upload::Model {
        &self.row
    }
}

impl Resumable {
    /// Into whose account it goes.
    pub fn destination(&self) -> &Destination {
        &self.into
    }

    /// An upload `into` an account, as the transaction that has just begun it left it.
    pub(crate) fn begun(into: &Destination, row: resumable_upload::Model) -> Result<Self> {
        theirs(into, row, None).ok_or_else(Error::not_found)
    }
}

/// `row`, where whoever may add to `into` began it, and it has not expired at `now`.
fn theirs(
    into: &Destination,
    row: resumable_upload::Model,
    now: Option<Timestamp>,
) -> Option<Resumable> {
    let is_theirs = (row.user_id, row.drop_id) == (into.owner_id(), into.drop_id());
    let is_there = now.is_none_or(|now| row.expires_at > now);
    (is_theirs && is_there).then_some(Resumable { row, into: *into })
}

/// The upload `id`, if `viewer` began it.
pub async fn visible_upload(
    access: &Access,
    viewer: &Viewer,
    id: Uuid,
) -> Result<Option<Resumable>> {
    find(access, &Destination::own(viewer), id).await
}

/// The upload `id` of `viewer`; `NOT_FOUND` for everybody else.
pub async fn own_upload(access: &Access, viewer: &Viewer, id: Uuid) -> Result<Resumable> {
    let upload = visible_upload(access, viewer, id).await?;
    upload.ok_or_else(Error::not_found)
}

/// The upload `id` that came by the drop of `visitor`; `NOT_FOUND` for everybody else.
pub async fn dropped_upload(access: &Access, visitor: &DropVisitor, id: Uuid) -> Result<Resumable> {
    let upload = find(access, &Destination::through(visitor), id).await?;
    upload.ok_or_else(Error::not_found)
}

/// The same upload as it is now; `NOT_FOUND` when it is no more.
pub async fn upload_again(access: &Access, upload: &Resumable) -> Result<Resumable> {
    let upload = find(access, &upload.into, upload.id).await?;
    upload.ok_or_else(Error::not_found)
}

#[expect(clippy::disallowed_methods, reason = "this is the loader of uploads")]
async fn find(access: &Access, into: &Destination, id: Uuid) -> Result<Option<Resumable>> {
    let row = resumable_upload::Entity::find_by_id(id);
    let row = access.db.one(row).await?;
    Ok(row.and_then(|row| theirs(into, row, Some(access.clock.now()))))
}

/// The unfinished uploads of `viewer`, newest first.
#[expect(clippy::disallowed_methods, reason = "this is the loader of uploads")]
pub async fn uploads_of(access: &Access, viewer: &Viewer, page: Page) -> Result<Rows<Resumable>> {
    let (into, now) = (Destination::own(viewer), access.clock.now());
    let mine = resumable_upload::Entity::find()
        .filter(resumable_upload::Column::UserId.eq(viewer.id()))
        .filter(resumable_upload::Column::DropId.is_null())
        .filter(resumable_upload::Column::FileId.is_null())
        .filter(resumable_upload::Column::ExpiresAt.gt(now));
    let rows = page.apply(mine, resumable_upload::Column::Id);
    let rows = access.db.all(rows).await?.into_iter();
    Ok(page.cut(
        rows.filter_map(|row| theirs(&into, row, Some(now)))
            .collect(),
    ))
}
