//! The database: connecting, migrating, and the two ways in. Reads may run side by side; writes go one transaction
//! at a time on SQLite, and survive a client that hangs up.

use std::{
    fs::{File, OpenOptions},
    future::Future,
    io::{self, ErrorKind},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use group_commit::GroupCommit;
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait, sqlx::Connection,
};

use crate::{
    error::{Error, Result},
    private,
};

mod group_commit;
mod lookups;

pub use lookups::Lookups;

/// How many read-only connections SQLite gets, and how many PostgreSQL gets in all.
const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
/// How long a writer waits for SQLite's lock, and anybody for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of an SQLite database is read through a memory map: address space, not memory. SQLite allows no more.
const SQLITE_MMAP_BYTES: i64 = 2 << 30;

/// An arbitrary number that stands for the right to migrate.
const MIGRATION_LOCK: i64 = 0x636c_6f61_6b72;

/// An idle connection to PostgreSQL is asked whether it is still one, which costs as much as a query, after so long.
const STALE: Duration = Duration::from_millis(500);

tokio::task_local! {
    static AFTER_COMMIT: AfterCommit;
}

type Then = Box<dyn FnOnce() + Send>;

/// What is to be done once the transaction that it was said in is durable.
#[derive(Clone, Default)]
struct AfterCommit(Arc<Mutex<Vec<Then>>>);

impl AfterCommit {
    fn run(self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.drain(..).for_each(|then| then());
    }
}

/// Has `then` called once the transaction that this is called in is durable; never, when it fails.
pub fn after_commit(then: impl FnOnce() + Send + 'static) {
    AFTER_COMMIT.with(|after| {
        let mut waiting = after.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(Box::new(then));
    });
}

/// A future that borrows the transaction it runs in.
pub type InTransaction<'t, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 't>>;

/// Handles to one database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// On SQLite, which has one writer: writes that wait share a commit. PostgreSQL groups commits itself.
    group: Option<GroupCommit>,
    /// On SQLite, for the reads that every request makes.
    lookups: Option<Lookups>,
    sqlite_path: Option<PathBuf>,
}

impl Db {
    /// Connects, creating an SQLite database that does not exist yet; only the server's user may read it.
    pub async fn connect(url: &str) -> Result<Self> {
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
            sync_log(path)?;
            let writer = Database::connect(sqlite(url, 1, false)).await?;
            let reader = Database::connect(sqlite(url, READERS, true)).await?;
            let group = Some(GroupCommit::start(writer.clone()));
            return Ok(Self {
                reader,
                writer,
                group,
                lookups: Some(Lookups::start(Path::new(path))?),
                sqlite_path: Some(path.into()),
            });
        }
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .test_before_acquire_if_idle_for(STALE)
            .sqlx_logging(false);
        let pool = Database::connect(options).await?;
        Ok(Self {
            reader: pool.clone(),
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
            return self.writer.begin_with_options(immediate()).await;
        }
        let transaction = self.writer.begin().await?;
        let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
        transaction.execute_unprepared(&lock).await?;
        Ok(transaction)
    }

    /// For queries outside a transaction. On SQLite these connections cannot write.
    pub fn read(&self) -> &DatabaseConnection {
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
    /// Once begun, it ends even if the caller goes away. Nothing but the database may be awaited in `work`.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> InTransaction<'t, T> + Send + 'static,
    {
        match &self.group {
            Some(group) => group.write(work).await,
            None => {
                let writer = self.writer.clone();
                let transaction = tokio::spawn(async move {
                    let after = AfterCommit::default();
                    let value = alone(&writer, work, &after).await?;
                    after.run();
                    Ok(value)
                });
                transaction.await.map_err(Error::internal)?
            }
        }
    }

    /// Closes every connection, after the queries under way.
    pub async fn close(self) -> Result<(), DbErr> {
        self.reader.close().await?;
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

/// Runs `work` in a transaction of its own, or a savepoint; gathers in `after` what is to be done once it is durable.
async fn alone<T, F>(
    connection: &impl TransactionTrait<Transaction = DatabaseTransaction>,
    work: F,
    after: &AfterCommit,
) -> Result<T, Failure>
where
    F: for<'t> FnOnce(&'t DatabaseTransaction) -> InTransaction<'t, T>,
{
    let transaction = connection.begin().await?;
    match AFTER_COMMIT.scope(after.clone(), work(&transaction)).await {
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

/// What a killed process wrote to SQLite's log and did not sync is visible again: it is made durable before anyone reads it.
fn sync_log(path: &str) -> io::Result<()> {
    match File::open(format!("{path}-wal")) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        log => log?.sync_all(),
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

fn sqlite(url: &str, connections: u32, read_only: bool) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(connections)
        .acquire_timeout(PATIENCE)
        .sqlx_logging(false)
        // A connection to a local file does not go stale, and a new one would read the schema again.
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(move |options| {
            let options = options
                .foreign_keys(true)
                .busy_timeout(PATIENCE)
                .pragma("mmap_size", SQLITE_MMAP_BYTES.to_string());
            if read_only {
                return options.read_only(true);
            }
            options
                .create_if_missing(true)
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "FULL")
        })
        // After a full disk, SQLite has taken back a transaction that sqlx still counts: such a connection is of no use.
        .map_sqlx_sqlite_pool_opts(|pool| {
            pool.after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
        });
    options
}
