//! The rows of resumable uploads.

use std::sync::Arc;

use entity::{Timestamp, resumable_upload, upload, user};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use crate::{
    access::Destination,
    app::App,
    auth,
    domain::{drops, quota, uploads::rows::DropLimits},
    error::{Code, Error, Result},
};

mod parts;

pub(super) use parts::{
    FencedStep, parts, release, reserve_parts, tail, tail_start, take, trim_fenced,
};

/// Writes the rows of an upload, and reserves `announced` bytes for it.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(super) async fn begin(
    app: &App,
    destination: &Destination,
    pending: upload::Model,
    row: resumable_upload::Model,
    announced: u64,
) -> Result<()> {
    let (payer, drop_id) = (*destination.payer(), destination.drop_id());
    let most = app.config.uploads.max_uploads_per_user;
    let config = Arc::clone(&app.config);
    let per_drop = DropLimits::new(most, &app.config);
    let begin = app.db.write_aside(move |transaction| {
        Box::pin(async move {
            let is_active = match payer.epoch {
                Some(epoch) => auth::active(epoch),
                None => Condition::all().add(auth::enabled()),
            };
            // Held, so that uploads begin one after the other and are counted.
            user::Entity::find_by_id(payer.id)
                .filter(is_active)
                .lock_exclusive()
                .one(transaction)
                .await?
                .ok_or_else(Error::unauthenticated)?;
            let of_theirs = match drop_id {
                Some(id) => resumable_upload::Column::DropId.eq(id),
                None => resumable_upload::Column::UserId
                    .eq(row.user_id)
                    .and(resumable_upload::Column::DropId.is_null()),
            };
            let unfinished = resumable_upload::Entity::find()
                .filter(of_theirs)
                .filter(resumable_upload::Column::FileId.is_null());
            if unfinished.count(transaction).await? >= u64::from(most) {
                return Err(Error::new(
                    Code::QuotaExceeded,
                    format!("You may have {most} unfinished uploads; finish or cancel one first."),
                )
                .with("limit", most));
            }
            if let Some(drop_id) = drop_id {
                let from_there = upload::Entity::find()
                    .filter(upload::Column::DropId.eq(drop_id))
                    .filter(upload::Column::IsResumable.eq(true))
                    .filter(upload::Column::Network.eq(pending.network.clone()));
                if per_drop.is_reached(from_there.count(transaction).await?) {
                    return Err(drops::too_many_unfinished());
                }
            }
            let id = row.id;
            upload::Entity::insert(pending.into_active_model().reset_all())
                .exec_without_returning(transaction)
                .await?;
            resumable_upload::Entity::insert(row.into_active_model().reset_all())
                .exec_without_returning(transaction)
                .await?;
            if announced > 0 && quota::of(&config, &payer.usage).is_some() {
                quota::reserve_in(transaction, &config, (id, payer.id), announced, announced)
                    .await?;
            }
            Ok(())
        })
    });
    begin.await
}

/// What a request acknowledges.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub upload_id: Uuid,
    /// Where the bytes lie: the upload's, unless a newer request goes on with a copy of them.
    pub content_key: String,
    /// Bytes that were acknowledged before.
    pub from: u64,
    /// Bytes that are durable.
    pub to: u64,
    /// The state of the hash after those.
    pub digest: Vec<u8>,
    pub length: Option<u64>,
    pub expires_at: Timestamp,
    /// How much is given back of what the payer's quota has reserved.
    pub surplus: u64,
    pub payer_id: Uuid,
    /// Where the storage has no locks, and takes parts.
    pub fenced: Option<FencedStep>,
}

/// Notes that more bytes are durable. `NOT_FOUND` when the upload has ended, or somebody else has noted something since.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(super) async fn advance(app: &App, step: Step) -> Result<()> {
    let advance = app.db.write_aside(move |transaction| {
        Box::pin(async move {
            if step.surplus > 0 {
                let surplus = -quota::signed(step.surplus);
                quota::move_reservation(transaction, step.upload_id, step.payer_id, surplus)
                    .await?;
            }
            let columns = [
                (
                    resumable_upload::Column::ReceivedBytes,
                    Expr::value(quota::signed(step.to)),
                ),
                (resumable_upload::Column::Digest, Expr::value(step.digest)),
                (
                    resumable_upload::Column::Length,
                    Expr::value(step.length.map(quota::signed)),
                ),
                (
                    resumable_upload::Column::ExpiresAt,
                    Expr::value(step.expires_at),
                ),
            ];
            let advance = resumable_upload::Entity::update_many()
                .filter(resumable_upload::Column::Id.eq(step.upload_id))
                .filter(resumable_upload::Column::ContentKey.eq(step.content_key))
                .filter(resumable_upload::Column::ReceivedBytes.eq(quota::signed(step.from)))
                .filter(resumable_upload::Column::FileId.is_null());
            let advance = columns
                .into_iter()
                .fold(advance, |advance, (column, value)| {
                    advance.col_expr(column, value)
                });
            let advance = match &step.fenced {
                Some(fenced) => fenced.guard(advance)?,
                None => advance,
            };
            if advance.exec(transaction).await?.rows_affected == 0 {
                return Err(Error::not_found());
            }
            match step.fenced {
                Some(fenced) => parts::note(transaction, step.upload_id, step.to, fenced).await,
                None => Ok(()),
            }
        })
    });
    advance.await
}

/// Counts a request, so that older ones of other processes end. Says how many have counted.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(super) async fn count_request(app: &App, id: Uuid) -> Result<i64> {
    let count = app.db.write_aside(move |transaction| {
        Box::pin(async move {
            let column = resumable_upload::Column::Generation;
            let counted = resumable_upload::Entity::update_many()
                .col_expr(column, Expr::col(column).add(1))
                .filter(resumable_upload::Column::Id.eq(id))
                .exec_with_returning(transaction)
                .await?;
            let counted = counted.first().map(|row| row.generation);
            counted.ok_or_else(Error::not_found)
        })
    });
    count.await
}

/// The row as it is now, also that of an upload that has expired; `None` when it is no more.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(super) async fn present(app: &App, id: Uuid) -> Result<Option<resumable_upload::Model>> {
    app.db.one(resumable_upload::Entity::find_by_id(id)).await
}

/// Lets an upload to which bytes are coming wait as long for more as one that pauses now.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(super) async fn prolong(app: &App, id: Uuid) -> Result<()> {
    let until = app.clock.after(app.config.uploads.resumable_ttl);
    let prolong = app.db.write_aside(move |transaction| {
        Box::pin(async move {
            resumable_upload::Entity::update_many()
                .col_expr(resumable_upload::Column::ExpiresAt, Expr::value(until))
                .filter(resumable_upload::Column::Id.eq(id))
                .filter(resumable_upload::Column::FileId.is_null())
                .exec(transaction)
                .await?;
            Ok(())
        })
    });
    prolong.await
}

/// Waits until no transaction that was to make a file of the upload is under way, also one that nobody waits for any more.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(super) async fn settle(app: &App, id: Uuid) -> Result<()> {
    let settle = app.db.write_aside(move |transaction| {
        Box::pin(async move {
            upload::Entity::find_by_id(id)
                .lock_exclusive()
                .one(transaction)
                .await?;
            Ok(())
        })
    });
    settle.await
}

/// What is reserved for an upload.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(super) async fn reserved(app: &App, id: Uuid) -> Result<u64> {
    let row = app.db.one(upload::Entity::find_by_id(id)).await?;
    let row = row.ok_or_else(Error::not_found)?;
    Ok(u64::try_from(row.reserved_bytes).unwrap_or(0))
}
