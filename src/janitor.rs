//! The janitor: background sweeps, each in small batches, each safe to repeat and to run on several instances at once.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use entity::{
    Timestamp, discarded_content, event, event::Kind, event_once, file, session, share, throttle,
    upload,
};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{CaseStatement, Expr, ExprTrait},
};
use tokio::task::JoinHandle;
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    app::{App, SharedApp},
    auth::throttle::is_spent,
    clock::before,
    domain::{
        events::{self, By, Event},
        files, uploads,
    },
    error::{Error, Result},
    storage::ContentKey,
};

mod settled;

pub use settled::SettledTime;

/// Rows a sweep handles before others get a turn at the database.
const BATCH: u64 = 100;

/// Does some of a sweep's work as of a moment that is certain to have passed, and says how many rows it was.
type Batch =
    for<'a> fn(&'a App, Timestamp) -> Pin<Box<dyn Future<Output = Result<u64>> + Send + 'a>>;

const SWEEPS: [(&str, Batch); 8] = [
    ("abandoned uploads", |app, _| {
        Box::pin(abandoned_uploads(app))
    }),
    ("discarded content", |app, _| Box::pin(discarded(app))),
    ("expired sessions", |app, now| {
        Box::pin(expired_sessions(app, now))
    }),
    ("expired shares", |app, now| {
        Box::pin(expired_shares(app, now))
    }),
    ("trash", |app, now| Box::pin(old_trash(app, now))),
    ("throttles", |app, now| Box::pin(spent_throttles(app, now))),
    ("old events", |app, now| Box::pin(old_events(app, now))),
    ("what was counted", |app, now| Box::pin(counted(app, now))),
];

/// The uploads of other processes: the last sign of life that this one has seen of each, and since when it is the last.
///
/// So only this process's own sense of time counts, and never how its clock compares with that of whoever takes the
/// upload in.
#[derive(Debug, Default)]
pub struct Silences(Mutex<HashMap<Uuid, (Timestamp, Duration)>>);

impl Silences {
    /// Takes in the signs of life that there are at `now`, and says which uploads were silent for `ttl`.
    fn note(&self, signs: &[(Uuid, Timestamp)], now: Duration, ttl: Duration) -> Vec<Uuid> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = signs
            .iter()
            .map(|(id, sign)| {
                let known = seen.get(id).filter(|(last, _)| last == sign);
                (*id, known.copied().unwrap_or((*sign, now)))
            })
            .collect();
        let silent = seen
            .iter()
            .filter(|(_, (_, since))| now.saturating_sub(*since) >= ttl);
        silent.map(|(id, _)| *id).collect()
    }
}

/// What the task is called.
const TASK: &str = "janitor";
/// In how many intervals there has to be a sign of life, and how long a batch of a sweep may take besides.
const SILENT_INTERVALS: u32 = 5;
const SILENT_BATCH: Duration = Duration::from_secs(60);

/// Starts the task that sweeps at the configured interval. Aborting what this returns ends it.
pub fn start(app: &SharedApp) -> JoinHandle<()> {
    let app = SharedApp::clone(app);
    let tasks = app.tasks.clone();
    tasks.keep(TASK, move || run(SharedApp::clone(&app)))
}

async fn run(app: SharedApp) {
    // Several signs of life within the time after which the others take an upload for abandoned.
    let interval = app
        .config
        .sweeps
        .janitor_interval
        .min(app.config.uploads.upload_ttl / 4);
    let interval = interval.max(Duration::from_secs(1));
    app.tasks
        .expect(TASK, interval * SILENT_INTERVALS + SILENT_BATCH);
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        sweep(&app).await;
        app.tasks.alive(TASK);
    }
}

/// Every sweep, batch by batch, until there is nothing left to do. One that fails is reported and leaves the others alone.
pub async fn sweep(app: &App) {
    if let Err(error) = touch_live_uploads(app).await {
        warn!(%error, "live uploads could not be marked as such");
    }
    let (clock, grace) = (&app.clock, app.config.sweeps.clock_grace);
    let now = app.settled_time.look(clock.now(), clock.uptime(), grace);
    if let Err(error) = app.settled_time.store(app, now).await {
        warn!(%error, "the time could not be noted");
    }
    for (what, batch) in SWEEPS {
        repeat(app, what, batch, now).await;
    }
}

