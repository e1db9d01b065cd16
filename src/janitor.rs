//! The janitor: background sweeps, each in small batches, each safe to repeat and to run on several instances at once.

use std::{future::Future, pin::Pin, time::Duration};

use entity::{discarded_content, event, event::Kind, file, session, share, throttle, upload};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use tracing::{info, warn};

use crate::{
    app::{App, SharedApp},
    domain::{events::Event, files, uploads},
    error::{Error, Result},
    storage::ContentKey,
};

/// Rows a sweep handles before others get a turn at the database.
const BATCH: u64 = 100;

/// Does some of a sweep's work, and says how many rows it was.
type Batch = for<'a> fn(&'a App) -> Pin<Box<dyn Future<Output = Result<u64>> + Send + 'a>>;

const SWEEPS: [(&str, Batch); 7] = [
    ("abandoned uploads", |app| Box::pin(abandoned_uploads(app))),
    ("discarded content", |app| Box::pin(discarded(app))),
    ("expired sessions", |app| Box::pin(expired_sessions(app))),
    ("expired shares", |app| Box::pin(expired_shares(app))),
    ("trash", |app| Box::pin(old_trash(app))),
    ("throttles", |app| Box::pin(spent_throttles(app))),
    ("old events", |app| Box::pin(old_events(app))),
];

