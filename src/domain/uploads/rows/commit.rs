//! Uploads become files.

use std::collections::HashMap;

use entity::{Timestamp, dropped_file, file, resumable_upload, upload};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};
use uuid::Uuid;

use super::{Outcome, Stored, admission::admit};
use crate::{
    db::{InTransaction, Transaction},
    domain::{events, files},
    error::Result,
};

/// Commits groups of uploads, each of which is whole or refused; says what became of each.
pub(super) fn commit(
    transaction: &Transaction,
    groups: Vec<Vec<Stored>>,
    max_files: u32,
) -> InTransaction<'_, Vec<Outcome>> {
    Box::pin(async move {
        let uploads = groups.iter().flatten();
        let keys = uploads.map(|upload| (upload.upload_id, upload.file.content_key.as_str()));
        let pending = lock_pending(transaction, keys.collect()).await?;
        let outcomes = admit(transaction, &groups, &pending, max_files).await?;
        let committed = groups
            .into_iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| **outcome == Outcome::Committed);
        let finished: Vec<Stored> = committed.flat_map(|(group, _)| group).collect();
        if !finished.is_empty() {
            become_files(transaction, finished).await?;
        }
        Ok(outcomes)
    })
}

/// Those of the uploads that are still pending, with these keys, and what they reserve. Nobody else can take them before this
/// transaction ends.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
async fn lock_pending(
    transaction: &Transaction,
    keys: HashMap<Uuid, &str>,
) -> Result<HashMap<Uuid, i64>> {
    let pending: Vec<(Uuid, String, i64)> = upload::Entity::find()
        .select_only()
        .columns([
            upload::Column::Id,
            upload::Column::ContentKey,
            upload::Column::ReservedBytes,
        ])
        .filter(upload::Column::Id.is_in(keys.keys().copied()))
        // In one order, or two transactions could wait for each other.
        .order_by_asc(upload::Column::Id)
        .lock_exclusive()
        .into_tuple()
        .all(transaction)
        .await?;
    let same = pending
        .into_iter()
        .filter(|(id, key, _)| keys.get(id) == Some(&key.as_str()));
    Ok(same.map(|(id, _, reserved)| (id, reserved)).collect())
}

#[expect(
    clippy::disallowed_methods,
    reason = "files are born here, into the accounts that uploads go to"
)]
async fn become_files(transaction: &Transaction, finished: Vec<Stored>) -> Result<()> {
    let ids: Vec<_> = finished.iter().map(|upload| upload.upload_id).collect();
    upload::Entity::delete_many()
        .filter(upload::Column::Id.is_in(ids))
        .exec(transaction)
        .await?;
    let dropped: Vec<_> = finished
        .iter()
        .filter_map(|upload| {
            Some(dropped_file::Model {
                file_id: upload.file.id,
                drop_id: upload.drop_id?,
            })
        })
        .map(|row| row.into_active_model().reset_all())
        .collect();
    let known: Vec<_> = finished.iter().filter_map(Known::of).collect();
    let (born, events): (Vec<file::Model>, Vec<_>) = finished
        .into_iter()
        .map(|upload| (upload.file, upload.event))
        .unzip();
    let rows = born.iter().cloned();
    file::Entity::insert_many(rows.map(|file| file.into_active_model().reset_all()))
        .exec_without_returning(transaction)
        .await?;
    files::list_own(transaction, &born).await?;
    for known in known {
        known.write(transaction).await?;
    }
    if !dropped.is_empty() {
        dropped_file::Entity::insert_many(dropped)
            .exec_without_returning(transaction)
            .await?;
    }
    events::record_all(transaction, events).await
}

/// Of a resumable upload: which file it has become, and until when it says so.
struct Known {
    upload_id: Uuid,
    until: Timestamp,
    file_id: Uuid,
    size: i64,
}

impl Known {
    /// `None` for one that came at once.
    fn of(upload: &Stored) -> Option<Self> {
        Some(Self {
            upload_id: upload.upload_id,
            until: upload.known_until?,
            file_id: upload.file.id,
            size: upload.file.size,
        })
    }

    #[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
    async fn write(self, transaction: &Transaction) -> Result<()> {
        let columns = [
            (resumable_upload::Column::FileId, Expr::value(self.file_id)),
            (resumable_upload::Column::Length, Expr::value(self.size)),
            (
                resumable_upload::Column::ReceivedBytes,
                Expr::value(self.size),
            ),
            (resumable_upload::Column::ExpiresAt, Expr::value(self.until)),
        ];
        let finish = resumable_upload::Entity::update_many()
            .filter(resumable_upload::Column::Id.eq(self.upload_id));
        let finish = columns.into_iter().fold(finish, |finish, (column, value)| {
            finish.col_expr(column, value)
        });
        finish.exec(transaction).await?;
        Ok(())
    }
}
