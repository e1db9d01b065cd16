//! Who waits for a password to be hashed, and whose turn it is: each line in turn, so that a crowd in one holds up no other.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
};

use uuid::Uuid;

use crate::{
    auth::client::ClientAddress,
    error::{Code, Error, Result},
    metrics,
};

/// What metrics call those who wait.
pub const QUEUE: &str = "passwords";

/// Those who wait in a line behind each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Line {
    /// Whoever comes from one address, or from one site of IPv6.
    Site(ClientAddress),
    /// One user who is signed in: what strangers at the same address do is not to hold the user up.
    User(Uuid),
    /// Whoever types commands at the server.
    Operator,
}

impl Line {
    /// The line of somebody who is not signed in.
    pub fn of(client: &ClientAddress) -> Self {
        Self::Site(client.site())
    }
}

/// How many may wait.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub in_line: usize,
    pub in_all: usize,
}

/// The lines, and what those in them ask for.
pub struct Turns<J> {
    state: Mutex<State<J>>,
    asked: Condvar,
    limits: Limits,
}

struct State<J> {
    /// Those with anybody in them.
    lines: HashMap<Line, Standing<J>>,
    /// Those with a job in them; the first is served next.
    turns: VecDeque<Line>,
    in_all: usize,
    last_number: u64,
    closed: bool,
}

struct Standing<J> {
    people: usize,
    jobs: VecDeque<(u64, J)>,
}

impl<J> Turns<J> {
    pub fn new(limits: Limits) -> Self {
        Self {
            state: Mutex::new(State {
                lines: HashMap::new(),
                turns: VecDeque::new(),
                in_all: 0,
                last_number: 0,
                closed: false,
            }),
            asked: Condvar::new(),
            limits,
        }
    }

    /// A place at the end of `line`, until it is dropped. `RATE_LIMITED` when that line is full, `UNAVAILABLE` when all are.
    pub fn line_up(self: &Arc<Self>, line: Line) -> Result<Waiter<J>> {
        let mut state = self.lock();
        if state.in_all >= self.limits.in_all {
            return Err(Error::exhausted(Code::Unavailable));
        }
        let standing = state.lines.entry(line).or_insert_with(|| Standing {
            people: 0,
            jobs: VecDeque::new(),
        });
        if standing.people >= self.limits.in_line {
            return Err(Error::new(
                Code::RateLimited,
                "Too many passwords from your address are waiting to be checked; try again in a moment.",
            )
            .with("retryAfterSeconds", 1));
        }
        standing.people += 1;
        state.in_all += 1;
        metrics::queue_length(QUEUE, state.in_all);
        state.last_number += 1;
        Ok(Waiter {
            turns: Arc::clone(self),
            line,
            number: state.last_number,
            begun: Begun::default(),
        })
    }

    /// The job whose turn it is, once there is one; none after [`Self::close`].
    pub fn next(&self) -> Option<J> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.next() {
                return Some(job);
            }
            state = self
                .asked
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the waiting: no job is done any more.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.turns.clear();
        state.lines.values_mut().for_each(|line| line.jobs.clear());
        self.asked.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // Nothing that could panic is done while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> State<J> {
    fn next(&mut self) -> Option<J> {
        let line = self.turns.pop_front()?;
        let jobs = &mut self.lines.get_mut(&line)?.jobs;
        let (_, job) = jobs.pop_front()?;
        if !jobs.is_empty() {
            self.turns.push_back(line);
        }
        Some(job)
    }
}

impl<J> fmt::Debug for Turns<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turns")
    }
}

/// Says whether anything has begun for one who waits.
pub type Begun = Arc<AtomicBool>;

/// Somebody who waits in a line. Who leaves it takes along what they asked for.
#[derive(Debug)]
pub struct Waiter<J> {
    pub(super) turns: Arc<Turns<J>>,
    line: Line,
    number: u64,
    begun: Begun,
}

impl<J> Waiter<J> {
    /// Whether anything that was asked for from here has had its turn; whoever does it says so.
    pub fn begun(&self) -> Begun {
        Arc::clone(&self.begun)
    }

