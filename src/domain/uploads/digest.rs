//! The hash of a file's bytes.

use bytes::Bytes;
use sha2::Sha256;

/// SHA-256 of bytes that come piece by piece. `sha2`'s `SerializableState` can store its state between two pieces, so that
/// another process can go on.
#[derive(Clone, Debug, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Adds `pieces` behind those that came before.
    pub fn update(&mut self, pieces: &[Bytes]) {
        for piece in pieces {
            sha2::Digest::update(&mut self.0, piece);
        }
    }

    /// The hash of all that has come so far.
    pub fn sha256(&self) -> [u8; 32] {
        sha2::Digest::finalize(self.0.clone()).into()
    }
}

#[cfg(test)]
mod tests {
    use sha2::digest::common::hazmat::SerializableState;

    use super::*;

    #[test]
    fn a_state_that_was_stored_goes_on_to_the_same_hash() {
        let bytes = Bytes::from_iter((0..1000_u32).map(|at| at.to_le_bytes()[0]));
        // Within a block of SHA-256, at its end, and across several.
        for cut in [0, 1, 63, 64, 65, 500, 1000] {
            let (start, end) = (bytes.slice(..cut), bytes.slice(cut..));
            let mut whole = Digest::default();
            whole.update(&[start.clone(), end.clone()]);
            let mut digest = Digest::default();
            digest.update(&[start]);
            let stored = digest.0.serialize();
            let mut restored = Digest(Sha256::deserialize(&stored).unwrap());
            restored.update(&[end]);
            assert_eq!(restored.sha256(), whole.sha256(), "cut at {cut}");
        }
    }
}
