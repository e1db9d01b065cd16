//! The one place that makes random and unique values.

use std::sync::Mutex;

use entity::Timestamp;
use rand::Rng;
use uuid::{ContextV7, Uuid};

/// Makes ids of one millisecond still sort in the order they were made.
static ID_ORDER: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// `N` bytes from the operating system's generator by way of a cryptographic one.
#[expect(clippy::disallowed_methods, reason = "this is the key generator")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// A fresh UUIDv7 (RFC 9562 §5.7) for a record made at `now`; later ids of this process sort later.
#[expect(clippy::disallowed_methods, reason = "this is the key generator")]
pub fn id(now: Timestamp) -> Uuid {
    let millis = u64::try_from(now.0).unwrap_or_default();
    let nanos = u32::try_from(millis % 1000).unwrap_or_default() * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(&ID_ORDER, millis / 1000, nanos))
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves
        .map(|half| char::from(DIGITS[usize::from(half)]))
        .collect()
}

/// The bytes that `text` spells in hexadecimal of either case; `None` when it is not `N` of them.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N * 2 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}
