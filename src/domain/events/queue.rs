//! Events that do not wait for a write: gathered for half a second, and the same thing within a minute is one event.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use entity::{event, event::Kind};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{CaseStatement, Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use super::{Event, Once, log};
use crate::{app::App, auth::client::ClientAddress, error::Result};

const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// How long what happens again is counted by the first event of it.
const TOGETHER: Duration = Duration::from_secs(60);
/// Events waiting for a write; beyond this, the log has them and the database does not.
const QUEUE_MAX: usize = 50_000;
/// Events written by one statement.
const BATCH: usize = 500;
/// Events known to be recorded already. Forgetting them costs a write that changes nothing.
const KNOWN_MAX: usize = 100_000;
/// Events that may happen again. Forgetting them costs a row.
const RECENT_MAX: usize = 10_000;

/// Events on their way to the database.
#[derive(Debug, Default)]
pub struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// Not in the database yet.
    rows: Vec<event::Model>,
    /// How often events happened again that have a row already, by the ids of the rows.
    again: HashMap<Uuid, i32>,
    /// On the way to the database. They stay here until they are known to be written: whatever ends the task that
    /// writes them, they are tried again, and written once.
    writing: VecDeque<event::Model>,
    /// By how much rows of the database are to grow.
    growing: Vec<(Uuid, i32)>,
    recent: HashMap<Same, Recent>,
    known: HashSet<Once>,
    /// How many found no room since it was last said.
    lost: usize,
}

/// What two events have in common that are the same thing.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Same {
    kind: Kind,
    user_id: Option<Uuid>,
    file_id: Option<Uuid>,
    network: Option<ClientAddress>,
    detail: Option<String>,
}

#[derive(Debug)]
struct Recent {
    id: Uuid,
    /// As uptime.
    since: Duration,
}

