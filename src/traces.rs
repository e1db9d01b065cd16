//! Traces of requests, by OpenTelemetry's names and protocol, for a collector that the operator runs.
//!
//! A request that is traced is one span: its route, its method, the status of its answer, the kind of its GraphQL operation, and
//! how long it took. Nothing else of it is kept, and what clients call things is in none of that. When it is off, each request
//! checks one flag. Nobody waits for the collector: what finds no room, or is not taken, is dropped and counted.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use entity::Timestamp;
use futures_util::FutureExt;
use http::HeaderMap;
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

mod collector;
mod message;
mod parent;

pub use collector::Collector;
use parent::Parent;

use crate::{
    clock::Clock, config::Traces as Settings, hex, log_limit::LogLimit, metrics, random,
    tasks::Tasks,
};

/// What the task is called that sends.
const TASK: &str = "traces";
/// How many spans are sent at once, and how long they wait for each other.
const BATCH: usize = 512;
const GATHER: Duration = Duration::from_secs(1);
/// How long the end of the process waits until the last ones are sent.
const FAREWELL: Duration = Duration::from_secs(2);

static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

tokio::task_local! {
    static CURRENT: Arc<Open>;
}

/// Spans on their way to the collector.
#[derive(Debug)]
struct Queue {
    waiting: Mutex<VecDeque<Span>>,
    /// How many may wait.
    room: usize,
    /// Of how many requests one is traced.
    one_in: u32,
    /// There are enough to send.
    many: Notify,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Span>> {
        // Spans are spans, whatever panicked while holding them.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, span: Span) {
        let mut waiting = self.lock();
        if waiting.len() >= self.room {
            drop(waiting);
            metrics::dropped(metrics::TRACES, 1);
            return;
        }
        waiting.push_back(span);
        let number = waiting.len();
        drop(waiting);
        if number == BATCH.min(self.room) {
            self.many.notify_one();
        }
    }

    fn take(&self) -> Vec<Span> {
        let mut waiting = self.lock();
        let number = waiting.len().min(BATCH);
        waiting.drain(..number).collect()
    }
}

/// What is told of one request.
#[derive(Debug)]
struct Span {
    trace: [u8; 16],
    id: [u8; 8],
    parent: Option<[u8; 8]>,
    began: Timestamp,
    took: Duration,
    method: &'static str,
    route: &'static str,
    /// None when the request ended without an answer, because its client had gone.
    status: Option<u16>,
    operation: Option<&'static str>,
}

/// A request that is being answered and is traced. Dropped, it is over.
#[derive(Debug)]
pub struct Open {
    began: Instant,
    /// Taken when it is over.
    span: Mutex<Option<Span>>,
    trace: [u8; 16],
}

impl Open {
    fn change(&self, change: impl FnOnce(&mut Span)) {
        let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(span) = span.as_mut() {
            change(span);
        }
    }

    /// Runs what answers the request, to which [`operation`] and [`current`] then belong.
    pub async fn around<F: Future>(self: &Arc<Self>, answer: F) -> F::Output {
        // Behind a pointer: what is traced must not make larger what is not.
        Box::pin(CURRENT.scope(Arc::clone(self), answer)).await
    }

    /// Notes the status of the answer. A request that ends without one counts as given up by its client.
    pub fn answered(&self, status: u16) {
        self.change(|span| span.status = Some(status));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let span = self.span.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let (Some(mut span), Some(queue)) = (span.take(), QUEUE.get()) {
            span.took = self.began.elapsed();
            queue.push(span);
        }
    }
}

/// Whether requests are traced in this process: whether [`start`] has been called.
pub fn is_on() -> bool {
    QUEUE.get().is_some()
}

