//! The bytes of an upload that wait until they are a part, and their hash.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::memory::Taken;

/// Bytes are copied into blocks of so many. As they come, each piece keeps a buffer of its connection, which may be twice as
/// large: then the bytes that are counted would be half of the memory that is taken.
const BLOCK_BYTES: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct Unsent {
    blocks: Vec<Bytes>,
    /// The last block, to which bytes are added.
    open: Vec<u8>,
    bytes: u64,
    pieces: usize,
    sha256: Sha256,
    /// What the bytes take of the memory of all uploads, once they are more than `UNCOUNTED_BYTES`.
    memory: Option<Taken>,
}

impl Unsent {
    /// How many bytes there are.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// In how many pieces they came.
    pub fn pieces(&self) -> usize {
        self.pieces
    }

    pub fn is_counted(&self) -> bool {
        self.memory.is_some()
    }

    /// Keeps `memory`, which the bytes take until they are sent.
    pub fn count(&mut self, memory: Taken) {
        self.memory = Some(memory);
    }

    /// Adds a piece. Hashes it, so it belongs off the async threads where there are many.
    pub fn push(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
        self.bytes += piece.len() as u64;
        self.pieces += 1;
        let mut rest = piece;
        while !rest.is_empty() {
            if self.open.is_empty() && self.is_counted() {
                self.open.reserve_exact(BLOCK_BYTES);
            }
            let (now, later) = rest.split_at(rest.len().min(BLOCK_BYTES - self.open.len()));
            self.open.extend_from_slice(now);
            if self.open.len() == BLOCK_BYTES {
                self.blocks.push(std::mem::take(&mut self.open).into());
            }
            rest = later;
        }
    }

    /// The bytes once more, for a tail; copies the last block, up to 1 MiB.
    pub fn copy(&self) -> Vec<Bytes> {
        let open = (!self.open.is_empty()).then(|| Bytes::copy_from_slice(&self.open));
        self.blocks.iter().cloned().chain(open).collect()
    }

    /// The bytes, their hash, and what they take, which is to be kept for as long as they are.
    pub fn whole(self) -> (Vec<Bytes>, [u8; 32], Option<Taken>) {
        let open = Some(Bytes::from(self.open)).filter(|open| !open.is_empty());
        let blocks = self.blocks.into_iter().chain(open).collect();
        (blocks, self.sha256.finalize().into(), self.memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_keep_their_order_and_their_hash() {
        let bytes: Vec<u8> = (0..3_145_733_u32)
            .map(|at| (at % 251).to_le_bytes()[0])
            .collect();
        for size in [4097, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 1] {
            let mut unsent = Unsent::default();
            bytes.chunks(size).for_each(|piece| unsent.push(piece));
            assert_eq!(unsent.bytes(), bytes.len() as u64);
            assert_eq!(unsent.pieces(), bytes.len().div_ceil(size));
            assert!(unsent.copy().concat() == bytes, "{size}");
            let (blocks, sha256, _) = unsent.whole();
            assert!(blocks.concat() == bytes, "{size}");
            assert_eq!(sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
        }
        let nothing = Unsent::default();
        assert_eq!(nothing.copy(), Vec::<Bytes>::new());
        assert_eq!(nothing.whole().0, Vec::<Bytes>::new());
    }
}
