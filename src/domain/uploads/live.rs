//! The uploads under way in this process.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use crate::metrics;

/// How many bytes an upload gathers before they go to a blocking thread together, at least and at most; it holds two such
/// batches. Few uploads share [`GATHERED_BYTES`], in larger batches and with fewer waits; many take the least each.
const BATCH_BYTES: [usize; 2] = [64 << 10, 512 << 10];
const GATHERED_BYTES: usize = 2 << 20;

/// The uploads that this process is taking in, which its janitor must not take for abandoned, whatever the clock says.
#[derive(Debug, Default)]
pub struct LiveUploads(Mutex<HashSet<Uuid>>);

impl LiveUploads {
    /// Their ids at this moment.
    pub fn ids(&self) -> Vec<Uuid> {
        self.lock().iter().copied().collect()
    }

    /// How large a batch of each may be at present.
    pub(super) fn batch_bytes(&self) -> usize {
        let [least, most] = BATCH_BYTES;
        (GATHERED_BYTES / self.lock().len().max(1)).clamp(least, most)
    }

    pub(super) fn insert(&self, id: Uuid) {
        let mut ids = self.lock();
        ids.insert(id);
        metrics::set_number(metrics::UPLOADS_UNDER_WAY, ids.len());
    }

    pub(super) fn remove(&self, id: Uuid) {
        let mut ids = self.lock();
        ids.remove(&id);
        metrics::set_number(metrics::UPLOADS_UNDER_WAY, ids.len());
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Uuid>> {
        // A set of ids stays whole whatever panicked while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
