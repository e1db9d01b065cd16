//! Reading content from an object store.

use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, stream};
use hyper::body::Incoming;

use super::{
    client::{Client, next_piece},
    failure::Failure,
};
use crate::metrics;

/// An object that is to be read.
#[derive(Clone, Debug)]
pub struct Reader {
    client: Arc<Client>,
    name: String,
    len: u64,
}

/// Where a reader is.
enum Reading {
    Before(Reader, Range<u64>),
    /// So many bytes are to come.
    In(Incoming, u64),
}

impl Reader {
    pub(super) fn new(client: &Arc<Client>, name: String, len: u64) -> Self {
        Self {
            client: Arc::clone(client),
            name,
            len,
        }
    }

    pub(in crate::storage) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes of `range` as they come; the last item is an error when fewer come.
    pub(in crate::storage) fn range(
        &self,
        range: Range<u64>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
        let before = Reading::Before(self.clone(), range);
        stream::try_unfold(before, async |place| {
            let (mut body, left) = match place {
                Reading::Before(_, range) if range.is_empty() => return Ok(None),
                Reading::Before(reader, range) => {
                    let (first, last) = (range.start, range.end - 1);
                    let body = reader.client.open_range(&reader.name, first, last).await;
                    (body?, last - first + 1)
                }
                Reading::In(_, 0) => return Ok(None),
                Reading::In(body, left) => (body, left),
            };
            let (piece, left) = piece_of(&mut body, left).await.inspect_err(|_| {
                // An answer that had begun well.
                metrics::storage_failed();
            })?;
            Ok::<_, io::Error>(Some((piece, Reading::In(body, left))))
        })
    }
}

/// The next piece of `body`, of which `left` bytes are to come, and how many come after it.
async fn piece_of(body: &mut Incoming, left: u64) -> Result<(Bytes, u64), Failure> {
    let piece = next_piece(body).await?;
    let piece = piece.ok_or_else(|| Failure::Malformed("an answer ends early".to_owned()))?;
    let left = left.checked_sub(piece.len() as u64);
    let left = left.ok_or_else(|| Failure::Malformed("more came than was asked for".to_owned()))?;
    Ok((piece, left))
}
