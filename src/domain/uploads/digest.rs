//! The hashes of bytes that come piece by piece: that of a file, and that of a part which was announced with its checksum.

use bytes::Bytes;
use md5::Md5;
use sha1::Sha1;
use sha2::{
    Digest as _, Sha256,
    digest::common::hazmat::{SerializableState, SerializedState},
};

use crate::error::{Error, Result};

/// SHA-256 of a file's bytes. Its state can be stored between two pieces, so that another process can go on.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    file: Sha256,
    part: Option<Box<PartDigest>>,
}

/// An algorithm of checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha256,
}

impl Algorithm {
    /// All of them, by the names that the tus protocol gives them; those that are worth more come first.
    pub const ALL: [(&str, Self); 3] = [
        ("sha256", Self::Sha256),
        ("sha1", Self::Sha1),
        ("md5", Self::Md5),
    ];

    /// How many bytes a checksum has.
    fn bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// What a part of a file is to be.
#[derive(Clone, Debug)]
pub struct Checksum {
    algorithm: Algorithm,
    value: Vec<u8>,
}

impl Checksum {
    /// `None` where `value` has another length than checksums by `algorithm`.
    pub fn new(algorithm: Algorithm, value: Vec<u8>) -> Option<Self> {
        (value.len() == algorithm.bytes()).then_some(Self { algorithm, value })
    }
}

#[derive(Clone, Debug)]
enum PartDigest {
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Digest {
    /// Goes on from a state that was stored.
    pub fn restore(state: &[u8]) -> Result<Self> {
        let broken = || Error::internal("the state of a hash in the database is malformed");
        let state = SerializedState::<Sha256>::try_from(state).map_err(|_| broken())?;
        Ok(Self {
            file: Sha256::deserialize(&state).map_err(|_| broken())?,
            part: None,
        })
    }

    /// The state of the file's hash, to be stored.
    pub fn state(&self) -> Vec<u8> {
        self.file.serialize().to_vec()
    }

    /// Takes what follows for a part that has a checksum.
    pub fn begin_part(&mut self, checksum: &Checksum) {
        self.part = Some(Box::new(match checksum.algorithm {
            Algorithm::Md5 => PartDigest::Md5(Md5::default()),
            Algorithm::Sha1 => PartDigest::Sha1(Sha1::default()),
            Algorithm::Sha256 => PartDigest::Sha256(Sha256::default()),
        }));
    }

    /// Whether the part that was begun has this checksum.
    pub fn is_part(&self, checksum: &Checksum) -> bool {
        let value = match self.part.as_deref().cloned() {
            None => return false,
            Some(PartDigest::Md5(part)) => part.finalize().to_vec(),
            Some(PartDigest::Sha1(part)) => part.finalize().to_vec(),
            Some(PartDigest::Sha256(part)) => part.finalize().to_vec(),
        };
        value == checksum.value
    }

    /// Adds `pieces` behind those that came before.
    pub fn update(&mut self, pieces: &[Bytes]) {
        for piece in pieces {
            self.file.update(piece);
            match self.part.as_deref_mut() {
                None => {}
                Some(PartDigest::Md5(part)) => part.update(piece),
                Some(PartDigest::Sha1(part)) => part.update(piece),
                Some(PartDigest::Sha256(part)) => part.update(piece),
            }
        }
    }

    /// The hash of all that has come so far.
    pub fn sha256(&self) -> [u8; 32] {
        self.file.clone().finalize().into()
    }
}

#[cfg(test)]
mod tests {
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
            let mut restored = Digest::restore(&digest.state()).unwrap();
            restored.update(&[end]);
            assert_eq!(restored.sha256(), whole.sha256(), "cut at {cut}");
        }
        assert!(Digest::restore(&[0; 7]).is_err());
    }

    #[test]
    fn a_part_is_hashed_by_itself() {
        for (algorithm, of_hello) in [
            (Algorithm::Md5, "5d41402abc4b2a76b9719d911017c592"),
            (Algorithm::Sha1, "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"),
        ] {
            let value: [u8; 20] = std::array::from_fn(|at| {
                let digits = of_hello.get(2 * at..2 * at + 2).unwrap_or("0");
                u8::from_str_radix(digits, 16).unwrap()
            });
            let value = &value[..algorithm.bytes()];
            assert!(Checksum::new(algorithm, vec![0; 33]).is_none());
            let checksum = Checksum::new(algorithm, value.to_vec()).unwrap();
            let mut digest = Digest::default();
            digest.update(&[Bytes::from_static(b"before ")]);
            digest.begin_part(&checksum);
            digest.update(&[Bytes::from_static(b"hello")]);
            assert!(digest.is_part(&checksum), "{algorithm:?}");
            digest.update(&[Bytes::from_static(b"!")]);
            assert!(!digest.is_part(&checksum), "{algorithm:?}");
        }
    }
}
