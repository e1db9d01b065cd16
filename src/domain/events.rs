//! The audit trail: changes are recorded in their own transaction; what changes nothing goes out in batches.
//!
//! A download and a sign-in do not wait for a write. Their events are kept in memory for half a second at most, and that
//! is what a crash can lose of them.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use entity::{event, event::Kind, file, user};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    sea_query::OnConflict,
};
use uuid::Uuid;

use crate::{
    access::{Owned, Page, Rows},
    app::App,
    auth::client::ClientAddress,
    db,
    error::Result,
    keys,
};

const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// Events waiting for a write; beyond this, the log has them and the database does not.
const QUEUE_MAX: usize = 50_000;
/// Events written by one statement.
const BATCH: usize = 500;
/// Events known to be recorded already. Forgetting them costs a write that changes nothing.
const KNOWN_MAX: usize = 100_000;

/// Says what may be recorded once only.
pub type Once = [u8; 16];

/// Something that happened.
#[derive(Debug)]
pub struct Event {
    pub kind: Kind,
    pub user_id: Option<Uuid>,
    pub file_id: Option<Uuid>,
    pub client: ClientAddress,
    pub detail: Option<String>,
    pub once: Option<Once>,
}

impl Event {
    /// An event of a kind, to be told more about.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            user_id: None,
            file_id: None,
            client: ClientAddress::default(),
            detail: None,
            once: None,
        }
    }

    /// What the owner did to a file.
    pub fn of_file(kind: Kind, file: &file::Model) -> Self {
        Self {
            user_id: Some(file.owner_id),
            file_id: Some(file.id),
            ..Self::new(kind)
        }
    }

    pub fn by(self, user_id: Uuid) -> Self {
        Self {
            user_id: Some(user_id),
            ..self
        }
    }

    pub fn from(self, client: &ClientAddress) -> Self {
        Self {
            client: *client,
            ..self
        }
    }

    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    fn into_row(self, app: &App) -> event::Model {
        let at = app.clock.now();
        event::Model {
            id: keys::id(at),
            at,
            kind: self.kind,
            user_id: self.user_id,
            file_id: self.file_id,
            address: self.client.0.map(|address| address.to_string()),
            detail: self.detail,
            once: self.once.map(Vec::from),
        }
    }
}

/// A line in the log. Debug formatting escapes what a client could forge a line with.
fn log(row: &event::Model) {
    tracing::info!(
        target: "audit",
        kind = ?row.kind,
        user = row.user_id.map(tracing::field::display),
        file = row.file_id.map(tracing::field::display),
        address = row.address.as_ref().map(tracing::field::display),
        detail = row.detail.as_ref().map(tracing::field::debug),
    );
}

/// Records an event in the transaction that makes it true. The log has a line of it once that is committed.
pub(super) async fn record(transaction: &DatabaseTransaction, row: event::Model) -> Result<()> {
    record_all(transaction, vec![row]).await
}

/// The same for several, at least one.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub(super) async fn record_all(
    transaction: &DatabaseTransaction,
    rows: Vec<event::Model>,
) -> Result<()> {
    let models = rows.iter().cloned().map(event::ActiveModel::from);
    event::Entity::insert_many(models.map(ActiveModelTrait::reset_all))
        .exec_without_returning(transaction)
        .await?;
    db::after_commit(move || rows.iter().for_each(log));
    Ok(())
}

/// A user as a detail names them: no name has a colon, so that nobody can be called what another word says.
pub(super) fn name(user: &user::Model) -> String {
    format!("user:{}", user.username)
}

/// The row of an event that [`record`] is to write.
pub(super) fn row(app: &App, event: Event) -> event::Model {
    event.into_row(app)
}

/// Events on their way to the database.
#[derive(Debug, Default)]
pub struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    rows: VecDeque<event::Model>,
    known: HashSet<Once>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Whatever panicked while holding it, a list of rows is a list of rows.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records an event soon, without waiting. One that may happen once only and is known already costs a look.
pub fn enqueue(app: &App, once: Option<Once>, event: impl FnOnce() -> Event) {
    if let Some(once) = once {
        let mut waiting = app.events.lock();
        if waiting.known.len() >= KNOWN_MAX {
            waiting.known.clear();
        }
        if !waiting.known.insert(once) {
            return;
        }
    }
    let row = Event { once, ..event() }.into_row(app);
    log(&row);
    let mut waiting = app.events.lock();
    if waiting.rows.len() < QUEUE_MAX {
        waiting.rows.push_back(row);
    }
}

/// What the task is called that calls [`run`].
pub const TASK: &str = "events";
/// Within this, what waits has to be written, or nothing wait: some tries of a write, each with all its patience.
const WRITTEN_WITHIN: Duration = Duration::from_secs(30);

/// Writes what is waiting until `stop` is ready, and then what is left. A write under way is never broken off.
pub async fn run(app: &App, stop: impl Future<Output = ()>) {
    app.tasks.expect(TASK, WRITTEN_WITHIN);
    let mut ticks = tokio::time::interval(FLUSH_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return flush(app).await,
            _ = ticks.tick() => flush(app).await,
        }
    }
}

/// Writes what is waiting now. It waits until it is known to be written: whatever ends this in the middle, it is tried again,
/// and written once.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
async fn flush(app: &App) {
    loop {
        let batch: Vec<_> = app.events.lock().rows.iter().take(BATCH).cloned().collect();
        if batch.is_empty() {
            return app.tasks.alive(TASK);
        }
        let written = batch.len();
        let models = batch
            .into_iter()
            .map(|row| event::ActiveModel::from(row).reset_all());
        let insert = event::Entity::insert_many(models.collect::<Vec<_>>())
            .on_conflict(OnConflict::new().do_nothing().to_owned());
        let write = app.db.write(move |transaction| {
            Box::pin(async move { Ok(insert.exec_without_returning(transaction).await?) })
        });
        if let Err(error) = write.await {
            tracing::warn!(%error, "events could not be written; they wait");
            return;
        }
        app.events.lock().rows.drain(..written);
        app.tasks.alive(TASK);
    }
}

/// What happened to a file of one's own, newest first.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub async fn of_file(
    app: &App,
    file: &Owned<file::Model>,
    page: Page,
) -> Result<Rows<event::Model>> {
    let events = event::Entity::find().filter(event::Column::FileId.eq(file.id));
    let rows = page
        .apply(events, event::Column::Id)
        .all(app.db.read())
        .await?;
    Ok(page.cut(rows))
}
