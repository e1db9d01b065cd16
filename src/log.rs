//! The log: lines wait in a queue, and a thread of its own writes them to standard error.
//!
//! So whoever logs neither waits nor fails, whatever standard error is: a pipe that nobody reads, a file on a full disk.
//! What finds no room, or cannot be written, is lost, and once lines can be written again one of them says how many were.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    fmt::Display,
    fs::File,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tracing_subscriber::EnvFilter;

use pen::Pen;

use crate::config::{Config, LogFormat};

mod pen;

/// How long the end of the process waits for the last lines to be written.
const FAREWELL: Duration = Duration::from_secs(2);
/// What is never traced, whatever is asked for: this layer writes whole paths, and those of links and drops are secrets.
const UNSPOKEN: &str = "tower_http::csrf::service=off";
/// Room for what is said before the configuration is known.
const FIRST_BYTES: usize = 1 << 20;

/// The process's way to standard error. Dropped, it waits a moment for the last lines.
#[derive(Debug)]
pub struct Log {
    queue: Arc<Queue>,
}

impl Log {
    /// Starts the thread. Fails when the system has no thread, or no descriptor, to give.
    pub fn start() -> io::Result<Self> {
        // Not the standard library's handle: a thread that stands in a write would hold its lock.
        let out = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let queue = Arc::new(Queue::default());
        let writer = Arc::clone(&queue);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                let mut pen = Pen::new(out);
                // Nothing in it is known to panic.
                while panic::catch_unwind(AssertUnwindSafe(|| pen.write_all_of(&writer))).is_err() {
                }
                writer.lock().ended = true;
                writer.ended.notify_all();
            })?;
        Ok(Self { queue })
    }

    /// Writes everything that the program traces, its panics too, as `config` says.
    pub fn subscribe(&self, config: &Config) {
        let mut state = self.queue.lock();
        (state.room, state.format) = (config.logging.log_buffer, config.logging.log_format);
        drop(state);
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter(&config.logging.log))
            .with_writer(Arc::clone(&self.queue))
            // It would report them by `eprintln!`, which panics.
            .log_internal_errors(false);
        match config.logging.log_format {
            LogFormat::Text => subscriber.with_ansi(io::stderr().is_terminal()).init(),
            LogFormat::Json => subscriber.json().init(),
        }
        panic::set_hook(Box::new(log_panic));
    }

    /// A line for whoever called the program, as it is.
    pub fn say(&self, line: impl Display) {
        self.queue.push(format!("{line}\n").as_bytes());
    }
}

/// The filter that `wanted` describes, and that lets no secret through.
fn filter(wanted: &str) -> EnvFilter {
    let unspoken = UNSPOKEN.parse().expect("it is a directive");
    EnvFilter::new(wanted).add_directive(unspoken)
}

impl Drop for Log {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.closed = true;
        self.queue.changed.notify_one();
        // Who reads the log may stand still, and must not hold up the end.
        let ended = self
            .queue
            .ended
            .wait_timeout_while(state, FAREWELL, |state| !state.ended);
        drop(ended);
    }
}

/// The standard library's hook writes to standard error itself, and would wait for whoever reads it.
fn log_panic(panic: &PanicHookInfo) {
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    tracing::error!(
        thread = thread::current().name(),
        place = panic.location().map(tracing::field::display),
        // Debug formatting escapes what a client could forge a line with.
        panic = panic.payload_as_str().map(tracing::field::debug),
        backtrace = backtrace.as_ref().map(tracing::field::display),
        "panicked"
    );
}

/// Lines on their way to the thread.
#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    ended: Condvar,
}

#[derive(Debug)]
struct State {
    /// Whole lines.
    text: Vec<u8>,
    /// How long `text` may be.
    room: usize,
    /// Lines behind those in `text` that found no room.
    lost: u64,
    format: LogFormat,
    closed: bool,
    ended: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                text: Vec::new(),
                room: FIRST_BYTES,
                lost: 0,
                format: LogFormat::Text,
                closed: false,
                ended: false,
            }),
            changed: Condvar::new(),
            ended: Condvar::new(),
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Bytes are bytes, whatever panicked while holding them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never waits for the thread.
    fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        // Once one is lost, so are all until the thread has come: what is left stays in order.
        if state.lost > 0 || state.text.len() + line.len() > state.room {
            state.lost += 1;
            return;
        }
        let was_empty = state.text.is_empty();
        state.text.extend_from_slice(line);
        drop(state);
        if was_empty {
            self.changed.notify_one();
        }
    }
}

/// One call is one line: so the formatter calls it.
impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_one_line_of_the_log() {
        let queue = Arc::new(Queue::default());
        let subscriber = tracing_subscriber::fmt()
            .with_writer(Arc::clone(&queue))
            .with_ansi(false)
            .finish();
        let before = panic::take_hook();
        panic::set_hook(Box::new(log_panic));
        tracing::subscriber::with_default(subscriber, || {
            let ended = panic::catch_unwind(|| panic!("forged\n2031-01-01 INFO line"));
            assert!(ended.is_err());
        });
        panic::set_hook(before);
        let text = String::from_utf8(queue.lock().text.clone()).unwrap();
        let line = text.lines().next().unwrap();
        assert!(line.contains("panicked"), "{text}");
        assert!(line.contains("src/log.rs:"), "{text}");
        assert!(line.contains("forged\\n2031"), "{text}");
    }
}
