//! Resumable uploads: whose they are, and the only loader of them.

use std::ops::Deref;

use entity::{Timestamp, resumable_upload};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Select};
use uuid::Uuid;

use super::{Access, Destination, lists::still_active};
use crate::{
    auth::{Viewer, drop::DropVisitor},
    db::{Page, Rows},
    error::{Error, Result},
};

/// A resumable upload of the one who asked, or into their account, and into whose account it goes. One that has expired is
/// nobody's any more.
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

/// The upload `id` into the account of `viewer`, who began it, or a visitor of a drop of theirs.
#[expect(clippy::disallowed_methods, reason = "this is the loader of uploads")]
pub async fn visible_upload(
    access: &Access,
    viewer: &Viewer,
    id: Uuid,
) -> Result<Option<Resumable>> {
    let upload = into_account_of(viewer).filter(resumable_upload::Column::Id.eq(id));
    let (row, now) = (access.db.one(upload).await?, access.clock.now());
    Ok(row.and_then(|row| seen_by_owner(viewer, row, now)))
}

/// The same; `NOT_FOUND` for everybody else.
pub async fn owned_upload(access: &Access, viewer: &Viewer, id: Uuid) -> Result<Resumable> {
    let upload = visible_upload(access, viewer, id).await?;
    upload.ok_or_else(Error::not_found)
}

/// The upload `id` that `viewer` began, and goes on with; `NOT_FOUND` for everybody else.
pub async fn own_upload(access: &Access, viewer: &Viewer, id: Uuid) -> Result<Resumable> {
    let upload = find(access, &Destination::own(viewer), id).await?;
    upload.ok_or_else(Error::not_found)
}

/// The uploads into the account of `viewer`, by drops of theirs as well; none where they are no longer active.
#[expect(clippy::disallowed_methods, reason = "this is the loader of uploads")]
fn into_account_of(viewer: &Viewer) -> Select<resumable_upload::Entity> {
    resumable_upload::Entity::find()
        .filter(resumable_upload::Column::UserId.eq(viewer.id()))
        .filter(still_active(viewer.into()))
}

/// `row`, where it goes into the account of `viewer` and has not expired at `now`.
fn seen_by_owner(
    viewer: &Viewer,
    row: resumable_upload::Model,
    now: Timestamp,
) -> Option<Resumable> {
    let into = match row.drop_id {
        None => Destination::own(viewer),
        Some(drop_id) => Destination::left_by_visitors(viewer, drop_id),
    };
    theirs(&into, row, Some(now))
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

/// The unfinished uploads into the account of `viewer`, by drops of theirs as well, newest first.
#[expect(clippy::disallowed_methods, reason = "this is the loader of uploads")]
pub async fn uploads_of(access: &Access, viewer: &Viewer, page: Page) -> Result<Rows<Resumable>> {
    let now = access.clock.now();
    let unfinished = into_account_of(viewer)
        .filter(resumable_upload::Column::FileId.is_null())
        .filter(resumable_upload::Column::ExpiresAt.gt(now));
    let rows = page.apply(unfinished, resumable_upload::Column::Id);
    let rows = access.db.all(rows).await?.into_iter();
    Ok(page.cut(
        rows.filter_map(|row| seen_by_owner(viewer, row, now))
            .collect(),
    ))
}
