//! What becomes of an upload whose bytes an older request has hold of and does not let go, because its process stands still: the
//! newer request goes on with a copy of what is acknowledged, under another key.
//!
//! The key is what the older one is fenced off by. When its process goes on, it writes to bytes that are no longer the upload's,
//! and can neither acknowledge them nor make a file of them: its rows have another key now.
//!
//! This is for a storage with locks alone. In an object store nobody has hold of bytes: the row says who may append (`fenced`),
//! and a newer request takes that away from one whose process stands still, with the bytes where they are.

use entity::{Timestamp, discarded_content, resumable_upload, upload};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Expr,
};
use uuid::Uuid;

use super::{Turn, abort, fenced, key, superseded};
use crate::{
    access::{self, Resumable},
    app::App,
    domain::files,
    error::Result,
    random,
    storage::{ContentKey, Writer},
};

/// `turn` with the bytes of its upload: a copy, where an older request does not let go of them. Only for a request that brings more:
/// in an object store, this may wait for memory.
///
/// `CONFLICT` when a newer request has come, or the older one goes on after all.
pub(super) async fn bytes_of(turn: Turn) -> Result<(Turn, Writer)> {
    let Turn {
        app,
        claim,
        upload,
        writer,
        fence,
    } = turn;
    let (upload, writer) = match writer {
        Some(writer) => (upload, writer),
        None if fence.is_some() => {
            let resumed = tokio::select! {
                biased;
                () = claim.superseded() => Err(superseded()),
                resumed = fenced::resume(&app, &upload) => resumed,
            };
            (upload, resumed?)
        }
        None if claim.is_older_than(&upload) => return Err(superseded()),
        None => take_over(&app, upload).await?,
    };
    let turn = Turn {
        app,
        claim,
        upload,
        writer: None,
        fence,
    };
    Ok((turn, writer))
}

async fn take_over(app: &App, upload: Resumable) -> Result<(Resumable, Writer)> {
    tracing::warn!(upload = %upload.id, "an older request for this upload does not end; a newer one goes on with a copy");
    let copy = Replacement {
        id: random::id(app.clock.now()),
        key: ContentKey::random(),
    };
    copy.begin(app, &upload).await?;
    match copy.replace(app, &upload).await {
        Ok(writer) => Ok((access::upload_again(app, &upload).await?, writer)),
        Err(error) => {
            abort(app, copy.id, &copy.key).await?;
            Err(error)
        }
    }
}

/// A copy on its way. Until it replaces the bytes of the upload, it has a pending row of its own, by which a crash finds it.
struct Replacement {
    id: Uuid,
    key: ContentKey,
}

impl Replacement {
    #[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
    async fn begin(&self, app: &App, upload: &Resumable) -> Result<()> {
        let now = app.clock.now();
        let row = upload::Model {
            id: self.id,
            user_id: upload.destination().payer().id,
            drop_id: None,
            network: None,
            content_key: self.key.to_string(),
            reserved_bytes: 0,
            created_at: now,
            touched_at: now,
            is_resumable: false,
            multipart_id: None,
            is_completing: false,
        };
        let insert = app.db.write_aside(move |transaction| {
            Box::pin(async move {
                upload::Entity::insert(row.into_active_model().reset_all())
                    .exec_without_returning(transaction)
                    .await?;
                Ok(())
            })
        });
        insert.await
    }

    /// Puts the copy in the place of the bytes that the older request has.
    async fn replace(&self, app: &App, upload: &Resumable) -> Result<Writer> {
        let old = key(upload)?;
        let bytes = u64::try_from(upload.received_bytes).unwrap_or(0);
        let copied = app.storage.copy(&old, &self.key, bytes).await?;
        let writer = copied.ok_or_else(superseded)?;
        let discarded = self.commit(app, upload).await?;
        files::discard_after_commit(app, &discarded).await;
        Ok(writer)
    }

    /// Returns the note that the old bytes are discarded. `CONFLICT` when somebody has gone on with the upload since: the older
    /// request is not as dead as it looked.
    #[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
    async fn commit(&self, app: &App, upload: &Resumable) -> Result<discarded_content::Model> {
        let (copy_id, new_key) = (self.id, self.key.to_string());
        let (id, old_key) = (upload.id, upload.content_key.clone());
        let received = upload.received_bytes;
        let discarded = discarded_content::Model {
            content_key: upload.content_key.clone(),
            discarded_at: app.clock.now(),
            multipart_id: None,
            not_before: Timestamp(0),
            settled_at: files::settled_at(app, app.clock.now()),
        };
        let commit = app.db.write_aside(move |transaction| {
            Box::pin(async move {
                let copy = upload::Entity::delete_by_id(copy_id).exec(transaction);
                let mut changed = vec![copy.await?.rows_affected];
                let pending = upload::Entity::update_many()
                    .col_expr(upload::Column::ContentKey, Expr::value(&new_key))
                    .filter(upload::Column::Id.eq(id));
                changed.push(pending.exec(transaction).await?.rows_affected);
                let kept = resumable_upload::Entity::update_many()
                    .col_expr(resumable_upload::Column::ContentKey, Expr::value(&new_key))
                    .filter(resumable_upload::Column::Id.eq(id))
                    .filter(resumable_upload::Column::ContentKey.eq(&old_key))
                    .filter(resumable_upload::Column::ReceivedBytes.eq(received))
                    .filter(resumable_upload::Column::FileId.is_null());
                changed.push(kept.exec(transaction).await?.rows_affected);
                if changed.contains(&0) {
                    return Err(superseded());
                }
                discarded_content::ActiveModel::from(discarded.clone())
                    .reset_all()
                    .insert(transaction)
                    .await?;
                Ok(discarded)
            })
        });
        commit.await
    }
}
