//! The rows of resumable uploads in an object store: who may append, the parts that the store has, and the bytes behind them.

use bytes::Bytes;
use entity::{resumable_upload, upload, upload_part, upload_tail};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, UpdateMany,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::super::give_back::Left;
use crate::{
    app::App,
    db::Transaction,
    domain::{quota, uploads::rows::swept},
    error::{Error, Result},
    storage::Part,
};

/// Numbers of parts that a request takes at a time: what one that breaks off has not used stays unused.
const NUMBERS: u32 = 16;
/// Rows of parts that are written by one statement.
const ROWS_MAX: usize = 1000;

/// Takes the upload for a request, from which on no older one can note anything. Says how often it was taken; `None` while
/// another has it, unless this `is_forced`.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(in super::super) async fn take(app: &App, id: Uuid, is_forced: bool) -> Result<Option<i64>> {
    let take = app.db.write_aside(move |transaction| {
        Box::pin(async move {
            let row = resumable_upload::Entity::find_by_id(id)
                .lock_exclusive()
                .one(transaction)
                .await?
                .ok_or_else(Error::not_found)?;
            if row.file_id.is_some() {
                return Ok(Some(row.epoch));
            }
            if row.is_held && !is_forced {
                return Ok(None);
            }
            let epoch = row.epoch + 1;
            resumable_upload::Entity::update_many()
                .col_expr(resumable_upload::Column::Epoch, Expr::value(epoch))
                .col_expr(resumable_upload::Column::IsHeld, Expr::value(true))
                .filter(resumable_upload::Column::Id.eq(id))
                .exec(transaction)
                .await?;
            Ok(Some(epoch))
        })
    });
    take.await
}

/// Lets go of an upload, unless another has taken it since.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(in super::super) async fn release(app: &App, id: Uuid, epoch: i64) -> Result<()> {
    let release = app.db.write_aside(move |transaction| {
        Box::pin(async move {
            resumable_upload::Entity::update_many()
                .col_expr(resumable_upload::Column::IsHeld, Expr::value(false))
                .filter(resumable_upload::Column::Id.eq(id))
                .filter(resumable_upload::Column::Epoch.eq(epoch))
                .exec(transaction)
                .await?;
            Ok(())
        })
    });
    release.await
}

/// Has the numbers of parts from `next` on used by this request alone. `NOT_FOUND` when another has taken the upload.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(in super::super) async fn reserve_parts(
    app: &App,
    id: Uuid,
    epoch: i64,
    next: u32,
) -> Result<u32> {
    let end = next + NUMBERS;
    let reserve = app.db.write_aside(move |transaction| {
        Box::pin(async move {
            let reserved = resumable_upload::Entity::update_many()
                .col_expr(resumable_upload::Column::NextPart, number(end)?)
                .filter(resumable_upload::Column::Id.eq(id))
                .filter(resumable_upload::Column::Epoch.eq(epoch))
                .exec(transaction)
                .await?;
            match reserved.rows_affected {
                0 => Err(Error::not_found()),
                _ => Ok(()),
            }
        })
    });
    reserve.await?;
    Ok(end)
}

/// Notes what a request leaves behind, and gives back `surplus` bytes of what the payer's quota has reserved.
///
/// When another has taken the upload, which goes by what was reserved before, nothing is given back, and what is left behind is
/// reserved besides. `NOT_FOUND` when the upload has ended.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(in super::super) async fn trim_fenced(
    app: &App,
    id: Uuid,
    left: Left,
    (payer_id, surplus): (Uuid, u64),
) -> Result<()> {
    let trim = app.db.write_aside(move |transaction| {
        Box::pin(async move {
            let row = resumable_upload::Entity::find_by_id(id);
            let row = row.one(transaction).await?.ok_or_else(Error::not_found)?;
            let unnamed = quota::signed(left.unnamed_bytes);
            let change = match row.epoch == left.epoch {
                true => -quota::signed(surplus),
                false => unnamed,
            };
            // In this order, as at a note of what has come, or two transactions could wait for each other.
            if change != 0 {
                quota::move_reservation(transaction, id, payer_id, change).await?;
            }
            let column = resumable_upload::Column::UnnamedBytes;
            let noted = resumable_upload::Entity::update_many()
                .col_expr(column, Expr::col(column).add(unnamed))
                .filter(resumable_upload::Column::Id.eq(id))
                .filter(resumable_upload::Column::Epoch.eq(row.epoch))
                .filter(resumable_upload::Column::FileId.is_null())
                .exec(transaction)
                .await?;
            match noted.rows_affected {
                0 => Err(Error::not_found()),
                _ => Ok(()),
            }
        })
    });
    trim.await
}

fn number(number: u32) -> Result<Expr> {
    let number = i32::try_from(number).map_err(Error::internal)?;
    Ok(Expr::value(number))
}

