//! Group commit for SQLite: writes that arrive while a commit is being synced to disk share the next one.
//!
//! Each keeps its own fate: it runs in a savepoint, and one that fails takes back nothing but itself. All are answered
//! after the commit that makes them durable, or with its error.

use std::{future::Future, panic::AssertUnwindSafe, pin::Pin};

use futures_util::FutureExt;
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait};
use tokio::sync::{mpsc, oneshot};

use super::{InTransaction, alone, immediate};
use crate::error::{Error, Result};

/// Writes that share a commit at most: the first of them waits for the last.
const GROUP_MAX: usize = 64;

/// Called with how the commit ended.
type Answer = Box<dyn FnOnce(Option<&DbErr>) + Send>;
type Running<'t> = Pin<Box<dyn Future<Output = Answer> + Send + 't>>;
/// Called with the group's transaction, or why there is none.
type Job = Box<dyn for<'t> FnOnce(Result<&'t DatabaseTransaction, DbErr>) -> Running<'t> + Send>;

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
                let result = match group {
                    Ok(group) => AssertUnwindSafe(alone(group, work)).catch_unwind().await,
                    Err(error) => Ok(Err(error.into())),
                };
                let result =
                    result.unwrap_or_else(|_| Err(Error::internal("a transaction panicked")));
                let answer: Answer = Box::new(move |failure| {
                    let result = match (result, failure) {
                        (Ok(_), Some(error)) => Err(error.clone().into()),
                        (result, _) => result,
                    };
                    // Nobody waits any more when the client has gone.
                    let _ = sender.send(result);
                });
                answer
            })
        });
        let gone = |_| Error::internal("the database's writer is gone");
        self.jobs.send(job).await.map_err(|_| gone(()))?;
        result.await.map_err(|_| gone(()))?
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
    let mut answers = Vec::with_capacity(group.len());
    for job in group.drain(..) {
        answers.push(job(begun.as_ref().map_err(DbErr::clone)).await);
    }
    let committed = match begun {
        Ok(transaction) => transaction.commit().await,
        Err(error) => Err(error),
    };
    for answer in answers {
        answer(committed.as_ref().err());
    }
}