/// Sweeps at the configured interval, for as long as it is polled.
pub async fn run(app: SharedApp) {
    let mut ticks = tokio::time::interval(app.config.janitor_interval.max(Duration::from_secs(1)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        sweep(&app).await;
    }
}

/// Every sweep, batch by batch, until there is nothing left to do. One that fails is reported and leaves the others alone.
pub async fn sweep(app: &App) {
    if let Err(error) = touch_live_uploads(app).await {
        warn!(%error, "live uploads could not be marked as such");
    }
    for (what, batch) in SWEEPS {
        repeat(app, what, batch).await;
    }
}

async fn repeat(app: &App, what: &'static str, batch: Batch) {
    let mut rows = 0;
    loop {
        match batch(app).await {
            Ok(swept) => {
                rows += swept;
                if swept < BATCH {
                    break;
                }
            }
            Err(error) => {
                warn!(what, %error, "a sweep failed; the next one tries again");
                break;
            }
        }
    }
    if rows > 0 {
        info!(what, rows, "swept");
    }
}

/// Signs of life for the uploads of this process, for other instances to see.
#[expect(clippy::disallowed_methods, reason = "the janitor keeps uploads alive")]
async fn touch_live_uploads(app: &App) -> Result<()> {
    let (ids, now) = (app.live_uploads.ids(), app.clock.now());
    if ids.is_empty() {
        return Ok(());
    }
    let touch = app.db.write(move |transaction| {
        Box::pin(async move {
            upload::Entity::update_many()
                .col_expr(upload::Column::TouchedAt, Expr::value(now))
                .filter(upload::Column::Id.is_in(ids))
                .exec(transaction)
                .await?;
            Ok(())
        })
    });
    touch.await
}

/// Uploads that were silent too long: what a crash or a kill left behind.
#[expect(clippy::disallowed_methods, reason = "the janitor sweeps uploads")]
async fn abandoned_uploads(app: &App) -> Result<u64> {
    let silent = upload::Entity::find()
        .filter(upload::Column::TouchedAt.lt(app.clock.before(app.config.upload_ttl)))
        .filter(upload::Column::Id.is_not_in(app.live_uploads.ids()))
        .order_by_asc(upload::Column::TouchedAt)
        .limit(BATCH);
    let mut swept = 0;
    for row in silent.all(app.db.read()).await? {
        let key = ContentKey::parse(&row.content_key)
            .ok_or_else(|| Error::internal("a content key in the database is malformed"))?;
        uploads::abort(app, row.id, &key).await?;
        swept += 1;
    }
    Ok(swept)
}

/// Content whose row is gone and whose bytes were not unlinked.
#[expect(clippy::disallowed_methods, reason = "the janitor sweeps content")]
async fn discarded(app: &App) -> Result<u64> {
    let noted = discarded_content::Entity::find()
        .order_by_asc(discarded_content::Column::DiscardedAt)
        .limit(BATCH);
    let mut swept = 0;
    for row in noted.all(app.db.read()).await? {
        if !files::discard(app, &row.content_key).await? {
            break;
        }
        swept += 1;
    }
    Ok(swept)
}

#[expect(clippy::disallowed_methods, reason = "the janitor sweeps sessions")]
async fn expired_sessions(app: &App) -> Result<u64> {
    let now = app.clock.now();
    let expired = session::Entity::find()
        .filter(session::Column::ExpiresAt.lte(now))
        .limit(BATCH);
    let ids: Vec<_> = expired
        .all(app.db.read())
        .await?
        .into_iter()
        .map(|row| row.id_hash)
        .collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let delete = app.db.write(move |transaction| {
        Box::pin(async move {
            let deleted = session::Entity::delete_many()
                .filter(session::Column::IdHash.is_in(ids))
                // Used again since it was found.
                .filter(session::Column::ExpiresAt.lte(now))
                .exec(transaction)
                .await?;
            Ok(deleted.rows_affected)
        })
    });
    delete.await
}

/// Shares that have ended grant nothing already; this keeps scans over them short.
#[expect(clippy::disallowed_methods, reason = "the janitor sweeps shares")]
async fn expired_shares(app: &App) -> Result<u64> {
    let now = app.clock.now();
    let expired = share::Entity::find()
        .filter(share::Column::ExpiresAt.lte(now))
        .limit(BATCH);
    let ids: Vec<_> = expired
        .all(app.db.read())
        .await?
        .into_iter()
        .map(|row| row.id)
        .collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let delete = app.db.write(move |transaction| {
        Box::pin(async move {
            let deleted = share::Entity::delete_many()
                .filter(share::Column::Id.is_in(ids))
                // Prolonged since it was found.
                .filter(share::Column::ExpiresAt.lte(now))
                .exec(transaction)
                .await?;
            Ok(deleted.rows_affected)
        })
    });
    delete.await
}

/// Files that have been in the trash for their time.
#[expect(clippy::disallowed_methods, reason = "the janitor sweeps the trash")]
async fn old_trash(app: &App) -> Result<u64> {
    let old = file::Entity::find()
        .filter(file::Column::TrashedAt.lte(app.clock.before(app.config.trash_ttl)))
        .order_by_asc(file::Column::TrashedAt)
        .limit(BATCH);
    let mut swept = 0;
    for row in old.all(app.db.read()).await? {
        let event = Event {
            user_id: None,
            ..Event::of_file(Kind::Purged, &row)
        };
        files::purge_row(app, &row, event).await?;
        swept += 1;
    }
    Ok(swept)
}

/// Limits under which every try is back.
#[expect(clippy::disallowed_methods, reason = "the janitor sweeps throttles")]
async fn spent_throttles(app: &App) -> Result<u64> {
    let now = app.clock.now();
    let delete = app.db.write(move |transaction| {
        Box::pin(async move {
            let deleted = throttle::Entity::delete_many()
                .filter(throttle::Column::ClearAt.lte(now))
                .exec(transaction)
                .await?;
            Ok(deleted.rows_affected)
        })
    });
    delete.await
}

#[expect(clippy::disallowed_methods, reason = "the janitor sweeps events")]
async fn old_events(app: &App) -> Result<u64> {
    let old = event::Entity::find()
        .filter(event::Column::At.lte(app.clock.before(app.config.event_ttl)))
        .order_by_asc(event::Column::At)
        .limit(BATCH);
    let ids: Vec<_> = old
        .all(app.db.read())
        .await?
        .into_iter()
        .map(|row| row.id)
        .collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let delete = app.db.write(move |transaction| {
        Box::pin(async move {
            let deleted = event::Entity::delete_many()
                .filter(event::Column::Id.is_in(ids))
                .exec(transaction)
                .await?;
            Ok(deleted.rows_affected)
        })
    });
    delete.await
}
