//! Sending: a task for each webhook that has something to be told, for as long as it has. Nobody waits for any of them.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use entity::webhook;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use url::Url;
use uuid::Uuid;

use super::{
    origin,
    rows::{self, Failed, NOTED_WITHIN, Place},
    wants,
};
use crate::{
    app::{App, SharedApp},
    auth::webhook::signatures,
    domain::events::{self, Entry},
    error::{Error, Result},
    log_limit::LogLimit,
    metrics,
    outbound::Fault,
};

/// What the task is called that calls [`run`].
pub const TASK: &str = "webhooks";

/// How often it is looked for webhooks, and for those whose time has come.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The same on PostgreSQL where there is none: that one is added is an event, and every instance hears of it.
const LOOK_SELDOM: Duration = Duration::from_secs(20);
/// Between two looks: events that come within it are looked for together.
const GATHER: Duration = Duration::from_millis(50);
/// There has to be a sign of life within this.
const SILENT: Duration = Duration::from_secs(60);
/// Events that are passed over at a time.
const ROWS: u64 = 200;
/// Events that are read before the first of them is sent. What is forgotten of users meanwhile is sent in these few.
const AHEAD: u64 = 10;
/// How long the end of the process waits to let go of webhooks, so that others need not wait for it.
const LETS_GO_WITHIN: Duration = Duration::from_secs(2);

const AGENT: &str = concat!("Cloakroom/", env!("CARGO_PKG_VERSION"));
/// What is kept of why a delivery failed.
const WHY_CHARS: usize = 300;
/// The status by which a receiver says that it wants no more.
const GONE: u16 = 410;

static TROUBLE: LogLimit = LogLimit::new();

/// A task that ends with whoever keeps it.
struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tells webhooks of events. Never ends.
pub async fn run(app: SharedApp) {
    app.tasks.expect(TASK, SILENT);
    let mut running: HashMap<Uuid, Running> = HashMap::new();
    let mut pause = LOOK_EVERY;
    loop {
        running.retain(|_, task| !task.0.is_finished());
        match waiting(&app).await {
            Ok((has_any, waiting)) => {
                pause = match app.db.sqlite_path() {
                    None if !has_any => LOOK_SELDOM,
                    _ => LOOK_EVERY,
                };
                for row in waiting {
                    running.entry(row.id).or_insert_with(|| {
                        Running(tokio::spawn(tell(SharedApp::clone(&app), row)))
                    });
                }
            }
            Err(error) => tracing::debug!(%error, "webhooks cannot be looked for"),
        }
        app.tasks.alive(TASK);
        sleep(GATHER).await;
        // Which of both it is, is no matter.
        let _ = timeout(pause, app.webhooks.news.notified()).await;
    }
}

/// Lets go of all webhooks that this process sends to, when it has ended sending.
pub async fn let_go(app: &App) {
    let let_go = timeout(LETS_GO_WITHIN, rows::let_go_of_all(app)).await;
    if !matches!(let_go, Ok(Ok(()))) {
        tracing::debug!("webhooks are held until their time has passed");
    }
}

/// Whether there are webhooks, and those that events may wait for.
async fn waiting(app: &App) -> Result<(bool, Vec<webhook::Model>)> {
    let mut rows = rows::all(app).await?;
    if rows.is_empty() {
        return Ok((false, rows));
    }
    let last = events::last(app).await?;
    let now = app.clock.now();
    rows.retain(|row| row.seq < last && rows::is_open(app, row, now));
    Ok((true, rows))
}

/// Tells a webhook what waits for it. What fails on our side is tried again at the next look.
async fn tell(app: SharedApp, row: webhook::Model) {
    let id = row.id;
    if let Err(error) = try_to_tell(&app, row).await
        && let Some(left_out) = TROUBLE.turn()
    {
        tracing::warn!(webhook = %id, %error, left_out, "a webhook cannot be told of events");
    }
}

async fn try_to_tell(app: &App, row: webhook::Model) -> Result<()> {
    // What it does not want is passed over without being held.
    let from = Place::of(&row);
    let entries = events::placed_after(app, from.seq, ROWS).await?;
    if entries.is_empty() {
        return Ok(());
    }
    if !entries.iter().any(|entry| wants(&row, entry.event.kind)) {
        let to = entries
            .iter()
            .fold(from, |place, entry| place.at(entry.seq));
        return rows::pass_over(app, row.id, from, to).await;
    }
    let begun = Instant::now();
    let Some(row) = rows::hold(app, row.id).await? else {
        return Ok(());
    };
    let held = Held {
        app,
        url: Url::parse(&row.url).map_err(Error::internal)?,
        row,
    };
    held.tell(begun).await
}