    /// Puts `job` at the end of the line.
    pub(super) fn ask(&self, job: J) {
        let mut state = self.turns.lock();
        let state = &mut *state;
        let Some(standing) = state.lines.get_mut(&self.line) else {
            return;
        };
        if state.closed {
            return;
        }
        if standing.jobs.is_empty() {
            state.turns.push_back(self.line);
        }
        standing.jobs.push_back((self.number, job));
        self.turns.asked.notify_one();
    }

    /// Takes back what was asked for, unless its turn has come.
    pub(super) fn withdraw(&self) {
        self.withdraw_from(&mut self.turns.lock());
    }

    fn withdraw_from(&self, state: &mut State<J>) {
        let Some(standing) = state.lines.get_mut(&self.line) else {
            return;
        };
        let before = standing.jobs.len();
        standing.jobs.retain(|(number, _)| *number != self.number);
        if before > 0 && standing.jobs.is_empty() {
            state.turns.retain(|line| *line != self.line);
        }
    }
}

impl<J> Drop for Waiter<J> {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        self.withdraw_from(&mut state);
        state.in_all -= 1;
        metrics::queue_length(QUEUE, state.in_all);
        if let Some(standing) = state.lines.get_mut(&self.line) {
            standing.people -= 1;
            if standing.people == 0 {
                state.lines.remove(&self.line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(in_line: usize, in_all: usize) -> Arc<Turns<&'static str>> {
        Arc::new(Turns::new(Limits { in_line, in_all }))
    }

    fn line(address: &str) -> Line {
        Line::of(&ClientAddress(address.parse().ok()))
    }

    #[test]
    fn lines_are_served_in_turn_however_long_they_are() {
        let turns = turns(9, 99);
        let (crowd, other) = (line("192.0.2.1"), line("192.0.2.2"));
        let mut waiters = Vec::new();
        for (line, job) in [
            (crowd, "crowd 1"),
            (crowd, "crowd 2"),
            (crowd, "crowd 3"),
            (other, "other 1"),
            (Line::Operator, "operator"),
            (other, "other 2"),
        ] {
            let waiter = turns.line_up(line).unwrap();
            waiter.ask(job);
            waiters.push(waiter);
        }
        let served: Vec<_> = (0..6).map(|_| turns.next().unwrap()).collect();
        assert_eq!(
            served,
            [
                "crowd 1", "other 1", "operator", "crowd 2", "other 2", "crowd 3"
            ]
        );
    }

    #[test]
    fn the_networks_of_one_ipv6_site_wait_in_one_line() {
        let turns = turns(2, 99);
        let _first = turns.line_up(line("2001:db8:1:1::1")).unwrap();
        let _second = turns.line_up(line("2001:db8:1:2::1")).unwrap();
        let refused = turns.line_up(line("2001:db8:1:3::1")).unwrap_err();
        assert_eq!(refused.code, Code::RateLimited);
        turns.line_up(line("2001:db8:2:1::1")).unwrap();
    }

    #[test]
    fn a_full_line_refuses_its_own_and_full_lines_everybody() {
        let turns = turns(2, 3);
        let (one, other) = (line("192.0.2.1"), line("192.0.2.2"));
        let first = turns.line_up(one).unwrap();
        let _second = turns.line_up(one).unwrap();
        assert_eq!(turns.line_up(one).unwrap_err().code, Code::RateLimited);
        let _third = turns.line_up(other).unwrap();
        assert_eq!(turns.line_up(other).unwrap_err().code, Code::Unavailable);
        drop(first);
        turns.line_up(one).unwrap();
    }

    #[test]
    fn who_leaves_is_not_served() {
        let turns = turns(9, 99);
        let (one, other) = (line("192.0.2.1"), line("192.0.2.2"));
        let [first, second, third] = [one, one, other].map(|line| turns.line_up(line).unwrap());
        first.ask("first");
        second.ask("second");
        third.ask("third");
        drop(first);
        third.withdraw();
        assert_eq!(turns.next(), Some("second"));
        third.ask("again");
        assert_eq!(turns.next(), Some("again"));
        drop((second, third));
        let state = turns.lock();
        assert!(state.lines.is_empty() && state.turns.is_empty());
        assert_eq!(state.in_all, 0);
    }

    #[test]
    fn nothing_is_served_after_the_end() {
        let turns = turns(9, 99);
        let waiter = turns.line_up(Line::Operator).unwrap();
        waiter.ask("before");
        turns.close();
        waiter.ask("after");
        assert_eq!(turns.next(), None);
    }
}
