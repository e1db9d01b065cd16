//! The database: connecting, migrating, and the two ways in. Reads may run side by side; writes go one transaction
//! at a time on SQLite, and survive a client that hangs up.

use std::{
    fs::OpenOptions,
    future::Future,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};

use group_commit::GroupCommit;
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::error::{Error, Result};

mod group_commit;

/// How many read-only connections SQLite gets, and how many PostgreSQL gets in all.
const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
/// How long a writer waits for SQLite's lock, and anybody for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of an SQLite database is read through a memory map.
pub const SQLITE_MMAP_BYTES: i64 = 256 << 20;

/// An arbitrary number that stands for the right to migrate.
const MIGRATION_LOCK: i64 = 0x636c_6f61_6b72;

/// A future that borrows the transaction it runs in.
pub type InTransaction<'t, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 't>>;

/// Handles to one database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// On SQLite, which has one writer: writes that wait share a commit. PostgreSQL groups commits itself.
    group: Option<GroupCommit>,
    sqlite_path: Option<PathBuf>,
}

impl Db {
    /// Connects, creating an SQLite database that does not exist yet; only the server's user may read it.
    pub async fn connect(url: &str) -> Result<Self, DbErr> {
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
            let writer = Database::connect(sqlite(url, 1, false)).await?;
            let reader = Database::connect(sqlite(url, READERS, true)).await?;
            let group = Some(GroupCommit::start(writer.clone()));
            return Ok(Self {
                reader,
                writer,
                group,
                sqlite_path: Some(path.into()),
            });
        }
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(PATIENCE)
            // A ping for each query would cost as much as the query.
            .test_before_acquire(false)
            .sqlx_logging(false);
        let pool = Database::connect(options).await?;
        Ok(Self {
            reader: pool.clone(),
            writer: pool,
            group: None,
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
                let transaction = tokio::spawn(async move { alone(&writer, work).await });
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

/// Runs `work` in a transaction of its own.
async fn alone<T, F>(
    connection: &impl TransactionTrait<Transaction = DatabaseTransaction>,
    work: F,
) -> Result<T>
where
    F: for<'t> FnOnce(&'t DatabaseTransaction) -> InTransaction<'t, T>,
{
    let transaction = connection.begin().await?;
    match work(&transaction).await {
        Ok(value) => {
            transaction.commit().await?;
            Ok(value)
        }
        Err(error) => {
            transaction.rollback().await?;
            Err(error)
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
                // What a killed process wrote and did not sync is visible again: it is made durable before anyone reads it.
                .pragma("wal_checkpoint", "PASSIVE")
        });
    options
}
