//! Redemptions, checked in batches: one query answers every ticket that is waiting.
//!
//! Nothing is remembered between two batches. A request joins a batch before its query starts, and the query sees every
//! commit before it, of whatever instance; so a revoked share stops the next request, and there is no cache to go stale.
//! What makes it fast is that under load the cost of asking is shared: while one batch is with the database, the next
//! one gathers.

use std::sync::Arc;

use entity::{Timestamp, file, share, user};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, FromQueryResult, Iterable, QueryResult,
    sea_query::{
        Alias, CommonTableExpression, Expr, ExprTrait, JoinType, Query, Values, WithClause,
        WithQuery,
    },
};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{Owned, Readable, grants};
use crate::{
    clock::Clock,
    db::Db,
    error::{Error, Result},
};

/// Tickets checked by one query. Batches are padded to powers of two, so that few statements need preparing.
const BATCH_MAX: usize = 32;
/// Batches under way at once: one with the database while another is put together.
const WORKERS: usize = 2;

/// Why a ticket that was good once opens nothing now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The file is in the trash, or gone.
    FileGone,
    /// The user is disabled, has changed credentials since, or is granted sight no more.
    AccessRevoked,
}

/// What a ticket asks for: a file, for a user, as of an epoch of the user's credentials.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    pub file_id: Uuid,
    pub user_id: Uuid,
    pub credential_epoch: i64,
}

type Verdict = Result<Readable<file::Model>, Refusal>;

struct Ask {
    claim: Claim,
    answer: oneshot::Sender<Result<Verdict>>,
}

/// Where tickets are checked.
#[derive(Clone, Debug)]
pub struct Redemptions {
    asks: mpsc::Sender<Ask>,
}

impl Redemptions {
    /// Starts the workers, which end when the last handle is dropped.
    pub fn start(db: &Db, clock: &Clock) -> Self {
        let (asks, waiting) = mpsc::channel(1024);
        let waiting = Arc::new(tokio::sync::Mutex::new(waiting));
        for _ in 0..WORKERS {
            tokio::spawn(work(db.clone(), clock.clone(), Arc::clone(&waiting)));
        }
        Self { asks }
    }

    /// The file of `claim`, as the policy has it at this very moment.
    pub async fn check(&self, claim: Claim) -> Result<Verdict> {
        let (answer, verdict) = oneshot::channel();
        self.asks
            .send(Ask { claim, answer })
            .await
            .map_err(|_| Error::internal("the redemption workers are gone"))?;
        verdict.await.map_err(Error::internal)?
    }
}

async fn work(db: Db, clock: Clock, waiting: Arc<tokio::sync::Mutex<mpsc::Receiver<Ask>>>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        let taken = waiting.lock().await.recv_many(&mut batch, BATCH_MAX).await;
        if taken == 0 {
            return;
        }
        let claims: Vec<Claim> = batch.iter().map(|ask| ask.claim).collect();
        match check(db.read(), &claims, clock.now()).await {
            Ok(verdicts) => {
                for (ask, verdict) in batch.drain(..).zip(verdicts) {
                    let _ = ask.answer.send(Ok(verdict));
                }
            }
            Err(error) => {
                error.log();
                for ask in batch.drain(..) {
                    let _ = ask
                        .answer
                        .send(Err(Error::new(error.code, error.detail.clone())));
                }
            }
        }
    }
}

/// Verdicts on `claims`, in their order.
async fn check(
    connection: &DatabaseConnection,
    claims: &[Claim],
    now: Timestamp,
) -> Result<Vec<Verdict>> {
    let rows = connection.query_all(&query(claims, now)).await?;
    let mut verdicts = vec![Err(Refusal::FileGone); claims.len()];
    for row in rows {
        let index = row.try_get_by_index::<i64>(0)?;
        if let Some(place) = usize::try_from(index)
            .ok()
            .and_then(|index| verdicts.get_mut(index))
        {
            *place = verdict(&row)?;
        }
    }
    Ok(verdicts)
}

fn verdict(row: &QueryResult) -> Result<Verdict> {
    let (active, granted): (bool, bool) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
    let owned: bool = row.try_get_by_index(3)?;
    if !active || !(owned || granted) {
        return Ok(Err(Refusal::AccessRevoked));
    }
    let file = file::Model::from_query_result(row, "")?;
    Ok(Ok(match owned {
        true => Owned(file).into(),
        false => Readable {
            row: file,
            until: None,
            owned: false,
        },
    }))
}

/// One row for each claim whose file is live: its number, whether its user is active, whether a share grants them sight,
/// whether they own the file, and the file.
fn query(claims: &[Claim], now: Timestamp) -> WithQuery {
    let ask = |column: &'static str| Expr::col((Alias::new("ask"), Alias::new(column)));
    let granted = Query::select()
        .expr(Expr::value(1))
        .from(share::Entity)
        .and_where(
            share::Column::FileId
                .into_expr()
                .equals((file::Entity, file::Column::Id)),
        )
        .cond_where(grants(ask("user_id"), now))
        .to_owned();
    let active = user::Column::Id
        .into_expr()
        .eq(ask("user_id"))
        .and(user::Column::CredentialEpoch.into_expr().eq(ask("epoch")))
        .and(user::Column::Disabled.eq(false));
    let select = Query::select()
        .expr(ask("n"))
        .expr(user::Column::Id.is_not_null())
        .expr(Expr::exists(granted))
        .expr(file::Column::OwnerId.into_expr().eq(ask("user_id")))
        .columns(file::Column::iter().map(|column| (file::Entity, column)))
        .from(Alias::new("ask"))
        .join(
            JoinType::InnerJoin,
            file::Entity,
            file::Column::Id
                .into_expr()
                .eq(ask("file_id"))
                .and(file::Column::TrashedAt.is_null()),
        )
        .join(JoinType::LeftJoin, user::Entity, active)
        .to_owned();
    select.with(WithClause::new().cte(asks(claims)).to_owned())
}

/// The claims as a table, the last one repeated until there is a power of two of them.
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
