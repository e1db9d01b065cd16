//! The rows of webhooks. Whoever sends holds the row: for a time by the database's clock, so that one process sends at a time,
//! and another one goes on when it has died.

use entity::{
    Timestamp,
    event::{self, Kind},
    webhook::{self, Pause},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};
use std::time::Duration;
use uuid::Uuid;

use super::event_of;
use crate::{
    app::App,
    clock::{SKEW, millis},
    db::shared_time,
    domain::events::{self, By},
    error::{Code, Error, Result},
};

/// How long a row is held beyond what one delivery may take: until that is noted.
pub const NOTED_WITHIN: Duration = Duration::from_secs(15);
/// No process holds a row for longer. What is held until later was held by a clock that was wrong.
const HELD_MAX: Duration = Duration::from_secs(10 * 60);

/// What becomes of events that wait for a webhook that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    Send,
    /// They count as missed.
    Skip,
}

/// How far a webhook has come, as whoever holds it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub seq: i64,
    pub missed: i64,
}

impl Place {
    pub fn of(row: &webhook::Model) -> Self {
        Self {
            seq: row.seq,
            missed: row.missed,
        }
    }

    /// The same with an event at `seq`: places in between belonged to events that are gone.
    pub fn at(self, seq: i64) -> Self {
        Self {
            seq,
            missed: self.missed + (seq - self.seq - 1).max(0),
        }
    }
}

/// Why an event was not delivered.
#[derive(Clone, Debug)]
pub struct Failed {
    pub why: String,
    /// The receiver wants no more.
    pub is_gone: bool,
}

/// What a change comes to.
enum Change {
    Leave,
    Keep,
    Record(event::Model),
}

pub enum Resumed {
    Done(Box<webhook::Model>),
    Unknown,
    Busy,
}

/// All webhooks, the oldest first.
#[expect(clippy::disallowed_methods, reason = "this is the owner of webhooks")]
pub async fn all(app: &App) -> Result<Vec<webhook::Model>> {
    let all = webhook::Entity::find().order_by_asc(webhook::Column::Id);
    app.db.all(all).await
}

#[expect(clippy::disallowed_methods, reason = "this is the owner of webhooks")]
pub async fn insert(app: &App, row: webhook::Model) -> Result<webhook::Model> {
    let most = u64::from(app.config.webhooks.max_webhooks);
    let insert = app.db.write(move |transaction| {
        Box::pin(async move {
            let there = webhook::Entity::find().all(transaction).await?;
            if there.len() as u64 >= most {
                let what = format!("There are {most} webhooks, which is MAX_WEBHOOKS.");
                return Err(Error::new(Code::QuotaExceeded, what));
            }
            let added = event_of(Kind::WebhookAdded, By::Operator, &row, row.created_at);
            webhook::Entity::insert(row.clone().into_active_model().reset_all())
                .exec_without_returning(transaction)
                .await?;
            events::record(transaction, added).await?;
            Ok(row)
        })
    });
    insert.await
}

/// Says whether there was one.
#[expect(clippy::disallowed_methods, reason = "this is the owner of webhooks")]
pub async fn remove(app: &App, id: Uuid) -> Result<bool> {
    let now = app.clock.now();
    let remove = app.db.write(move |transaction| {
        Box::pin(async move {
            let found = webhook::Entity::find_by_id(id).lock_exclusive();
            let Some(row) = found.one(transaction).await? else {
                return Ok(false);
            };
            webhook::Entity::delete_by_id(id).exec(transaction).await?;
            let removed = event_of(Kind::WebhookRemoved, By::Operator, &row, now);
            events::record(transaction, removed).await?;
            Ok(true)
        })
    });
    remove.await
}

