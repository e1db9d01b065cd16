//! Resumable uploads that nobody has gone on with.

use entity::{Timestamp, resumable_upload};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::ExprTrait,
};

use super::{abort, key};
use crate::{app::App, error::Result, storage::Hold};

/// Ends up to `limit` uploads that have expired, and forgets those that have become files; says how many. One to which bytes are
/// being added stays.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub async fn sweep_expired(app: &App, now: Timestamp, limit: u64) -> Result<u64> {
    let is_due = resumable_upload::Column::ExpiresAt.lte(now);
    let finished = is_due
        .clone()
        .and(resumable_upload::Column::FileId.is_not_null());
    let id = resumable_upload::Column::Id;
    let forgotten = app
        .db
        .delete_due::<resumable_upload::Entity>(id, finished, limit)
        .await?;
    let unfinished = resumable_upload::Entity::find()
        .filter(is_due)
        .filter(resumable_upload::Column::FileId.is_null())
        .order_by_asc(resumable_upload::Column::ExpiresAt)
        .limit(limit);
    let mut ended = 0;
    for row in app.db.all(unfinished).await? {
        match end(app, &row).await {
            Ok(true) => ended += 1,
            Ok(false) => {}
            Err(error) => error.log(),
        }
    }
    Ok(std::cmp::max(forgotten, ended))
}

async fn end(app: &App, row: &resumable_upload::Model) -> Result<bool> {
    let key = key(row)?;
    // Whatever is missing of its bytes, it ends.
    let held = app.storage.hold(&key, true).await?;
    if let Hold::Taken = held {
        return Ok(false);
    }
    abort(app, row.id, &key).await?;
    drop(held);
    Ok(true)
}