impl Same {
    fn of(event: &Event) -> Self {
        // What a user does to a file is the same from wherever: the log has every address.
        let is_known = event.user_id.is_some() && event.file_id.is_some();
        Self {
            kind: event.kind,
            user_id: event.user_id,
            file_id: event.file_id,
            network: (!is_known).then(|| event.client.network()),
            detail: event.detail.clone(),
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Whatever panicked while holding it, a list of rows is a list of rows.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Whether `once` is not known yet; it is from now on.
    fn is_news(&mut self, once: Once) -> bool {
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(once)
    }

    fn add(&mut self, same: Same, row: event::Model, now: Duration) {
        let recent = self.recent.get(&same);
        if let Some(recent) = recent.filter(|recent| now.saturating_sub(recent.since) < TOGETHER) {
            *self.again.entry(recent.id).or_default() += 1;
            return;
        }
        if self.rows.len() + self.writing.len() >= QUEUE_MAX {
            self.lost += 1;
            return;
        }
        if self.recent.len() >= RECENT_MAX {
            self.recent.clear();
        }
        let recent = Recent {
            id: row.id,
            since: now,
        };
        self.recent.insert(same, recent);
        self.rows.push(row);
    }

    /// Puts what waits on its way to the database.
    fn begin_writing(&mut self, now: Duration) {
        self.recent
            .retain(|_, recent| now.saturating_sub(recent.since) < TOGETHER);
        for mut row in self.rows.drain(..) {
            row.count += self.again.remove(&row.id).unwrap_or_default();
            self.writing.push_back(row);
        }
        self.growing.extend(self.again.drain());
    }

    /// The first `tried` rows are written, but for `known`, whose first event another instance had recorded.
    fn end_writing(&mut self, tried: usize, known: Vec<event::Model>) {
        self.writing.drain(..tried);
        let left = self.without_first(known);
        self.writing.extend(left);
    }

    /// Another instance had recorded the first of what each of these rows counts. What is left of them, to be written.
    fn without_first(&mut self, rows: Vec<event::Model>) -> Vec<event::Model> {
        let (mut left, mut gone) = (Vec::new(), HashSet::new());
        for row in rows {
            let count = row.count - 1 + self.again.remove(&row.id).unwrap_or_default();
            match count {
                0 => {
                    gone.insert(row.id);
                }
                _ => left.push(event::Model {
                    once: None,
                    count,
                    ..row
                }),
            }
        }
        self.recent.retain(|_, recent| !gone.contains(&recent.id));
        left
    }
}

/// Records an event soon, without waiting. One that may happen once only and is known already costs a look; one that
/// happened less than a minute ago is counted by that one.
pub fn enqueue(app: &App, once: Option<Once>, event: impl FnOnce() -> Event) {
    if once.is_some_and(|once| !app.events.lock().is_news(once)) {
        return;
    }
    let event = Event { once, ..event() };
    let same = Same::of(&event);
    let row = event.into_row(app);
    log(&row);
    app.events.lock().add(same, row, app.clock.uptime());
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

/// Writes what is waiting now. What cannot be written is tried again.
async fn flush(app: &App) {
    let lost = {
        let mut waiting = app.events.lock();
        waiting.begin_writing(app.clock.uptime());
        mem::take(&mut waiting.lost)
    };
    if lost > 0 {
        tracing::warn!(
            lost,
            "events found no room to wait: the log has them, the database does not"
        );
    }
    if let Err(error) = write(app).await {
        tracing::warn!(%error, "events could not be written; they wait");
    }
}

/// Writes what is on its way, rows before what they grow by.
async fn write(app: &App) -> Result<()> {
    loop {
        let batch: Vec<_> = {
            let waiting = app.events.lock();
            waiting.writing.iter().take(BATCH).cloned().collect()
        };
        if batch.is_empty() {
            break;
        }
        let tried = batch.len();
        let known = insert(app, batch).await?;
        app.events.lock().end_writing(tried, known);
        app.tasks.alive(TASK);
    }
    loop {
        // Taken before it is written: to count an event less is better than to count it twice.
        let batch: Vec<_> = {
            let mut waiting = app.events.lock();
            let some = waiting.growing.len().min(BATCH);
            waiting.growing.drain(..some).collect()
        };
        if batch.is_empty() {
            break;
        }
        if let Err(error) = grow(app, batch.clone()).await {
            app.events.lock().growing.extend(batch);
            return Err(error);
        }
        app.tasks.alive(TASK);
    }
    app.tasks.alive(TASK);
    Ok(())
}

/// Writes rows, and returns those whose `once` the table has already.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
async fn insert(app: &App, mut rows: Vec<event::Model>) -> Result<Vec<event::Model>> {
    let models: Vec<_> = rows
        .iter()
        .map(|row| event::ActiveModel::from(row.clone()).reset_all())
        .collect();
    let insert = app.db.write(move |transaction| {
        Box::pin(async move {
            // Also for rows that were written before, when a commit succeeded without our hearing of it.
            let inserted = event::Entity::insert_many(models)
                .on_conflict(OnConflict::new().do_nothing().to_owned())
                .exec_without_returning(transaction)
                .await?;
            if inserted == rows.len() as u64 {
                return Ok(Vec::new());
            }
            let ids = rows.iter().map(|row| row.id);
            let there: Vec<Uuid> = event::Entity::find()
                .select_only()
                .column(event::Column::Id)
                .filter(event::Column::Id.is_in(ids))
                .into_tuple()
                .all(transaction)
                .await?;
            rows.retain(|row| !there.contains(&row.id));
            Ok(rows)
        })
    });
    insert.await
}

/// Adds to what rows count.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
async fn grow(app: &App, again: Vec<(Uuid, i32)>) -> Result<()> {
    let count = || Expr::col(event::Column::Count);
    let grown = again
        .iter()
        .fold(CaseStatement::new(), |case, (id, more)| {
            case.case(event::Column::Id.eq(*id), count().add(*more))
        })
        .finally(count());
    let grow = app.db.write(move |transaction| {
        Box::pin(async move {
            event::Entity::update_many()
                .col_expr(event::Column::Count, grown.into())
                .filter(event::Column::Id.is_in(again.into_iter().map(|(id, _)| id)))
                .exec(transaction)
                .await?;
            Ok(())
        })
    });
    grow.await
}

#[cfg(test)]
mod tests {
    use entity::Timestamp;

    use super::*;

    /// A download of the file `number`, with a row of its own.
    fn download(number: usize) -> (Same, event::Model) {
        let file_id = Some(Uuid::from_u128(number as u128));
        let row = event::Model {
            id: crate::keys::id(Timestamp(0)),
            at: Timestamp(0),
            kind: Kind::Downloaded,
            user_id: Some(Uuid::nil()),
            file_id,
            address: None,
            detail: None,
            once: None,
            count: 1,
        };
        let event = Event {
            user_id: row.user_id,
            file_id,
            ..Event::new(Kind::Downloaded)
        };
        (Same::of(&event), row)
    }

    #[test]
    fn what_finds_no_room_is_counted_and_what_happened_before_still_grows() {
        let mut waiting = Waiting::default();
        for number in 0..QUEUE_MAX + 5 {
            let (same, row) = download(number);
            waiting.add(same, row, Duration::ZERO);
        }
        assert_eq!((waiting.rows.len(), waiting.lost), (QUEUE_MAX, 5));
        let (same, row) = download(QUEUE_MAX - 1);
        waiting.add(same, row, Duration::ZERO);
        assert_eq!(waiting.lost, 5);

        // The database is away: all of it stays, and five more have come.
        waiting.begin_writing(Duration::ZERO);
        let counts = waiting.writing.iter().map(|row| row.count);
        assert_eq!(counts.sum::<i32>(), 50_001);
        for number in 0..5 {
            let (same, row) = download(QUEUE_MAX + number);
            waiting.add(same, row, Duration::ZERO);
        }
        assert_eq!((waiting.writing.len(), waiting.lost), (QUEUE_MAX, 10));
    }
}
