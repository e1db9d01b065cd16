//! The time to destroy by: behind the clock on the wall where that has jumped, until it has kept its pace for a while.
//!
//! A clock that is wrong for a moment (a bad answer of a time server, a machine that wakes up) must not empty the trash. So
//! what came due within a jump waits; what was due before goes on. How long the machine was off cannot be told from a
//! jump: a start is one. What has ended by the clock on the wall grants nothing meanwhile, and is merely kept.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use entity::{Timestamp, settled_time};
use sea_orm::{ActiveModelTrait, EntityTrait, sea_query::OnConflict};

use crate::{
    app::App,
    clock::{Clock, millis},
    db::Db,
    error::Result,
};

/// How far the clock may stray from its pace without having jumped.
const TOLERANCE: i64 = 60_000;
/// How far the time moves on before it is stored again.
const STORE_EVERY: i64 = 60_000;
/// The only row's.
const ID: i32 = 1;

/// The latest moment that is certain to have passed.
#[derive(Debug)]
pub struct SettledTime(Mutex<Looks>);

#[derive(Debug)]
struct Looks {
    /// The clock and the uptime when the clock began to keep its pace.
    steady_since: (Timestamp, Duration),
    /// The uptime at the last look, and what was certain then.
    last: Duration,
    settled: Timestamp,
    stored: Timestamp,
}

impl SettledTime {
    /// Goes on from the time that was stored last. Where none is, nothing is there that could be destroyed.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the owner of the settled time"
    )]
    pub async fn load(db: &Db, clock: &Clock) -> Result<Self> {
        let (now, uptime) = (clock.now(), clock.uptime());
        let stored = db.one(settled_time::Entity::find_by_id(ID)).await?;
        Ok(Self(Mutex::new(Looks {
            steady_since: (now, uptime),
            last: uptime,
            settled: stored.as_ref().map_or(now, |row| row.at.min(now)),
            stored: stored.map_or(Timestamp(i64::MIN), |row| row.at),
        })))
    }

    /// Looks at the clock, and says what is certain now.
    pub(super) fn look(&self, now: Timestamp, uptime: Duration, grace: Duration) -> Timestamp {
        let mut looks = self.lock();
        let (since, uptime_then) = looks.steady_since;
        let expected = since
            .0
            .saturating_add(millis(uptime.saturating_sub(uptime_then)));
        if now.0.abs_diff(expected) > TOLERANCE.unsigned_abs() {
            looks.steady_since = (now, uptime);
        }
        let is_settled = uptime.saturating_sub(looks.steady_since.1) >= grace;
        let passed = millis(uptime.saturating_sub(looks.last));
        looks.last = uptime;
        looks.settled = match is_settled {
            true => now,
            false => now.min(Timestamp(looks.settled.0.saturating_add(passed))),
        };
        looks.settled
    }

    /// What was certain at the last look; before the first one, what was stored by the process before.
    pub fn last(&self) -> Timestamp {
        self.lock().settled
    }

    /// Stores `settled` for the next start, unless what is stored is about as good.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the owner of the settled time"
    )]
    pub(super) async fn store(&self, app: &App, settled: Timestamp) -> Result<()> {
        if settled.0.abs_diff(self.lock().stored.0) < STORE_EVERY.unsigned_abs() {
            return Ok(());
        }
        let row = settled_time::Model {
            id: ID,
            at: settled,
        };
        let store = app.db.write(move |transaction| {
            Box::pin(async move {
                let row = settled_time::ActiveModel::from(row).reset_all();
                let known = OnConflict::column(settled_time::Column::Id)
                    .update_column(settled_time::Column::At)
                    .to_owned();
                settled_time::Entity::insert(row)
                    .on_conflict(known)
                    .exec_without_returning(transaction)
                    .await?;
                Ok(())
            })
        });
        store.await?;
        self.lock().stored = settled;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Looks> {
        // Times stay times whatever panicked while holding them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(60 * 60);

    /// What is certain after looks at these clocks and uptimes, in minutes, when 0 was certain at the start.
    fn looks<const N: usize>(looks: [(i64, u64); N]) -> [i64; N] {
        let time = SettledTime(Mutex::new(Looks {
            steady_since: (Timestamp(0), Duration::ZERO),
            last: Duration::ZERO,
            settled: Timestamp(0),
            stored: Timestamp(0),
        }));
        looks.map(|(clock, uptime)| {
            let uptime = Duration::from_secs(uptime * 60);
            time.look(Timestamp(clock * 60_000), uptime, GRACE).0 / 60_000
        })
    }

    #[test]
    fn a_clock_that_keeps_its_pace_is_believed() {
        assert_eq!(looks([(1, 1), (59, 59), (600, 600)]), [1, 59, 600]);
    }

    #[test]
    fn what_came_due_in_a_jump_waits_and_what_was_due_goes_on() {
        let year = 525_600;
        let jumped = [(1, 1), (year, 2), (year + 30, 32), (33, 33), (200, 200)];
        assert_eq!(looks(jumped), [1, 2, 32, 33, 200]);
    }

    #[test]
    fn a_clock_that_was_set_right_is_believed_after_the_grace() {
        let set = [(1000, 1), (1058, 59), (1060, 61)];
        assert_eq!(looks(set), [1, 59, 1060]);
    }

    #[test]
    fn a_clock_that_is_set_back_is_believed_at_once_and_not_when_it_returns() {
        assert_eq!(looks([(100, 100), (10, 101), (102, 102)]), [100, 10, 11]);
    }

    #[test]
    fn many_small_jumps_are_as_good_as_a_large_one() {
        let mut clock = 0;
        let jumps: [_; 120] = std::array::from_fn(|minute| {
            clock += 2;
            (clock, u64::try_from(minute).unwrap() + 1)
        });
        assert_eq!(looks(jumps)[119], 120);
    }
}
