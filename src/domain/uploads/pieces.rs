//! What has come of an upload and is yet to be written: its memory depends on its bytes, and not on how a client cut them.

use bytes::Bytes;

/// A piece below this is copied: to keep it as it came would cost more than its bytes.
const SMALL_BYTES: usize = 4 * 1024;
/// How much of small pieces is put together.
const TOGETHER_BYTES: usize = 16 * 1024;

#[derive(Debug, Default)]
pub(super) struct Pieces {
    pieces: Vec<Bytes>,
    /// The last of them, to which small ones are added.
    small: Vec<u8>,
    bytes: usize,
}

impl Pieces {
    pub(super) fn push(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        if piece.len() >= SMALL_BYTES {
            self.close_small();
            self.pieces.push(piece);
            return;
        }
        if self.small.len() + piece.len() > TOGETHER_BYTES {
            self.close_small();
        }
        self.small.extend_from_slice(&piece);
    }

    /// How many bytes they have.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// All of them, in order; none are left.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        self.close_small();
        self.bytes = 0;
        std::mem::take(&mut self.pieces)
    }

    fn close_small(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(std::mem::take(&mut self.small).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_keep_their_order_and_small_ones_are_few() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        for cuts in [
            &[1][..],
            &[1, 4096],
            &[4095],
            &[70_000],
            &[3, 5000, 16_384, 1],
        ] {
            let (mut pieces, mut rest) = (Pieces::default(), Bytes::from(bytes.clone()));
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                pieces.push(rest.split_to(rest.len().min(*cut)));
            }
            assert_eq!(pieces.len(), bytes.len());
            let taken = pieces.take();
            assert!(taken.len() <= 2 * bytes.len() / SMALL_BYTES + 2, "{cuts:?}");
            assert!(taken.concat() == bytes, "{cuts:?}");
            assert_eq!((pieces.len(), pieces.take().len()), (0, 0));
        }
    }
}
