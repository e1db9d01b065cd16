//! The janitor: background sweeps, each in small batches, each safe to repeat and to run on several instances at once.

use std::time::Duration;

use entity::Timestamp;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::{
    app::{App, SharedApp},
    auth::{session, throttle},
    domain::{accounts, events, files, groups, links, shares, uploads},
    error::Result,
    metrics,
};

mod settled;

pub use settled::SettledTime;

/// Rows a sweep handles before others get a turn at the database.
const BATCH: u64 = 100;

/// Does some of a sweep's work as of a moment that is certain to have passed, on so many rows at most, and says how many
/// they were.
type Batch = for<'a> fn(&'a App, Timestamp, u64) -> BoxFuture<'a, Result<u64>>;

/// Every sweep. What each does stands with the owner of its rows.
const SWEEPS: [(&str, Batch); 13] = [
    // First, since others go on with what it leaves them.
    ("deleted accounts", |app, _, limit| {
        Box::pin(accounts::sweep_deleted(app, limit))
    }),
    ("abandoned uploads", |app, _, limit| {
        Box::pin(uploads::sweep_abandoned(app, limit))
    }),
    ("expired resumable uploads", |app, now, limit| {
        Box::pin(uploads::sweep_expired(app, now, limit))
    }),
    ("uploads that only the store knows", |app, now, _| {
        Box::pin(uploads::sweep_unrecorded(app, now))
    }),
    ("discarded content", |app, now, limit| {
        Box::pin(files::sweep_discarded(app, now, limit))
    }),
    ("expired sessions", |app, now, limit| {
        Box::pin(session::sweep_expired(app, now, limit))
    }),
    ("expired shares", |app, now, limit| {
        Box::pin(shares::sweep_expired(app, now, limit))
    }),
    ("shares of deleted groups", |app, _, limit| {
        Box::pin(groups::sweep_deleted(app, limit))
    }),
    ("counted tickets of links", |app, now, limit| {
        Box::pin(links::sweep_downloads(app, now, limit))
    }),
    ("trash", |app, now, limit| {
        Box::pin(files::sweep_trash(app, now, limit))
    }),
    ("throttles", |app, now, limit| {
        Box::pin(throttle::sweep_spent(app, now, limit))
    }),
    ("old events", |app, now, limit| {
        Box::pin(events::sweep_old(app, now, limit))
    }),
    ("notes of counted tickets", |app, now, limit| {
        Box::pin(events::sweep_counted(app, now, limit))
    }),
];

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
    if let Err(error) = uploads::touch_live(app).await {
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
    metrics::set_moment(metrics::SWEPT_AT_SECONDS, clock.now().0);
}

async fn repeat(app: &App, what: &'static str, batch: Batch, now: Timestamp) {
    let mut rows = 0;
    loop {
        match batch(app, now, BATCH).await {
            Ok(swept) => {
                app.tasks.alive(TASK);
                rows += swept;
                if swept < BATCH {
                    break;
                }
            }
            Err(error) => {
                warn!(what, %error, "a sweep failed; the next one tries again");
                metrics::sweep_failed(what);
                break;
            }
        }
    }
    metrics::swept(what, rows);
    if rows > 0 {
        info!(what, rows, "swept");
    }
}
