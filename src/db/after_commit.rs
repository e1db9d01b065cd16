//! What is to be done once a transaction is durable, and only then.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

tokio::task_local! {
    pub(super) static AFTER_COMMIT: AfterCommit;
}

type Then = Box<dyn FnOnce() + Send>;

/// What is to be done once the transaction that it was said in is durable.
#[derive(Clone, Default)]
pub(super) struct AfterCommit(Arc<Mutex<Vec<Then>>>);

impl AfterCommit {
    pub(super) fn run(self) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for then in waiting {
            // What is durable is durable, and is to be answered so.
            let _ = catch_unwind(AssertUnwindSafe(then));
        }
    }
}

/// Has `then` called once the transaction that this is called in is durable; never, when it fails.
pub fn after_commit(then: impl FnOnce() + Send + 'static) {
    AFTER_COMMIT.with(|after| {
        let mut waiting = after.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(Box::new(then));
    });
}
