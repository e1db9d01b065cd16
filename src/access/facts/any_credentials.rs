//! The facts for a user, with whatever credentials they would come: what the owner of a file asks about somebody else.

use std::sync::LazyLock;

use entity::{Timestamp, file, user};
use rusqlite::{Connection, OptionalExtension};
use sea_orm::{
    ColumnTrait, ConnectionTrait,
    sea_query::{Expr, ExprTrait, SelectStatement, SqliteQueryBuilder},
};
use uuid::Uuid;

use super::{super::audiences::EVERYONE, Asked, Found, postgres, row_of, sqlite};
use crate::{db::Connections, error::Result};

/// The row of a file: the user is parameter 1, the file 2, the present 3, and [`EVERYONE`] 4.
static QUERY: LazyLock<String> = LazyLock::new(|| {
    let [user_id, file_id, now, everyone] = ["?1", "?2", "?3", "?4"].map(Expr::cust);
    query(user_id, file_id, now, everyone).to_string(SqliteQueryBuilder)
});

#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub(super) fn look_up_in_sqlite(
    connection: &Connection,
    file_id: Uuid,
    user_id: Uuid,
    now: Timestamp,
) -> rusqlite::Result<Found> {
    let parameters = (
        user_id.as_bytes(),
        file_id.as_bytes(),
        now.0,
        EVERYONE.as_bytes(),
    );
    let row = connection
        .prepare_cached(&QUERY)?
        .query_row(parameters, sqlite::read)
        .optional()?;
    Ok(row.map(|row| row.found(Some(user_id))))
}

#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub(super) async fn look_up(
    connections: &Connections,
    file_id: Uuid,
    user_id: Uuid,
    now: Timestamp,
) -> Result<Found> {
    let [user, file, everyone] = [user_id, file_id, EVERYONE].map(Expr::value);
    let query = query(user, file, Expr::value(now), everyone);
    let row = connections.query_one(&query).await?;
    let row = row.map(|row| postgres::read(&row)).transpose()?;
    Ok(row.map(|row| row.found(Some(user_id))))
}

/// Whatever epoch the user's credentials have is the right one.
fn query(user_id: Expr, file_id: Expr, now: Expr, everyone: Expr) -> SelectStatement {
    let asked = Asked {
        user_id,
        epoch: user::Column::CredentialEpoch.into_expr(),
        now,
        everyone,
    };
    row_of(asked)
        .from(file::Entity)
        .and_where(file::Column::Id.into_expr().eq(file_id))
        .to_owned()
}
