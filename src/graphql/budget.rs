//! The second lock on answers: a budget that is charged as the answer grows, whatever `document` has counted before.
//!
//! Who charges it: `charges`, for each value; or, where that would cost more than it guards, `list`, for each list. A small
//! query without lists has no more values than it has fields.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Poll,
};

use futures_util::future;

use crate::{
    config::AnswerLimits,
    error::{Code, Error, Result},
    patience,
};

/// The clock is looked at once in so many values.
const CLOCK_EVERY: usize = 256;
/// Counts as that many values when time is up, which is past any limit.
const TIME_IS_UP: usize = usize::MAX / 2;

/// What one answer may come to, and has come to so far. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Charged>);

#[derive(Debug)]
struct Charged {
    limits: AnswerLimits,
    by_list: bool,
    values: AtomicUsize,
    bytes: AtomicUsize,
}

impl Budget {
    /// A budget of `limits`. Lists are to charge it if it is `by_list`, otherwise each value is.
    pub fn new(limits: AnswerLimits, by_list: bool) -> Self {
        Self(Arc::new(Charged {
            limits,
            by_list,
            values: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        }))
    }

    /// Whether lists are to charge this.
    pub fn is_by_list(&self) -> bool {
        self.0.by_list
    }

    /// Charges so many more values and bytes. When there may be no more this never returns, and nothing more is made, not
    /// even errors: [`keep`](Self::keep) drops all of it.
    pub async fn charge(&self, values: usize, bytes: usize) {
        let limits = &self.0.limits;
        let before = self.0.values.fetch_add(values, Relaxed);
        let bytes = self.0.bytes.fetch_add(bytes, Relaxed) + bytes;
        let values = before + values;
        let is_time = before / CLOCK_EVERY != values / CLOCK_EVERY;
        if is_time && patience::time_left().is_zero() {
            self.0.values.store(TIME_IS_UP, Relaxed);
            return future::pending().await;
        }
        if values > limits.values || bytes > limits.bytes {
            future::pending().await
        }
    }

    /// Why the answer is given up, if it is.
    fn spent(&self) -> Option<Error> {
        let AnswerLimits { bytes, values } = self.0.limits;
        if self.0.values.load(Relaxed) >= TIME_IS_UP {
            return Some(took_too_long());
        }
        let (what, limit) = if self.0.values.load(Relaxed) > values {
            ("values", values)
        } else if self.0.bytes.load(Relaxed) > bytes {
            ("bytes", bytes)
        } else {
            return None;
        };
        Some(too_large(what, limit))
    }

    /// Runs `execution` until it is done or the budget is spent. Then it is dropped, with all it has made.
    pub async fn keep<T>(&self, execution: impl Future<Output = T>) -> Result<T> {
        let mut execution = std::pin::pin!(execution);
        future::poll_fn(|context| {
            let poll = execution.as_mut().poll(context);
            match (poll, self.spent()) {
                (_, Some(error)) => Poll::Ready(Err(error)),
                (poll, None) => poll.map(Ok),
            }
        })
        .await
    }
}

/// The refusal of an answer that has grown past `limit`.
pub fn too_large(what: &str, limit: usize) -> Error {
    let detail = format!(
        "The answer would have more than {limit} {what} and was given up; mutations that had run have run. Ask for less \
         at once."
    );
    Error::new(Code::QueryTooComplex, detail).with("limit", limit)
}

/// The refusal of an operation that ran past its time.
pub fn took_too_long() -> Error {
    Error::new(
        Code::Unavailable,
        "The operation took too long and was given up; mutations that had run have run. Ask for less, or try again.",
    )
}
