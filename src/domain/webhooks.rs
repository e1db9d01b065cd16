//! Webhooks: the operator names addresses, and they are told of events, signed, in the order of the feed.
//!
//! A webhook is a reader of the feed whose place is in the database: an event counts as told once the receiver has acknowledged
//! it, and the next one is sent after that. docs/webhooks.md is the page for whoever writes a receiver.

use std::{collections::BTreeSet, sync::LazyLock};

use entity::{
    Timestamp,
    event::{self, Kind},
    webhook,
};
use sea_orm::{ActiveEnum, Iterable};
use tokio::sync::Notify;
use url::Url;
use uuid::Uuid;

use super::events::{self, By, Event, Object};
use crate::{
    app::App,
    auth::webhook::secret,
    config::Secret,
    error::{Code, Error, Result},
    random,
};

mod delivery;
mod rows;

pub use delivery::{TASK, let_go, run};
pub use rows::Waiting;

const URL_BYTES: usize = 2000;

/// What this process is called by the rows that it holds, and what tells it of events.
#[derive(Debug)]
pub struct Courier {
    id: Uuid,
    news: Notify,
}

impl Courier {
    /// One that began at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self {
            id: random::id(now),
            news: Notify::new(),
        }
    }

    /// Says that there may be events.
    pub fn look(&self) {
        self.news.notify_one();
    }
}

/// The kinds of events, by the words that name them.
static KINDS: LazyLock<Vec<(String, Kind)>> =
    LazyLock::new(|| Kind::iter().map(|kind| (kind.to_value(), kind)).collect());

/// A webhook, as its operator sees it.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub row: webhook::Model,
    /// How many events are behind its place, of whatever kind.
    pub waiting: i64,
}

/// Adds a webhook, which is told of what happens from now on; returns it and its secret. `BAD_USER_INPUT` for a URL or a kind
/// that cannot be, `QUOTA_EXCEEDED` beyond the limit, `CONFLICT` where there are no lasting keys yet.
pub async fn add(app: &App, url: &str, kinds: &[String]) -> Result<(Webhook, Secret)> {
    let url = usable(app, url)?;
    let kinds = kinds
        .iter()
        .map(|word| known(word))
        .collect::<Result<BTreeSet<_>>>()?;
    let kinds: Vec<_> = kinds.into_iter().collect();
    check_keys(app)?;
    let now = app.clock.now();
    let row = webhook::Model {
        id: random::id(now),
        url: url.as_str().to_owned(),
        kinds: (!kinds.is_empty()).then(|| kinds.join(",")),
        created_at: now,
        seq: events::last(app).await?,
        missed: 0,
        delivered_at: None,
        failures: 0,
        failing_since: None,
        failure: None,
        due_at: Timestamp(0),
        paused_at: None,
        pause: None,
        holder: None,
        held_until: Timestamp(0),
    };
    let secret = secret(&app.keyring, row.id);
    let row = rows::insert(app, row).await?;
    Ok((Webhook { row, waiting: 0 }, secret))
}

/// All webhooks, the oldest first.
pub async fn list(app: &App) -> Result<Vec<Webhook>> {
    let rows = rows::all(app).await?;
    let last = events::last(app).await?;
    let webhooks = rows.into_iter().map(|row| Webhook {
        waiting: (last - row.seq).max(0),
        row,
    });
    Ok(webhooks.collect())
}

/// Ends a webhook; what waits for it is not sent. `NOT_FOUND` when there is none.
pub async fn remove(app: &App, id: Uuid) -> Result<()> {
    match rows::remove(app, id).await? {
        true => Ok(()),
        false => Err(unknown()),
    }
}

/// Has a webhook go on that was paused, or try again at once; with [`Waiting::Skip`] without the events that wait.
/// `NOT_FOUND` when there is none, `CONFLICT` when events would be left out while one of them is being sent.
pub async fn resume(app: &App, id: Uuid, waiting: Waiting) -> Result<Webhook> {
    let last = events::last(app).await?;
    match rows::resume(app, id, waiting, last).await? {
        rows::Resumed::Done(row) => Ok(Webhook {
            waiting: (last - row.seq).max(0),
            row: *row,
        }),
        rows::Resumed::Unknown => Err(unknown()),
        rows::Resumed::Busy => Err(Error::new(
            Code::Conflict,
            "An event is being sent at this moment; try again.",
        )),
    }
}

/// The secret of a webhook, as the first secret of the configuration makes it. `NOT_FOUND` when there is no such webhook.
pub async fn secret_of(app: &App, id: Uuid) -> Result<Secret> {
    let rows = rows::all(app).await?;
    let row = rows.iter().find(|row| row.id == id).ok_or_else(unknown)?;
    check_keys(app)?;
    Ok(secret(&app.keyring, row.id))
}

fn unknown() -> Error {
    Error::new(Code::NotFound, "There is no webhook of this id.")
}

/// Fails where keys would be made anew: secrets are of use only where the server has the same ones.
fn check_keys(app: &App) -> Result<()> {
    match app.keyring.is_kept {
        true => Ok(()),
        false => Err(Error::new(
            Code::Conflict,
            "There is no secret yet that the server has as well: start the server once, or set CLOAKROOM_SECRET or \
             CLOAKROOM_SECRET_FILE as it has it.",
        )),
    }
}

/// The URL, if events may be sent there as far as can be told without looking up its name.
fn usable(app: &App, text: &str) -> Result<Url> {
    let wrong = |what: &str| Error::bad_input("url", what);
    if text.len() > URL_BYTES {
        return Err(wrong("A URL may have 2000 bytes."));
    }
    let url = Url::parse(text.trim()).map_err(|error| {
        let what = format!("This is no URL such as https://hooks.example/cloakroom: {error}.");
        Error::bad_input("url", what)
    })?;
    if !["https", "http"].contains(&url.scheme()) || url.host().is_none() {
        return Err(wrong("A webhook's URL begins with https://."));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "A webhook's URL has no user name and no password: deliveries are signed instead.",
        ));
    }
    if url.fragment().is_some() {
        return Err(wrong("A webhook's URL has no `#` and what follows it."));
    }
    let checked = app.outbound.check(&url);
    checked.map_err(|forbidden| Error::bad_input("url", format!("{forbidden}.")))?;
    Ok(url)
}

/// The kind that a word names.
fn known(word: &str) -> Result<&'static str> {
    let word = word.trim().to_uppercase();
    let known = KINDS.iter().find(|(name, _)| *name == word);
    known.map(|(name, _)| name.as_str()).ok_or_else(|| {
        let all: Vec<_> = KINDS.iter().map(|(name, _)| name.as_str()).collect();
        let what = format!(
            "{word:?} is no kind of event. The kinds are {}.",
            all.join(", ")
        );
        Error::bad_input("events", what)
    })
}

/// Whether the webhook is told of events of this kind.
fn wants(row: &webhook::Model, kind: Kind) -> bool {
    let kinds = row.kinds.as_deref();
    kinds.is_none_or(|kinds| kinds.split(',').any(|word| word == kind.to_value()))
}

/// The event of a change to a webhook. Of its URL the trail has no more than the origin: the rest may be a secret.
fn event_of(kind: Kind, by: By, row: &webhook::Model, now: Timestamp) -> event::Model {
    let event = Event::new(kind).by(by).of(Object::Webhook(row.id));
    events::row_at(event.detail(origin(&row.url)), now)
}

fn origin(url: &str) -> String {
    let url = Url::parse(url);
    url.map(|url| url.origin().ascii_serialization())
        .unwrap_or_default()
}