async fn repeat(app: &App, what: &'static str, batch: Batch, now: Timestamp) {
    let mut rows = 0;
    loop {
        match batch(app, now).await {
            Ok(swept) => {
                app.tasks.alive(TASK);
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
    // The time, or one more than before: another than before, even of a clock that was set back.
    let last = || Expr::col(upload::Column::TouchedAt);
    let sign = CaseStatement::new()
        .case(last().lt(now), now)
        .finally(last().add(1));
    let touch = app.db.write(move |transaction| {
        Box::pin(async move {
            upload::Entity::update_many()
                .col_expr(upload::Column::TouchedAt, sign.into())
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
    let others = upload::Entity::find()
        .select_only()
        .columns([upload::Column::Id, upload::Column::TouchedAt])
        .filter(upload::Column::Id.is_not_in(app.live_uploads.ids()))
        .into_tuple()
        .all(app.db.read());
    let ttl = app.config.uploads.upload_ttl;
    let mut silent = app.silences.note(&others.await?, app.clock.uptime(), ttl);
    silent.truncate(BATCH.try_into().unwrap_or(usize::MAX));
    let silent = upload::Entity::find().filter(upload::Column::Id.is_in(silent));
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

/// Files that have been in the trash for their time.
#[expect(clippy::disallowed_methods, reason = "the janitor sweeps the trash")]
async fn old_trash(app: &App, now: Timestamp) -> Result<u64> {
    let old = file::Entity::find()
        .filter(file::Column::TrashedAt.lte(before(now, app.config.sweeps.trash_ttl)))
        .order_by_asc(file::Column::TrashedAt)
        .limit(BATCH);
    let mut swept = 0;
    for row in old.all(app.db.read()).await? {
        let event = Event::of_file(Kind::Purged, &row).by(By::Janitor);
        files::purge_row(app, &row, events::row(app, event)).await?;
        swept += 1;
    }
    Ok(swept)
}

/// Deletes some of the rows that are `due`, by their key `id`. One that is due no more when its turn comes stays.
#[expect(
    clippy::disallowed_methods,
    reason = "the janitor sweeps what has had its time"
)]
async fn delete_due<E: EntityTrait>(app: &App, id: E::Column, due: Expr) -> Result<u64> {
    let some = E::find()
        .select_only()
        .column(id)
        .filter(due.clone())
        .limit(BATCH)
        .into_query();
    let delete = E::delete_many().filter(id.in_subquery(some)).filter(due);
    let delete = app.db.write(move |transaction| {
        Box::pin(async move { Ok(delete.exec(transaction).await?.rows_affected) })
    });
    delete.await
}

async fn expired_sessions(app: &App, now: Timestamp) -> Result<u64> {
    let due = session::Column::ExpiresAt.lte(now);
    delete_due::<session::Entity>(app, session::Column::IdHash, due).await
}

/// Shares that have ended grant nothing already; this keeps scans over them short.
async fn expired_shares(app: &App, now: Timestamp) -> Result<u64> {
    let due = share::Column::ExpiresAt.lte(now);
    delete_due::<share::Entity>(app, share::Column::Id, due).await
}

async fn spent_throttles(app: &App, now: Timestamp) -> Result<u64> {
    let due = is_spent(app, now).await?;
    delete_due::<throttle::Entity>(app, throttle::Column::Subject, due).await
}

async fn counted(app: &App, now: Timestamp) -> Result<u64> {
    let due = events::can_be_forgotten(now);
    delete_due::<event_once::Entity>(app, event_once::Column::Once, due).await
}

async fn old_events(app: &App, now: Timestamp) -> Result<u64> {
    let due = event::Column::At.lte(before(now, app.config.sweeps.event_ttl));
    delete_due::<event::Entity>(app, event::Column::Id, due).await
}
