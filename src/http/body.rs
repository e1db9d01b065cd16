//! Bodies that are read whole.

use axum::body::Body;
use futures_util::StreamExt;

use crate::error::{Code, Error, Result};

/// The whole body, of `limit` bytes at most, whatever its announced length. Copied piece by piece: a body that comes in
/// pieces of one byte would take many times its size otherwise.
pub async fn read_whole(body: Body, limit: usize) -> Result<Vec<u8>> {
    let mut pieces = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Error::new(Code::BadUserInput, "The request broke off."))?;
        if whole.len() + piece.len() > limit {
            return Err(Error::new(
                Code::PayloadTooLarge,
                format!("The request may have {limit} bytes at most."),
            )
            .with("limitBytes", limit));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}
