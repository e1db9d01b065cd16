//! The one place that reads the time, so that a test can set it.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicI64, Ordering},
};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use entity::Timestamp;
use time::OffsetDateTime;

/// How far the clocks of two instances may be apart. What is dated farther ahead was dated by a clock that was wrong.
pub const SKEW: Duration = Duration::from_secs(60);

static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Tells the time: the system's, or one that a test moves by hand.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    Manual(Arc<Manual>),
}

/// A clock that stands still until it is moved. All in milliseconds.
#[derive(Debug)]
pub struct Manual {
    now: AtomicI64,
    uptime: AtomicI64,
}

impl Manual {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now: AtomicI64::new(now.0),
            uptime: AtomicI64::new(0),
        }
    }

    /// Lets so much time pass.
    pub fn advance(&self, by: Duration) {
        self.uptime.fetch_add(millis(by), Ordering::Relaxed);
        self.set(millis(by));
    }

    /// Sets the clock ahead or back by so many milliseconds, in which no time passes.
    pub fn set(&self, by: i64) {
        self.now.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock {
    /// The present, to the millisecond. A clock set before 1970 reads as 1970.
    pub fn now(&self) -> Timestamp {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the clock")]
            Self::System => timestamp(SystemTime::now()),
            Self::Manual(clock) => Timestamp(clock.now.load(Ordering::Relaxed)),
        }
    }

    /// How long something has been going on: this minus what it was when that began. Setting the system's clock does not
    /// change it.
    pub fn uptime(&self) -> Duration {
        match self {
            Self::System => BEGINNING.elapsed(),
            Self::Manual(clock) => {
                let uptime = clock.uptime.load(Ordering::Relaxed);
                Duration::from_millis(uptime.try_into().unwrap_or(0))
            }
        }
    }

    /// The moment `ahead` of the present.
    pub fn after(&self, ahead: Duration) -> Timestamp {
        Timestamp(self.now().0.saturating_add(millis(ahead)))
    }

    /// The moment `ago` before the present.
    pub fn before(&self, ago: Duration) -> Timestamp {
        before(self.now(), ago)
    }
}

/// The moment `ago` before `moment`.
pub fn before(moment: Timestamp, ago: Duration) -> Timestamp {
    Timestamp(moment.0.saturating_sub(millis(ago)))
}

/// A duration in whole milliseconds, as much as fits.
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The same moment as a calendar date, UTC; what lies beyond the year 9999 becomes its end.
pub fn to_date(timestamp: Timestamp) -> OffsetDateTime {
    let nanos = i128::from(timestamp.0) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .unwrap_or(time::PrimitiveDateTime::MAX.assume_utc())
}

/// The same moment as a timestamp, cut to the millisecond.
pub fn from_date(date: OffsetDateTime) -> Timestamp {
    let millis = date.unix_timestamp_nanos() / 1_000_000;
    Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// The moment as the system tells it. What was before 1970 is 1970.
pub fn system_time(at: Timestamp) -> SystemTime {
    let since_epoch = u64::try_from(at.0).unwrap_or_default();
    UNIX_EPOCH + Duration::from_millis(since_epoch)
}

/// A moment as the system tells it, to the millisecond. What was before 1970 is 1970.
pub fn timestamp(time: SystemTime) -> Timestamp {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(millis(since_epoch))
}
