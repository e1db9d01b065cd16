//! The database: connecting, migrating, and the two ways in. Reads may run side by side; writes go one transaction
//! at a time on SQLite, and survive a client that hangs up.

use std::{
    fmt::Display,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};

use group_commit::GroupCommit;
use postgres::{Waiting, Writes};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    EntityTrait, IntoActiveModel, Select, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait, TryIntoModel, sqlx::postgres::PgListener,
};
use tokio::sync::Notify;
use transaction::Done;

use crate::{
    config::Secret,
    error::{Code, Error, Result},
    metrics,
    operator_error::OperatorError,
};

mod connect;
mod due;
mod figures;
mod group_commit;
mod integrity;
mod lookups;
mod migrate;
mod open;
mod page;
mod place;
mod postgres;
mod prepared;
mod reader;
mod shared_time;
mod transaction;
mod transfer;

pub use lookups::Lookups;
pub use page::{LISTS_MAX, Page, Rows};
pub use postgres::Connections;
pub use prepared::bind_all;
pub use reader::Reader;
pub use shared_time::shared_time;
pub use transaction::Transaction;
pub use transfer::Transfer;

const READ_ONLY: &str = "SHOW transaction_read_only";

/// A future that borrows the transaction it runs in.
pub type InTransaction<'t, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 't>>;

/// Handles to one database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    reader: Reader,
    writer: Writer,
    sqlite_path: Option<PathBuf>,
    /// What operators call it.
    name: Arc<str>,
    /// Wakes one who waits for events of this process.
    news: Arc<Notify>,
    /// Where to hear of those of others, on PostgreSQL.
    postgres_url: Option<Secret>,
}

#[derive(Clone, Debug)]
enum Writer {
    /// One connection: writes that wait share a commit.
    Sqlite(DatabaseConnection, GroupCommit),
    /// Several connections: PostgreSQL groups commits itself.
    Postgres(Writes),
}

impl Writer {
    fn pool(&self) -> DatabaseConnection {
        match self {
            Self::Sqlite(pool, _) => pool.clone(),
            Self::Postgres(writes) => writes.connections.pool(),
        }
    }
}

impl Db {
    /// What operators call this database, with its path or address and without its password.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What an error of this database says to the operator.
    pub fn unusable(&self, error: impl Display) -> OperatorError {
        OperatorError::new(format!("cannot use {}: {error}", self.name))
    }

    /// The rows that `select` selects, outside a transaction.
    pub async fn all<E>(&self, select: Select<E>) -> Result<Vec<E::Model>>
    where
        E: EntityTrait,
        E::Model: IntoActiveModel<E::ActiveModel> + Send + 'static,
        E::ActiveModel: ActiveModelTrait<Entity = E> + TryIntoModel<E::Model>,
    {
        self.reader.all(select).await
    }

    /// The first of the rows that `select` selects, outside a transaction.
    pub async fn one<E>(&self, select: Select<E>) -> Result<Option<E::Model>>
    where
        E: EntityTrait,
        E::Model: IntoActiveModel<E::ActiveModel> + Send + 'static,
        E::ActiveModel: ActiveModelTrait<Entity = E> + TryIntoModel<E::Model>,
    {
        self.reader.one(select).await
    }

    /// What `all` and `one` read through, for queries that are written for one database or the other.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The database file, on SQLite.
    pub fn sqlite_path(&self) -> Option<&Path> {
        self.sqlite_path.as_deref()
    }

    /// Runs `work` in one transaction and commits it if it returns `Ok`. When this returns, the commit is durable.
    ///
    /// Once it has begun (on PostgreSQL: once its commit has), it ends even if the caller goes away. Nothing but the database may be awaited in `work`.
    /// `UNAVAILABLE` when the caller's patience or time ends first: then nothing is committed.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> InTransaction<'t, T> + Send + 'static,
    {
        self.write_waiting(Waiting::Patiently, work).await
    }

    /// The same, for the throttle: however many wait for its rows on PostgreSQL, others have connections.
    pub async fn write_throttle<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> InTransaction<'t, T> + Send + 'static,
    {
        self.write_waiting(Waiting::Throttle, work).await
    }

    /// The same, for work of several users at once: it waits for no lock of PostgreSQL that is held for long, but fails with
    /// an error that [has met a lock](Error::met_lock).
    pub async fn write_briefly<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> InTransaction<'t, T> + Send + 'static,
    {
        self.write_waiting(Waiting::Briefly, work).await
    }

    /// The same, for work that waits for one user's rows: where PostgreSQL has them locked for long, it waits with few
    /// others at a time, so that other users' work has connections.
    pub async fn write_aside<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> InTransaction<'t, T> + Clone + Send + 'static,
    {
        match self.write_briefly(work.clone()).await {
            Err(error) if error.met_lock() => self.write_waiting(Waiting::Aside, work).await,
            done => done,
        }
    }