pub async fn resume(app: &App, id: Uuid, waiting: Waiting, last: i64) -> Result<Resumed> {
    let changed = change(app, id, move |row, now| {
        let was_paused = row.paused_at.is_some();
        if waiting == Waiting::Skip {
            if row.holder.is_some() && is_held(row, now) {
                return Change::Leave;
            }
            // Whoever held it before must not take this back.
            (row.holder, row.held_until) = (None, Timestamp(0));
            row.missed += (last - row.seq).max(0);
            row.seq = row.seq.max(last);
        }
        row.paused_at = None;
        row.pause = None;
        row.failures = 0;
        row.failing_since = None;
        row.failure = None;
        row.due_at = Timestamp(0);
        match was_paused {
            true => Change::Record(event_of(Kind::WebhookResumed, By::Operator, row, now)),
            false => Change::Keep,
        }
    });
    Ok(match changed.await? {
        Changed::Done(row) => Resumed::Done(row),
        Changed::Left => Resumed::Busy,
        Changed::Unknown => Resumed::Unknown,
    })
}

/// Holds a webhook, unless somebody else does, it is paused, or its time has not come.
pub async fn hold(app: &App, id: Uuid) -> Result<Option<webhook::Model>> {
    let (me, hold) = (app.webhooks.id, held_for(app));
    let latest = latest_pause(app);
    let held = change(app, id, move |row, now| {
        if !is_open_to(row, me, now, latest) {
            return Change::Leave;
        }
        row.holder = Some(me);
        row.held_until = Timestamp(now.0.saturating_add(hold));
        Change::Keep
    });
    Ok(held.await?.done())
}

/// Notes that the event at `place` was acknowledged, and holds the webhook for the next one. Says whether it was held until now.
pub async fn acknowledged(app: &App, id: Uuid, place: Place) -> Result<bool> {
    let (me, hold) = (app.webhooks.id, held_for(app));
    let noted = change(app, id, move |row, now| {
        if row.holder != Some(me) {
            return Change::Leave;
        }
        (row.seq, row.missed) = (place.seq, place.missed);
        row.failures = 0;
        row.failing_since = None;
        row.failure = None;
        row.delivered_at = Some(now);
        row.held_until = Timestamp(now.0.saturating_add(hold));
        Change::Keep
    });
    Ok(noted.await?.done().is_some())
}

/// Notes that the event behind `place` was not acknowledged, and lets go of the webhook until its next try; pauses it after too
/// long. Returns it.
pub async fn failed(
    app: &App,
    id: Uuid,
    place: Place,
    failed: Failed,
) -> Result<Option<webhook::Model>> {
    let me = app.webhooks.id;
    let settings = &app.config.webhooks;
    let (first, most) = (settings.webhook_retry_after, settings.webhook_retry_max);
    let pause_after = millis(settings.webhook_pause_after);
    let noted = change(app, id, move |row, now| {
        if row.holder != Some(me) {
            return Change::Leave;
        }
        (row.seq, row.missed) = (place.seq, place.missed);
        let doublings = u32::try_from(row.failures).unwrap_or(0).min(20);
        let wait = first.saturating_mul(1 << doublings).min(most);
        row.failures = row.failures.saturating_add(1);
        let since = *row.failing_since.get_or_insert(now);
        row.failure = Some(failed.why);
        row.due_at = Timestamp(now.0.saturating_add(millis(wait)));
        (row.holder, row.held_until) = (None, Timestamp(0));
        let has_failed_long = now.0.saturating_sub(since.0) >= pause_after;
        row.pause = match failed.is_gone {
            true => Some(Pause::Gone),
            false => has_failed_long.then_some(Pause::Failing),
        };
        if row.pause.is_none() {
            return Change::Keep;
        }
        row.paused_at = Some(now);
        Change::Record(event_of(Kind::WebhookPaused, By::Janitor, row, now))
    });
    Ok(noted.await?.done())
}

/// Notes that all up to `place` is acknowledged or of no kind that is sent, and lets go of the webhook.
pub async fn let_go(app: &App, id: Uuid, place: Place) -> Result<()> {
    let me = app.webhooks.id;
    let noted = change(app, id, move |row, _| {
        if row.holder != Some(me) {
            return Change::Leave;
        }
        (row.seq, row.missed) = (place.seq, place.missed);
        (row.holder, row.held_until) = (None, Timestamp(0));
        Change::Keep
    });
    noted.await.map(drop)
}

