//! On SQLite: one thread with one prepared statement, since handing each query to a thread would cost more than the query.

use std::{path::Path, thread, time::Duration};

use entity::{Timestamp, file};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Statement};
use sea_orm::sea_query::{Expr, SqliteQueryBuilder};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Ask, BATCH_MAX, Claim, Facts, facts, verdict};
use crate::{
    clock::Clock,
    error::{Error, Result},
};

const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn start(path: &Path, clock: Clock, waiting: mpsc::Receiver<Ask>) -> Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(Error::internal)?;
    connection.busy_timeout(PATIENCE).map_err(Error::internal)?;
    connection
        .pragma_update(None, "mmap_size", crate::db::SQLITE_MMAP_BYTES)
        .map_err(Error::internal)?;
    let work = move || {
        if let Err(error) = work(&connection, &clock, waiting) {
            tracing::error!(%error, "tickets can be checked no more");
        }
    };
    thread::Builder::new()
        .name("redemptions".to_owned())
        .spawn(work)?;
    Ok(())
}

fn work(
    connection: &Connection,
    clock: &Clock,
    mut waiting: mpsc::Receiver<Ask>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&query())?;
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while waiting.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        // One look at the database for all: what is committed by now is what counts.
        let transaction = connection.unchecked_transaction();
        let now = clock.now();
        for ask in batch.drain(..) {
            let found = match &transaction {
                Ok(_) => check(&mut statement, &ask.claim, now),
                Err(error) => Err(Error::internal(error.to_string())),
            };
            let _ = ask.answer.send(found.map(verdict));
        }
    }
    Ok(())
}

fn check(statement: &mut Statement<'_>, claim: &Claim, now: Timestamp) -> Result<Option<Facts>> {
    let parameters = (
        claim.user_id.as_bytes(),
        claim.credential_epoch,
        claim.file_id.as_bytes(),
        now.0,
    );
    statement
        .query_row(parameters, read)
        .optional()
        .map_err(Error::internal)
}

/// The facts of a claim: its user is parameter 1, the epoch 2, the file 3, and the present 4.
fn query() -> String {
    let [user_id, epoch, file_id, now] = ["?1", "?2", "?3", "?4"].map(Expr::cust);
    // SQLite's planner needs something to join the file to.
    facts(&user_id, epoch, file_id, now)
        .from_values([1], "ask")
        .to_string(SqliteQueryBuilder)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Facts> {
    let uuid = |index| row.get(index).map(Uuid::from_bytes);
    Ok(Facts {
        active: row.get(0)?,
        granted: row.get(1)?,
        owned: row.get(2)?,
        file: file::Model {
            id: uuid(3)?,
            owner_id: uuid(4)?,
            name: row.get(5)?,
            size: row.get(6)?,
            content_type: row.get(7)?,
            sha256: row.get(8)?,
            content_key: row.get(9)?,
            created_at: Timestamp(row.get(10)?),
            trashed_at: row.get::<_, Option<i64>>(11)?.map(Timestamp),
        },
    })
}