    async fn write_waiting<T, F>(&self, waiting: Waiting, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> InTransaction<'t, T> + Send + 'static,
    {
        let news = Arc::clone(&self.news);
        let work = waking(news, work);
        let begun = metrics::begin();
        let written = match &self.writer {
            Writer::Sqlite(_, group) => group.write(work).await,
            Writer::Postgres(writes) => writes.write(waiting, work).await,
        };
        metrics::WRITES.ended(begun, written.as_ref().is_err_and(Error::is_failure));
        written
    }

    /// Ready when a transaction that has [announced](Transaction::announce) itself is durable; for one task alone.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Listens to what other instances say on a channel, on PostgreSQL. The connection is made again by itself.
    pub async fn listen(&self, channel: &str) -> Result<Option<PgListener>> {
        let Some(url) = &self.postgres_url else {
            return Ok(None);
        };
        let mut listener = PgListener::connect(url.expose())
            .await
            .map_err(Error::internal)?;
        listener.listen(channel).await.map_err(Error::internal)?;
        Ok(Some(listener))
    }

    /// Fails when nothing can be read.
    #[expect(clippy::disallowed_methods, reason = "checks read no row")]
    pub async fn check_reading(&self) -> Result<()> {
        match &self.reader {
            Reader::Sqlite { lookups, queries } => {
                for threads in [lookups, queries] {
                    let look = |connection: &rusqlite::Connection| {
                        connection.pragma_query_value(None, "schema_version", |_| Ok(()))
                    };
                    threads.run(look).await?;
                }
            }
            Reader::Postgres(connections) => {
                connections.execute_unprepared("SELECT 1").await?;
            }
        }
        Ok(())
    }

    /// Fails when nothing can be written; writes nothing.
    #[expect(clippy::disallowed_methods, reason = "checks read no row")]
    pub async fn check_writing(&self) -> Result<()> {
        let check = self.write(|transaction| {
            Box::pin(async move {
                if transaction.get_database_backend() != DbBackend::Postgres {
                    // That the lock could be had is all there is to know.
                    return Ok(());
                }
                let query = Statement::from_string(DbBackend::Postgres, READ_ONLY);
                let answer = transaction.query_one_raw(query).await?;
                let answer = answer.map(|row| row.try_get_by_index::<String>(0));
                match answer.transpose()?.as_deref() {
                    Some("off") => Ok(()),
                    _ => Err(Error::new(Code::Unavailable, "The database is read-only.")),
                }
            })
        });
        check.await
    }

    /// Closes every connection, after the queries under way.
    pub async fn close(self) -> Result<(), DbErr> {
        if let Reader::Postgres(connections) = self.reader {
            connections.pool().close().await?;
        }
        self.writer.pool().close().await
    }
}

/// Why work in a transaction failed.
struct Failure {
    error: Error,
    /// Why the transaction is not known to be taken back, if it is not, nor its connection known to be as it was before.
    lost: Option<Box<Error>>,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        let error = Error::from(error);
        Self {
            lost: Some(Box::new(error.echo())),
            error,
        }
    }
}

/// Runs `work` in a transaction of its own, or a savepoint. What is not `wanted` any more when it is done is taken back.
async fn alone<T, F>(
    connection: &impl TransactionTrait<Transaction = DatabaseTransaction>,
    work: F,
    wanted: impl FnOnce() -> bool,
) -> Result<Done<T>, Failure>
where
    F: for<'t> FnOnce(&'t Transaction) -> InTransaction<'t, T>,
{
    in_transaction(connection.begin().await?, work, wanted).await
}

/// The same in a `transaction` that has begun, which this ends.
async fn in_transaction<T, F>(
    transaction: DatabaseTransaction,
    work: F,
    wanted: impl FnOnce() -> bool,
) -> Result<Done<T>, Failure>
where
    F: for<'t> FnOnce(&'t Transaction) -> InTransaction<'t, T>,
{
    let transaction = Transaction::of(transaction);
    let done = work(&transaction).await;
    match done.and_then(|value| match wanted() {
        true => Ok(value),
        false => Err(Error::exhausted(Code::Unavailable)),
    }) {
        Ok(value) => Ok(transaction.commit(value).await?),
        Err(error) => {
            let lost = transaction.rollback().await.err();
            let lost = lost.map(|error| Box::new(error.into()));
            Err(Failure { error, lost })
        }
    }
}

/// Waits for SQLite's lock at the beginning, rather than failing at the first write.
fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}

/// The same work, in a transaction that wakes `news` when it announces itself.
fn waking<T, F>(
    news: Arc<Notify>,
    work: F,
) -> impl for<'t> FnOnce(&'t Transaction) -> InTransaction<'t, T> + Send + 'static
where
    F: for<'t> FnOnce(&'t Transaction) -> InTransaction<'t, T> + Send + 'static,
{
    move |transaction| {
        transaction.will_wake(news);
        work(transaction)
    }
}
