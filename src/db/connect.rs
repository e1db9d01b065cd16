//! How connections to the databases are set up.

use std::{
    fs::File,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Duration,
};

use sea_orm::{
    ConnectOptions,
    sqlx::{Connection, Executor, sqlite::SqliteLockingMode},
};

use crate::patience::PATIENCE;

/// How many threads SQLite's queries get, besides look-ups.
pub(super) const READERS: u32 = 4;

/// After a quarter of a second, SQLite's writer looks whether anybody still waits for the lock, and tries again.
const LOCK_TRY: &str = "PRAGMA busy_timeout = 250";
/// PostgreSQL waits for a lock as long as [`PATIENCE`], as the request does. It rolls back the transaction of an instance that
/// stands still in the middle of it, so that others get its locks. It ends a statement
/// before we give up its connection: otherwise statements that nobody waits for would pile up. It compiles no statement,
/// which takes it a second where it thinks that the statement will be slow: ours read few rows, of however many.
const POSTGRES_SETTINGS: &str = "SET lock_timeout = '10s'; \
    SET idle_in_transaction_session_timeout = '15s'; \
    SET statement_timeout = '20s'; \
    SET jit = off";

/// How much of an SQLite database is read through a memory map: address space, not memory. SQLite allows no more.
pub(super) const SQLITE_MMAP_BYTES: i64 = 2 << 30;

/// An idle connection to PostgreSQL is asked whether it is still one, which costs as much as a query, after so long.
const STALE: Duration = Duration::from_millis(500);
/// One that has not answered after so long is closed, and a new one made.
const PING_LIMIT: Duration = Duration::from_secs(2);

#[expect(
    clippy::disallowed_methods,
    reason = "a setting of the connection reads no row"
)]
pub(super) fn postgres(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        // For a new connection as well.
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_postgres_pool_opts(|pool| {
            let pool = pool.after_connect(|connection, _| {
                Box::pin(async move { connection.execute(POSTGRES_SETTINGS).await.map(drop) })
            });
            pool.before_acquire(|connection, state| {
                Box::pin(async move {
                    if state.idle_for < STALE {
                        return Ok(true);
                    }
                    match tokio::time::timeout(PING_LIMIT, connection.ping()).await {
                        Ok(answer) => answer.map(|()| true),
                        Err(_) => Err(io::Error::from(ErrorKind::TimedOut).into()),
                    }
                })
            })
        });
    options
}

/// What a killed process wrote to SQLite's log and did not sync is visible again: it is made durable before anyone reads it.
pub(super) fn sync_log(path: &Path) -> io::Result<()> {
    match File::open(beside(path, "-wal")) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        log => log?.sync_all(),
    }
}

/// SQLite's own file next to the database at `path`, whose name has `end` behind the database's.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut file = path.to_owned().into_os_string();
    file.push(end);
    file.into()
}

/// The same for whoever has the database alone, or not at all.
pub(super) fn sqlite_alone(path: &Path) -> ConnectOptions {
    let mut options = sqlite(path, false);
    options.map_sqlx_sqlite_opts({
        let path = path.to_owned();
        move |options| {
            options
                .filename(&path)
                .busy_timeout(Duration::from_secs(1))
                .locking_mode(SqliteLockingMode::Exclusive)
        }
    });
    options
}

/// The URL that sqlx takes has its own idea of `%`, `?` and `#`, and so the path goes past it.
#[expect(
    clippy::disallowed_methods,
    reason = "a setting of the connection reads no row"
)]
pub(super) fn sqlite(path: &Path, read_only: bool) -> ConnectOptions {
    let mut options = ConnectOptions::new("sqlite:");
    let path = path.to_owned();
    options
        .max_connections(1)
        .min_connections(1)
        .acquire_timeout(PATIENCE)
        .sqlx_logging(false)
        // A connection to a local file does not go stale, and a new one would read the schema again.
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(move |options| {
            let options = options
                .filename(&path)
                .foreign_keys(true)
                // For the settings that follow; afterwards LOCK_TRY is.
                .busy_timeout(PATIENCE)
                .pragma("mmap_size", SQLITE_MMAP_BYTES.to_string())
                // No files of its own: the full-text index needs them at each write, and they would be in /var/tmp.
                .pragma("temp_store", "MEMORY");
            if read_only {
                return options.read_only(true);
            }
            options
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "FULL")
        })
        // After a full disk, SQLite has taken back a transaction that sqlx still counts: such a connection is of no use.
        .map_sqlx_sqlite_pool_opts(|pool| {
            let pool = pool.after_connect(|connection, _| {
                Box::pin(async move { connection.execute(LOCK_TRY).await.map(drop) })
            });
            pool.after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
        });
    options
}
