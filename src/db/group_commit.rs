//! Group commit for SQLite: writes that arrive while a commit is being synced to disk share the next one.
//!
//! Each keeps its own fate: it runs in a savepoint, and one that fails takes back nothing but itself. All are answered
//! after the commit that makes them durable, or with its error.

use std::{future::Future, panic::AssertUnwindSafe, pin::Pin};

use futures_util::FutureExt;
use sea_orm::{DatabaseConnection, DatabaseTransaction, TransactionTrait};
use tokio::sync::{mpsc, oneshot};

use super::{AfterCommit, Failure, InTransaction, PATIENCE, alone, immediate};
use crate::error::{Code, Error, Result};

/// Writes that share a commit at most: the first of them waits for the last.
const GROUP_MAX: usize = 64;

/// Called with why the group failed, if it did.
type Answer = Box<dyn FnOnce(Option<&Error>) + Send>;
type Running<'t> = Pin<Box<dyn Future<Output = Ran> + Send + 't>>;
/// Called with the group's transaction, or why there is none.
type Job = Box<dyn for<'t> FnOnce(Result<&'t DatabaseTransaction>) -> Running<'t> + Send>;

/// A job that has run.
struct Ran {
    answer: Answer,
    /// Why the whole group is lost: the job failed, and could not be taken back alone.
    lost: Option<Error>,
}

/// The way to the writer.
#[derive(Clone, Debug)]
pub(super) struct GroupCommit {
    jobs: mpsc::Sender<Job>,
}

impl GroupCommit {
    /// Starts the writer, which ends when the last handle is dropped.
    pub(super) fn start(writer: DatabaseConnection) -> Self {
        let (jobs, waiting) = mpsc::channel(GROUP_MAX);
        tokio::spawn(run(writer, waiting));
        Self { jobs }
    }

    pub(super) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> InTransaction<'t, T> + Send + 'static,
    {
        let (sender, result) = oneshot::channel();
        let job: Job = Box::new(move |group| {
            Box::pin(async move {
                let after = AfterCommit::default();
                let result = match group {
                    Ok(group) => {
                        let work = AssertUnwindSafe(alone(group, work, &after));
                        work.catch_unwind().await.unwrap_or_else(|_| {
                            Err(Failure {
                                error: Error::internal("a transaction panicked"),
                                undone: true,
                            })
                        })
                    }
                    Err(error) => Err(Failure {
                        error,
                        undone: true,
                    }),
                };
                let lost = result.as_ref().err().filter(|failure| !failure.undone);
                let lost = lost.map(|failure| failure.error.echo());
                let answer: Answer = Box::new(move |failure| {
                    let result = match (result, failure) {
                        (Ok(_), Some(error)) => Err(error.echo()),
                        (Ok(value), None) => {
                            after.run();
                            Ok(value)
                        }
                        (Err(failure), _) => Err(failure.error),
                    };
                    // Nobody waits any more when the client has gone.
                    let _ = sender.send(result);
                });
                Ran { answer, lost }
            })
        });
        let gone = || Error::internal("the database's writer is gone");
        self.jobs
            .send_timeout(job, PATIENCE)
            .await
            .map_err(|error| match error {
                mpsc::error::SendTimeoutError::Timeout(_) => Error::exhausted(Code::Unavailable),
                mpsc::error::SendTimeoutError::Closed(_) => gone(),
            })?;
        result.await.map_err(|_| gone())?
    }
}

async fn run(writer: DatabaseConnection, mut waiting: mpsc::Receiver<Job>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while waiting.recv_many(&mut group, GROUP_MAX).await > 0 {
        commit(&writer, &mut group).await;
    }
}

/// Runs the jobs of `group` in one transaction.
async fn commit(writer: &DatabaseConnection, group: &mut Vec<Job>) {
    let begun = writer.begin_with_options(immediate()).await;
    let begun = begun.map_err(Error::from);
    let mut lost = None;
    let mut answers = Vec::with_capacity(group.len());
    for job in group.drain(..) {
        let ran = job(match (&begun, &lost) {
            (Ok(transaction), None) => Ok(transaction),
            (Err(failure), _) | (_, Some(failure)) => Err(failure.echo()),
        });
        let ran = ran.await;
        answers.push(ran.answer);
        lost = lost.or(ran.lost);
    }
    let failure = match (begun, lost) {
        (Ok(transaction), None) => transaction.commit().await.err().map(Error::from),
        (Ok(transaction), Some(lost)) => {
            // What a full disk took back already ends with its connection: see the pool's options.
            let _ = transaction.rollback().await;
            Some(lost)
        }
        (Err(failure), _) => Some(failure),
    };
    if let Some(failure) = &failure {
        failure.log();
    }
    for answer in answers {
        answer(failure.as_ref());
    }
}
