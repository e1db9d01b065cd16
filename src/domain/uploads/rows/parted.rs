//! The pending rows of uploads that go to an object store in parts.

use entity::{resumable_upload, upload};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};
use uuid::Uuid;

use crate::{
    app::App,
    error::{Code, Error, Result},
};

/// Notes by which upload in parts the bytes of a pending upload go. `NOT_FOUND` when it was taken by this `epoch`, and a newer
/// request has taken it since.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(in crate::domain::uploads) async fn note_parts(
    app: &App,
    id: Uuid,
    multipart_id: String,
    epoch: Option<i64>,
) -> Result<()> {
    let note = app.db.write_aside(move |transaction| {
        Box::pin(async move {
            let noted = upload::Entity::update_many()
                .col_expr(upload::Column::MultipartId, Expr::value(multipart_id))
                .filter(upload::Column::Id.eq(id))
                // Another request for the same upload may have been quicker.
                .filter(upload::Column::MultipartId.is_null())
                .exec(transaction)
                .await?;
            swept_unless(noted.rows_affected > 0)?;
            let Some(epoch) = epoch else { return Ok(()) };
            let own = resumable_upload::Entity::find_by_id(id)
                .filter(resumable_upload::Column::Epoch.eq(epoch))
                .lock_exclusive()
                .one(transaction)
                .await?;
            own.map(drop).ok_or_else(Error::not_found)
        })
    });
    note.await
}

/// The record of an upload that is pending.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(in crate::domain::uploads) async fn pending(
    app: &App,
    id: Uuid,
) -> Result<Option<upload::Model>> {
    app.db.one(upload::Entity::find_by_id(id)).await
}

/// Notes that somebody has the store put the parts of a pending upload together, which nobody else does from then on.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(in crate::domain::uploads) async fn claim_completion(app: &App, id: Uuid) -> Result<()> {
    let claim = app.db.write_aside(move |transaction| {
        Box::pin(async move {
            let claimed = upload::Entity::update_many()
                .col_expr(upload::Column::IsCompleting, Expr::value(true))
                .filter(upload::Column::Id.eq(id))
                .filter(upload::Column::IsCompleting.eq(false))
                .exec(transaction)
                .await?;
            swept_unless(claimed.rows_affected > 0)
        })
    });
    claim.await
}

/// The refusal of an upload that is pending no more.
fn swept_unless(is_pending: bool) -> Result<()> {
    match is_pending {
        true => Ok(()),
        false => Err(swept()),
    }
}

/// An upload that was silent so long that it was swept has no bytes any more.
pub(in crate::domain::uploads) fn swept() -> Error {
    Error::new(
        Code::Unavailable,
        "The upload took so long that it was given up; send it again.",
    )
}
