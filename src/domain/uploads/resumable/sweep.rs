//! Resumable uploads that nobody goes on with: because they have expired, or because they came by a drop that takes nothing more.

use std::collections::HashSet;

use entity::{Timestamp, drop, resumable_upload};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{ExprTrait, Query},
};

use super::{abort, abort_of, clean, fenced, key, rows};
use crate::{
    app::App,
    error::{Code, Result},
    storage::Hold,
};

/// Ends up to `limit` uploads that nobody can go on with any more at `now`, and forgets those that have become files; says how
/// many. One to which bytes are being added stays.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub async fn sweep_expired(app: &App, now: Timestamp, limit: u64) -> Result<u64> {
    let finished = (resumable_upload::Column::ExpiresAt.lte(now))
        .and(resumable_upload::Column::FileId.is_not_null());
    let id = resumable_upload::Column::Id;
    let forgotten = app
        .db
        .delete_due::<resumable_upload::Entity>(id, finished, limit)
        .await?;
    let due = resumable_upload::Entity::find()
        .filter(is_due(now))
        .order_by_asc(resumable_upload::Column::ExpiresAt)
        .limit(limit);
    let mut ended = 0;
    let due = app.db.all(due).await?;
    let in_hand = match app.storage.has_locks() {
        true => HashSet::new(),
        false => fenced::in_hand(app, &due).await?,
    };
    for row in due.into_iter().filter(|row| !in_hand.contains(&row.id)) {
        match end(app, now, &row).await {
            Ok(true) => ended += 1,
            Ok(false) => {}
            Err(error) => error.log(),
        }
    }
    Ok(std::cmp::max(forgotten, ended))
}

/// The unfinished uploads that nobody can go on with at `now`.
fn is_due(now: Timestamp) -> Condition {
    let open = Query::select()
        .column(drop::Column::Id)
        .from(drop::Entity)
        .cond_where(drop::open(now))
        .to_owned();
    let came_by_drop = resumable_upload::Column::DropId.is_not_null();
    let drop_is_over = came_by_drop.and(resumable_upload::Column::DropId.not_in_subquery(open));
    Condition::all()
        .add(resumable_upload::Column::FileId.is_null())
        .add(
            Condition::any()
                .add(resumable_upload::Column::ExpiresAt.lte(now))
                .add(drop_is_over),
        )
}

async fn end(app: &App, now: Timestamp, row: &resumable_upload::Model) -> Result<bool> {
    let key = key(row)?;
    if !app.storage.has_locks() {
        return end_fenced(app, now, row).await;
    }
    // Whatever is missing of its bytes, it ends.
    let held = app.storage.hold(&key, true).await?;
    if let Hold::Taken = held {
        return Ok(false);
    }
    let is_still_due = is_still_due(app, now, row).await?;
    match is_still_due {
        true => abort(app, row.id, &key).await?,
        false => clean(app, row.id, &key).await?,
    }
    drop(held);
    Ok(is_still_due)
}

/// The same in a storage without locks, where who may go on with an upload stands in its row.
async fn end_fenced(app: &App, now: Timestamp, row: &resumable_upload::Model) -> Result<bool> {
    // By force from a request that has given no sign of life, and from no other.
    let taken = match rows::take(app, row.id, row.is_held).await {
        Err(error) if error.code == Code::NotFound => return Ok(false),
        taken => taken?,
    };
    let Some(epoch) = taken else {
        return Ok(false);
    };
    let is_still_due = is_still_due(app, now, row).await?;
    match is_still_due {
        true => abort_of(app, row.id, &key(row)?, Some(epoch)).await?,
        false => rows::release(app, row.id, epoch).await?,
    }
    Ok(is_still_due)
}

/// Whether nobody can go on with it: a request may have gone on with it until just now, and another janitor may have been faster.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
async fn is_still_due(app: &App, now: Timestamp, row: &resumable_upload::Model) -> Result<bool> {
    let still = resumable_upload::Entity::find_by_id(row.id)
        .filter(resumable_upload::Column::ContentKey.eq(&row.content_key))
        .filter(is_due(now));
    Ok(app.db.one(still).await?.is_some())
}
