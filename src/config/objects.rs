//! What S3 says of the size of objects and of their parts.

/// The largest object that stores keep.
pub const OBJECT_BYTES: u64 = 5 << 40;
/// A part, at least: where an object is so long that this would make too many, a part is longer.
pub const PART_BYTES: u64 = 8 << 20;
/// The shortest part that a store takes and that is not the last one.
const SHORTEST_PART_BYTES: u64 = 5 << 20;
/// The parts of an object: a store takes 10,000, and this leaves some for those of another size.
const PARTS: u64 = 9_000;
/// Some stores keep parts in pieces of this size.
const PIECE_BYTES: u64 = 1 << 20;

/// How long the parts of an object are that has `bytes` at most.
pub fn part_bytes(bytes: u64) -> u64 {
    let least = bytes.div_ceil(PARTS).next_multiple_of(PIECE_BYTES);
    least.max(PART_BYTES)
}

/// How long a part of such an object is at least that is not the last one: a store takes none that is shorter, and requests that
/// each bring a little must not use up the numbers of parts.
pub fn least_part_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(PARTS).max(SHORTEST_PART_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_object_has_more_parts_than_a_store_takes() {
        const TIB: u64 = 1 << 40;
        for bytes in [0, 1, PART_BYTES + 1, 70 << 30, 71 << 30, TIB, OBJECT_BYTES] {
            let part = part_bytes(bytes);
            assert!(part >= PART_BYTES && part.is_multiple_of(PIECE_BYTES));
            assert!(bytes.div_ceil(part) <= PARTS, "{bytes}");
        }
        assert_eq!(part_bytes(10 << 30), PART_BYTES);
        // What a store takes as one part.
        assert!(part_bytes(OBJECT_BYTES) <= 5 << 30);
    }
}
