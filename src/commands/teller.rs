//! Says how far a long command is, on a terminal all the time.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

/// How often, where it is no terminal.
const TELLS_EVERY: Duration = Duration::from_secs(10);

#[derive(Default)]
pub struct Teller {
    told: Option<Instant>,
}

impl Teller {
    pub fn tell(&mut self, words: impl FnOnce() -> String) {
        let is_terminal = io::stderr().is_terminal();
        let every = match is_terminal {
            true => Duration::from_millis(200),
            false => TELLS_EVERY,
        };
        if self.told.is_some_and(|told| told.elapsed() < every) {
            return;
        }
        self.told = Some(Instant::now());
        let _ = match is_terminal {
            true => write!(io::stderr(), "\r{}", words()),
            false => writeln!(io::stderr(), "{}", words()),
        };
    }

    pub fn end(&self) {
        if io::stderr().is_terminal() && self.told.is_some() {
            let _ = writeln!(io::stderr());
        }
    }
}
