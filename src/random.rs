//! The one place that makes random and unique values.

use std::sync::Mutex;

use entity::Timestamp;
use rand::Rng;
use uuid::{ContextV7, Uuid};

/// Makes ids of one millisecond still sort in the order they were made.
static ID_ORDER: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// `N` bytes from the operating system's generator by way of a cryptographic one.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the generator of random values"
)]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// A fresh UUIDv7 (RFC 9562 §5.7) for a record made at `now`; later ids of this process sort later.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the generator of random values"
)]
pub fn id(now: Timestamp) -> Uuid {
    let millis = u64::try_from(now.0).unwrap_or_default();
    let nanos = u32::try_from(millis % 1000).unwrap_or_default() * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(&ID_ORDER, millis / 1000, nanos))
}
