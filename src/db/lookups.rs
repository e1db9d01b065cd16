//! Reads on SQLite: threads with a connection each, whose statements stay prepared. Short look-ups, which every request
//! makes, share one thread and one look at the database; other queries run side by side.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot};

use crate::{
    error::{Error, Result},
    metrics::{self, Operation},
    patience,
};

/// Look-ups that share one look at the database at most.
const BATCH_MAX: usize = 64;
/// Statements that each connection keeps prepared.
const PREPARED_MAX: usize = 128;

type Lookup = Box<dyn FnOnce(&Connection) + Send>;
type Queue = Arc<Mutex<mpsc::Receiver<Lookup>>>;

/// The way to threads that read: one for look-ups, or several for longer queries. They end when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Lookups {
    waiting: mpsc::Sender<Lookup>,
    measured: &'static Operation,
}

impl Lookups {
    /// Starts the thread of the short ones over the database file `path`, which it can only read.
    pub(super) fn start(path: &Path) -> Result<Self> {
        Self::threads(path, 1, BATCH_MAX, &metrics::LOOK_UPS)
    }

    /// Starts `threads` for queries that may take long, each over a connection of its own.
    pub(super) fn side_by_side(path: &Path, threads: u32) -> Result<Self> {
        Self::threads(path, threads, 1, &metrics::QUERIES)
    }

    fn threads(
        path: &Path,
        threads: u32,
        at_once: usize,
        measured: &'static Operation,
    ) -> Result<Self> {
        let (waiting, queue) = mpsc::channel(1024);
        let queue: Queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let (connection, queue) = (open(path)?, queue.clone());
            thread::Builder::new()
                .name("lookups".to_owned())
                .spawn(move || {
                    // What panics outside a look-up is nobody's, and the thread everybody's.
                    let run = || run(&connection, &queue, at_once);
                    while catch_unwind(AssertUnwindSafe(run)).is_err() {}
                })?;
        }
        Ok(Self { waiting, measured })
    }

    /// What `read` reads. It sees every commit that ended before this was called.
    pub async fn run<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let begun = metrics::begin();
        let (answer, found) = oneshot::channel();
        let lookup: Lookup = Box::new(move |connection| {
            // Nobody waits any more when the client has gone.
            if !answer.is_closed() {
                let _ = answer.send(read(connection));
            }
        });
        let failed = |_| Error::internal("a look-up did not end");
        let found = patience::wait(async {
            self.waiting.send(lookup).await.map_err(|_| failed(()))?;
            found.await.map_err(|_| failed(()))
        });
        let found = found.await.flatten();
        let found = found.and_then(|found| Ok(found?));
        self.measured.ended(begun, found.is_err());
        found
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "reads have their connections from here"
)]
fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience::PATIENCE)?;
    connection.pragma_update(None, "mmap_size", super::connect::SQLITE_MMAP_BYTES)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_MAX);
    Ok(connection)
}

fn run(connection: &Connection, queue: &Queue, at_once: usize) {
    let mut batch = Vec::with_capacity(at_once);
    while next(queue, &mut batch, at_once) > 0 {
        // One look for all saves locks. Where it cannot begin, each looks for itself.
        let _look = (at_once > 1).then(|| Look::begin(connection)).flatten();
        for lookup in batch.drain(..) {
            // A panic is one request's, and this thread everybody's.
            let _ = catch_unwind(AssertUnwindSafe(|| lookup(connection)));
        }
    }
}

/// A transaction that reads. Its statements stay prepared: those of [`rusqlite::Transaction`] are parsed each time, which takes as long
/// as a look-up.
struct Look<'c>(&'c Connection);

impl<'c> Look<'c> {
    fn begin(connection: &'c Connection) -> Option<Self> {
        step(connection, "BEGIN").ok()?;
        Some(Self(connection))
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        // What stayed open would go on showing what was there when it began.
        let _ = step(self.0, "ROLLBACK");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a transaction's ends read no row"
)]
fn step(connection: &Connection, statement: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(statement)?.execute([])
}

/// Of several threads, one waits for the queue, and the others for their turn to do so.
fn next(queue: &Queue, batch: &mut Vec<Lookup>, at_once: usize) -> usize {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.blocking_recv_many(batch, at_once)
}
