//! Uploads that broke off and could not be aborted, because the database could not be reached. Aborting them is tried again
//! until it succeeds, so that they do not hold quota for long.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;
use uuid::Uuid;

use super::rows::abort;
use crate::{app::App, log_limit::LogLimit, storage::ContentKey};

/// What the task is called.
pub const TASK: &str = "aborted uploads";
/// How many wait at most. The janitor finds what is beyond, as it finds what a crash leaves.
const WAITING_MAX: usize = 10_000;
/// Between a try that failed and the next.
const PAUSE: Duration = Duration::from_secs(1);

/// The uploads that wait to be taken back.
#[derive(Debug, Default)]
pub struct Aborted {
    waiting: Mutex<VecDeque<(Uuid, ContentKey)>>,
    added: Notify,
}

impl Aborted {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Aborts an upload later.
    pub(super) fn add(&self, id: Uuid, key: ContentKey) {
        let mut waiting = self.lock();
        if waiting.len() >= WAITING_MAX {
            static LEFT: LogLimit = LogLimit::new();
            if let Some(left_out) = LEFT.turn() {
                tracing::warn!(
                    left_out,
                    "too many uploads broke off; this one is left to the janitor"
                );
            }
            return;
        }
        waiting.push_back((id, key));
        self.added.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Uuid, ContentKey)>> {
        // Each entry is whole, whatever panicked while holding them.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes back what waits, one after the other. One that fails waits behind the others.
pub async fn run(app: &App) {
    let aborted = &app.aborted_uploads;
    loop {
        let next = aborted.lock().front().cloned();
        let Some((id, key)) = next else {
            aborted.added.notified().await;
            continue;
        };
        let done = abort(app, id, &key).await;
        let first = aborted.lock().pop_front();
        if let Err(error) = done {
            tracing::debug!(%error, "an aborted upload is still there");
            aborted.lock().extend(first);
            tokio::time::sleep(PAUSE).await;
        }
    }
}
