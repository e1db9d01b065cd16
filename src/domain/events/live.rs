//! Waking those who wait for what concerns them: by what this process has written, and by what other instances and commands
//! have.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use entity::concern::Reader;
use sea_orm::sqlx::postgres::PgListener;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, sleep},
};
use uuid::Uuid;

use super::{concerns, feed};
use crate::{app::App, error::Result};

/// What the tasks are called that call [`give_places`] and [`wake`].
pub const TASKS: [&str; 2] = ["feed places", "feed"];

/// How often it is looked for what nobody has told of: a command's events, those of an instance that ended, and all of them
/// where PostgreSQL's notices do not come.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between two batches of places: transactions that end within it share one.
const GATHER: Duration = Duration::from_millis(15);
/// Between two tries to hear of others' events.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
/// Rows that are looked at to tell whom to wake. Beyond so many, all are.
const LOOKED_AT: u64 = 1000;

/// Those who wait, by user.
#[derive(Debug, Default)]
pub struct Live {
    waiting: Mutex<HashMap<Uuid, Vec<Arc<Notify>>>>,
}

/// Somebody who waits. Whatever concerned them since is to be read after this was made.
#[derive(Debug)]
pub struct Subscriber {
    app: Arc<App>,
    user_id: Uuid,
    woken: Arc<Notify>,
}

impl Live {
    fn waiting(&self) -> MutexGuard<'_, HashMap<Uuid, Vec<Arc<Notify>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    fn wake(&self, users: &BTreeSet<Uuid>) {
        let waiting = self.waiting();
        let woken = users.iter().filter_map(|id| waiting.get(id));
        woken.flatten().for_each(|woken| woken.notify_one());
    }

    fn wake_all(&self) {
        let waiting = self.waiting();
        let all = waiting.values().flatten();
        all.for_each(|woken| woken.notify_one());
    }
}

impl Subscriber {
    pub fn new(app: &Arc<App>, user_id: Uuid) -> Self {
        let woken = Arc::new(Notify::new());
        let mut waiting = app.live.waiting();
        waiting.entry(user_id).or_default().push(Arc::clone(&woken));
        drop(waiting);
        Self {
            app: Arc::clone(app),
            user_id,
            woken,
        }
    }

    /// Ready when something may have happened that concerns them.
    pub async fn woken(&self) {
        self.woken.notified().await;
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let mut waiting = self.app.live.waiting();
        if let Some(of_user) = waiting.get_mut(&self.user_id) {
            of_user.retain(|woken| !Arc::ptr_eq(woken, &self.woken));
            if of_user.is_empty() {
                waiting.remove(&self.user_id);
            }
        }
    }
}

/// Gives events their places, on PostgreSQL: soon after their commit, whoever wrote them. Never ends.
pub async fn give_places(app: &App) {
    if app.db.sqlite_path().is_some() {
        // They have them from the beginning. What wakes readers is the same.
        loop {
            app.db.news().await;
            app.live_news.notify_one();
        }
    }
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut is_news = tokio::select! {
            () = app.db.news() => true,
            _ = looks.tick() => false,
        };
        loop {
            match concerns::give_places(&app.db).await {
                Ok(given) => {
                    is_news |= given.any;
                    if !given.more {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "events wait for their places in the feed");
                    break;
                }
            }
        }
        if is_news {
            app.live_news.notify_one();
        }
        sleep(GATHER).await;
    }
}

/// Wakes those whom new events concern. Never ends.
pub async fn wake(app: &App) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut listener, mut seen) = (None, None);
    loop {
        let is_news = tokio::select! {
            () = app.live_news.notified() => true,
            () = heard(app, &mut listener) => true,
            _ = looks.tick() => false,
        };
        if is_news {
            app.webhooks.look();
        }
        if app.live.is_empty() {
            // Whoever comes later reads for themselves first.
            seen = None;
            continue;
        }
        match look(app, seen).await {
            Ok(last) => seen = Some(last),
            Err(error) => {
                tracing::debug!(%error, "it cannot be told whom new events concern");
                seen = None;
            }
        }
    }
}

/// Wakes those whom events after the place `seen` concern, and says which place was the last; everybody, where it is not
/// known what was seen.
async fn look(app: &App, seen: Option<i64>) -> Result<i64> {
    let Some(mut seen) = seen else {
        let last = feed::last(app).await?;
        app.live.wake_all();
        return Ok(last);
    };
    let concerned = feed::concerned_since(app, seen, LOOKED_AT).await?;
    if concerned.len() as u64 == LOOKED_AT {
        let last = feed::last(app).await?;
        app.live.wake_all();
        return Ok(last);
    }
    let (mut users, mut groups) = (BTreeSet::new(), BTreeSet::new());
    for row in concerned {
        seen = seen.max(row.seq.unwrap_or(seen));
        match row.reader {
            Reader::User => drop(users.insert(row.reader_id)),
            Reader::Group => drop(groups.insert(row.reader_id)),
            Reader::Nobody => {}
        }
    }
    users.extend(feed::members(app, groups.into_iter().collect()).await?);
    app.live.wake(&users);
    Ok(seen)
}

/// Ready when another instance tells of events. Without PostgreSQL, never.
async fn heard(app: &App, listener: &mut Option<PgListener>) {
    loop {
        match listener {
            Some(there) => match there.recv().await {
                Ok(_) => return,
                Err(error) => {
                    tracing::debug!(%error, "the notices of events are away");
                    *listener = None;
                    sleep(LISTEN_AGAIN).await;
                }
            },
            None => match app.db.listen(concerns::CHANNEL).await {
                Ok(Some(made)) => *listener = Some(made),
                Ok(None) => std::future::pending().await,
                Err(_) => sleep(LISTEN_AGAIN).await,
            },
        }
    }
}
