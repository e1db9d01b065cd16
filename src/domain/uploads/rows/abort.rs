//! Uploads that become nothing.

use entity::{Timestamp, discarded_content, file, resumable_upload, upload};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter,
    QuerySelect, sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{
    app::App,
    db::Transaction,
    domain::{
        files,
        quota::{self, Change},
    },
    error::{Error, Result},
    storage::ContentKey,
};

/// Takes an upload back, unless it has become a file after all: its commit may have succeeded without our hearing of it.
///
/// The row becomes a note of discarded content in one transaction, so that whatever happens next, the bytes can be found. In an object
/// store, bytes without a row are noted as well: an instance that stood still may write them long after row and note are gone.
pub(in crate::domain::uploads) async fn abort(app: &App, id: Uuid, key: &ContentKey) -> Result<()> {
    abort_of(app, id, key, None).await
}

/// The same for the request that took a resumable upload by this `epoch`, where the storage has no locks; `NOT_FOUND` when a newer
/// one has taken it since, whose it is.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(in crate::domain::uploads) async fn abort_of(
    app: &App,
    id: Uuid,
    key: &ContentKey,
    epoch: Option<i64>,
) -> Result<()> {
    let mut discarded = discarded_content::Model {
        content_key: key.to_string(),
        discarded_at: app.clock.now(),
        multipart_id: None,
        not_before: Timestamp(0),
        settled_at: files::settled_at(app, app.clock.now()),
    };
    let content_key = key.to_string();
    let may_appear = !app.storage.has_locks();
    let take_back = app.db.write_aside(move |transaction| {
        Box::pin(async move {
            let row = upload::Entity::find_by_id(id)
                .filter(upload::Column::ContentKey.eq(content_key))
                .lock_exclusive()
                .one(transaction)
                .await?;
            // A commit and an abort may race for the row; the loser finds none.
            let Some(row) = row else {
                let is_noted = may_appear && note_nobodys(transaction, &discarded).await?;
                return Ok(is_noted.then_some(discarded));
            };
            upload::Entity::delete_by_id(id).exec(transaction).await?;
            if row.is_resumable {
                let own = epoch.map(|epoch| resumable_upload::Column::Epoch.eq(epoch));
                let ended = resumable_upload::Entity::delete_many()
                    .filter(resumable_upload::Column::Id.eq(id))
                    .filter(Condition::all().add_option(own))
                    .exec(transaction)
                    .await?;
                if epoch.is_some() && ended.rows_affected == 0 {
                    return Err(Error::not_found());
                }
            }
            let change = Change {
                reserved: -row.reserved_bytes,
                ..Change::default()
            };
            quota::account_for(transaction, row.user_id, change).await?;
            discarded.multipart_id = row.multipart_id;
            discarded_content::ActiveModel::from(discarded.clone())
                .reset_all()
                .insert(transaction)
                .await?;
            Ok(Some(discarded))
        })
    });
    if let Some(discarded) = take_back.await? {
        files::discard_after_commit(app, &discarded).await;
    }
    Ok(())
}

/// Notes content that is nobody's, and not noted yet; says whether it is noted by this.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
async fn note_nobodys(
    transaction: &Transaction,
    discarded: &discarded_content::Model,
) -> Result<bool> {
    let key = &discarded.content_key;
    let of_files = file::Entity::find().filter(file::Column::ContentKey.eq(key));
    let of_uploads = upload::Entity::find().filter(upload::Column::ContentKey.eq(key));
    if of_files.count(transaction).await? + of_uploads.count(transaction).await? > 0 {
        return Ok(false);
    }
    let known = OnConflict::column(discarded_content::Column::ContentKey)
        .do_nothing()
        .to_owned();
    let row = discarded_content::ActiveModel::from(discarded.clone()).reset_all();
    let noted = discarded_content::Entity::insert(row)
        .on_conflict(known)
        .exec_without_returning(transaction)
        .await?;
    Ok(noted > 0)
}
