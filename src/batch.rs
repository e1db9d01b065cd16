//! Batches: what is asked for while others are being served is served together, so that under load the cost of a round trip
//! or a commit is shared, and alone nobody waits for company.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::{
    error::{Code, Error, Result},
    metrics,
    patience::{self, Claim, Withdrawn},
    tasks::Tasks,
};

/// How long a batch may wait at least, even if one of its items has waited for nearly all its time: or it would have the
/// others refused with it.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

/// The way to those who serve; they end when the last handle is dropped.
#[derive(Debug)]
pub struct Batches<I, O> {
    waiting: mpsc::Sender<Asked<I, O>>,
    measured: metrics::Queue,
}

#[derive(Debug)]
struct Asked<I, O> {
    item: I,
    until: Instant,
    claim: Arc<Claim>,
    answer: oneshot::Sender<Result<O>>,
}

impl<I, O> Batches<I, O>
where
    I: Send + 'static,
    O: Send + 'static,
{
    /// Serves up to `at_once` batches side by side, of `max` items at most. `serve` returns what each item gets, in their
    /// order, or the error that all of them get.
    pub fn start<S, F>(
        tasks: &Tasks,
        name: &'static str,
        max: usize,
        at_once: usize,
        serve: S,
    ) -> Self
    where
        S: Fn(Vec<I>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Vec<O>>> + Send,
    {
        let (waiting, queue) = mpsc::channel(max);
        let queue = Arc::new(Mutex::new(queue));
        let measured = metrics::Queue::named(name);
        for _ in 0..at_once {
            let (queue, serve) = (Arc::clone(&queue), serve.clone());
            let measured = measured.clone();
            tasks.keep(name, move || {
                let (queue, serve) = (Arc::clone(&queue), serve.clone());
                let measured = measured.clone();
                async move {
                    let mut batch = Vec::with_capacity(max);
                    while queue.lock().await.recv_many(&mut batch, max).await > 0 {
                        measured.served(batch.len());
                        serve_batch(&serve, &mut batch).await;
                    }
                }
            });
        }
        Self { waiting, measured }
    }

    /// What `item` gets; `UNAVAILABLE` when nobody has taken it for too long.
    pub async fn submit(&self, item: I) -> Result<O> {
        let left = patience::left();
        if left.is_zero() {
            // A batch takes some time, and one after the other they would add up.
            return Err(Error::exhausted(Code::Unavailable));
        }
        let (answer, outcome) = oneshot::channel();
        let claim = Arc::new(Claim::default());
        let asked = Asked {
            item,
            until: Instant::now() + left,
            claim: Arc::clone(&claim),
            answer,
        };
        let gone = || Error::internal("a batch ended without an answer");
        let _withdrawn = Withdrawn(&claim);
        let _waiting = self.measured.wait();
        let answered = patience::wait_for(&claim, async {
            self.waiting.send(asked).await.map_err(|_| gone())?;
            outcome.await.map_err(|_| gone())?
        });
        answered.await?
    }
}

async fn serve_batch<I, O, F>(serve: &impl Fn(Vec<I>) -> F, batch: &mut Vec<Asked<I, O>>)
where
    F: Future<Output = Result<Vec<O>>>,
{
    let mut until = None;
    let mut items = Vec::with_capacity(batch.len());
    let mut answers = Vec::with_capacity(batch.len());
    for asked in batch.drain(..).filter(|asked| asked.claim.take()) {
        until = until.into_iter().chain([asked.until]).min();
        items.push(asked.item);
        answers.push(asked.answer);
    }
    let Some(until) = until else { return };
    let left = until.saturating_duration_since(Instant::now());
    // A panic is this batch's, and this task everybody's.
    let served = AssertUnwindSafe(async { serve(items).await }).catch_unwind();
    let served = patience::within(left.max(LEAST_PATIENCE), served).await;
    answer(
        answers,
        served.unwrap_or_else(|_| Err(Error::internal("a batch panicked"))),
    );
}

/// Nobody waits any more where a client has gone.
fn answer<O>(answers: Vec<oneshot::Sender<Result<O>>>, served: Result<Vec<O>>) {
    match served {
        Ok(outcomes) => {
            for (answer, outcome) in answers.into_iter().zip(outcomes) {
                let _ = answer.send(Ok(outcome));
            }
        }
        Err(error) => {
            error.log();
            for answer in answers {
                let _ = answer.send(Err(error.echo()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn each_gets_its_own_and_a_failure_is_its_batch_s_alone() {
        let tasks = Tasks::default();
        let batches = Batches::start(&tasks, "test", 4, 2, async |items: Vec<u32>| {
            assert!(!items.contains(&13), "unlucky");
            if items.contains(&7) {
                return Err(Error::new(Code::Unavailable, "no sevens"));
            }
            Ok(items.into_iter().map(|item| item * 2).collect())
        });
        assert_eq!(batches.submit(13).await.unwrap_err().code, Code::Internal);
        assert_eq!(batches.submit(7).await.unwrap_err().code, Code::Unavailable);
        let outcomes = join_all((20..60).map(|item| batches.submit(item))).await;
        let outcomes: Vec<u32> = outcomes.into_iter().map(Result::unwrap).collect();
        assert_eq!(outcomes, (20..60).map(|item| item * 2).collect::<Vec<_>>());
    }
    #[tokio::test]
    async fn a_task_that_ends_takes_its_batch_with_it_and_no_other() {
        let tasks = Tasks::default();
        let batches = Batches::start(&tasks, "test", 4, 1, async |items: Vec<u32>| {
            match items.contains(&13) {
                true => std::future::pending().await,
                false => Ok(items),
            }
        });
        let stuck = batches.submit(13);
        let strike = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            tasks.strike("test");
        };
        let (stuck, ()) = futures_util::join!(stuck, strike);
        assert_eq!(stuck.unwrap_err().code, Code::Internal);
        assert_eq!(batches.submit(7).await.unwrap(), 7);
    }
}
