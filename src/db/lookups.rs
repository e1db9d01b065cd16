//! Look-ups on SQLite: the short reads that every request makes, on one thread with prepared statements. To hand each to a
//! connection of its own, as for other queries, would cost ten times as much as the read.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot};

use crate::{
    error::{Error, Result},
    patience,
};

/// Look-ups that share one look at the database at most.
const BATCH_MAX: usize = 64;

type Lookup = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the thread, which ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Lookups {
    waiting: mpsc::Sender<Lookup>,
}

impl Lookups {
    /// Starts the thread over the database file `path`, which it can only read.
    #[expect(
        clippy::disallowed_methods,
        reason = "look-ups have their one connection from here"
    )]
    pub(super) fn start(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(patience::PATIENCE)?;
        connection.pragma_update(None, "mmap_size", super::connect::SQLITE_MMAP_BYTES)?;
        let (waiting, mut queue) = mpsc::channel(1024);
        thread::Builder::new()
            .name("lookups".to_owned())
            .spawn(move || {
                // What panics outside a look-up is nobody's, and the thread everybody's.
                while catch_unwind(AssertUnwindSafe(|| run(&connection, &mut queue))).is_err() {}
            })?;
        Ok(Self { waiting })
    }

    /// What `read` reads. It sees every commit that ended before this was called.
    pub async fn run<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (answer, found) = oneshot::channel();
        let lookup: Lookup = Box::new(move |connection| {
            // Nobody waits any more when the client has gone.
            let _ = answer.send(read(connection));
        });
        let failed = |_| Error::internal("a look-up did not end");
        let found = patience::wait(async {
            self.waiting.send(lookup).await.map_err(|_| failed(()))?;
            found.await.map_err(|_| failed(()))
        });
        Ok(found.await???)
    }
}

fn run(connection: &Connection, queue: &mut mpsc::Receiver<Lookup>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while queue.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        // One look for all saves locks. Where it cannot begin, each looks for itself.
        let _together = connection.unchecked_transaction();
        for lookup in batch.drain(..) {
            // A panic is one request's, and this thread everybody's.
            let _ = catch_unwind(AssertUnwindSafe(|| lookup(connection)));
        }
    }
}
