//! Reads outside a transaction, which wait for a connection or a lock no longer than their request may.

use async_trait::async_trait;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult,
    Statement,
};

use crate::patience;

/// Connections that queries outside a transaction go to.
#[derive(Clone, Debug)]
pub struct Reader(pub(super) DatabaseConnection);

impl Reader {
    /// The connections themselves, on which a query may take for ever.
    pub fn pool(&self) -> &DatabaseConnection {
        &self.0
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
        self.0.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        in_time(self.0.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        in_time(self.0.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        in_time(self.0.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        in_time(self.0.query_all_raw(statement)).await
    }
}