/// A webhook that nobody else sends to.
struct Held<'a> {
    app: &'a App,
    url: Url,
    row: webhook::Model,
}

impl Held<'_> {
    /// Sends what waits, one event after the other, until nothing does or one is not acknowledged. It has been held since
    /// `since`.
    async fn tell(self, mut since: Instant) -> Result<()> {
        let (app, id) = (self.app, self.row.id);
        let mut done = Place::of(&self.row);
        loop {
            let entries = events::placed_after(app, done.seq, AHEAD).await?;
            if entries.is_empty() {
                return rows::let_go(app, id, done).await;
            }
            let names = events::Names::of(app, &entries).await?;
            for entry in entries {
                let at = done.at(entry.seq);
                if at.missed > done.missed {
                    tracing::warn!(
                        webhook = %id,
                        events = at.missed - done.missed,
                        "events were swept (EVENT_TTL) before a webhook was told of them"
                    );
                }
                if !wants(&self.row, entry.event.kind) {
                    done = at;
                    continue;
                }
                if since.elapsed() >= NOTED_WITHIN / 2 {
                    // Before this delivery ended, somebody else might send.
                    return rows::let_go(app, id, done).await;
                }
                if let Err(failed) = self.send(&entry, at.missed, &names).await? {
                    return self.failed(done, failed).await;
                }
                (done, since) = (at, Instant::now());
                if !rows::acknowledged(app, id, done).await? {
                    return Ok(());
                }
            }
        }
    }

    /// Sends one event; the inner error is why it was not acknowledged.
    async fn send(
        &self,
        entry: &Entry,
        missed: i64,
        names: &events::Names,
    ) -> Result<Result<(), Failed>> {
        let app = self.app;
        let body = events::body(entry, missed, names)?;
        let (message, at) = (entry.event.id.to_string(), app.clock.now().0 / 1000);
        let signatures = signatures(&app.keyring, self.row.id, &message, at, body.as_bytes());
        let seconds = at.to_string();
        let headers = [
            ("content-type", "application/json"),
            ("user-agent", AGENT),
            ("webhook-id", &*message),
            ("webhook-timestamp", &*seconds),
            ("webhook-signature", &*signatures),
        ];
        let (outcome, why) = match app
            .outbound
            .post(&self.url, &headers, body.into_bytes())
            .await
        {
            Ok(200..=299) => ("acknowledged", None),
            Ok(GONE) => ("gone", Some("the receiver answered 410 Gone".to_owned())),
            Ok(status @ 300..=399) => (
                "refused",
                Some(format!(
                    "the receiver answered {status}; redirects are not followed"
                )),
            ),
            Ok(status) => ("refused", Some(format!("the receiver answered {status}"))),
            Err(fault @ Fault::Forbidden(_)) => ("forbidden", Some(fault.to_string())),
            Err(fault) => ("unreachable", Some(fault.to_string())),
        };
        metrics::webhook_told(outcome);
        let is_gone = outcome == "gone";
        Ok(why.map_or(Ok(()), |why| {
            let why = plain(&why);
            Err(Failed { why, is_gone })
        }))
    }

    async fn failed(&self, place: Place, failed: Failed) -> Result<()> {
        let why = failed.why.clone();
        let row = rows::failed(self.app, self.row.id, place, failed).await?;
        let Some(row) = row else {
            return Ok(());
        };
        let (webhook, receiver) = (row.id, origin(&row.url));
        match row.pause {
            Some(pause) => tracing::error!(
                %webhook, %receiver, %why, ?pause,
                "a webhook is paused; see `cloakroom list-webhooks` and `resume-webhook`"
            ),
            None => tracing::warn!(
                %webhook, %receiver, %why, failures = row.failures,
                "an event was not acknowledged; it is tried again"
            ),
        }
        Ok(())
    }
}

/// What may be shown of why something failed: names in certificates are the other end's words.
fn plain(why: &str) -> String {
    let plain = why.chars().map(|it| match it.is_ascii_graphic() {
        true => it,
        false => ' ',
    });
    plain.take(WHY_CHARS).collect()
}
