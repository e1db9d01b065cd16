//! Tries that are taken before anybody knows whether they are wrong, and given back where they were not.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::Bucket;
use crate::{
    auth::password::Begun,
    db::{Db, Transaction},
    error::Result,
};

/// Between two tries to give back what the database does not take.
const PAUSE: Duration = Duration::from_secs(1);

/// One try of each of some buckets. Dropped, it is given back, unless it counts: who meets a server that fails, or hangs up
/// before the password is looked at, has not guessed.
#[derive(Debug)]
pub(super) struct Charge {
    db: Db,
    buckets: Vec<Bucket>,
    /// Whether the database has it.
    taken: Arc<AtomicBool>,
    /// Whether the password is being looked at. From then on it has cost us a hash, and counts even if nobody waits for the
    /// verdict.
    begun: Begun,
    /// Whether it counts, once that is known.
    counts: Option<bool>,
}

impl Charge {
    /// A charge of nothing so far. Until it is judged, it counts if the password check has `begun`.
    pub(super) fn new(db: &Db, begun: Begun) -> Self {
        Self {
            db: db.clone(),
            buckets: Vec::new(),
            taken: Arc::default(),
            begun,
            counts: None,
        }
    }

    /// Takes one try of each bucket, or of none.
    pub(super) async fn take(
        &mut self,
        transaction: &Transaction,
        buckets: Vec<Bucket>,
        now: i64,
    ) -> Result<()> {
        for bucket in &buckets {
            bucket.charge(transaction, now).await?;
        }
        self.buckets = buckets;
        let taken = Arc::clone(&self.taken);
        transaction.after_commit(move || taken.store(true, Ordering::Release));
        Ok(())
    }

    /// Says whether it counts, whatever has begun.
    pub(super) fn judge(&mut self, counts: bool) {
        self.counts = Some(counts);
    }

    /// Gives the tries back in `transaction`. [`Self::settle`] is to be called with the same transaction.
    pub(super) async fn give_back(&self, transaction: &Transaction) -> Result<()> {
        give_back(&self.buckets, transaction).await
    }

    /// Ends this charge when `transaction` is committed, since the tries are given back then. If the commit fails, this is dropped
    /// and gives them back later.
    pub(super) fn settle(mut self, transaction: &Transaction) {
        transaction.after_commit(move || self.judge(true));
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let counts = self.counts;
        let counts = counts.unwrap_or_else(|| self.begun.load(Ordering::Acquire));
        if counts || !self.taken.load(Ordering::Acquire) {
            return;
        }
        let (db, buckets) = (self.db.clone(), mem::take(&mut self.buckets));
        tokio::spawn(give_back_soon(db, buckets));
    }
}

/// Gives back what the database may not be able to take at present. After a window there is nothing to be given back.
async fn give_back_soon(db: Db, buckets: Vec<Bucket>) {
    let (buckets, began) = (Arc::new(buckets), Instant::now());
    let window = buckets.iter().map(Bucket::window).max().unwrap_or_default();
    while began.elapsed() <= window {
        let buckets = Arc::clone(&buckets);
        let done = db.write_throttle(move |transaction| {
            Box::pin(async move { give_back(&buckets, transaction).await })
        });
        if done.await.is_ok() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn give_back(buckets: &[Bucket], transaction: &Transaction) -> Result<()> {
    for bucket in buckets {
        bucket.give_back(transaction).await?;
    }
    Ok(())
}