/// Notes that all between the place `from` and `to` is of no kind that is sent, unless somebody sends.
pub async fn pass_over(app: &App, id: Uuid, from: Place, to: Place) -> Result<()> {
    let me = app.webhooks.id;
    let noted = change(app, id, move |row, now| {
        if Place::of(row) != from || is_others(row, me, now) {
            return Change::Leave;
        }
        (row.seq, row.missed) = (to.seq, to.missed);
        Change::Keep
    });
    noted.await.map(drop)
}

/// Lets go of all that this process holds.
#[expect(clippy::disallowed_methods, reason = "this is the owner of webhooks")]
pub async fn let_go_of_all(app: &App) -> Result<()> {
    let me = app.webhooks.id;
    let let_go = app.db.write(move |transaction| {
        Box::pin(async move {
            webhook::Entity::update_many()
                .col_expr(webhook::Column::Holder, Expr::value(None::<Uuid>))
                .col_expr(webhook::Column::HeldUntil, Expr::value(0_i64))
                .filter(webhook::Column::Holder.eq(me))
                .exec(transaction)
                .await?;
            Ok(())
        })
    });
    let_go.await
}

/// Whether this process may send to a webhook at `now`, as far as can be told without holding it.
pub fn is_open(app: &App, row: &webhook::Model, now: Timestamp) -> bool {
    is_open_to(row, app.webhooks.id, now, latest_pause(app))
}

fn is_open_to(row: &webhook::Model, me: Uuid, now: Timestamp, latest: i64) -> bool {
    // What is due later than any pause ends was made so by a clock that was wrong.
    let is_due = row.due_at <= now || row.due_at.0 > now.0.saturating_add(latest);
    row.paused_at.is_none() && is_due && !is_others(row, me, now)
}

/// Whether another process sends.
fn is_others(row: &webhook::Model, me: Uuid, now: Timestamp) -> bool {
    row.holder.is_some_and(|holder| holder != me) && is_held(row, now)
}

/// The longest pause between two tries, in milliseconds, with what clocks may be apart.
fn latest_pause(app: &App) -> i64 {
    millis(app.config.webhooks.webhook_retry_max + SKEW)
}

/// How long a webhook is held for one delivery, in milliseconds.
fn held_for(app: &App) -> i64 {
    millis(app.config.webhooks.webhook_timeout + NOTED_WITHIN)
}

/// Whether the time for which it is held has not ended.
fn is_held(row: &webhook::Model, now: Timestamp) -> bool {
    let latest = now.0.saturating_add(millis(HELD_MAX));
    row.held_until > now && row.held_until.0 <= latest
}

enum Changed {
    Done(Box<webhook::Model>),
    Left,
    Unknown,
}

impl Changed {
    fn done(self) -> Option<webhook::Model> {
        match self {
            Self::Done(row) => Some(*row),
            Self::Left | Self::Unknown => None,
        }
    }
}

/// Changes a webhook as `change` says, which hears what time it is for all instances.
#[expect(clippy::disallowed_methods, reason = "this is the owner of webhooks")]
async fn change<F>(app: &App, id: Uuid, change: F) -> Result<Changed>
where
    F: FnOnce(&mut webhook::Model, Timestamp) -> Change + Send + 'static,
{
    let clock = app.clock.clone();
    let write = app.db.write(move |transaction| {
        Box::pin(async move {
            let found = webhook::Entity::find_by_id(id).lock_exclusive();
            let Some(mut row) = found.one(transaction).await? else {
                return Ok(Changed::Unknown);
            };
            // After the wait for the lock.
            let now = Timestamp(shared_time(&clock, transaction).await?);
            let event = match change(&mut row, now) {
                Change::Leave => return Ok(Changed::Left),
                Change::Keep => None,
                Change::Record(event) => Some(event),
            };
            let row = row.into_active_model().reset_all();
            let row = row.update(transaction).await?;
            if let Some(event) = event {
                events::record(transaction, event).await?;
            }
            Ok(Changed::Done(Box::new(row)))
        })
    });
    write.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_events_that_are_gone_count_as_missed() {
        let begin = Place { seq: 7, missed: 1 };
        assert_eq!(begin.at(8), Place { seq: 8, missed: 1 });
        assert_eq!(begin.at(11), Place { seq: 11, missed: 4 });
    }
}
