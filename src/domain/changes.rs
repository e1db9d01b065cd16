//! How many changes one user may make in an hour. Each leaves a row in the audit trail, so nobody fills the database with
//! what counts towards no quota: renaming a file to and fro, sharing and revoking.
//!
//! Kept in memory, by each instance for itself: a look costs no query, and a restart gives everything back. Uploads are
//! bounded by the number of files, and are not counted.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use uuid::Uuid;

use crate::error::{Code, Error, Result};

const HOUR: Duration = Duration::from_secs(60 * 60);
/// Users remembered; when there are more, those who have every change back are forgotten.
const USERS_MAX: usize = 10_000;

/// When each user will have every change back, as uptime.
#[derive(Debug, Default)]
pub struct Changes(Mutex<HashMap<Uuid, Duration>>);

impl Changes {
    /// Counts a change by `user_id` at the uptime `now`, by the generic cell rate algorithm. `RATE_LIMITED` when `per_hour`
    /// are used up; they come back evenly.
    pub(super) fn charge(&self, user_id: Uuid, now: Duration, per_hour: u32) -> Result<()> {
        // Its users stay right whatever panicked while holding it.
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= USERS_MAX {
            users.retain(|_, clear_at| *clear_at > now);
        }
        let clear_at = users.get(&user_id).copied().unwrap_or(now).max(now) + HOUR / per_hour;
        let wait = clear_at.saturating_sub(now + HOUR);
        if !wait.is_zero() {
            return Err(limited(per_hour, wait));
        }
        users.insert(user_id, clear_at);
        Ok(())
    }

    /// Counts `more` changes that have been made, whether or not as many were left.
    pub(super) fn owe(&self, user_id: Uuid, now: Duration, per_hour: u32, more: usize) {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let more = HOUR / per_hour * u32::try_from(more).unwrap_or(u32::MAX);
        let clear_at = users.entry(user_id).or_insert(now);
        *clear_at = (*clear_at).max(now) + more;
    }
}

fn limited(per_hour: u32, wait: Duration) -> Error {
    let seconds = wait.as_secs() + 1;
    Error::new(
        Code::RateLimited,
        format!("You may make {per_hour} changes an hour; try again in {seconds} seconds."),
    )
    .with("retryAfterSeconds", seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_back_evenly_and_each_user_has_their_own() {
        let (changes, alice, bob) = (Changes::default(), Uuid::from_u128(1), Uuid::from_u128(2));
        let charge = |user, seconds| changes.charge(user, Duration::from_secs(seconds), 60);
        for _ in 0..60 {
            charge(alice, 0).unwrap();
        }
        assert_eq!(charge(alice, 0).unwrap_err().code, Code::RateLimited);
        charge(bob, 0).unwrap();
        charge(alice, 60).unwrap();
        assert!(charge(alice, 60).is_err());
        for _ in 0..60 {
            charge(alice, 7200).unwrap();
        }
        assert!(charge(alice, 7200).is_err());
        charge(bob, 7200).unwrap();
        changes.owe(bob, Duration::from_secs(7200), 60, 100);
        assert!(charge(bob, 7200 + 40 * 60).is_err());
        charge(bob, 7200 + 42 * 60).unwrap();
    }
}
