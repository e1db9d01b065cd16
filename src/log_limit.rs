//! Lines of the log that many requests can cause: one a minute at most, which says how many were left out before it.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_secs(60);

/// Limits the log lines of one kind.
#[derive(Debug)]
pub struct LogLimit(Mutex<State>);

#[derive(Debug)]
struct State {
    last: Option<Instant>,
    left_out: u64,
}

impl LogLimit {
    pub const fn new() -> Self {
        Self(Mutex::new(State {
            last: None,
            left_out: 0,
        }))
    }

    /// How many lines were left out since the last one that was written; `None` if this one is to be left out as well.
    pub fn turn(&self) -> Option<u64> {
        self.turn_at(Instant::now())
    }

    fn turn_at(&self, now: Instant) -> Option<u64> {
        // Numbers are numbers, whatever panicked while holding them.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < PAUSE)
        {
            state.left_out += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

impl Default for LogLimit {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_tells_how_many_were_left_out() {
        let (log_limit, began) = (LogLimit::new(), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(log_limit.turn_at(began), Some(0));
        for n in 0..59 {
            assert_eq!(log_limit.turn_at(began + n * second), None);
        }
        assert_eq!(log_limit.turn_at(began + 60 * second), Some(59));
        assert_eq!(log_limit.turn_at(began + 61 * second), None);
        assert_eq!(log_limit.turn_at(began + 121 * second), Some(1));
    }
}
