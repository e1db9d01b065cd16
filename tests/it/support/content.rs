//! Contents for tests of object stores.

use std::time::Duration;

/// So many bytes go to a store in two parts.
pub const LARGE: usize = (9 << 20) + 1;

/// More than the longest time in which a late request may still do something.
pub const SETTLED: Duration = Duration::from_secs(3 * 3600);

/// Bytes that differ everywhere, so that parts in another order are other bytes.
pub fn bytes(number: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut bytes = Vec::with_capacity(number + 4);
    while bytes.len() < number {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.extend(state.to_be_bytes());
    }
    bytes.truncate(number);
    bytes
}
