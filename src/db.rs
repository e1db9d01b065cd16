//! The database: connecting, migrating, and the two ways in. Reads may run side by side; writes go one transaction
//! at a time on SQLite, and survive a client that hangs up.

use std::{
    fs::OpenOptions,
    future::Future,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Instant,
};

use after_commit::{AFTER_COMMIT, AfterCommit};
use group_commit::GroupCommit;
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};

use crate::{
    error::{Code, Error, Result, is_locked},
    patience::{self, Claim, PATIENCE, Withdrawn},
    private,
    tasks::Tasks,
};

mod after_commit;
mod connect;
mod due;
mod group_commit;
mod lookups;
mod page;
mod reader;

pub use after_commit::after_commit;
pub use lookups::Lookups;
pub use page::{Page, Rows};
pub use reader::Reader;

const READ_ONLY: &str = "SHOW transaction_read_only";

/// An arbitrary number that stands for the right to migrate.
const MIGRATION_LOCK: i64 = 0x636c_6f61_6b72;

/// A future that borrows the transaction it runs in.
pub type InTransaction<'t, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 't>>;

/// Handles to one database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    reader: Reader,
    writer: DatabaseConnection,
    /// On SQLite, which has one writer: writes that wait share a commit. PostgreSQL groups commits itself.
    group: Option<GroupCommit>,
    /// On SQLite, for the reads that every request makes.
    lookups: Option<Lookups>,
    sqlite_path: Option<PathBuf>,
}

impl Db {
    /// Connects, creating an SQLite database that does not exist yet; only the server's user may read it.
    pub async fn connect(url: &str, tasks: &Tasks) -> Result<Self> {
        if let Some(rest) = url.strip_prefix("sqlite:") {
            let path = rest
                .split('?')
                .next()
                .unwrap_or_default()
                .trim_start_matches("//");
            // A failure to create it is SQLite's to report. Its other files take their mode from this one.
            let _ = OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(path);
            for file in ["", "-wal", "-shm"] {
                private::check_file(Path::new(&format!("{path}{file}")))?;
            }
            connect::sync_log(path)?;
            let writer = Database::connect(connect::sqlite(url, 1, false)).await?;
            let reader = Database::connect(connect::sqlite(url, connect::READERS, true)).await?;
            let group = Some(GroupCommit::start(writer.clone(), tasks));
            return Ok(Self {
                reader: Reader(reader),
                writer,
                group,
                lookups: Some(Lookups::start(Path::new(path))?),
                sqlite_path: Some(path.into()),
            });
        }
        let pool = Database::connect(connect::postgres(url)).await?;
        Ok(Self {
            reader: Reader(pool.clone()),
            writer: pool,
            group: None,
            lookups: None,
            sqlite_path: None,
        })
    }

    /// Brings the schema up to date. Several instances may do so at once: one does, the others wait.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        let transaction = self.begin_migration().await?;
        Migrator::up(&transaction, None).await?;
        transaction.commit().await
    }

    /// Takes back the newest `steps` steps of the schema.
    pub async fn migrate_down(&self, steps: u32) -> Result<(), DbErr> {
        let transaction = self.begin_migration().await?;
        Migrator::down(&transaction, Some(steps)).await?;
        transaction.commit().await
    }

    /// One transaction for all steps: a table that is there without a note of it would stop every later start.
    #[expect(clippy::disallowed_methods, reason = "a lock reads no row")]
    async fn begin_migration(&self) -> Result<DatabaseTransaction, DbErr> {
        if self.writer.get_database_backend() != DbBackend::Postgres {
            let began = Instant::now();
            loop {
                match self.writer.begin_with_options(immediate()).await {
                    Err(error) if is_locked(&error) && began.elapsed() < PATIENCE => {}
                    begun => return begun,
                }
            }
        }
        let transaction = self.writer.begin().await?;
        // However long the other instance takes.
        let lock =
            format!("SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
        transaction.execute_unprepared(&lock).await?;
        Ok(transaction)
    }

    /// For queries outside a transaction. On SQLite these connections cannot write.
    pub fn read(&self) -> &Reader {
        &self.reader
    }

    /// The database file, on SQLite.
    pub fn sqlite_path(&self) -> Option<&Path> {
        self.sqlite_path.as_deref()
    }

    /// The quicker way to look up single rows, on SQLite.
    pub fn lookups(&self) -> Option<&Lookups> {
        self.lookups.as_ref()
    }

    /// Runs `work` in one transaction and commits what it returns `Ok` from. When this returns, the commit is durable.
    ///
    /// Once its commit has begun, it ends even if the caller goes away. Nothing but the database may be awaited in `work`.
    /// `UNAVAILABLE` when the caller's patience or time ends first: then nothing is committed.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> InTransaction<'t, T> + Send + 'static,
    {
        match &self.group {
            Some(group) => group.write(work).await,
            None => {
                let claim = Arc::new(Claim::default());
                let (writer, wanted) = (self.writer.clone(), Arc::clone(&claim));
                // PostgreSQL's locks are waited for in the middle of the work: until its end, it can be given up.
                let transaction = tokio::spawn(async move {
                    let after = AfterCommit::default();
                    let value = alone(&writer, work, &after, || wanted.take()).await?;
                    after.run();
                    Ok(value)
                });
                let _withdrawn = Withdrawn(&claim);
                let done = patience::wait_for(&claim, transaction).await?;
                done.map_err(Error::internal)?
            }
        }
    }

    /// Fails when nothing can be read.
    #[expect(clippy::disallowed_methods, reason = "checks read no row")]
    pub async fn check_reading(&self) -> Result<()> {
        if let Some(lookups) = &self.lookups {
            let look = |connection: &rusqlite::Connection| {
                connection.pragma_query_value(None, "schema_version", |_| Ok(()))
            };
            lookups.run(look).await?;
        }
        self.reader.execute_unprepared("SELECT 1").await?;
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
        self.reader.0.close().await?;
        self.writer.close().await
    }
}

/// Why work in a transaction failed.
struct Failure {
    error: Error,
    /// Whether the transaction is known to be taken back, and its connection as it was before.
    undone: bool,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl From<DbErr> for Failure {
    fn from(error: DbErr) -> Self {
        Self {
            error: error.into(),
            undone: false,
        }
    }
}

/// Runs `work` in a transaction of its own, or a savepoint; gathers in `after` what is to be done once it is durable. What
/// is not `wanted` any more when it is done is taken back.
async fn alone<T, F>(
    connection: &impl TransactionTrait<Transaction = DatabaseTransaction>,
    work: F,
    after: &AfterCommit,
    wanted: impl FnOnce() -> bool,
) -> Result<T, Failure>
where
    F: for<'t> FnOnce(&'t DatabaseTransaction) -> InTransaction<'t, T>,
{
    let transaction = connection.begin().await?;
    let done = AFTER_COMMIT.scope(after.clone(), work(&transaction)).await;
    match done.and_then(|value| match wanted() {
        true => Ok(value),
        false => Err(Error::exhausted(Code::Unavailable)),
    }) {
        Ok(value) => {
            transaction.commit().await?;
            Ok(value)
        }
        Err(error) => {
            let undone = transaction.rollback().await.is_ok();
            Err(Failure { error, undone })
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

/// The URL of the SQLite database kept in `data_dir`.
pub fn sqlite_url(data_dir: &Path) -> String {
    format!("sqlite:{}", data_dir.join("cloakroom.sqlite3").display())
}