/// Begins to trace a request to `route`. None where tracing is off, and for the requests that `TRACES_ONE_IN` leaves out. What the
/// caller says (`traceparent`) decides only to which trace the span belongs.
pub fn begin(method: &http::Method, route: &'static str, headers: &HeaderMap) -> Option<Arc<Open>> {
    let queue = QUEUE.get()?;
    if !u32::from_le_bytes(random::bytes()).is_multiple_of(queue.one_in) {
        return None;
    }
    let parent = Parent::of(headers);
    let trace = parent.map_or_else(random::bytes, |parent| parent.trace);
    let span = Span {
        trace,
        id: random::bytes(),
        parent: parent.map(|parent| parent.span),
        began: Clock::System.now(),
        took: Duration::ZERO,
        method: message::method(method),
        route,
        status: None,
        operation: None,
    };
    Some(Arc::new(Open {
        began: Instant::now(),
        span: Mutex::new(Some(span)),
        trace,
    }))
}

/// Notes which kind of GraphQL operation the current request is.
pub fn operation(kind: &'static str) {
    if is_on() {
        let _ = CURRENT.try_with(|open| open.change(|span| span.operation = Some(kind)));
    }
}

/// The trace of the current request, for its line of the log.
pub fn current() -> Option<impl fmt::Display> {
    is_on()
        .then(|| CURRENT.try_with(|open| hex::encode(&open.trace)).ok())
        .flatten()
}

/// What sends, until it is told to end.
#[derive(Debug)]
pub struct Sending {
    task: JoinHandle<()>,
    no_more: oneshot::Sender<()>,
}

/// Begins to trace, for as long as the process lives, and to send to `collector`.
pub fn start(settings: &Settings, collector: Collector, tasks: &Tasks) -> Sending {
    let queue = QUEUE.get_or_init(|| {
        Arc::new(Queue {
            waiting: Mutex::default(),
            room: settings.traces_buffer,
            one_in: settings.traces_one_in,
            many: Notify::new(),
        })
    });
    let (queue, collector) = (Arc::clone(queue), Arc::new(collector));
    let (no_more, ended) = oneshot::channel::<()>();
    let ended = ended.map(drop).shared();
    let task = tasks.keep(TASK, move || {
        let (queue, collector) = (Arc::clone(&queue), Arc::clone(&collector));
        let ended = ended.clone();
        async move { send_all(&queue, &collector, ended).await }
    });
    Sending { task, no_more }
}

impl Sending {
    /// Sends what waits, once all requests have ended. What takes too long is dropped and counted.
    pub async fn end(self) {
        drop(self.no_more);
        let abort = self.task.abort_handle();
        if timeout(FAREWELL, self.task).await.is_err() {
            // Those that are being sent count themselves: see `Unsent`.
            abort.abort();
            if let Some(queue) = QUEUE.get() {
                let left = mem::take(&mut *queue.lock());
                drop(Unsent::of(left.len()));
            }
            tracing::warn!(
                "the last spans are dropped: the collector (TRACES_URL) did not answer within {} s of the stop",
                FAREWELL.as_secs()
            );
        }
    }
}

/// The number of spans that the collector has not taken, as far as is known. When this is dropped, they are counted; so those are
/// counted, too, that are being sent when the task is aborted.
struct Unsent(u64);

impl Unsent {
    fn of(spans: usize) -> Self {
        Self(u64::try_from(spans).unwrap_or(u64::MAX))
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        metrics::dropped(metrics::TRACES, self.0);
    }
}

async fn send_all(queue: &Queue, collector: &Collector, ended: impl Future<Output = ()> + Clone) {
    loop {
        let is_last = tokio::select! {
            () = sleep(GATHER) => false,
            () = queue.many.notified() => false,
            () = ended.clone() => true,
        };
        loop {
            let spans = queue.take();
            if spans.is_empty() {
                break;
            }
            send(collector, &spans).await;
        }
        if is_last {
            return;
        }
    }
}

async fn send(collector: &Collector, spans: &[Span]) {
    static TROUBLE: LogLimit = LogLimit::new();
    let mut unsent = Unsent::of(spans.len());
    let why = match collector.tell(message::body(spans)).await {
        Ok(refused) => {
            unsent.0 = refused.min(unsent.0);
            "it refuses some of them".to_owned()
        }
        Err(why) => why,
    };
    if unsent.0 > 0
        && let Some(left_out) = TROUBLE.turn()
    {
        tracing::warn!(spans = unsent.0, %why, left_out, "the collector (TRACES_URL) does not take traces, which are dropped");
    }
}
