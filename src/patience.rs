//! Waiting: for a lock, a connection, a place in a queue. One bound holds for all that a request waits, one after the other.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::error::{Code, Error, Result};

mod time;

use time::Still;
pub use time::{time_left, timed, untimed};

/// How long a request may wait in all. What belongs to no request may wait so long each time.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Shorter waits are part of the work, and do not count: a request may have very many of them.
const NOTICED: Duration = Duration::from_secs(1);

tokio::task_local! {
    static WAITS: Arc<Waits>;
}

/// What a request has waited so far.
#[derive(Debug)]
struct Waits {
    limit: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    waited: Duration,
    /// Waits under way side by side, and since when there is one. They count once.
    under_way: u32,
    since: Instant,
}

impl Waits {
    fn of(limit: Duration) -> Arc<Self> {
        Arc::new(Self {
            limit,
            state: Mutex::new(State {
                waited: Duration::ZERO,
                under_way: 0,
                since: Instant::now(),
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Numbers stay numbers, whatever panicked while holding them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> Duration {
        let state = self.lock();
        let present = match state.under_way {
            0 => Duration::ZERO,
            _ => state.since.elapsed(),
        };
        self.limit.saturating_sub(state.waited + present)
    }
}

/// A wait under way, from when this is made until it is dropped.
struct Waiting(Option<Arc<Waits>>);

impl Waiting {
    fn begin() -> Self {
        let waits = WAITS.try_with(Arc::clone).ok();
        if let Some(waits) = &waits {
            let mut state = waits.lock();
            if state.under_way == 0 {
                state.since = Instant::now();
            }
            state.under_way += 1;
        }
        Self(waits)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(waits) = &self.0 else { return };
        let mut state = waits.lock();
        state.under_way -= 1;
        let waited = state.since.elapsed();
        if state.under_way == 0 && waited >= NOTICED {
            state.waited += waited;
        }
    }
}

/// Does `work`, which may wait for `limit` in all.
pub fn within<F: Future>(limit: Duration, work: F) -> impl Future<Output = F::Output> {
    WAITS.scope(Waits::of(limit), work)
}

/// Does `work` as part of the request that calls this, also when it becomes a task of its own.
pub fn inherit<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let waits = WAITS.try_with(Arc::clone);
    WAITS.scope(waits.unwrap_or_else(|_| Waits::of(PATIENCE)), work)
}

/// How long the present request may still wait.
pub fn left() -> Duration {
    WAITS.try_with(|waits| waits.left()).unwrap_or(PATIENCE)
}

/// Waits for `done`, and gives it up with `UNAVAILABLE` when the patience ends. For what may be broken off anywhere.
pub async fn wait<F: Future>(done: F) -> Result<F::Output> {
    let patience = left();
    let _waiting = Waiting::begin();
    let waited = tokio::time::timeout(patience, done).await;
    waited.map_err(|_| Error::exhausted(Code::Unavailable))
}

/// Says of work that is to be done elsewhere whether it is done, or not any more: whoever takes it first decides.
#[derive(Debug, Default)]
pub struct Claim(AtomicBool);

impl Claim {
    /// Whether this is the first to take it.
    pub fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    pub fn is_taken(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Waits for what becomes of work that others do once they have taken `claim`. When the patience or the operation's time
/// ends before, nobody will do it, and this is `UNAVAILABLE`; after that, it takes as long as it takes, and is not counted.
pub async fn wait_for<F: Future>(claim: &Claim, done: F) -> Result<F::Output> {
    let patience = left().min(time_left());
    let _waiting = Waiting::begin();
    let mut done = pin!(done);
    let still = Still::begin();
    match tokio::time::timeout(patience, &mut done).await {
        Ok(done) => Ok(done),
        Err(_) if claim.take() => {
            still.count_after_all().await;
            Err(Error::exhausted(Code::Unavailable))
        }
        Err(_) => Ok(done.await),
    }
}

/// Takes a claim when whoever made it waits no more: nobody is to do what nobody will hear of.
pub struct Withdrawn<'c>(pub &'c Claim);

impl Drop for Withdrawn<'_> {
    fn drop(&mut self) {
        self.0.take();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn waits_one_after_the_other_have_one_bound_and_those_side_by_side_count_once() {
        let limit = Duration::from_millis(1500);
        let began = Instant::now();
        within(limit, async {
            let all = (0..30).map(|_| wait(pending::<()>()));
            futures_util::future::join_all(all).await;
            for _ in 0..30 {
                assert!(wait(pending::<()>()).await.is_err());
            }
            assert_eq!(left(), Duration::ZERO);
        })
        .await;
        assert!(began.elapsed() >= limit);
        assert!(began.elapsed() < limit * 3, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn short_waits_do_not_add_up() {
        let limit = Duration::from_millis(100);
        within(limit, async {
            for _ in 0..5 {
                wait(tokio::time::sleep(limit / 2)).await.unwrap();
            }
            assert_eq!(left(), limit);
        })
        .await;
    }

    #[tokio::test]
    async fn work_that_nobody_took_is_given_up_and_begun_work_is_awaited() {
        let (free, taken) = (Claim::default(), Claim::default());
        assert!(taken.take());
        let limit = Duration::from_millis(20);
        let done = || tokio::time::sleep(limit * 3);
        assert!(within(limit, wait_for(&free, done())).await.is_err());
        assert!(!free.take(), "nobody can begin it any more");
        assert!(within(limit, wait_for(&taken, done())).await.is_ok());
    }
}
