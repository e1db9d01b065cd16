//! Appending to a resumable upload.

use std::pin::pin;

use bytes::Bytes;
use entity::Timestamp;
use futures_util::{Stream, StreamExt};
use uuid::Uuid;

use super::{
    Fenced, Kept, Turn, abort_of, check_length,
    give_back::{self, Left},
    key, rows, take_over,
    turns::{Claim, superseded},
};
use crate::{
    access::Resumable,
    app::{App, SharedApp},
    auth::client::ClientAddress,
    domain::{
        content_type,
        uploads::{Digest, Incoming, Naming, digest::Checksum, finish, pending::Pending},
    },
    error::{Code, Error, Result},
    patience,
    storage::Writer,
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
    /// it had never come, or the file, whose upload ends, is not what was announced; `NOT_FOUND` where the storage has lost what
    /// came before, whose upload ends; otherwise as [`finish`].
    pub async fn append<E: Send + 'static>(
        self,
        client: &ClientAddress,
        part: Part,
        body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    ) -> Result<Appended> {
        let client = *client;
        let task = tokio::spawn(patience::inherit(async move {
            let length = self.check(&part)?;
            let (app, upload) = (SharedApp::clone(&self.app), self.upload.clone());
            let epoch = self.fence.as_ref().map(|fence| fence.epoch);
            let (turn, writer) = take_over::bytes_of(self).await?;
            match turn.receive(writer, &client, part, length, body).await {
                Err(error) if app.storage.is_lost(&error) => {
                    error.log();
                    Err(end_lost(&app, &upload, epoch).await?)
                }
                appended => appended,
            }
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
        writer: Writer,
        client: &ClientAddress,
        part: Part,
        length: Option<u64>,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Appended> {
        let Self {
            app,
            mut claim,
            upload: row,
            fence,
            ..
        } = self;
        let epoch = fence.as_ref().map(|fence| fence.epoch);
        let mut upload = resume(&app, &row, writer, (&part, epoch), length).await?;
        claim.look();
        let end = match take_in(&claim, &mut upload, &part, body).await {
            Ok(end) => end,
            Err(error) => {
                let unnamed_bytes = upload.let_go().await;
                let left = epoch.map(|epoch| Left {
                    epoch,
                    unnamed_bytes,
                });
                give_back::since_acknowledged(&claim, &row, left).await;
                return Err(error);
            }
        };
        let size = upload.size;
        // However the request ended: all bytes and no file is a state that no client knows how to leave.
        if length == Some(size) {
            return finish_file(&app, client, upload, (&row, epoch)).await;
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

/// The upload of `row` as the requests before have left it, to add a part.
async fn resume(
    app: &SharedApp,
    row: &Resumable,
    writer: Writer,
    (part, epoch): (&Part, Option<i64>),
    length: Option<u64>,
) -> Result<Incoming> {
    let received = unsigned(row.received_bytes);
    let mut digest = Digest::restore(&row.digest)?;
    if let Some(checksum) = &part.checksum {
        digest.begin_part(checksum);
    }
    let reserved = rows::reserved(app, row.id).await?;
    let (writer, head) = match epoch {
        Some(_) => (writer, row.head.clone().unwrap_or_default()),
        None => {
            let head = content_type::SNIFF_BYTES as u64;
            writer.rewind(received, head).await?
        }
    };
    // What no row names is reserved, and nothing more can come for that. Read after what is reserved: an older request may note
    // both meanwhile.
    let unnamed = rows::present(app, row.id).await?;
    let unnamed = unnamed.map_or(0, |row| unsigned(row.unnamed_bytes));
    let reserved = reserved.saturating_sub(unnamed);
    let record = Pending::kept(row.destination(), row.id, key(row)?, reserved);
    let ids = (row.id, row.destination().payer().id);
    let fence = epoch.map(|epoch| Fenced::new(epoch, &writer));
    let (known, may_stay) = ((received, length), part.checksum.is_none());
    let kept = Kept::new(app, ids, &record.key, known, may_stay, fence);
    let mut upload = Incoming::resumed(app, record, (writer, digest, head), received, kept);
    if part.length.is_some() && row.destination().is_own() {
        upload.reserve_all().await?;
    }
    Ok(upload)
}

/// Adds what `body` brings: all of it or nothing where `part` has a checksum.
async fn take_in<E>(
    claim: &Claim,
    upload: &mut Incoming,
    part: &Part,
    body: impl Stream<Item = Result<Bytes, E>>,
) -> Result<End> {
    let end = read(claim, upload, part.bytes, body).await?;
    match (&part.checksum, end) {
        (None, end) => Ok(end),
        (Some(checksum), End::Whole) if upload.is_part(checksum).await? => Ok(End::Whole),
        (Some(_), End::Whole) => Err(other_checksum()),
        (Some(_), end) => Err(broken_off(end)),
    }
}

/// Adds what `body` brings, which was announced to have so many bytes.
async fn read<E>(
    claim: &Claim,
    upload: &mut Incoming,
    announced: Option<u64>,
    body: impl Stream<Item = Result<Bytes, E>>,
) -> Result<End> {
    let mut bytes = 0;
    let mut body = pin!(body);
    loop {
        let piece = tokio::select! {
            biased;
            () = claim.superseded() => return Ok(End::Superseded),
            piece = body.next() => piece,
        };
        match piece {
            Some(Ok(piece)) => {
                bytes += piece.len() as u64;
                upload.append(piece).await?;
            }
            Some(Err(_)) => return Ok(End::Broken),
            // A connection that ends says nothing of the bytes that were to come.
            None if announced.is_some_and(|announced| bytes < announced) => {
                return Ok(End::Broken);
            }
            None => return Ok(End::Whole),
        }
    }
}

/// Ends an upload of which the store has nothing any more, and returns what its clients are told.
async fn end_lost(app: &App, upload: &Resumable, epoch: Option<i64>) -> Result<Error> {
    tracing::warn!(upload = %upload.id, "the store has nothing of a resumable upload any more, which ends");
    abort_of(app, upload.id, &key(upload)?, epoch).await?;
    Ok(Error::not_found())
}

fn other_checksum() -> Error {
    Error::new(
        Code::ChecksumMismatch,
        "The bytes that arrived have another checksum than announced; send them again.",
    )
}

/// Makes a file of an upload whose bytes are all here.
async fn finish_file(
    app: &SharedApp,
    client: &ClientAddress,
    upload: Incoming,
    (row, epoch): (&Resumable, Option<i64>),
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
        // Bytes that are not wanted do not become better.
        Err(error) if [Code::ChecksumMismatch, Code::FileRefused].contains(&error.code) => {
            abort_of(app, row.id, &key(row)?, epoch).await?;
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

pub(super) fn unsigned(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}
