//! Events that do not wait for a write: gathered for half a second, and the same thing within a minute is one event.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Event, Once, log, row};
use crate::{app::App, error::Result, metrics};

mod rows;
mod waiting;

pub use rows::sweep_counted;
use waiting::{Same, Waiting};

const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// Events written by one statement.
const BATCH: usize = 500;

/// Events on their way to the database.
#[derive(Debug, Default)]
pub struct Queue(Mutex<Waiting>);

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Whatever panicked while holding it, a list of rows is a list of rows.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records an event soon, without waiting. One that counts once only and is known already costs a look; one that happened
/// less than a minute ago is counted by that one.
pub fn enqueue(app: &App, once: Option<Once>, event: impl FnOnce() -> Event) {
    if once.is_some_and(|once| !app.events.lock().is_news(once)) {
        return;
    }
    let event = event();
    let same = Same::of(&event);
    let row = row(app, event);
    log(&row);
    app.events.lock().add(same, row, once, app.clock.uptime());
}

/// What the task is called that calls [`run`].
pub const TASK: &str = "events";
/// Within this, what waits has to be written, or nothing wait: some tries of a write, each with all its patience.
const WRITTEN_WITHIN: Duration = Duration::from_secs(30);

/// Writes what is waiting until `stop` is ready, and then what is left. A write under way is never broken off.
pub async fn run(app: &App, stop: impl Future<Output = ()>) {
    app.tasks.expect(TASK, WRITTEN_WITHIN);
    let mut ticks = tokio::time::interval(FLUSH_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return flush(app).await,
            _ = ticks.tick() => flush(app).await,
        }
    }
}

/// Writes what is waiting now. What cannot be written is tried again.
async fn flush(app: &App) {
    let lost = {
        let mut waiting = app.events.lock();
        waiting.begin_writing(app.clock.uptime());
        metrics::queue_length(TASK, waiting.writing.len());
        mem::take(&mut waiting.lost)
    };
    metrics::dropped(TASK, lost as u64);
    if lost > 0 {
        tracing::warn!(
            lost,
            "events found no room to wait: the log has them, the database does not"
        );
    }
    if let Err(error) = write(app).await {
        tracing::warn!(%error, "events could not be written; they wait");
    }
}

/// Writes what is on its way, rows before what they grow by.
async fn write(app: &App) -> Result<()> {
    loop {
        let batch: Vec<_> = {
            let waiting = app.events.lock();
            waiting.writing.iter().take(BATCH).cloned().collect()
        };
        if batch.is_empty() {
            break;
        }
        let tried = batch.len();
        let unwritten = rows::insert(app, batch).await?;
        app.events.lock().end_writing(tried, &unwritten);
        app.tasks.alive(TASK);
    }
    loop {
        // Taken before it is written: to count an event less is better than to count it twice.
        let batch: Vec<_> = {
            let mut waiting = app.events.lock();
            let some = waiting.growing.len().min(BATCH);
            waiting.growing.drain(..some).collect()
        };
        if batch.is_empty() {
            break;
        }
        if let Err(error) = rows::grow(app, batch.clone()).await {
            app.events.lock().growing.extend(batch);
            return Err(error);
        }
        app.tasks.alive(TASK);
    }
    app.tasks.alive(TASK);
    Ok(())
}