/// What a request that holds the upload acknowledges besides.
#[derive(Clone, Debug)]
pub(in super::super) struct FencedStep {
    pub epoch: i64,
    /// The first bytes.
    pub head: Vec<u8>,
    /// Where no part is on its way any more: numbers from here on are free again.
    pub next_part: Option<u32>,
    /// Parts that the store has, and that were not noted before.
    pub parts: Vec<Part>,
    /// Whether the bytes that are in rows already are now in parts, or in `tail`.
    pub is_tail_anew: bool,
    /// Bytes behind all parts, and behind those that stay in rows. They are joined only when they are written: many requests wait
    /// for few connections, and joined copies would take memory meanwhile.
    pub tail: Vec<Bytes>,
    /// Whether all bytes are here, and this request makes content of them.
    pub is_last: bool,
}

impl FencedStep {
    /// The same update, for this request alone.
    pub(super) fn guard(
        &self,
        advance: UpdateMany<resumable_upload::Entity>,
    ) -> Result<UpdateMany<resumable_upload::Entity>> {
        let advance = advance
            .col_expr(
                resumable_upload::Column::Head,
                Expr::value(self.head.clone()),
            )
            .filter(resumable_upload::Column::Epoch.eq(self.epoch));
        match self.next_part {
            Some(next) => Ok(advance.col_expr(resumable_upload::Column::NextPart, number(next)?)),
            None => Ok(advance),
        }
    }
}

/// Notes parts and what is behind them, in the transaction that acknowledges the first `to` bytes.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(super) async fn note(
    transaction: &Transaction,
    id: Uuid,
    to: u64,
    step: FencedStep,
) -> Result<()> {
    if step.is_tail_anew {
        upload_tail::Entity::delete_many()
            .filter(upload_tail::Column::UploadId.eq(id))
            .exec(transaction)
            .await?;
    }
    let rows = step.parts.into_iter().map(|part| {
        let number = i32::try_from(part.number).map_err(Error::internal)?;
        let row = upload_part::Model {
            upload_id: id,
            number,
            etag: part.etag,
            sha256: part.sha256.to_vec(),
            bytes: quota::signed(part.bytes),
        };
        Ok(row.into_active_model().reset_all())
    });
    let rows = rows.collect::<Result<Vec<_>>>()?;
    for rows in rows.chunks(ROWS_MAX) {
        upload_part::Entity::insert_many(rows.to_vec())
            .exec_without_returning(transaction)
            .await?;
    }
    if !step.tail.is_empty() {
        let bytes = step.tail.concat();
        let row = upload_tail::Model {
            upload_id: id,
            at: quota::signed(to - bytes.len() as u64),
            bytes,
        };
        upload_tail::Entity::insert(row.into_active_model().reset_all())
            .exec_without_returning(transaction)
            .await?;
    }
    if step.is_last {
        let claimed = upload::Entity::update_many()
            .col_expr(upload::Column::IsCompleting, Expr::value(true))
            .filter(upload::Column::Id.eq(id))
            .exec(transaction)
            .await?;
        if claimed.rows_affected == 0 {
            return Err(swept());
        }
    }
    Ok(())
}

/// The parts of an upload, in the order of their bytes.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(in super::super) async fn parts(app: &App, id: Uuid) -> Result<Vec<Part>> {
    let rows = upload_part::Entity::find()
        .filter(upload_part::Column::UploadId.eq(id))
        .order_by_asc(upload_part::Column::Number);
    let rows = app.db.all(rows).await?.into_iter();
    let parts = rows.map(|row| {
        Ok(Part {
            number: u32::try_from(row.number).map_err(Error::internal)?,
            etag: row.etag,
            sha256: <[u8; 32]>::try_from(&*row.sha256).map_err(Error::internal)?,
            bytes: u64::try_from(row.bytes).map_err(Error::internal)?,
        })
    });
    parts.collect()
}

/// How many bytes the parts of an upload have; `None` where nothing is behind them.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(in super::super) async fn tail_start(app: &App, id: Uuid) -> Result<Option<u64>> {
    let rows = upload_tail::Entity::find()
        .select_only()
        .columns([upload_tail::Column::UploadId, upload_tail::Column::At])
        // In the place of the bytes, which may be many.
        .expr_as(Expr::value(Vec::<u8>::new()), "bytes")
        .filter(upload_tail::Column::UploadId.eq(id))
        .order_by_asc(upload_tail::Column::At);
    let first = app.db.one(rows).await?;
    let start = first.map(|first| u64::try_from(first.at));
    start.transpose().map_err(Error::internal)
}

/// The bytes behind all parts.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(in super::super) async fn tail(app: &App, id: Uuid) -> Result<Vec<Bytes>> {
    let rows = upload_tail::Entity::find()
        .filter(upload_tail::Column::UploadId.eq(id))
        .order_by_asc(upload_tail::Column::At);
    let rows = app.db.all(rows).await?.into_iter();
    Ok(rows.map(|row| Bytes::from(row.bytes)).collect())
}
