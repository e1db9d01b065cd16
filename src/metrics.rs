//! Metrics for Prometheus: what is measured, and by what means.
//!
//! Nothing is measured before [`turn_on`], which the server calls first where there is somebody to read it. Then the handles
//! of what every request touches are made once, and a measurement is a step or two of atomic arithmetic. Turned off, it is a
//! look whether it is on.

use std::{
    array,
    sync::{LazyLock, OnceLock},
    time::Instant,
};

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

mod series;

pub use series::*;

/// The upper ends of the buckets of times, in seconds, and of numbers of items.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];
const ITEMS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// What the log is called as a queue.
pub const LOG: &str = "log";
/// The same of spans on their way to a collector.
pub const TRACES: &str = "traces";

static RECORDED: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to measure, for as long as the process lives. To be called before anything is measured: what has been looked up
/// before measures nothing.
pub fn turn_on(version: &'static str) {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|it| it.set_buckets_for_metric(Matcher::Suffix("_items".to_owned()), &ITEMS))
        .expect("there are buckets");
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() || RECORDED.set(handle).is_err() {
        return;
    }
    for series in ALL {
        match series.kind {
            Kind::Counter => metrics::describe_counter!(series.name, series.help),
            Kind::Gauge => metrics::describe_gauge!(series.name, series.help),
            Kind::Histogram => metrics::describe_histogram!(series.name, series.help),
        }
    }
    gauge!(BUILD_INFO, "version" => version).set(1.0);
    begin_at_zero();
}

/// What happens seldom is there before it happens first: an alert sees a change of what there was, and no beginning.
fn begin_at_zero() {
    for code in ["INTERNAL", "STORAGE_FULL", "UNAVAILABLE"] {
        counter!(FAILURES_TOTAL, "code" => code).absolute(0);
    }
    for queue in [LOG, TRACES, "events", "passwords"] {
        counter!(DROPPED_TOTAL, "queue" => queue).absolute(0);
    }
    for answer in ["clean", "found", "away", "busy"] {
        counter!(SCANS_TOTAL, "answer" => answer).absolute(0);
    }
    for outcome in [
        "acknowledged",
        "refused",
        "gone",
        "unreachable",
        "forbidden",
    ] {
        counter!(WEBHOOK_DELIVERIES_TOTAL, "outcome" => outcome).absolute(0);
    }
    counter!(STORAGE_ERRORS_TOTAL).absolute(0);
    for name in [SOCKETS, CONNECTIONS, UPLOADS_UNDER_WAY] {
        gauge!(name).set(0.0);
    }
}

/// All series as Prometheus reads them; nothing where nothing is measured. Takes some milliseconds.
pub fn written() -> String {
    RECORDED
        .get()
        .map(PrometheusHandle::render)
        .unwrap_or_default()
}

/// Adds up what histograms have gathered since the last time. To be called often: they keep each value until then.
pub fn add_up() {
    if let Some(recorded) = RECORDED.get() {
        recorded.run_upkeep();
    }
}

/// When something began that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Begun(Option<Instant>);

pub fn begin() -> Begun {
    Begun(is_on().then(Instant::now))
}

pub fn is_on() -> bool {
    RECORDED.get().is_some()
}

impl Begun {
    fn end(self, seconds: &Histogram) {
        if let Some(at) = self.0 {
            seconds.record(at.elapsed());
        }
    }
}

/// What takes time and may fail, such as a read of the database.
#[derive(Debug)]
pub struct Operation {
    seconds: Histogram,
    errors: Counter,
}

impl Operation {
    fn of_database(operation: &'static str) -> Self {
        Self {
            seconds: histogram!(DATABASE_SECONDS, "operation" => operation),
            errors: counter!(DATABASE_ERRORS_TOTAL, "operation" => operation),
        }
    }

    pub fn ended(&self, begun: Begun, has_failed: bool) {
        begun.end(&self.seconds);
        if has_failed {
            self.errors.increment(1);
        }
    }
}

/// On SQLite, the short reads of every request.
pub static LOOK_UPS: LazyLock<Operation> = LazyLock::new(|| Operation::of_database("look-up"));
/// All other reads.
pub static QUERIES: LazyLock<Operation> = LazyLock::new(|| Operation::of_database("query"));
pub static WRITES: LazyLock<Operation> = LazyLock::new(|| Operation::of_database("write"));

/// A step of the storage, whose time ends when this is dropped.
#[derive(Debug)]
pub struct StorageStep {
    operation: &'static str,
    begun: Begun,
}

pub fn storage_step(operation: &'static str) -> StorageStep {
    let begun = begin();
    StorageStep { operation, begun }
}

impl Drop for StorageStep {
    fn drop(&mut self) {
        if is_on() {
            self.begun
                .end(&histogram!(STORAGE_SECONDS, "operation" => self.operation));
        }
    }
}

