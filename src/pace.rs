//! How fast a client has to go, sending or taking, and since when the server waits for it.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::task::AtomicWaker;
use tokio::time::{Instant, Sleep};

use crate::config::Config;

/// This part of a window after its end, it is not by chance that nobody has looked yet.
const LATE: u32 = 10;

/// Tells a client that is too slow: one that moves nothing for a whole window, or fewer than `least` bytes while the server
/// waits for it for a window in all. Time in which nobody waits for the client does not count against it.
pub struct Pace {
    window: Duration,
    least: u64,
    /// In this window.
    moved: u64,
    waited: Duration,
    waiting: Option<Waiting>,
}

struct Waiting {
    silent_since: Instant,
    counted_since: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Pace {
    pub fn new(config: &Config) -> Self {
        let window = config.server.client_timeout;
        Self {
            window,
            least: config
                .server
                .min_body_rate
                .saturating_mul(window.as_secs())
                .max(1),
            moved: 0,
            waited: Duration::ZERO,
            waiting: None,
        }
    }

    /// Notes that the client sent or took `bytes`.
    pub fn moved(&mut self, bytes: usize) {
        if let Some(waiting) = self.waiting.take() {
            // A wait that reaches its end ends the client, by `poll_too_slow`. Where that end is long over and the client still there,
            // nobody polled: the server was at work, as when an upload waits for memory, and that time is not the client's.
            let late = waiting.sleep.deadline() + self.window / LATE;
            if Instant::now() < late {
                self.waited += waiting.counted_since.elapsed();
            }
        }
        self.moved = self.moved.saturating_add(bytes as u64);
    }

    /// Ready once the client that is waited for has been too slow.
    pub fn poll_too_slow(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let left = self.window.saturating_sub(self.waited);
        let waiting = self.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            Waiting {
                silent_since: now,
                counted_since: now,
                sleep: Box::pin(tokio::time::sleep(left)),
            }
        });
        loop {
            ready!(waiting.sleep.as_mut().poll(context));
            if self.moved < self.least {
                return Poll::Ready(());
            }
            // Another window begins, in which it may not stay silent for longer than one.
            (self.moved, self.waited) = (0, Duration::ZERO);
            waiting.counted_since = Instant::now();
            let end = waiting.silent_since + self.window;
            waiting.sleep.as_mut().reset(end);
        }
    }
}

/// Since when the server waits for a connection's client: for a request, for more of a body, or to take more of an answer.
#[derive(Debug)]
pub struct Wait {
    origin: Instant,
    /// Microseconds after `origin`, and one; 0 while the server itself is at work.
    since: AtomicU64,
    /// One may begin before what is left of the last one has been dropped.
    requests: AtomicUsize,
    /// Whoever wants to know when the last of them has ended.
    reader: AtomicWaker,
}

impl Wait {
    /// For the client of a new connection, whose first request is waited for.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            origin: Instant::now(),
            since: AtomicU64::new(1),
            requests: AtomicUsize::new(0),
            reader: AtomicWaker::new(),
        })
    }

    pub fn since(&self) -> Option<Instant> {
        let micros = self.since.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.origin + Duration::from_micros(micros))
    }

    /// Since when the next request is waited for; `None` during a request, whose end wakes the task of `context`.
    pub fn idle_since(&self, context: &Context<'_>) -> Option<Instant> {
        self.reader.register(context.waker());
        match self.requests.load(Ordering::Relaxed) {
            0 => self.since(),
            _ => None,
        }
    }

    pub fn begin(&self) {
        let micros = self.origin.elapsed().as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX - 1);
        self.since.store(micros + 1, Ordering::Relaxed);
    }

    /// The client did something. Between two requests another wait begins, since there is nothing else to do.
    pub fn end(&self) {
        match self.requests.load(Ordering::Relaxed) {
            0 => self.begin(),
            _ => self.since.store(0, Ordering::Relaxed),
        }
    }

    /// A request has begun, and lasts for as long as what is returned is held.
    pub fn request(self: &Arc<Self>) -> InRequest {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.end();
        InRequest(Arc::new(Holder(Arc::clone(self))))
    }
}

/// A request under way: until it is read to its end, and its answer is written.
#[derive(Clone, Debug)]
pub struct InRequest(Arc<Holder>);

#[derive(Debug)]
struct Holder(Arc<Wait>);

impl InRequest {
    pub fn wait(&self) -> &Wait {
        &self.0.0
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        if self.0.requests.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.begin();
            self.0.reader.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_window_in_which_the_server_was_at_work_does_not_count() {
        let window = Duration::from_millis(20);
        let mut pace = Pace {
            window,
            least: 100,
            moved: 0,
            waited: Duration::ZERO,
            waiting: None,
        };
        let begun = poll_fn(|it| pace.poll_too_slow(it)).now_or_never();
        assert_eq!(begun, None);
        // The server has other things to do, and then takes what has come meanwhile.
        std::thread::sleep(2 * window);
        pace.moved(1);
        let again = poll_fn(|it| pace.poll_too_slow(it)).now_or_never();
        assert_eq!(again, None);
        // In the next window, it counts.
        poll_fn(|it| pace.poll_too_slow(it)).await;
    }
}
