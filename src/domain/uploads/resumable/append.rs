//! Appending to a resumable upload.

use std::pin::pin;

use bytes::Bytes;
use entity::Timestamp;
use futures_util::{Stream, StreamExt};
use uuid::Uuid;

use super::{Kept, Turn, abort, check_length, key, rows, turns::superseded};
use crate::{
    app::SharedApp,
    auth::client::ClientAddress,
    domain::{
        content_type,
        uploads::{Digest, Incoming, Naming, digest::Checksum, finish, pending::Pending},
    },
    error::{Code, Error, Result},
    patience,
};

/// What a request says of the bytes that it brings.
#[derive(Debug, Default)]
pub struct Part {
    /// Where they begin: right behind what was acknowledged.
    pub offset: u64,
    /// How many they are, where the request says so.
    pub bytes: Option<u64>,
    /// How many bytes the file has in all, where the request says so.
    pub length: Option<u64>,
    /// Keep all of them or none: those with this checksum.
    pub checksum: Option<Checksum>,
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// So many bytes are acknowledged, and more are expected until `expires_at`.
    Paused { bytes: u64, expires_at: Timestamp },
    /// All of them are here, and are this file.
    Finished { bytes: u64, file_id: Uuid },
}

/// How a body ended.
enum End {
    /// It is all here.
    Whole,
    /// The client broke off, or was too slow.
    Broken,
    Superseded,
}

impl Turn {
    /// Adds what `body` brings. When the last byte is here, the upload becomes a file.
    ///
    /// Runs in a task of its own: what has come is kept when the client hangs up, or a newer request comes (`CONFLICT`).
    /// `CONFLICT` for another offset than is acknowledged; `BAD_USER_INPUT` for a length that changes, and when the request
    /// breaks off; `PAYLOAD_TOO_LARGE` for bytes beyond the length; `CHECKSUM_MISMATCH` where the part, which is then as if
    /// it had never come, or the file, whose upload ends, is not what was announced; otherwise as [`finish`].
    pub async fn append<E: Send + 'static>(
        self,
        client: &ClientAddress,
        part: Part,
        body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    ) -> Result<Appended> {
        let client = *client;
        let task = tokio::spawn(patience::inherit(async move {
            let length = self.check(&part)?;
            self.receive(&client, part, length, body).await
        }));
        task.await.map_err(Error::internal)?
    }

    /// The length of the file, as far as it is known.
    fn check(&self, part: &Part) -> Result<Option<u64>> {
        let received = unsigned(self.upload.received_bytes);
        if part.offset != received {
            return Err(Error::new(
                Code::Conflict,
                format!("The upload has {received} bytes; send what follows those."),
            )
            .with("offset", received));
        }
        let known = self.upload.length.map(unsigned);
        let length = match (known, part.length) {
            (Some(known), Some(now)) if known != now => {
                return Err(Error::bad_input(
                    "Upload-Length",
                    format!("The length of this upload is {known} and does not change."),
                ));
            }
            (None, Some(now)) => {
                check_length(&self.app, self.upload.destination(), now)?;
                Some(now)
            }
            (known, _) => known,
        };
        let end = received.saturating_add(part.bytes.unwrap_or(0));
        match length.filter(|length| end > *length) {
            Some(length) => Err(beyond(length)),
            None => Ok(length),
        }
    }

    async fn receive<E>(
        self,
        client: &ClientAddress,
        part: Part,
        length: Option<u64>,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Appended> {
        let Self {
            app,
            mut claim,
            upload: row,
            writer,
        } = self;
        let received = unsigned(row.received_bytes);
        let mut digest = Digest::restore(&row.digest)?;
        if let Some(checksum) = &part.checksum {
            digest.begin_part(checksum);
        }
        let head = content_type::SNIFF_BYTES as u64;
        let (writer, head) = writer.rewind(received, head).await?;
        let reserved = rows::reserved(&app, row.id).await?;
        let record = Pending::kept(row.destination(), row.id, key(&row)?, reserved);
        let ids = (row.id, row.destination().payer().id);
        let kept = Kept::new(&app, ids, received, length, part.checksum.is_none());
        let mut upload = Incoming::resumed(&app, record, (writer, digest, head), received, kept);
        if part.length.is_some() && row.destination().is_own() {
            upload.reserve_all().await?;
        }
        claim.look();
        let mut bytes = 0;
        let mut body = pin!(body);
        let end = loop {
            let piece = tokio::select! {
                biased;
                () = claim.superseded() => break End::Superseded,
                piece = body.next() => piece,
            };
            match piece {
                Some(Ok(piece)) => {
                    bytes += piece.len() as u64;
                    upload.append(piece).await?;
                }
                Some(Err(_)) => break End::Broken,
                // A connection that ends says nothing of the bytes that were to come.
                None if part.bytes.is_some_and(|announced| bytes < announced) => {
                    break End::Broken;
                }
                None => break End::Whole,
            }
        };
        if let Some(checksum) = &part.checksum {
            let is_whole = matches!(end, End::Whole);
            if is_whole && !upload.is_part(checksum).await? {
                return Err(Error::new(
                    Code::ChecksumMismatch,
                    "The bytes that arrived have another checksum than announced; send them again.",
                ));
            }
            if !is_whole {
                return Err(broken_off(end));
            }
        }
        let size = upload.size;
        // However the request ended: all bytes and no file is a state that no client knows how to leave.
        if length == Some(size) {
            return finish_file(&app, client, upload, &row).await;
        }
        let expires_at = upload.pause(length).await?;
        match end {
            End::Whole => Ok(Appended::Paused {
                bytes: size,
                expires_at,
            }),
            end => Err(broken_off(end)),
        }
    }
}

/// Makes a file of an upload whose bytes are all here.
async fn finish_file(
    app: &SharedApp,
    client: &ClientAddress,
    upload: Incoming,
    row: &crate::access::Resumable,
) -> Result<Appended> {
    let bytes = upload.size;
    let expected = row.expected_sha256.as_deref().map(<[u8; 32]>::try_from);
    let naming = Naming {
        upload: upload.complete().await?,
        name: row.name.clone(),
        expected_sha256: expected.transpose().map_err(Error::internal)?,
    };
    match finish::finish_kept(app, client, naming).await {
        Ok(file_id) => Ok(Appended::Finished { bytes, file_id }),
        Err(error) if error.code == Code::ChecksumMismatch => {
            abort(app, row.id, &key(row)?).await?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

fn broken_off(end: End) -> Error {
    match end {
        End::Superseded => superseded(),
        End::Whole | End::Broken => Error::new(
            Code::BadUserInput,
            "The request broke off; ask for the offset and go on from there.",
        ),
    }
}

/// The refusal of bytes that are more than the upload was to have.
pub(in crate::domain::uploads) fn beyond(length: u64) -> Error {
    Error::new(
        Code::PayloadTooLarge,
        format!("The upload was to have {length} bytes, and this is more."),
    )
    .with("limitBytes", length)
}

fn unsigned(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}
