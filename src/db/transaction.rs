//! What a write runs in, and what it has done once that is durable.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};
use tokio::sync::Notify;

/// A transaction of [`Db::write`](super::Db::write), which alone begins and ends one.
pub struct Transaction {
    begun: DatabaseTransaction,
    after: Mutex<Vec<Then>>,
    news: OnceLock<Arc<Notify>>,
}

type Then = Box<dyn FnOnce() + Send>;

impl Transaction {
    pub(super) fn of(begun: DatabaseTransaction) -> Self {
        Self {
            begun,
            after: Mutex::default(),
            news: OnceLock::new(),
        }
    }

    /// Calls `then` once this transaction is durable; never if it fails.
    pub fn after_commit(&self, then: impl FnOnce() + Send + 'static) {
        let mut after = self.after.lock().unwrap_or_else(PoisonError::into_inner);
        after.push(Box::new(then));
    }

    /// Says whom [`Self::announce`] wakes.
    pub(super) fn will_wake(&self, news: Arc<Notify>) {
        let _ = self.news.set(news);
    }

    /// Wakes whoever waits for [`Db::news`](super::Db::news) once this transaction is durable.
    pub fn announce(&self) {
        if let Some(news) = self.news.get().cloned() {
            self.after_commit(move || news.notify_one());
        }
    }

    /// Commits a transaction, or keeps a savepoint, in which work came to `value`.
    pub(super) async fn commit<T>(self, value: T) -> Result<Done<T>, DbErr> {
        self.begun.commit().await?;
        let after = self.after.into_inner();
        let after = after.unwrap_or_else(PoisonError::into_inner);
        Ok(Done { value, after })
    }

    pub(super) async fn rollback(self) -> Result<(), DbErr> {
        self.begun.rollback().await
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transaction")
    }
}

#[async_trait]
#[expect(
    clippy::disallowed_methods,
    reason = "these are others' queries, passed on"
)]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.begun.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.begun.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.begun.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.begun.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.begun.query_all_raw(statement).await
    }
}

/// What work in a transaction came to, and what is to follow once that is durable. Nothing follows when this is dropped.
pub(super) struct Done<T> {
    value: T,
    after: Vec<Then>,
}

impl<T> Done<T> {
    /// Does what is to follow, as this is durable now.
    pub(super) fn durable(self) -> T {
        for then in self.after {
            // What is durable is durable, and is to be answered so.
            let _ = catch_unwind(AssertUnwindSafe(then));
        }
        self.value
    }
}
