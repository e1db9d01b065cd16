//! The facts for whoever opened a link: one look for each claim. Links are few beside users, and have no batch.

use std::sync::LazyLock;

use entity::{Timestamp, file, link, share, share::Audience, user};
use rusqlite::{Connection, OptionalExtension};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, Iterable,
    sea_query::{Expr, ExprTrait, Func, JoinType, Query, SelectStatement, SqliteQueryBuilder},
};
use uuid::Uuid;

use super::{Claim, Found, NEVER, postgres, sqlite};
use crate::{access::audiences::unexpired, auth, db::Connections, error::Result};

/// The row of a claim: the share is parameter 1, the epoch 2, the file 3, and the present 4.
static QUERY: LazyLock<String> = LazyLock::new(|| {
    let [share_id, epoch, file_id, now] = ["?1", "?2", "?3", "?4"].map(Expr::cust);
    row_of(share_id, epoch, file_id, now).to_string(SqliteQueryBuilder)
});

#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub(super) fn look_up_in_sqlite(
    connection: &Connection,
    claim: &Claim,
    (share_id, epoch): (Uuid, i64),
    now: Timestamp,
) -> rusqlite::Result<Found> {
    let parameters = (share_id.as_bytes(), epoch, claim.file_id.as_bytes(), now.0);
    let row = connection
        .prepare_cached(&QUERY)?
        .query_row(parameters, sqlite::read)
        .optional()?;
    Ok(row.map(|row| row.found(claim.identity.user_id())))
}

#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
pub(super) async fn look_up(
    connections: &Connections,
    claim: &Claim,
    (share_id, epoch): (Uuid, i64),
    now: Timestamp,
) -> Result<Found> {
    let [share_id, file_id] = [share_id, claim.file_id].map(Expr::value);
    let query = row_of(share_id, Expr::value(epoch), file_id, Expr::value(now));
    let row = connections.query_one(&query).await?;
    let row = row.map(|row| postgres::read(&row)).transpose()?;
    Ok(row.map(|row| row.found(claim.identity.user_id())))
}

/// A [`super::Row`]: whether the owner is active, granted until when, and the file's columns.
fn row_of(share_id: Expr, epoch: Expr, file_id: Expr, now: Expr) -> SelectStatement {
    let end = Func::coalesce([share::Column::ExpiresAt.into_expr(), Expr::val(NEVER)]);
    let same_share = link::Column::ShareId
        .into_expr()
        .equals((share::Entity, share::Column::Id))
        .and(link::Column::Epoch.into_expr().eq(epoch));
    let of_file = Condition::all()
        .add(share::Column::Id.into_expr().eq(share_id))
        .add(share::Column::Audience.eq(Audience::Link))
        .add(
            share::Column::FileId
                .into_expr()
                .equals((file::Entity, file::Column::Id)),
        )
        .add(unexpired(now));
    let granted_until = Query::select()
        .expr(end)
        .from(share::Entity)
        .join(JoinType::InnerJoin, link::Entity, same_share)
        .cond_where(of_file)
        .to_owned();
    let owner = user::Column::Id
        .into_expr()
        .equals((file::Entity, file::Column::OwnerId));
    Query::select()
        .expr(auth::enabled())
        .expr(Expr::SubQuery(None, Box::new(granted_until.into())))
        .columns(file::Column::iter().map(|column| (file::Entity, column)))
        .from(file::Entity)
        .join(JoinType::InnerJoin, user::Entity, owner)
        .and_where(file::Column::Id.into_expr().eq(file_id))
        .to_owned()
}
