//! The steps of the schema, taken by one instance at a time.

use std::time::Instant;

use migration::{Migration, MigrationStatus, Migrator, MigratorTrait, SchemaManager};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement,
    TransactionTrait,
};

use super::{Db, immediate, place};
use crate::{error::is_locked, operator_error::OperatorError, patience::PATIENCE};

/// An arbitrary number that stands for the right to migrate.
const MIGRATION_LOCK: i64 = 0x636c_6f61_6b72;

/// Whether a step has ever been taken.
pub(super) async fn has_tables(connection: &DatabaseConnection) -> Result<bool, DbErr> {
    let steps = Migrator::get_applied_migrations_read_only(connection).await;
    match steps {
        Ok(steps) => Ok(!steps.is_empty()),
        // Of a newer program.
        Err(DbErr::Custom(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Of the steps that this program knows: how many the database has taken, and how many it has not.
struct Steps {
    taken: usize,
    left: usize,
}

impl Db {
    /// Brings the schema up to date. Several instances may do so at once: one does, the others wait.
    pub async fn migrate(&self) -> Result<(), OperatorError> {
        self.steps().await?;
        self.migrate_up()
            .await
            .map_err(|error| self.not_migrated(&error))
    }

    async fn migrate_up(&self) -> Result<(), DbErr> {
        let transaction = self.begin_migration().await?;
        Migrator::up(&transaction, None).await?;
        transaction.commit().await
    }

    /// Takes back the newest `steps` steps of the schema.
    pub async fn migrate_down(&self, steps: u32) -> Result<(), OperatorError> {
        self.steps().await?;
        self.take_back(steps)
            .await
            .map_err(|error| self.not_migrated(&error))
    }

    async fn take_back(&self, steps: u32) -> Result<(), DbErr> {
        let transaction = self.begin_migration().await?;
        Migrator::down(&transaction, Some(steps)).await?;
        transaction.commit().await
    }

    /// Fails unless the schema is the one that this program works with.
    pub async fn check_schema(&self) -> Result<(), OperatorError> {
        check_schema(&self.writer.pool(), self.name()).await
    }

    /// Fails when there are tables of another program's.
    #[expect(clippy::disallowed_methods, reason = "names are no rows of anybody")]
    pub(super) async fn check_for_others(&self) -> Result<(), OperatorError> {
        let pool = self.writer.pool();
        let tables =
            "SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() LIMIT 1";
        let tables = Statement::from_string(pool.get_database_backend(), tables);
        let has_any = pool.query_one_raw(tables).await;
        let has_any = has_any.map_err(|error| self.unusable(error))?.is_some();
        let has_ours = has_tables(&pool).await;
        match has_any && !has_ours.map_err(|error| self.unusable(error))? {
            true => Err(OperatorError::new(format!(
                "{} has tables, and they are not Cloakroom's: name an empty database. Nothing was changed",
                self.name()
            ))),
            false => Ok(()),
        }
    }

    /// A transaction that takes as long as it takes, while no other instance migrates.
    #[expect(clippy::disallowed_methods, reason = "a setting reads no row")]
    pub(super) async fn begin_transfer(&self) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.begin_migration().await?;
        transaction
            .execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0")
            .await?;
        // A server that starts meanwhile would make an installation of its own.
        transaction
            .execute_unprepared("LOCK TABLE installation IN ACCESS EXCLUSIVE MODE")
            .await?;
        Ok(transaction)
    }

    /// Whether there is this table.
    pub async fn has_table(&self, name: &str) -> Result<bool, DbErr> {
        let pool = self.writer.pool();
        SchemaManager::new(&pool).has_table(name).await
    }

    /// How many steps there are, without taking one.
    async fn steps(&self) -> Result<Steps, OperatorError> {
        steps(&self.writer.pool(), self.name()).await
    }

    fn not_migrated(&self, error: &DbErr) -> OperatorError {
        OperatorError::new(format!(
            "the schema of {} cannot be changed: {error}. Nothing was changed",
            self.name()
        ))
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

/// Fails unless the schema of a database is the one that this program works with.
pub(super) async fn check_schema(
    connection: &DatabaseConnection,
    name: &str,
) -> Result<(), OperatorError> {
    match steps(connection, name).await? {
        Steps { taken: 0, .. } => Err(place::empty(name)),
        Steps { left: 0, .. } => Ok(()),
        Steps { left, .. } => Err(OperatorError::new(format!(
            "{name} lacks {left} steps of the schema: take them by `cloakroom migrate`, or start the server, which takes \
             them"
        ))),
    }
}

async fn steps(connection: &DatabaseConnection, name: &str) -> Result<Steps, OperatorError> {
    match Migrator::get_migration_with_status_read_only(connection).await {
        Ok(steps) => {
            let is_taken = |step: &&Migration| step.status() == MigrationStatus::Applied;
            let taken = steps.iter().filter(is_taken).count();
            Ok(Steps {
                taken,
                left: steps.len() - taken,
            })
        }
        Err(DbErr::Custom(_)) => Err(OperatorError::new(format!(
            "{name} has been used by a newer cloakroom: run that one, or have it take its steps back by `cloakroom migrate \
             --down STEPS`"
        ))),
        Err(error) => Err(OperatorError::new(format!("cannot use {name}: {error}"))),
    }
}
