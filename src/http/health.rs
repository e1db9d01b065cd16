//! Health: alive, and able to work.

use std::{
    path::Path,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use axum::{extract::State, http::header};
use futures_util::future::join_all;
use tokio::{sync::Mutex, task::JoinHandle};

use super::Context;
use crate::{
    app::{App, SharedApp},
    disk,
    error::{Code, Error, Result},
};

type PlainText = ([(header::HeaderName, &'static str); 1], &'static str);

/// How old a result may be that others get as well: however often it is asked for, finding out costs the same.
const FRESH: Duration = Duration::from_secs(1);
/// How long a part may take to show that it can be used.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

type Check = fn(SharedApp) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// What has to be usable.
const PARTS: [(&str, Check); 3] = [
    ("The database", |app| {
        Box::pin(async move { database(&app).await })
    }),
    ("The database's writer", |app| {
        Box::pin(async move { app.db.check_writing().await })
    }),
    ("The storage", |app| {
        Box::pin(async move { app.storage.check().await })
    }),
];

/// What was found last. One finds out at a time; others wait for that.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<Found>>);

#[derive(Debug, Default)]
struct Found {
    at: Option<Instant>,
    faults: Vec<String>,
    /// The checks that have not answered yet. None is begun anew before it has: they would pile up.
    under_way: [Option<JoinHandle<Result<()>>>; PARTS.len()],
}

/// 200 as long as the process answers at all.
pub async fn alive() -> PlainText {
    ([(header::CACHE_CONTROL, "no-store")], "alive\n")
}

/// 200 when the database and the storage can be used, no task stands still, as of a second ago at most, and the server does not
/// drain; 503 `UNAVAILABLE` otherwise, which says what is wrong.
pub async fn ready(State(Context { app, readiness, .. }): State<Context>) -> Result<PlainText> {
    if app.is_draining.load(Ordering::Relaxed) {
        return Err(Error::new(
            Code::Unavailable,
            "The server is about to stop.",
        ));
    }
    let faults = readiness.faults(&app).await?;
    if !faults.is_empty() {
        return Err(Error::new(Code::Unavailable, faults.join(" ")));
    }
    Ok(([(header::CACHE_CONTROL, "no-store")], "ready\n"))
}

impl Readiness {
    async fn faults(&self, app: &SharedApp) -> Result<Vec<String>> {
        let mut found = Arc::clone(&self.0).lock_owned().await;
        if found.at.is_none_or(|at| at.elapsed() > FRESH) {
            let app = SharedApp::clone(app);
            // In a task of its own: a client that hangs up would have the next one begin anew.
            let find_out = tokio::spawn(async move {
                found.find_out(&app).await;
                found.faults.clone()
            });
            return find_out.await.map_err(Error::internal);
        }
        Ok(found.faults.clone())
    }
}

impl Found {
    async fn find_out(&mut self, app: &SharedApp) {
        let parts = PARTS.into_iter().zip(&mut self.under_way);
        let checks = parts.map(async |((what, check), under_way)| {
            let outcome = outcome(under_way, || tokio::spawn(check(SharedApp::clone(app)))).await;
            outcome.err().map(|error| {
                error.log();
                match error.code {
                    Code::StorageFull => format!("{what} cannot be written: its disk is full."),
                    _ => format!("{what} cannot be used at present."),
                }
            })
        });
        let faults = join_all(checks).await.into_iter().flatten();
        let silent = app.tasks.silent().into_iter();
        let silent = silent.map(|task| format!("The task {task:?} stands still."));
        self.faults = faults.chain(silent).collect();
        self.at = Some(Instant::now());
    }
}

/// What comes out of the check under way, or of a new one.
async fn outcome(
    under_way: &mut Option<JoinHandle<Result<()>>>,
    begin: impl FnOnce() -> JoinHandle<Result<()>>,
) -> Result<()> {
    let check = under_way.get_or_insert_with(begin);
    match tokio::time::timeout(ANSWERS_WITHIN, check).await {
        Ok(done) => {
            *under_way = None;
            done.map_err(Error::internal)?
        }
        Err(_elapsed) => Err(Error::internal("a check did not end in time")),
    }
}

/// Fails when nothing can be read, or there is no room on a disk of this machine.
async fn database(app: &App) -> Result<()> {
    app.db.check_reading().await?;
    match app.db.sqlite_path().and_then(Path::parent) {
        // The parent of a bare name is empty, and means here.
        Some(directory) => disk::check_room(&directory.join(".")).await,
        None => Ok(()),
    }
}
