//! On SQLite: one prepared statement for each claim.

use std::sync::LazyLock;

use entity::{Timestamp, file};
use rusqlite::{Connection, OptionalExtension};
use sea_orm::{
    ColumnTrait,
    sea_query::{Expr, ExprTrait, SqliteQueryBuilder},
};
use uuid::Uuid;

use super::{super::audiences::EVERYONE, Asked, Claim, Found, Row, row_of};

/// The row of a claim: its user is parameter 1, the epoch 2, the file 3, the present 4, and [`EVERYONE`] 5.
static QUERY: LazyLock<String> = LazyLock::new(|| {
    let [user_id, epoch, file_id, now, everyone] = ["?1", "?2", "?3", "?4", "?5"].map(Expr::cust);
    let asked = Asked {
        user_id,
        epoch,
        now,
        everyone,
    };
    row_of(asked)
        .from(file::Entity)
        .and_where(file::Column::Id.into_expr().eq(file_id))
        .to_string(SqliteQueryBuilder)
});

#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub(super) fn look_up(
    connection: &Connection,
    claim: &Claim,
    (user_id, epoch): (Uuid, i64),
    now: Timestamp,
) -> rusqlite::Result<Found> {
    let parameters = (
        user_id.as_bytes(),
        epoch,
        claim.file_id.as_bytes(),
        now.0,
        EVERYONE.as_bytes(),
    );
    let row = connection
        .prepare_cached(&QUERY)?
        .query_row(parameters, read)
        .optional()?;
    Ok(row.map(|row| row.found(claim.identity.user_id())))
}

pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let uuid = |index| row.get(index).map(Uuid::from_bytes);
    Ok(Row {
        is_active: row.get(0)?,
        granted_until: row.get(1)?,
        file: file::Model {
            id: uuid(2)?,
            owner_id: uuid(3)?,
            name: row.get(4)?,
            size: row.get(5)?,
            content_type: row.get(6)?,
            sha256: row.get(7)?,
            content_key: row.get(8)?,
            created_at: Timestamp(row.get(9)?),
            trashed_at: row.get::<_, Option<i64>>(10)?.map(Timestamp),
        },
    })
}

#[cfg(test)]
mod tests {
    use sea_orm::{IdenStatic, Iterable};

    use super::*;

    /// They are read by their places, since this is the query of every download.
    #[test]
    fn the_columns_of_a_file_are_in_the_order_in_which_they_are_read() {
        let columns: Vec<_> = file::Column::iter().map(|column| column.as_str()).collect();
        assert_eq!(
            columns,
            [
                "id",
                "owner_id",
                "name",
                "size",
                "content_type",
                "sha256",
                "content_key",
                "created_at",
                "trashed_at",
            ]
        );
    }
}
