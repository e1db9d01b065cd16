//! On PostgreSQL: one query answers all that wait, so that under load claims share a round trip.

use std::sync::LazyLock;

use entity::{Timestamp, file};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, FromQueryResult, QueryResult, Statement, Value,
    sea_query::{Alias, Expr, ExprTrait, JoinType, PostgresQueryBuilder},
};
use uuid::Uuid;

use super::{super::audiences::EVERYONE, Asked, Claim, Found, Row, row_of};
use crate::{
    batch::Batches,
    clock::Clock,
    db::Connections,
    error::{Error, Result},
    tasks::Tasks,
};

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
    let rows = connections.query_all_raw(statement(claims, now)?).await?;
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

/// For each power of two of claims, up to [`BATCH_MAX`], a query for the rows of those whose files exist, each with the claim's
/// number. Few statements need preparing, and none is built for a batch.
///
/// The present is parameter 1, and [`EVERYONE`] 2; then come user, epoch and file of each claim.
static QUERIES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let powers = 0..=BATCH_MAX.ilog2();
    powers.map(|power| query(1 << power)).collect()
});

fn query(claims: usize) -> String {
    let ask = |column: &'static str| Expr::col((Alias::new("ask"), Alias::new(column)));
    let [now, everyone] = ["$1", "$2"].map(Expr::cust);
    let asked = Asked {
        user_id: ask("user_id"),
        epoch: ask("epoch"),
        now,
        everyone,
    };
    let of_files = row_of(asked)
        .expr_as(ask("n"), Alias::new("n"))
        .from(Alias::new("ask"))
        .join(
            JoinType::InnerJoin,
            file::Entity,
            file::Column::Id.into_expr().eq(ask("file_id")),
        )
        .to_string(PostgresQueryBuilder);
    let asks: Vec<_> = (0..claims)
        .map(|n| {
            let [user_id, epoch, file_id] = [3, 4, 5].map(|first| first + 3 * n);
            format!("({n}::bigint, ${user_id}, ${epoch}, ${file_id})")
        })
        .collect();
    let asks = asks.join(", ");
    format!("WITH ask (n, user_id, epoch, file_id) AS (VALUES {asks}) {of_files}")
}

/// Asks about `claims`, the last one repeated until there is a power of two of them.
#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
fn statement(claims: &[UserClaim], now: Timestamp) -> Result<Statement> {
    let padded = claims.len().next_power_of_two();
    let query = QUERIES
        .get(padded.ilog2() as usize)
        .ok_or_else(|| Error::internal("more claims came together than can be asked about"))?;
    let of_claims = (0..padded)
        .filter_map(|n| claims.get(n).or(claims.last()))
        .flat_map(|claim| {
            [
                claim.id.into(),
                claim.epoch.into(),
                claim.claim.file_id.into(),
            ]
        });
    let values: Vec<Value> = [now.into(), EVERYONE.into()]
        .into_iter()
        .chain(of_claims)
        .collect();
    Ok(Statement::from_sql_and_values(
        DbBackend::Postgres,
        query,
        values,
    ))
}
