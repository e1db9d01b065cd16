//! Events that wait to be written. Those that are the same are merged into one with a count.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use entity::{event, event::Kind, share::Audience};
use uuid::Uuid;

use super::super::{By, Event, Object, Once};
use crate::auth::client::ClientAddress;

/// How long after an event another one that is the same is merged into it.
const TOGETHER: Duration = Duration::from_secs(60);
/// Events waiting for a write; beyond this, the log has them and the database does not.
const QUEUE_MAX: usize = 50_000;
/// Events known to be recorded already. Forgetting them costs a write that changes nothing.
const KNOWN_MAX: usize = 100_000;
/// Events that may happen again. Forgetting them costs a row.
const RECENT_MAX: usize = 10_000;
/// How many tickets of one event are remembered in the database. Tickets after those may be counted once by each instance. So
/// somebody who fetches a file all day does not fill a table.
const TOLD_APART_MAX: usize = 20;

/// Events that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Not in the database yet.
    rows: Vec<Row>,
    /// How often events happened again that have a row already, by the ids of the rows.
    again: HashMap<Uuid, Times>,
    /// On the way to the database. They stay here until they are known to be written: whatever ends the task that
    /// writes them, they are tried again, and written once.
    pub writing: VecDeque<Row>,
    /// By how much rows of the database are to grow.
    pub growing: Vec<(Uuid, Times)>,
    recent: HashMap<Same, Recent>,
    known: HashSet<Once>,
    /// How many found no room since it was last said.
    pub lost: usize,
}

/// An event that has no row yet, and how often it happened.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub event: event::Model,
    pub times: Times,
}

/// How often something happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    pub certain: i32,
    /// Each counts unless the database has it.
    pub onces: Vec<Once>,
}

impl Times {
    fn add(&mut self, once: Option<Once>) {
        match once {
            Some(once) => self.onces.push(once),
            None => self.certain += 1,
        }
    }

    fn add_all(&mut self, more: Self) {
        self.certain += more.certain;
        self.onces.extend(more.onces);
    }
}

/// What two events have in common that are merged.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Same {
    kind: Kind,
    by: By,
    object: Option<Object>,
    audience: Option<(Audience, Uuid)>,
    network: Option<ClientAddress>,
    detail: Option<String>,
}

#[derive(Debug)]
struct Recent {
    id: Uuid,
    /// As uptime.
    since: Duration,
    told_apart: usize,
}

impl Same {
    pub fn of(event: &Event) -> Self {
        // What a user does to a file is the same from wherever: the log has every address.
        let is_known =
            matches!(event.by, By::User(_)) && matches!(event.object, Some(Object::File(_)));
        Self {
            kind: event.kind,
            by: event.by,
            object: event.object,
            audience: event.audience,
            network: (!is_known).then(|| event.client.network()),
            detail: event.detail.clone(),
        }
    }
}

impl Waiting {
    /// Whether `once` is not known yet; it is from now on.
    pub fn is_news(&mut self, once: Once) -> bool {
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(once)
    }

    pub fn add(&mut self, same: Same, event: event::Model, once: Option<Once>, now: Duration) {
        let recent = self.recent.get_mut(&same);
        if let Some(recent) = recent.filter(|recent| now.saturating_sub(recent.since) < TOGETHER) {
            let once = once.filter(|_| recent.told_apart < TOLD_APART_MAX);
            recent.told_apart += usize::from(once.is_some());
            self.again.entry(recent.id).or_default().add(once);
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
            id: event.id,
            since: now,
            told_apart: usize::from(once.is_some()),
        };
        self.recent.insert(same, recent);
        let mut times = Times::default();
        times.add(once);
        self.rows.push(Row { event, times });
    }

    /// Puts what waits on its way to the database.
    pub fn begin_writing(&mut self, now: Duration) {
        self.recent
            .retain(|_, recent| now.saturating_sub(recent.since) < TOGETHER);
        for mut row in self.rows.drain(..) {
            let again = self.again.remove(&row.event.id);
            row.times.add_all(again.unwrap_or_default());
            self.writing.push_back(row);
        }
        self.growing.extend(self.again.drain());
    }

    /// The first `tried` rows are written, but for those `unwritten`: the database had all that they count. What has
    /// happened again since is still to be written.
    pub fn end_writing(&mut self, tried: usize, unwritten: &[Uuid]) {
        let tried: Vec<_> = self.writing.drain(..tried).collect();
        let mut gone = HashSet::new();
        for row in tried {
            if !unwritten.contains(&row.event.id) {
                continue;
            }
            match self.again.remove(&row.event.id) {
                Some(times) => self.writing.push_back(Row { times, ..row }),
                None => {
                    gone.insert(row.event.id);
                }
            }
        }
        self.recent.retain(|_, recent| !gone.contains(&recent.id));
    }
}

#[cfg(test)]
mod tests {
    use entity::Timestamp;

    use super::*;

    /// A download of the file `number`, with a row of its own.
    fn download(number: usize) -> (Same, event::Model) {
        let event = Event::new(Kind::Downloaded)
            .by(By::User(Uuid::nil()))
            .of(Object::File(Uuid::from_u128(number as u128)));
        (Same::of(&event), event.into_row(Timestamp(0)))
    }

    #[test]
    fn what_finds_no_room_is_counted_and_what_happened_before_still_grows() {
        let mut waiting = Waiting::default();
        for number in 0..QUEUE_MAX + 5 {
            let (same, row) = download(number);
            waiting.add(same, row, None, Duration::ZERO);
        }
        assert_eq!((waiting.rows.len(), waiting.lost), (QUEUE_MAX, 5));
        let (same, row) = download(QUEUE_MAX - 1);
        waiting.add(same, row, None, Duration::ZERO);
        assert_eq!(waiting.lost, 5);

        // The database is away: all of it stays, and five more have come.
        waiting.begin_writing(Duration::ZERO);
        let counts = waiting.writing.iter().map(|row| row.times.certain);
        assert_eq!(counts.sum::<i32>(), 50_001);
        for number in 0..5 {
            let (same, row) = download(QUEUE_MAX + number);
            waiting.add(same, row, None, Duration::ZERO);
        }
        assert_eq!((waiting.writing.len(), waiting.lost), (QUEUE_MAX, 10));
    }

    #[test]
    fn so_many_tickets_of_one_event_are_told_apart_and_all_of_them_count() {
        let mut waiting = Waiting::default();
        for number in 0..100 {
            let (same, row) = download(1);
            waiting.add(same, row, Some([number; 16]), Duration::ZERO);
        }
        waiting.begin_writing(Duration::ZERO);
        let times = &waiting.writing[0].times;
        assert_eq!(times.onces.len(), TOLD_APART_MAX);
        assert_eq!(usize::try_from(times.certain), Ok(100 - TOLD_APART_MAX));
    }
}
