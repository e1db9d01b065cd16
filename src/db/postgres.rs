//! Connections to PostgreSQL. Whoever uses one has a place first, of which there are as many as connections. What has begun
//! runs to its end, whether anybody still waits for it or not, and for [`LIMIT`] at most.
//!
//! A network that drops packets says nothing: a query then waits for its answer without end, and so does sqlx, which asks
//! each connection that it gets back whether it is still one. Where something does not end in time, all connections are
//! given up: those in use are closed instead of kept, and new ones are made.

use std::{
    fmt,
    future::Future,
    pin::pin,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::FutureExt;
use sea_orm::{
    ConnAcquireErr, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend,
    DbErr, ExecResult, QueryResult, Statement, TransactionTrait,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Done, InTransaction, Transaction, connect, in_transaction};
use crate::{
    error::{Code, Error, Result},
    metrics,
    patience::{self, Claim, Withdrawn},
};

/// How long a transaction or a query may have a connection, the wait for the connection included. PostgreSQL itself ends a
/// statement earlier, so that one that is merely slow costs no connections.
const LIMIT: Duration = Duration::from_secs(30);

/// Connections for reads, and those for writes: a crowd of the ones holds up none of the others.
pub(super) const READERS: u32 = 8;
pub(super) const WRITERS: u32 = 12;
/// Of the writers: those that the throttle has at most, and those for what waits for a lock of one user's rows.
const THROTTLE_MAX: usize = 4;
const ASIDE_MAX: usize = 4;

/// How long a write waits for each lock when it is to wait for none that somebody holds for long.
const BRIEFLY: &str = "SET LOCAL lock_timeout = '200ms'";

/// As many connections as there are places.
#[derive(Clone)]
pub struct Connections {
    options: Arc<ConnectOptions>,
    places: Arc<Semaphore>,
    pool: Arc<RwLock<Pool>>,
}

/// The current pool, and how many were given up before it.
#[derive(Clone)]
struct Pool {
    number: u64,
    connection: DatabaseConnection,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections")
    }
}

impl Connections {
    /// Makes the first of `number` connections.
    pub(super) async fn open(url: &str, number: u32) -> Result<Self, DbErr> {
        let mut options = connect::postgres(url, number);
        let connection = Database::connect(options.clone()).await?;
        options.connect_lazy(true);
        Ok(Self {
            options: Arc::new(options),
            places: Arc::new(Semaphore::new(number as usize)),
            pool: Arc::new(RwLock::new(Pool {
                number: 0,
                connection,
            })),
        })
    }

    /// The present connections, without a place or a bound.
    pub(super) fn pool(&self) -> DatabaseConnection {
        self.present().connection
    }

    fn present(&self) -> Pool {
        let pool = self.pool.read();
        pool.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs `query` on one of the connections.
    async fn read<T, Q, F>(&self, query: Q) -> Result<T, DbErr>
    where
        T: Send + 'static,
        Q: FnOnce(DatabaseConnection) -> F,
        F: Future<Output = Result<T, DbErr>> + Send + 'static,
    {
        let begun = metrics::begin();
        let waited = patience::wait(async {
            let place = place(&self.places).await?;
            let (connections, pool) = (self.clone(), self.present());
            let query = query(pool.connection.clone());
            // Nobody may break it off in the middle: its connection could be of no use then, and PostgreSQL would go on.
            let read = tokio::spawn(async move {
                let _place = place;
                connections.bounded(&pool, query).await
            });
            read.await
                .map_err(|error| DbErr::Custom(error.to_string()))?
        });
        let read = waited.await.unwrap_or_else(|_| Err(timed_out()));
        metrics::QUERIES.ended(begun, read.is_err());
        read
    }

    /// What becomes of `work` with a connection of `pool`. The error of `work` is why it got no connection.
    async fn bounded<T>(
        &self,
        pool: &Pool,
        work: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        let mut work = pin!(work);
        let done = tokio::time::timeout(LIMIT, &mut work).await;
        let done = done.unwrap_or_else(|_| Err(timed_out()));
        // There are as many places as connections. So if work with a place gets no connection in time, sqlx waits for one that
        // has fallen silent. Work that did not end is dropped after this, and a closed pool closes its connection.
        if let Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)) = done {
            self.give_up(pool).await;
        }
        done
    }

    /// Has new connections made instead of those of `given_up`.
    async fn give_up(&self, given_up: &Pool) {
        let present = self.present().number == given_up.number;
        if present
            && let Ok(connection) = Database::connect(ConnectOptions::clone(&self.options)).await
        {
            let mut pool = self.pool.write().unwrap_or_else(PoisonError::into_inner);
            if pool.number == given_up.number {
                *pool = Pool {
                    number: given_up.number + 1,
                    connection,
                };
                tracing::warn!("PostgreSQL did not answer in time: its connections are made anew");
            }
        }
        // Polled once, since that marks the pool as closed. Waiting for the connections in use could take for ever.
        let _ = given_up.connection.close_by_ref().now_or_never();
    }
}

