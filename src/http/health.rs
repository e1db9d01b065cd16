//! Health: alive, and able to work.

use std::path::Path;

use axum::{extract::State, http::header};
use sea_orm::ConnectionTrait;

use super::Context;
use crate::{
    app::App,
    error::{Code, Error, Result},
    storage::check_room,
};

type Answer = ([(header::HeaderName, &'static str); 1], &'static str);

/// 200 as long as the process answers at all.
pub async fn alive() -> Answer {
    ([(header::CACHE_CONTROL, "no-store")], "alive\n")
}

/// 200 when the database and the storage can be used; 503 `UNAVAILABLE` otherwise, which says what is wrong.
pub async fn ready(State(Context { app, .. }): State<Context>) -> Result<Answer> {
    let checks = [
        ("The database", database(&app).await),
        ("The storage", app.storage.check().await),
    ];
    let mut faults = Vec::new();
    for (what, check) in checks {
        if let Err(error) = check {
            error.log();
            faults.push(match error.code {
                Code::StorageFull => format!("{what} cannot be written: its disk is full."),
                _ => format!("{what} cannot be used at present."),
            });
        }
    }
    if !faults.is_empty() {
        return Err(Error::new(Code::Unavailable, faults.join(" ")));
    }
    Ok(([(header::CACHE_CONTROL, "no-store")], "ready\n"))
}

/// Fails when the database does not answer, or has no room on a disk of this machine.
#[expect(clippy::disallowed_methods, reason = "this query reads no row")]
async fn database(app: &App) -> Result<()> {
    app.db.read().execute_unprepared("SELECT 1").await?;
    match app.db.sqlite_path().and_then(Path::parent) {
        // The parent of a bare name is empty, and means here.
        Some(directory) => check_room(directory.join(".")).await,
        None => Ok(()),
    }
}
