//! Batches: what is asked for while others are being served is served together, so that under load the cost of a round trip
//! or a commit is shared, and alone nobody waits for company.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::error::{Error, Result};

/// The way to those who serve; they end when the last handle is dropped.
#[derive(Debug)]
pub struct Batches<I, O> {
    waiting: mpsc::Sender<(I, oneshot::Sender<Result<O>>)>,
}

impl<I, O> Batches<I, O>
where
    I: Send + 'static,
    O: Send + 'static,
{
    /// Has `at_once` batches served side by side, of `max` items at most. `serve` returns what each item gets, in their
    /// order, or the error that all of them get.
    pub fn start<S, F>(max: usize, at_once: usize, serve: S) -> Self
    where
        S: Fn(Vec<I>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Vec<O>>> + Send,
    {
        let (waiting, queue) = mpsc::channel(max);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..at_once {
            let (queue, serve) = (Arc::clone(&queue), serve.clone());
            tokio::spawn(async move {
                let mut batch = Vec::with_capacity(max);
                while queue.lock().await.recv_many(&mut batch, max).await > 0 {
                    let (items, answers): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
                    // A panic is this batch's, and this task everybody's.
                    let served = AssertUnwindSafe(serve(items)).catch_unwind().await;
                    answer(
                        answers,
                        served.unwrap_or_else(|_| Err(Error::internal("a batch panicked"))),
                    );
                }
            });
        }
        Self { waiting }
    }

    /// What `item` gets.
    pub async fn ask(&self, item: I) -> Result<O> {
        let (answer, outcome) = oneshot::channel();
        let gone = |_| Error::internal("nobody serves batches any more");
        self.waiting
            .send((item, answer))
            .await
            .map_err(|_| gone(()))?;
        outcome.await.map_err(|_| gone(()))?
    }
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
    use crate::error::Code;

    #[tokio::test]
    async fn each_gets_its_own_and_a_failure_is_its_batch_s_alone() {
        let batches = Batches::start(4, 2, async |items: Vec<u32>| {
            assert!(!items.contains(&13), "unlucky");
            if items.contains(&7) {
                return Err(Error::new(Code::Unavailable, "no sevens"));
            }
            Ok(items.into_iter().map(|item| item * 2).collect())
        });
        assert_eq!(batches.ask(13).await.unwrap_err().code, Code::Internal);
        assert_eq!(batches.ask(7).await.unwrap_err().code, Code::Unavailable);
        let outcomes = join_all((20..60).map(|item| batches.ask(item))).await;
        let outcomes: Vec<u32> = outcomes.into_iter().map(Result::unwrap).collect();
        assert_eq!(outcomes, (20..60).map(|item| item * 2).collect::<Vec<_>>());
    }
}
