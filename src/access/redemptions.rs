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
use uuid::Uuid;

use super::{Grant, Readable, grants, sight};
use crate::{
    batch::Batches,
    clock::Clock,
    db::{Db, Lookups},
    error::Result,
    tasks::Tasks,
};

mod postgres;
mod sqlite;

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

pub type Verdict = Result<Readable<file::Model>, Refusal>;

/// Where tickets are checked.
#[derive(Debug)]
pub enum Redemptions {
    Sqlite(Lookups, Clock),
    Postgres(Batches<Claim, Verdict>),
}

impl Redemptions {
    /// Starts what checks, which ends when the last handle is dropped.
    pub fn start(db: &Db, clock: &Clock, tasks: &Tasks) -> Self {
        match db.lookups() {
            Some(lookups) => Self::Sqlite(lookups.clone(), clock.clone()),
            None => Self::Postgres(postgres::start(db, clock, tasks)),
        }
    }

    /// The file of `claim`, as the policy has it at this very moment.
    pub async fn check(&self, claim: Claim) -> Result<Verdict> {
        match self {
            Self::Sqlite(lookups, clock) => {
                let clock = clock.clone();
                let facts =
                    lookups.run(move |connection| sqlite::look_up(connection, &claim, clock.now()));
                Ok(verdict(facts.await?))
            }
            Self::Postgres(batches) => batches.ask(claim).await,
        }
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
    if !facts.active {
        return Err(Refusal::AccessRevoked);
    }
    // That the share has not ended is all that this one request needs to know.
    let grant = facts.granted.then_some(Grant { until: None });
    sight(facts.file, facts.owned, grant).ok_or(Refusal::AccessRevoked)
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
