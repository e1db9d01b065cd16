//! Reads outside a transaction, which wait for a connection or a lock no longer than their request may.

use async_trait::async_trait;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult,
    Statement,
};

use super::postgres::Connections;
use crate::patience;

/// Connections that queries outside a transaction go to.
#[derive(Clone, Debug)]
pub enum Reader {
    Sqlite(DatabaseConnection),
    Postgres(Connections),
}

impl Reader {
    /// The connections themselves, on which a query may take for ever.
    pub fn pool(&self) -> DatabaseConnection {
        match self {
            Self::Sqlite(pool) => pool.clone(),
            Self::Postgres(connections) => connections.pool(),
        }
    }

    async fn run<T, Q, F>(&self, query: Q) -> Result<T, DbErr>
    where
        T: Send + 'static,
        Q: FnOnce(DatabaseConnection) -> F + Send,
        F: Future<Output = Result<T, DbErr>> + Send + 'static,
    {
        match self {
            Self::Sqlite(pool) => in_time(query(pool.clone())).await,
            Self::Postgres(connections) => connections.read(query).await,
        }
    }
}

async fn in_time<T>(query: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    match patience::wait(query).await {
        Ok(found) => found,
        Err(_) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)),
    }
}

#[async_trait]
#[expect(
    clippy::disallowed_methods,
    reason = "these are others' queries, passed on"
)]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Sqlite(pool) => pool.get_database_backend(),
            Self::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.run(|pool| async move { pool.execute_raw(statement).await })
            .await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let sql = sql.to_owned();
        self.run(|pool| async move { pool.execute_unprepared(&sql).await })
            .await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.run(|pool| async move { pool.query_one_raw(statement).await })
            .await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(|pool| async move { pool.query_all_raw(statement).await })
            .await
    }
}
