//! Finished content, open to read.

use std::{fs::File, io, ops::Range};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, future::Either};

use super::{local, s3};
use crate::error::Result;

/// The bytes of one content. They stay readable when they are removed meanwhile; those of a store as far as they are on
/// their way.
#[derive(Debug)]
pub enum Content {
    /// A file of this machine.
    Local(local::Reader),
    /// An object of a store.
    S3(s3::Reader),
}

impl Content {
    /// The bytes of a file that lies outside of the storage. Blocks.
    pub fn of_file(file: File) -> io::Result<Self> {
        local::Reader::of(file).map(Self::Local)
    }

    /// How many bytes it has.
    #[expect(
        clippy::len_without_is_empty,
        reason = "nobody asks whether it is empty"
    )]
    pub fn len(&self) -> u64 {
        match self {
            Self::Local(reader) => reader.len(),
            Self::S3(reader) => reader.len(),
        }
    }

    /// The bytes of `range`, piece by piece, in memory that does not depend on how many they are. Where not all of them can
    /// be read, the last item is an error.
    pub fn range(
        &self,
        range: Range<u64>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + use<> {
        match self {
            Self::Local(reader) => Either::Left(reader.range(range)),
            Self::S3(reader) => Either::Right(reader.range(range)),
        }
    }

    /// The first `bytes`, or all of them when there are fewer.
    pub async fn start(&self, bytes: u64) -> Result<Vec<u8>> {
        let pieces = self.range(0..bytes.min(self.len()));
        let start = pieces.try_fold(Vec::new(), async |mut start, piece| {
            start.extend_from_slice(&piece);
            Ok(start)
        });
        Ok(start.await?)
    }
}