/// Queries outside a transaction, which wait for a connection or a lock no longer than their request may.
#[async_trait]
#[expect(
    clippy::disallowed_methods,
    reason = "these are others' queries, passed on"
)]
impl ConnectionTrait for Connections {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.read(|pool| async move { pool.execute_raw(statement).await })
            .await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let sql = sql.to_owned();
        self.read(|pool| async move { pool.execute_unprepared(&sql).await })
            .await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.read(|pool| async move { pool.query_one_raw(statement).await })
            .await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.read(|pool| async move { pool.query_all_raw(statement).await })
            .await
    }
}

fn timed_out() -> DbErr {
    DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)
}

async fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, DbErr> {
    let place = Arc::clone(places).acquire_owned().await;
    place.map_err(|_| timed_out())
}

/// How a write waits for what others have locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// As long as the patience lasts, with one of the connections for all writes.
    Patiently,
    /// Hardly at all: then it fails with an error that says that it met a lock.
    Briefly,
    /// As long as the patience lasts, a few at a time, so that the others have connections.
    Aside,
    /// The same, for the throttle.
    Throttle,
}

/// The way to write to PostgreSQL.
#[derive(Clone, Debug)]
pub(super) struct Writes {
    pub(super) connections: Connections,
    aside: Arc<Semaphore>,
    throttle: Arc<Semaphore>,
}

impl Writes {
    pub(super) fn through(connections: Connections) -> Self {
        Self {
            connections,
            aside: Arc::new(Semaphore::new(ASIDE_MAX)),
            throttle: Arc::new(Semaphore::new(THROTTLE_MAX)),
        }
    }

    /// Runs `work` in one transaction, which begins only while somebody waits for it.
    pub(super) async fn write<T, F>(&self, waiting: Waiting, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t Transaction) -> InTransaction<'t, T> + Send + 'static,
    {
        let places = patience::wait(self.places(waiting)).await??;
        let claim = Arc::new(Claim::default());
        let (connections, wanted) = (self.connections.clone(), Arc::clone(&claim));
        // PostgreSQL's locks are waited for in the middle of the work: until its end, it can be given up.
        let transaction = tokio::spawn(async move {
            let _places = places;
            let pool = connections.present();
            let work = transact(&pool.connection, waiting, &wanted, work);
            let done = connections.bounded(&pool, work).await??;
            Ok(done.durable())
        });
        let _withdrawn = Withdrawn(&claim);
        let done = patience::wait_for(&claim, transaction).await?;
        done.map_err(Error::internal)?
    }

    /// A place among the writes, and before that one among the few that wait as `waiting` says.
    async fn places(
        &self,
        waiting: Waiting,
    ) -> Result<(Option<OwnedSemaphorePermit>, OwnedSemaphorePermit)> {
        let few = match waiting {
            Waiting::Patiently | Waiting::Briefly => None,
            Waiting::Aside => Some(place(&self.aside).await?),
            Waiting::Throttle => Some(place(&self.throttle).await?),
        };
        Ok((few, place(&self.connections.places).await?))
    }
}

/// The outcome of `work` in a transaction of its own; the outer error is why there is none.
#[expect(
    clippy::disallowed_methods,
    reason = "a setting of the transaction reads no row"
)]
async fn transact<T, F>(
    connection: &DatabaseConnection,
    waiting: Waiting,
    claim: &Claim,
    work: F,
) -> Result<Result<Done<T>>, DbErr>
where
    F: for<'t> FnOnce(&'t Transaction) -> InTransaction<'t, T>,
{
    let transaction = connection.begin().await?;
    if claim.is_taken() {
        transaction.rollback().await?;
        return Ok(Err(Error::exhausted(Code::Unavailable)));
    }
    if waiting == Waiting::Briefly {
        transaction.execute_unprepared(BRIEFLY).await?;
    }
    let done = in_transaction(transaction, work, || claim.take()).await;
    Ok(done.map_err(Error::from))
}
