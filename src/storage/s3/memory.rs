//! The memory that uploads take: a part has to be whole before it is sent, so each takes as much as its parts are long. One
//! bound holds for all of them, and a quarter of it for those of one account: its clients may be as slow as they like. So may
//! strangers be who leave files in it: they have another quarter, whatever number of drops they come by.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::error::{Code, Error, Result};

/// What memory is counted in.
const UNIT_BYTES: u64 = 1 << 20;
/// Into how many shares it goes.
const SHARES: usize = 4;
/// How long an upload may wait for memory that others have.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whose share an upload takes its memory from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Taker {
    Account(Uuid),
    /// All visitors of all drops of this account.
    VisitorsOf(Uuid),
}

/// The memory of all uploads together.
#[derive(Clone, Debug)]
pub(super) struct Memory(Arc<Bounds>);

#[derive(Debug)]
struct Bounds {
    all: Arc<Semaphore>,
    units: usize,
    /// Those that have uploads under way.
    shares: Mutex<HashMap<Taker, Weak<Semaphore>>>,
}

/// What uploads of one taker may take.
#[derive(Clone, Debug)]
pub(super) struct Share {
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
    /// How much there is of its own, and of all.
    units: [usize; 2],
}

/// Memory that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Memory {
    pub fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes / UNIT_BYTES).unwrap_or(Semaphore::MAX_PERMITS);
        let units = units.min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Bounds {
            all: Arc::new(Semaphore::new(units)),
            units,
            shares: Mutex::default(),
        }))
    }

    /// That of `taker`.
    pub fn share(&self, taker: Taker) -> Share {
        let own_units = (self.0.units / SHARES).max(1);
        // A map stays whole whatever panicked while holding it.
        let mut shares = self.0.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let own = shares.get(&taker).and_then(Weak::upgrade);
        let own = own.unwrap_or_else(|| {
            shares.retain(|_, share| share.strong_count() > 0);
            let own = Arc::new(Semaphore::new(own_units));
            shares.insert(taker, Arc::downgrade(&own));
            own
        });
        Share {
            all: Arc::clone(&self.0.all),
            own,
            units: [own_units, self.0.units],
        }
    }
}

impl Share {
    /// Memory for `bytes`. Whoever waits has none, so that those who have some go on.
    pub async fn take(&self, bytes: u64) -> Result<Taken> {
        let wanted = usize::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(usize::MAX);
        // A part that is longer than a share takes all of that.
        let units = self
            .units
            .map(|there_are| u32::try_from(wanted.min(there_are)));
        let [of_own, of_all] = units.map(|units| units.unwrap_or(u32::MAX));
        let take = async {
            let own = Arc::clone(&self.own).acquire_many_owned(of_own).await?;
            let all = Arc::clone(&self.all).acquire_many_owned(of_all).await?;
            Ok::<_, AcquireError>(Taken {
                _own: own,
                _all: all,
            })
        };
        match tokio::time::timeout(PATIENCE, take).await {
            Ok(taken) => taken.map_err(Error::internal),
            Err(_elapsed) => Err(Error::new(
                Code::Unavailable,
                "The server takes in as many uploads as it has memory for; try again in a moment.",
            )),
        }
    }
}
