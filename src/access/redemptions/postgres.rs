//! On PostgreSQL: one query answers all that wait, so that under load tickets share a round trip.

use entity::{Timestamp, file};
use sea_orm::{
    ConnectionTrait, FromQueryResult, QueryResult,
    sea_query::{Alias, CommonTableExpression, Expr, Values, WithClause, WithQuery},
};

use super::{Claim, Facts, Refusal, Verdict, facts, verdict};
use crate::{
    batch::Batches,
    clock::Clock,
    db::{Db, Reader},
    error::Result,
    tasks::Tasks,
};

/// Tickets checked at once.
const BATCH_MAX: usize = 32;
/// Batches under way at once: one with the database while another is put together.
const AT_ONCE: usize = 2;

pub(super) fn start(db: &Db, clock: &Clock, tasks: &Tasks) -> Batches<Claim, Verdict> {
    let (db, clock) = (db.clone(), clock.clone());
    Batches::start(
        tasks,
        "redemptions",
        BATCH_MAX,
        AT_ONCE,
        move |claims: Vec<Claim>| {
            let (db, now) = (db.clone(), clock.now());
            async move { check(db.read(), &claims, now).await }
        },
    )
}

/// Verdicts on `claims`, in their order.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the loader of files, for tickets"
)]
async fn check(connection: &Reader, claims: &[Claim], now: Timestamp) -> Result<Vec<Verdict>> {
    let rows = connection.query_all(&query(claims, now)).await?;
    let mut verdicts = vec![Err(Refusal::FileGone); claims.len()];
    for row in rows {
        let index: i64 = row.try_get("", "n")?;
        if let Some(place) = usize::try_from(index)
            .ok()
            .and_then(|index| verdicts.get_mut(index))
        {
            *place = verdict(Some(read(&row)?));
        }
    }
    Ok(verdicts)
}

fn read(row: &QueryResult) -> Result<Facts> {
    Ok(Facts {
        active: row.try_get_by_index(0)?,
        granted: row.try_get_by_index(1)?,
        owned: row.try_get_by_index(2)?,
        file: file::Model::from_query_result(row, "")?,
    })
}

/// The facts of every claim whose file is live, each with the claim's number.
fn query(claims: &[Claim], now: Timestamp) -> WithQuery {
    let ask = |column: &'static str| Expr::col((Alias::new("ask"), Alias::new(column)));
    let select = facts(
        &ask("user_id"),
        ask("epoch"),
        ask("file_id"),
        Expr::value(now),
    )
    .expr_as(ask("n"), Alias::new("n"))
    .from(Alias::new("ask"))
    .to_owned();
    select.with(WithClause::new().cte(asks(claims)).to_owned())
}

/// The claims as a table, the last one repeated until there is a power of two of them: few statements need preparing.
fn asks(claims: &[Claim]) -> CommonTableExpression {
    let padded = claims.len().next_power_of_two();
    let rows = (0..padded).filter_map(|n| {
        let claim = claims.get(n).or(claims.last())?;
        Some(Values(vec![
            i64::try_from(n).ok()?.into(),
            claim.user_id.into(),
            claim.credential_epoch.into(),
            claim.file_id.into(),
        ]))
    });
    let mut asks = CommonTableExpression::new();
    asks.table_name(Alias::new("ask"))
        .columns(["n", "user_id", "epoch", "file_id"].map(Alias::new))
        .values(rows.collect());
    asks
}
