//! The rows of uploads: pending ones, and the files that they become. Uploads side by side share statements and commits.

use std::collections::HashMap;

use entity::{Timestamp, discarded_content, dropped_file, event, file, resumable_upload, upload};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};
use uuid::Uuid;

use crate::{
    access::Payer,
    app::App,
    batch::Batches,
    config::Config,
    db::{Db, InTransaction, Transaction},
    domain::{
        events, files,
        quota::{self, Change},
    },
    error::{Error, Result},
    storage::{ContentKey, Lock},
    tasks::Tasks,
};

mod admission;
mod beginning;

use admission::admit;
use beginning::insert_pending;

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
    max_per_drop: u32,
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
    /// Its drop has as many under way as it may have.
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
        let max_per_drop = config.strangers.max_uploads_per_drop;
        Self {
            db: db.clone(),
            max_files,
            max_per_drop,
            begun: Batches::start(tasks, "upload rows", BATCH_MAX, AT_ONCE, move |uploads| {
                let db = begin.clone();
                async move {
                    let number = uploads.len();
                    let insert = db.write_briefly(move |transaction| {
                        insert_pending(transaction, uploads, max_per_drop)
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
        let max_per_drop = self.max_per_drop;
        let insert = self.db.write_aside(move |transaction| {
            insert_pending(transaction, vec![upload], max_per_drop)
        });
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

/// Commits groups of uploads, each of which is whole or refused; says what became of each.
fn commit(
    transaction: &Transaction,
    groups: Vec<Vec<Stored>>,
    max_files: u32,
) -> InTransaction<'_, Vec<Outcome>> {
    Box::pin(async move {
        let ids = groups.iter().flatten().map(|upload| upload.upload_id);
        let pending = lock_pending(transaction, ids.collect()).await?;
        let outcomes = admit(transaction, &groups, &pending, max_files).await?;
        let committed = groups
            .into_iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| **outcome == Outcome::Committed);
        let finished: Vec<Stored> = committed.flat_map(|(group, _)| group).collect();
        if !finished.is_empty() {
            become_files(transaction, finished).await?;
        }
        Ok(outcomes)
    })
}

/// Those of the uploads that are still pending, and what they reserve. Nobody else can take them before this transaction
/// ends.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
async fn lock_pending(transaction: &Transaction, ids: Vec<Uuid>) -> Result<HashMap<Uuid, i64>> {
    let pending: Vec<(Uuid, i64)> = upload::Entity::find()
        .select_only()
        .columns([upload::Column::Id, upload::Column::ReservedBytes])
        .filter(upload::Column::Id.is_in(ids))
        // In one order, or two transactions could wait for each other.
        .order_by_asc(upload::Column::Id)
        .lock_exclusive()
        .into_tuple()
        .all(transaction)
        .await?;
    Ok(pending.into_iter().collect())
}

#[expect(
    clippy::disallowed_methods,
    reason = "files are born here, into the accounts that uploads go to"
)]
async fn become_files(transaction: &Transaction, finished: Vec<Stored>) -> Result<()> {
    let ids: Vec<_> = finished.iter().map(|upload| upload.upload_id).collect();
    upload::Entity::delete_many()
        .filter(upload::Column::Id.is_in(ids))
        .exec(transaction)
        .await?;
    let dropped: Vec<_> = finished
        .iter()
        .filter_map(|upload| {
            Some(dropped_file::Model {
                file_id: upload.file.id,
                drop_id: upload.drop_id?,
            })
        })
        .map(|row| row.into_active_model().reset_all())
        .collect();
    let known = finished
        .iter()
        .filter_map(|upload| Some((upload.upload_id, upload.known_until?, &upload.file)));
    let known: Vec<_> = known
        .map(|(id, until, file)| (id, until, file.id, file.size))
        .collect();
    let (files, events): (Vec<_>, Vec<_>) = finished
        .into_iter()
        .map(|upload| (upload.file.into_active_model().reset_all(), upload.event))
        .unzip();
    file::Entity::insert_many(files)
        .exec_without_returning(transaction)
        .await?;
    for (id, until, file_id, size) in known {
        let columns = [
            (resumable_upload::Column::FileId, Expr::value(file_id)),
            (resumable_upload::Column::Length, Expr::value(size)),
            (resumable_upload::Column::ReceivedBytes, Expr::value(size)),
            (resumable_upload::Column::ExpiresAt, Expr::value(until)),
        ];
        let finish =
            resumable_upload::Entity::update_many().filter(resumable_upload::Column::Id.eq(id));
        let finish = columns.into_iter().fold(finish, |finish, (column, value)| {
            finish.col_expr(column, value)
        });
        finish.exec(transaction).await?;
    }
    if !dropped.is_empty() {
        dropped_file::Entity::insert_many(dropped)
            .exec_without_returning(transaction)
            .await?;
    }
    events::record_all(transaction, events).await
}

/// Takes an upload back, unless it has become a file after all: its commit may have succeeded without our hearing of it.
///
/// The row becomes a note of discarded content in one transaction, so that whatever happens next, the bytes can be found.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(super) async fn abort(app: &App, id: Uuid, key: &ContentKey) -> Result<()> {
    let discarded = discarded_content::Model {
        content_key: key.to_string(),
        discarded_at: app.clock.now(),
    };
    let take_back = app.db.write_aside(move |transaction| {
        Box::pin(async move {
            let row = upload::Entity::find_by_id(id)
                .lock_exclusive()
                .one(transaction)
                .await?;
            // A commit and an abort may race for the row; the loser finds none.
            let Some(row) = row else {
                return Ok(false);
            };
            upload::Entity::delete_by_id(id).exec(transaction).await?;
            if row.is_resumable {
                resumable_upload::Entity::delete_by_id(id)
                    .exec(transaction)
                    .await?;
            }
            let change = Change {
                reserved: -row.reserved_bytes,
                ..Change::default()
            };
            quota::account_for(transaction, row.user_id, change).await?;
            discarded_content::ActiveModel::from(discarded)
                .reset_all()
                .insert(transaction)
                .await?;
            Ok(true)
        })
    });
    if take_back.await? {
        files::discard_after_commit(app, key.as_str()).await;
    }
    Ok(())
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
