//! The time that limits on guessing and holds of webhooks go by: the same for every instance, however far apart their clocks are.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::{
    clock::Clock,
    error::{Error, Result},
};

/// In milliseconds since 1970. Not the beginning of the transaction, which may have waited for a lock since.
const POSTGRES: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";

/// The present in milliseconds. On PostgreSQL, whose instances may run on several machines, it is the database's. A clock
/// that a test moves by hand stands for that as well.
#[expect(clippy::disallowed_methods, reason = "a clock is no row")]
pub async fn shared_time(clock: &Clock, database: &impl ConnectionTrait) -> Result<i64> {
    let is_shared = database.get_database_backend() == DbBackend::Postgres;
    if !is_shared || matches!(clock, Clock::Manual(_)) {
        return Ok(clock.now().0);
    }
    let query = Statement::from_string(DbBackend::Postgres, POSTGRES);
    let row = database.query_one_raw(query).await?;
    let row = row.ok_or_else(|| Error::internal("the database does not tell the time"))?;
    Ok(row.try_get_by_index(0)?)
}
