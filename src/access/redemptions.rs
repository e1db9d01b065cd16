//! Redemptions: every ticket is checked against the database, and those that wait are checked together.
//!
//! Nothing is remembered from one check to the next. A check begins after its request has come, and sees every commit
//! before it, of whatever instance; so a revoked share stops the next request, and there is no cache to go stale. What
//! makes it fast is that under load the cost of asking is shared: while some tickets are with the database, others gather.

use entity::{file, share, user};
use sea_orm::{
    ColumnTrait, Iterable,
    sea_query::{Expr, ExprTrait, JoinType, Query, SelectStatement},
};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{Owned, Readable, grants};
use crate::{
    clock::Clock,
    db::Db,
    error::{Error, Result},
};

mod postgres;
mod sqlite;

/// Tickets checked at once.
const BATCH_MAX: usize = 32;

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

/// A claim that waits for its verdict.
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
    /// Starts what checks, which ends when the last handle is dropped.
    pub fn start(db: &Db, clock: &Clock) -> Result<Self> {
        let (asks, waiting) = mpsc::channel(1024);
        match db.sqlite_path() {
            Some(path) => sqlite::start(path, clock.clone(), waiting)?,
            None => postgres::start(db, clock, waiting),
        }
        Ok(Self { asks })
    }

    /// The file of `claim`, as the policy has it at this very moment.
    pub async fn check(&self, claim: Claim) -> Result<Verdict> {
        let (answer, verdict) = oneshot::channel();
        let gone = || Error::internal("nobody checks tickets any more");
        self.asks
            .send(Ask { claim, answer })
            .await
            .map_err(|_| gone())?;
        verdict.await.map_err(|_| gone())?
    }
}

/// What the database says of a claim whose file is live.
struct Facts {
    /// The user is active, at the claim's epoch.
    active: bool,
    /// A share grants them sight.
    granted: bool,
    /// The file is theirs.
    owned: bool,
    file: file::Model,
}

/// `None`: there is no such live file.
fn verdict(facts: Option<Facts>) -> Verdict {
    let facts = facts.ok_or(Refusal::FileGone)?;
    match facts {
        Facts {
            active: true,
            owned: true,
            file,
            ..
        } => Ok(Owned(file).into()),
        Facts {
            active: true,
            granted: true,
            file,
            ..
        } => Ok(Readable {
            row: file,
            until: None,
            owned: false,
        }),
        _ => Err(Refusal::AccessRevoked),
    }
}

/// The [`Facts`] of a claim, its parts given as expressions: whether active, granted, owned, and the file's columns.
fn facts(user_id: &Expr, epoch: Expr, file_id: Expr, now: Expr) -> SelectStatement {
    let same_file = share::Column::FileId
        .into_expr()
        .equals((file::Entity, file::Column::Id));
    let granted = Query::select()
        .expr(Expr::value(1))
        .from(share::Entity)
        .and_where(same_file)
        .cond_where(grants(user_id.clone(), now))
        .to_owned();
    let active = user::Column::Id
        .into_expr()
        .eq(user_id.clone())
        .and(user::Column::CredentialEpoch.into_expr().eq(epoch))
        .and(user::Column::Disabled.eq(false));
    let live = file::Column::Id
        .into_expr()
        .eq(file_id)
        .and(file::Column::TrashedAt.is_null());
    Query::select()
        .expr(user::Column::Id.is_not_null())
        .expr(Expr::exists(granted))
        .expr(file::Column::OwnerId.into_expr().eq(user_id.clone()))
        .columns(file::Column::iter().map(|column| (file::Entity, column)))
        .join(JoinType::InnerJoin, file::Entity, live)
        .join(JoinType::LeftJoin, user::Entity, active)
        .to_owned()
}
