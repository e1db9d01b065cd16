//! On SQLite: one prepared statement for each ticket.

use std::sync::LazyLock;

use entity::{Timestamp, file};
use rusqlite::{Connection, OptionalExtension, Row};
use sea_orm::sea_query::{Expr, SqliteQueryBuilder};
use uuid::Uuid;

use super::{Claim, Facts, facts};

/// The facts of a claim: its user is parameter 1, the epoch 2, the file 3, and the present 4.
static QUERY: LazyLock<String> = LazyLock::new(|| {
    let [user_id, epoch, file_id, now] = ["?1", "?2", "?3", "?4"].map(Expr::cust);
    // SQLite's planner needs something to join the file to.
    facts(&user_id, epoch, file_id, now)
        .from_values([1], "ask")
        .to_string(SqliteQueryBuilder)
});

#[expect(
    clippy::disallowed_methods,
    reason = "this is the loader of files, for tickets"
)]
pub(super) fn look_up(
    connection: &Connection,
    claim: &Claim,
    now: Timestamp,
) -> rusqlite::Result<Option<Facts>> {
    let parameters = (
        claim.user_id.as_bytes(),
        claim.credential_epoch,
        claim.file_id.as_bytes(),
        now.0,
    );
    connection
        .prepare_cached(&QUERY)?
        .query_row(parameters, read)
        .optional()
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
