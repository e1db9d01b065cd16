//! The rows of uploads: pending ones, and the files that they become. Uploads side by side share statements and commits.

use entity::{Timestamp, event, file, upload};
use uuid::Uuid;

use crate::{
    access::Payer,
    batch::Batches,
    config::Config,
    db::Db,
    error::{Error, Result},
    storage::Lock,
    tasks::Tasks,
};

mod abort;
mod admission;
mod beginning;
mod commit;
mod parted;

pub(super) use abort::{abort, abort_of};
pub(super) use beginning::DropLimits;
use beginning::insert_pending;
use commit::commit;
pub(super) use parted::{claim_completion, note_parts, pending, swept};

/// Requests whose uploads share a statement at most, and the files that a request has at most to share one: a statement has
/// up to 12 parameters for each file, and SQLite takes 32,766.
const BATCH_MAX: usize = 64;
const SHARING_FILES_MAX: usize = 32;
/// Batches under way at once: while one is being committed, the next gathers.
const AT_ONCE: usize = 1;

/// The way to the rows.
#[derive(Debug)]
pub struct UploadRows {
    db: Db,
    max_files: u32,
    per_drop: DropLimits,
    begun: Batches<upload::Model, Shared<Begun>>,
    finished: Batches<Vec<Stored>, Shared<Outcome>>,
}

/// What a batch did for one of its uploads; `None` when the batch met a lock. Then each upload waits by itself. Otherwise one
/// user's locked row would delay all others.
type Shared<T> = Option<T>;

/// What became of an upload that was to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    Pending,
    /// Its drop has as many under way as it may have, or as it may from one network.
    TooMany,
}

/// What became of uploads that were to be files together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Committed,
    /// One of them was swept meanwhile.
    Swept,
    /// Their payer would have more files than they may.
    TooMany,
    /// Their payer was stopped, or has other credentials by now.
    Ended,
    /// Their drop would have more files than it may.
    DropFull,
    /// Their drop was closed, or has ended.
    DropClosed,
}

/// An upload whose bytes are durable content, and the rows that it becomes.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub upload_id: Uuid,
    pub payer: Payer,
    /// The drop that it came by, where it did: the same for all that become files together.
    pub drop_id: Option<Uuid>,
    /// Of a resumable upload: until when it says which file it has become.
    pub known_until: Option<Timestamp>,
    /// Of a resumable upload: no other request takes its bytes for staged ones while a transaction may yet make them a file, also
    /// one that nobody waits for any more.
    pub _lock: Option<Lock>,
    pub file: file::Model,
    pub event: event::Model,
}

impl UploadRows {
    /// Starts what writes them, which ends when the last handle is dropped.
    pub fn start(db: &Db, config: &Config, tasks: &Tasks) -> Self {
        let (begin, finish) = (db.clone(), db.clone());
        let max_files = config.users.max_files_per_user;
        let per_drop = DropLimits::new(config.strangers.max_uploads_per_drop, config);
        Self {
            db: db.clone(),
            max_files,
            per_drop,
            begun: Batches::start(tasks, "upload rows", BATCH_MAX, AT_ONCE, move |uploads| {
                let db = begin.clone();
                async move {
                    let number = uploads.len();
                    let insert = db.write_briefly(move |transaction| {
                        insert_pending(transaction, uploads, per_drop)
                    });
                    shared(number, insert.await)
                }
            }),
            finished: Batches::start(tasks, "file rows", BATCH_MAX, AT_ONCE, move |uploads| {
                let db = finish.clone();
                async move {
                    let number = uploads.len();
                    let commit = db
                        .write_briefly(move |transaction| commit(transaction, uploads, max_files));
                    shared(number, commit.await)
                }
            }),
        }
    }

    /// Writes the pending row of an upload, where its drop has room for it.
    pub(super) async fn begin(&self, upload: upload::Model) -> Result<Begun> {
        if let Some(begun) = self.begun.submit(upload.clone()).await? {
            return Ok(begun);
        }
        let per_drop = self.per_drop;
        let insert = self
            .db
            .write_aside(move |transaction| insert_pending(transaction, vec![upload], per_drop));
        let begun = insert.await?.first().copied();
        begun.ok_or_else(|| Error::internal("an upload began without an outcome"))
    }

    /// Makes files of the uploads of one payer, all of them or none.
    pub(super) async fn finish(&self, uploads: Vec<Stored>) -> Result<Outcome> {
        if uploads.len() <= SHARING_FILES_MAX
            && let Some(outcome) = self.finished.submit(uploads.clone()).await?
        {
            return Ok(outcome);
        }
        let max_files = self.max_files;
        let commit = self
            .db
            .write_aside(move |transaction| commit(transaction, vec![uploads], max_files));
        let outcome = commit.await?.first().copied();
        outcome.ok_or_else(|| Error::internal("uploads were committed without an outcome"))
    }
}

fn shared<T>(number: usize, done: Result<Vec<T>>) -> Result<Vec<Shared<T>>> {
    match done {
        Ok(outcomes) => Ok(outcomes.into_iter().map(Some).collect()),
        Err(error) if error.met_lock() => Ok((0..number).map(|_| None).collect()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::*;

    #[test]
    fn a_full_batch_fits_into_a_statement() {
        const PARAMETERS_MAX: usize = 32_766;
        let columns = [
            file::Column::iter().count(),
            event::Column::iter().count(),
            upload::Column::iter().count(),
        ];
        let most = columns.into_iter().max().unwrap_or_default();
        assert!(BATCH_MAX * SHARING_FILES_MAX * most <= PARAMETERS_MAX);
    }
}
