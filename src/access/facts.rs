//! The facts that the policy decides over, read from the database each time: for a ticket, and for a file by its id.
//!
//! Nothing is remembered from one look to the next. A look begins after its request has come, and sees every commit before
//! it, of whatever instance; so a revoked share stops the next request, and there is no cache to go stale. What makes it
//! fast is that under load the cost of asking is shared: while some are with the database, others gather.

use entity::{Timestamp, file, share, user};
use sea_orm::{
    ColumnTrait, Condition, Iterable,
    sea_query::{Expr, ExprTrait, Func, JoinType, Query, SelectStatement},
};
use uuid::Uuid;

use super::{
    audiences::{Key, keys, of_lasting_owner, unexpired},
    policy::{Facts, Grant, State},
};
use crate::{
    auth::{self, Identity},
    batch::Batches,
    clock::Clock,
    db::{Connections, Db, Lookups, Reader},
    error::Result,
    tasks::Tasks,
};

mod any_credentials;
mod links;
mod postgres;
mod sqlite;

/// Stands for "no end" among the ends of shares.
const NEVER: i64 = i64::MAX;

/// What is asked for: a file, for somebody.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    pub file_id: Uuid,
    pub identity: Identity,
}

/// A file, and what the policy needs to know of it; `None` when it does not exist.
pub type Found = Option<(file::Model, Facts)>;

/// Where facts are asked for.
#[derive(Debug)]
pub enum FileFacts {
    Sqlite(Lookups, Clock),
    Postgres {
        of_users: Batches<postgres::UserClaim, Found>,
        connections: Connections,
        clock: Clock,
    },
}

impl FileFacts {
    /// Starts what looks, which ends when the last handle is dropped.
    pub fn start(db: &Db, clock: &Clock, tasks: &Tasks) -> Self {
        match db.reader() {
            Reader::Sqlite { lookups, .. } => Self::Sqlite(lookups.clone(), clock.clone()),
            Reader::Postgres(connections) => Self::Postgres {
                of_users: postgres::start(connections, clock, tasks),
                connections: connections.clone(),
                clock: clock.clone(),
            },
        }
    }

    /// The file of `claim` and its facts, as the database has them at this very moment.
    pub(super) async fn of(&self, claim: Claim) -> Result<Found> {
        match (self, claim.identity) {
            (Self::Sqlite(lookups, clock), identity) => {
                let clock = clock.clone();
                let look = move |connection: &_| match identity {
                    Identity::User { id, epoch } => {
                        sqlite::look_up(connection, &claim, (id, epoch), clock.now())
                    }
                    Identity::Link { id, epoch } => {
                        links::look_up_in_sqlite(connection, &claim, (id, epoch), clock.now())
                    }
                };
                lookups.run(look).await
            }
            (Self::Postgres { of_users, .. }, Identity::User { id, epoch }) => {
                of_users
                    .submit(postgres::UserClaim { claim, id, epoch })
                    .await
            }
            (
                Self::Postgres {
                    connections, clock, ..
                },
                Identity::Link { id, epoch },
            ) => links::look_up(connections, &claim, (id, epoch), clock.now()).await,
        }
    }

    /// The file `file_id` and its facts for the user `user_id`, with whatever credentials they would come.
    pub(super) async fn for_user(&self, file_id: Uuid, user_id: Uuid) -> Result<Found> {
        match self {
            Self::Sqlite(lookups, clock) => {
                let clock = clock.clone();
                let look = move |connection: &_| {
                    any_credentials::look_up_in_sqlite(connection, file_id, user_id, clock.now())
                };
                lookups.run(look).await
            }
            Self::Postgres {
                connections, clock, ..
            } => any_credentials::look_up(connections, file_id, user_id, clock.now()).await,
        }
    }
}

/// What the database says of a claim.
struct Row {
    is_active: bool,
    /// When the last of the shares that grant sight ends; [`NEVER`] for one that has no end, `None` without any.
    granted_until: Option<i64>,
    file: file::Model,
}

impl Row {
    /// What it says for the user `user_id`, or for whoever is none.
    fn found(self, user_id: Option<Uuid>) -> (file::Model, Facts) {
        let grant = self.granted_until.map(|end| Grant {
            until: (end != NEVER).then_some(Timestamp(end)),
        });
        let facts = Facts {
            state: state(&self.file),
            is_active: self.is_active,
            is_owner: user_id == Some(self.file.owner_id),
            grant,
        };
        (self.file, facts)
    }
}

pub(super) fn state(file: &file::Model) -> State {
    match file.trashed_at {
        None => State::Live,
        Some(_) => State::Trashed,
    }
}

/// The files in `state`.
pub(super) fn is_in(state: State) -> Expr {
    match state {
        State::Live => file::live(),
        State::Trashed => file::trashed(),
    }
}

/// The user of these credentials, while they are valid.
pub(super) fn active(user_id: Expr, epoch: Expr) -> Condition {
    Condition::all()
        .add(user::Column::Id.into_expr().eq(user_id))
        .add(auth::active(epoch))
}

/// The inputs of the query for a [`Row`]: parameters on SQLite, columns of the table of claims on PostgreSQL.
struct Asked {
    user_id: Expr,
    epoch: Expr,
    now: Expr,
    everyone: Expr,
}

/// A [`Row`] of a file that is yet to be said: whether active, granted until when, and the file's columns.
fn row_of(asked: Asked) -> SelectStatement {
    let keys = keys(asked.user_id.clone(), asked.everyone);
    let granted_until = granted_until(&keys, asked.now);
    Query::select()
        .expr(user::Column::Id.is_not_null())
        .expr(Expr::SubQuery(None, Box::new(granted_until.into())))
        .columns(file::Column::iter().map(|column| (file::Entity, column)))
        .join(
            JoinType::LeftJoin,
            user::Entity,
            active(asked.user_id, asked.epoch),
        )
        .to_owned()
}

/// When the last of the unexpired shares of the file ends that reach any of `keys`.
///
/// The file is a condition of each kind of audience, and not one of all of them: so SQLite looks once for each kind into the
/// index of shares by file and audience, where otherwise it would read every share that the file has. PostgreSQL makes the
/// same of both.
fn granted_until(keys: &[Key], now: Expr) -> SelectStatement {
    let same_file = || {
        share::Column::FileId
            .into_expr()
            .equals((file::Entity, file::Column::Id))
    };
    let of_file = keys.iter().fold(Condition::any(), |any, key| {
        any.add(key.matches().add(same_file()))
    });
    let end = Func::coalesce([share::Column::ExpiresAt.into_expr(), Expr::val(NEVER)]);
    Query::select()
        .expr(Func::max(end))
        .from(share::Entity)
        .cond_where(of_file)
        .cond_where(unexpired(now))
        .and_where(of_lasting_owner())
        .to_owned()
}
