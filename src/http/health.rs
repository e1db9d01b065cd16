//! Health: alive, and able to work.

use axum::{extract::State, http::header};
use sea_orm::ConnectionTrait;

use super::Context;
use crate::error::{Code, Error, Result};

type Answer = ([(header::HeaderName, &'static str); 1], &'static str);

/// 200 as long as the process answers at all.
pub async fn alive() -> Answer {
    ([(header::CACHE_CONTROL, "no-store")], "alive\n")
}

/// 200 when the database and the storage can be used; 503 `UNAVAILABLE` otherwise.
#[expect(clippy::disallowed_methods, reason = "this query reads no row")]
pub async fn ready(State(Context { app, .. }): State<Context>) -> Result<Answer> {
    let database = app.db.read().execute_unprepared("SELECT 1").await;
    let storage = app.storage.check().await;
    if let Err(error) = database.map_err(Error::from).and(storage) {
        error.log();
        return Err(Error::new(
            Code::Unavailable,
            "The database or the storage cannot be used at present.",
        ));
    }
    Ok(([(header::CACHE_CONTROL, "no-store")], "ready\n"))
}