pub fn storage_failed() {
    counter!(STORAGE_ERRORS_TOTAL).increment(1);
}

/// A queue whose items are served together.
#[derive(Clone, Debug)]
pub struct Queue {
    length: Gauge,
    batches: Histogram,
}

/// One that waits in a queue, or is being served, until this is dropped.
#[derive(Debug)]
pub struct Waiting<'q>(&'q Gauge);

impl Queue {
    pub fn named(queue: &'static str) -> Self {
        Self {
            length: gauge!(QUEUE_LENGTH, "queue" => queue),
            batches: histogram!(BATCH_ITEMS, "queue" => queue),
        }
    }

    pub fn wait(&self) -> Waiting<'_> {
        self.length.increment(1);
        Waiting(&self.length)
    }

    /// So many were served together.
    pub fn served(&self, items: usize) {
        if is_on() {
            self.batches.record(count(items));
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// How many wait in a queue that knows it itself.
pub fn queue_length(queue: &'static str, length: usize) {
    if is_on() {
        gauge!(QUEUE_LENGTH, "queue" => queue).set(count(length));
    }
}

/// So many found no room in a queue.
pub fn dropped(queue: &'static str, number: u64) {
    if is_on() && number > 0 {
        counter!(DROPPED_TOTAL, "queue" => queue).increment(number);
    }
}

/// A gauge of this process, by its name among the series.
fn set(gauge: &'static str, value: f64) {
    if is_on() {
        gauge!(gauge).set(value);
    }
}

/// The same for a moment, in milliseconds since 1970.
pub fn set_moment(gauge: &'static str, milliseconds: i64) {
    set(gauge, float(milliseconds) / 1000.0);
}

/// The same for a number of things.
pub fn set_number(gauge: &'static str, number: usize) {
    set(gauge, count(number));
}

pub fn set_count(gauge: &'static str, number: i64) {
    set(gauge, float(number));
}

/// A request failed on our side.
pub fn failed(code: &'static str) {
    counter!(FAILURES_TOTAL, "code" => code).increment(1);
}

/// The scanner has looked at a file, or was away.
pub fn scanned(answer: &'static str) {
    counter!(SCANS_TOTAL, "answer" => answer).increment(1);
}

/// An event was sent to a webhook, or could not be.
pub fn webhook_told(outcome: &'static str) {
    counter!(WEBHOOK_DELIVERIES_TOTAL, "outcome" => outcome).increment(1);
}

/// A sweep has handled so many rows, or failed.
pub fn swept(sweep: &'static str, rows: u64) {
    counter!(SWEPT_TOTAL, "sweep" => sweep).increment(rows);
    counter!(SWEEP_ERRORS_TOTAL, "sweep" => sweep).increment(0);
}

pub fn sweep_failed(sweep: &'static str) {
    counter!(SWEEP_ERRORS_TOTAL, "sweep" => sweep).increment(1);
}

/// Bytes of connections.
pub static RECEIVED: LazyLock<Counter> = LazyLock::new(|| counter!(RECEIVED_BYTES_TOTAL));
pub static SENT: LazyLock<Counter> = LazyLock::new(|| counter!(SENT_BYTES_TOTAL));

/// Redemptions by their answers, of a closed list of words.
#[derive(Debug)]
pub struct Redemptions(Vec<(&'static str, Counter)>);

impl Redemptions {
    pub fn with(answers: impl Iterator<Item = &'static str>) -> Self {
        let counters = answers.map(|it| (it, counter!(REDEMPTIONS_TOTAL, "answer" => it)));
        Self(counters.collect())
    }

    pub fn count(&self, answer: &str) {
        if let Some((_, counter)) = self.0.iter().find(|(word, _)| *word == answer) {
            counter.increment(1);
        }
    }
}

/// Requests to one route.
#[derive(Debug)]
pub struct Route {
    name: &'static str,
    /// By the status of the answer, from 100 on; made as they come.
    answers: Box<[OnceLock<Histogram>; 500]>,
}

impl Route {
    pub fn named(name: &'static str) -> Self {
        Self {
            name,
            answers: Box::new(array::from_fn(|_| OnceLock::new())),
        }
    }

    pub fn answered(&self, begun: Begun, status: u16) {
        let place = usize::from(status).checked_sub(100);
        if let Some(seconds) = place.and_then(|place| self.answers.get(place)) {
            let make = || {
                let (route, status) = (self.name, status.to_string());
                histogram!(HTTP_REQUEST_SECONDS, "route" => route, "status" => status)
            };
            begun.end(seconds.get_or_init(make));
        }
    }
}

fn count(number: usize) -> f64 {
    float(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Exact up to 2^53, and as near as matters beyond.
#[allow(clippy::cast_precision_loss)]
fn float(number: i64) -> f64 {
    number as f64
}
