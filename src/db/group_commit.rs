//! Group commit for SQLite: writes that arrive while a commit is being synced to disk share the next one.
//!
//! Each keeps its own fate: it runs in a savepoint, and one that fails takes back nothing but itself. All are answered
//! after the commit that makes them durable, or with its error.

use std::{future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use futures_util::FutureExt;
use sea_orm::{DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{Failure, InTransaction, Transaction, alone, immediate, in_transaction};
use crate::{
    error::{Code, Error, Result, is_locked},
    metrics,
    patience::{self, Claim, Withdrawn},
    tasks::Tasks,
};

/// What the writer is called.
const TASK: &str = "database writer";
/// Writes that share a commit at most: the first of them waits for the last.
const GROUP_MAX: usize = 64;

/// Called with why the group failed, if it did.
type Answer = Box<dyn FnOnce(Option<&Error>) + Send>;
type Running<'t> = Pin<Box<dyn Future<Output = Ran> + Send + 't>>;
/// Called with the transaction to run in, or why there is none.
type Run = Box<dyn for<'t> FnOnce(Result<In<'t>>) -> Running<'t> + Send>;

/// What a write runs in.
enum In<'t> {
    /// The group's transaction, in a savepoint of its own.
    Group(&'t DatabaseTransaction),
    /// A transaction that no other write shares, and which ends with it.
    Own(DatabaseTransaction),
}

/// A write that waits for its turn.
struct Job {
    /// Whoever waits for it takes this when the patience ends, and the writer when it begins.
    claim: Arc<Claim>,
    run: Run,
}

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
    measured: metrics::Queue,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl GroupCommit {
    /// Starts the writer, which ends when the last handle is dropped.
    pub(super) fn start(writer: DatabaseConnection, tasks: &Tasks) -> Self {
        let (jobs, waiting) = mpsc::channel(GROUP_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        let queue = metrics::Queue::named(TASK);
        let measured = queue.clone();
        tasks.keep(TASK, move || {
            let (writer, waiting) = (writer.clone(), Arc::clone(&waiting));
            let queue = queue.clone();
            async move { run(&writer, &mut *waiting.lock().await, &queue).await }
        });
        Self { jobs, measured }
    }

    /// `UNAVAILABLE` when the write has not begun in time; it is not done then.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> InTransaction<'t, T> + Send + 'static,
    {
        let (sender, result) = oneshot::channel();
        let claim = Arc::new(Claim::default());
        let job = Job {
            claim: Arc::clone(&claim),
            run: job(work, sender),
        };
        let gone = || Error::internal("the database's writer ended before it answered");
        let _withdrawn = Withdrawn(&claim);
        let _waiting = self.measured.wait();
        let answered = patience::wait_for(&claim, async {
            self.jobs.send(job).await.map_err(|_| gone())?;
            result.await.map_err(|_| gone())?
        });
        answered.await?
    }
}

fn job<T, F>(work: F, sender: oneshot::Sender<Result<T>>) -> Run
where
    T: Send + 'static,
    F: for<'t> FnOnce(&'t Transaction) -> InTransaction<'t, T> + Send + 'static,
{
    Box::new(move |place| {
        Box::pin(async move {
            let result = match place {
                Ok(place) => {
                    let run = async {
                        match place {
                            In::Group(group) => alone(group, work, || true).await,
                            In::Own(own) => in_transaction(own, work, || true).await,
                        }
                    };
                    AssertUnwindSafe(run)
                        .catch_unwind()
                        .await
                        .unwrap_or_else(|_| {
                            Err(Failure {
                                error: Error::internal("a transaction panicked"),
                                lost: None,
                            })
                        })
                }
                Err(error) => Err(Failure { error, lost: None }),
            };
            // What others are told is the database's failure, and not what this work was refused for.
            let lost = result.as_ref().err().and_then(|it| it.lost.as_ref());
            let lost = lost.map(|error| error.echo());
            let answer: Answer = Box::new(move |failure| {
                let result = match (result, failure) {
                    (Ok(_), Some(error)) => Err(error.echo()),
                    (Ok(done), None) => Ok(done.durable()),
                    (Err(failure), _) => Err(failure.error),
                };
                // Nobody waits any more when the client has gone.
                let _ = sender.send(result);
            });
            Ran { answer, lost }
        })
    })
}

async fn run(
    writer: &DatabaseConnection,
    waiting: &mut mpsc::Receiver<Job>,
    measured: &metrics::Queue,
) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while waiting.recv_many(&mut group, GROUP_MAX).await > 0 {
        measured.served(group.len());
        commit(writer, &mut group).await;
        // Batches that have just been answered may have their next one ready: then it shares the next commit.
        tokio::task::yield_now().await;
    }
}

/// Runs the jobs of `group` in one transaction.
async fn commit(writer: &DatabaseConnection, group: &mut Vec<Job>) {
    let Some(begun) = begin(writer, group).await else {
        return;
    };
    let begun = match begun.map_err(Error::from) {
        Ok(own) if group.len() == 1 => return commit_one(own, group).await,
        begun => begun,
    };
    let mut lost = None;
    let mut answers = Vec::with_capacity(group.len());
    for job in group.drain(..).filter(|job| job.claim.take()) {
        let ran = (job.run)(match (&begun, &lost) {
            (Ok(transaction), None) => Ok(In::Group(transaction)),
            (Err(failure), _) | (_, Some(failure)) => Err(failure.echo()),
        });
        let ran = ran.await;
        answers.push(ran.answer);
        lost = lost.or(ran.lost);
    }
    let failure = match (begun, lost) {
        (Ok(transaction), None) => transaction.commit().await.err().map(Error::from),
        (Ok(transaction), Some(lost)) => {
            // On a full disk SQLite has rolled back already, and this fails. Then the pool drops the connection.
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

/// Runs the one job of `group` in the transaction itself, and spares it a savepoint.
async fn commit_one(own: DatabaseTransaction, group: &mut Vec<Job>) {
    let job = group.pop().filter(|job| job.claim.take());
    if let Some(job) = job {
        let ran = (job.run)(Ok(In::Own(own))).await;
        if let Some(lost) = &ran.lost {
            lost.log();
        }
        (ran.answer)(ran.lost.as_ref());
    }
}

/// Begins the group's transaction. Tries for SQLite's lock as long as anybody in `group` waits, each as long as their own
/// patience is; `None` when all of them have given up.
async fn begin(
    writer: &DatabaseConnection,
    group: &mut Vec<Job>,
) -> Option<Result<DatabaseTransaction, DbErr>> {
    loop {
        match writer.begin_with_options(immediate()).await {
            Err(error) if is_locked(&error) => {
                group.retain(|job| !job.claim.is_taken());
                if group.is_empty() {
                    let refusal = Error::exhausted(Code::Unavailable).caused_by(error);
                    refusal.log();
                    return None;
                }
            }
            begun => return Some(begun),
        }
    }
}
