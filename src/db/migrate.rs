//! The steps of the schema, taken by one instance at a time.

use std::time::Instant;

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, TransactionTrait};

use super::{Db, immediate};
use crate::{error::is_locked, patience::PATIENCE};

/// An arbitrary number that stands for the right to migrate.
const MIGRATION_LOCK: i64 = 0x636c_6f61_6b72;

impl Db {
    /// Brings the schema up to date. Several instances may do so at once: one does, the others wait.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        let transaction = self.begin_migration().await?;
        Migrator::up(&transaction, None).await?;
        transaction.commit().await
    }

    /// Takes back the newest `steps` steps of the schema.
    pub async fn migrate_down(&self, steps: u32) -> Result<(), DbErr> {
        let transaction = self.begin_migration().await?;
        Migrator::down(&transaction, Some(steps)).await?;
        transaction.commit().await
    }

    /// One transaction for all steps: a table that is there without a note of it would stop every later start.
    #[expect(clippy::disallowed_methods, reason = "a lock reads no row")]
    async fn begin_migration(&self) -> Result<DatabaseTransaction, DbErr> {
        let writer = self.writer.pool();
        if writer.get_database_backend() != DbBackend::Postgres {
            let began = Instant::now();
            loop {
                match writer.begin_with_options(immediate()).await {
                    Err(error) if is_locked(&error) && began.elapsed() < PATIENCE => {}
                    begun => return begun,
                }
            }
        }
        let transaction = writer.begin().await?;
        // However long the other instance, or a step, takes.
        let lock = format!(
            "SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; \
             SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"
        );
        transaction.execute_unprepared(&lock).await?;
        Ok(transaction)
    }
}
