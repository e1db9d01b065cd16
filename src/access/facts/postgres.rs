//! On PostgreSQL: one query answers all that wait, so that under load claims share a round trip.

use entity::{Timestamp, file};
use sea_orm::{
    ColumnTrait, ConnectionTrait, FromQueryResult, QueryResult,
    sea_query::{
        Alias, CommonTableExpression, Expr, ExprTrait, JoinType, Values, WithClause, WithQuery,
    },
};
use uuid::Uuid;

use super::{super::audiences::EVERYONE, Asked, Claim, Found, Row, row_of};
use crate::{batch::Batches, clock::Clock, db::Connections, error::Result, tasks::Tasks};

/// Claims looked at together.
const BATCH_MAX: usize = 32;
/// Batches under way at once: one with the database while another is put together.
const AT_ONCE: usize = 2;

/// The claim of a user.
#[derive(Clone, Copy, Debug)]
pub struct UserClaim {
    pub claim: Claim,
    pub id: Uuid,
    pub epoch: i64,
}

pub(super) fn start(
    connections: &Connections,
    clock: &Clock,
    tasks: &Tasks,
) -> Batches<UserClaim, Found> {
    let (connections, clock) = (connections.clone(), clock.clone());
    Batches::start(
        tasks,
        "facts",
        BATCH_MAX,
        AT_ONCE,
        move |claims: Vec<UserClaim>| {
            let (connections, now) = (connections.clone(), clock.now());
            async move { look_up(&connections, &claims, now).await }
        },
    )
}

/// What there is of `claims`, in their order.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
async fn look_up(
    connections: &Connections,
    claims: &[UserClaim],
    now: Timestamp,
) -> Result<Vec<Found>> {
    let rows = connections.query_all(&query(claims, now)).await?;
    let mut all = vec![None; claims.len()];
    for row in rows {
        let n: i64 = row.try_get("", "n")?;
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        // Rows with a higher number are padding.
        if let (Some(claim), Some(found)) = (claims.get(n), all.get_mut(n)) {
            *found = Some(read(&row)?.found(Some(claim.id)));
        }
    }
    Ok(all)
}

pub(super) fn read(row: &QueryResult) -> Result<Row> {
    Ok(Row {
        is_active: row.try_get_by_index(0)?,
        granted_until: row.try_get_by_index(1)?,
        file: file::Model::from_query_result(row, "")?,
    })
}

/// The row of every claim whose file exists, each with the claim's number.
fn query(claims: &[UserClaim], now: Timestamp) -> WithQuery {
    let ask = |column: &'static str| Expr::col((Alias::new("ask"), Alias::new(column)));
    let asked = Asked {
        user_id: ask("user_id"),
        epoch: ask("epoch"),
        now: Expr::value(now),
        everyone: Expr::value(EVERYONE),
    };
    let select = row_of(asked)
        .expr_as(ask("n"), Alias::new("n"))
        .from(Alias::new("ask"))
        .join(
            JoinType::InnerJoin,
            file::Entity,
            file::Column::Id.into_expr().eq(ask("file_id")),
        )
        .to_owned();
    select.with(WithClause::new().cte(asks(claims)).to_owned())
}

/// The claims as a table, the last one repeated until there is a power of two of them: few statements need preparing.
fn asks(claims: &[UserClaim]) -> CommonTableExpression {
    let padded = claims.len().next_power_of_two();
    let rows = (0..padded).filter_map(|n| {
        let claim = claims.get(n).or(claims.last())?;
        Some(Values(vec![
            i64::try_from(n).ok()?.into(),
            claim.id.into(),
            claim.epoch.into(),
            claim.claim.file_id.into(),
        ]))
    });
    let mut asks = CommonTableExpression::new();
    asks.table_name(Alias::new("ask"))
        .columns(["n", "user_id", "epoch", "file_id"].map(Alias::new))
        .values(rows.collect());
    asks
}
