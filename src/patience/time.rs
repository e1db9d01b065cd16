//! The time that an operation may take. It stands still while the operation waits for work that cannot be stopped any more, such
//! as a commit: otherwise an operation could be given up and yet be done.

use std::{future::pending, sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};

tokio::task_local! {
    static TIME: Arc<watch::Sender<Time>>;
}

#[derive(Clone, Copy, Debug)]
struct Time {
    until: Instant,
    /// How many keep it still, and since when it is.
    stopped: u32,
    since: Instant,
}

impl Time {
    fn left(self) -> Duration {
        let now = match self.stopped {
            0 => Instant::now(),
            _ => self.since,
        };
        self.until.saturating_duration_since(now)
    }
}

/// Does `work`, an operation that may take as long as `limit`; `None` when it took longer, and then it is dropped.
pub async fn timed<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    let now = Instant::now();
    let (time, seen) = watch::channel(Time {
        until: now + limit,
        stopped: 0,
        since: now,
    });
    tokio::select! {
        biased;
        done = TIME.scope(Arc::new(time), work) => Some(done),
        () = is_up(seen) => None,
    }
}

async fn is_up(mut time: watch::Receiver<Time>) {
    loop {
        let present = *time.borrow_and_update();
        let up = async {
            match present.stopped {
                0 => tokio::time::sleep(present.left()).await,
                _ => pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = time.changed() => if changed.is_err() { return },
            () = up => return,
        }
    }
}

/// How long the present operation may still take; for ever where there is none.
pub fn time_left() -> Duration {
    let left = TIME.try_with(|time| time.borrow().left());
    left.unwrap_or(Duration::MAX)
}

/// Does `work`, for which the present operation's time stands still.
pub async fn untimed<F: Future>(work: F) -> F::Output {
    let _still = Still::begin();
    work.await
}

/// Keeps the present operation's time still until this is dropped.
pub(super) struct Still(Option<Arc<watch::Sender<Time>>>);

impl Still {
    pub(super) fn begin() -> Self {
        let time = TIME.try_with(Arc::clone).ok();
        if let Some(time) = &time {
            time.send_modify(|time| {
                if time.stopped == 0 {
                    time.since = Instant::now();
                }
                time.stopped += 1;
            });
        }
        Self(time)
    }

    /// Counts the time since [`Self::begin`] after all, because the work was not done. If no time is left, this never returns, and
    /// the operation is given up.
    pub(super) async fn count_after_all(mut self) {
        let Some(time) = self.0.take() else { return };
        time.send_modify(|time| time.stopped -= 1);
        if time.borrow().left().is_zero() {
            pending().await
        }
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        let Some(time) = &self.0 else { return };
        time.send_modify(|time| {
            time.stopped -= 1;
            if time.stopped == 0 {
                time.until += time.since.elapsed();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn an_operation_that_takes_too_long_is_dropped() {
        assert!(timed(LIMIT, pending::<()>()).await.is_none());
        assert!(timed(LIMIT, async { time_left() }).await.unwrap() <= LIMIT);
    }

    #[tokio::test]
    async fn what_stands_for_itself_takes_nothing_of_the_time() {
        let work = async {
            let before = time_left();
            untimed(async {
                untimed(sleep(LIMIT)).await;
                sleep(LIMIT).await;
            })
            .await;
            before.abs_diff(time_left())
        };
        let taken = timed(LIMIT * 20, work).await.unwrap();
        assert!(taken < LIMIT, "{taken:?}");
        let late = timed(LIMIT, async {
            untimed(sleep(LIMIT * 3)).await;
            pending::<()>().await;
        });
        assert!(late.await.is_none(), "it has an end all the same");
    }
}
