//! What has come of an upload and is yet to be written: its memory depends on its bytes, and not on how a client cut them.

use bytes::Bytes;

use crate::storage::Writer;

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

/// The end of the part that bytes go to, in a storage that takes them in parts.
#[derive(Clone, Copy, Debug)]
pub struct PartEnd {
    part_bytes: u64,
    /// How many bytes are to come until there.
    left: u64,
}

impl PartEnd {
    /// That of the part which `writer` is in.
    pub fn of(writer: &Writer) -> Option<Self> {
        let (part_bytes, left) = writer.part()?;
        Some(Self { part_bytes, left })
    }

    /// Goes on by `chunk`. Where that reaches the end, what is behind the end is cut off and returned.
    pub fn cut(&mut self, chunk: &mut Bytes) -> Option<Bytes> {
        match usize::try_from(self.left) {
            Ok(left) if left <= chunk.len() => {
                self.left = self.part_bytes;
                Some(chunk.split_off(left))
            }
            _ => {
                self.left -= chunk.len() as u64;
                None
            }
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

    #[test]
    fn chunks_are_cut_at_the_end_of_each_part() {
        let mut end = PartEnd {
            part_bytes: 10,
            left: 4,
        };
        let mut pieces = Vec::new();
        for size in [3, 1, 25, 4, 2] {
            let mut chunk = Bytes::from(vec![0; size]);
            while let Some(behind) = end.cut(&mut chunk) {
                pieces.push((chunk.len(), true));
                chunk = behind;
            }
            pieces.push((chunk.len(), false));
        }
        let first = [(3, false), (1, true), (0, false)];
        let second = [
            (10, true),
            (10, true),
            (5, false),
            (4, false),
            (1, true),
            (1, false),
        ];
        assert_eq!(pieces, [&first[..], &second[..]].concat());
    }
}
