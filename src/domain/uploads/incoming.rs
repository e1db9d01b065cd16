//! The transient part of an upload: what a request holds of it while bytes arrive.

use bytes::Bytes;
use entity::Timestamp;

use super::{
    Pieces,
    digest::{Checksum, Digest},
    pending::Pending,
    resumable::{Kept, beyond},
    too_large,
};
use crate::{
    access::Destination,
    app::SharedApp,
    domain::content_type,
    error::{Error, Result},
    patience::{self, PATIENCE},
    storage::{Lock, Writer, Writing},
};

/// A file of so many bytes is hashed where it is, in some 20 µs, and written when it is finished.
pub(super) const SMALL_BYTES: u64 = 32 * 1024;
/// How far ahead quota is reserved when the size is not known, at least and at most; in between, as much again as has come.
/// So a large file takes few transactions, and a small one holds little back from others.
pub(super) const RESERVE_AHEAD: [u64; 2] = [256 << 10, 16 << 20];

/// One file's bytes on their way in. Dropped before it is a file, it is aborted.
#[derive(Debug)]
pub struct Incoming {
    app: SharedApp,
    pub(super) record: Pending,
    pub(super) size: u64,
    /// The first bytes, which tell what the file is.
    pub(super) head: Vec<u8>,
    pieces: Pieces,
    place: Place,
    /// Of a resumable upload: what of it is durable.
    kept: Option<Box<Kept>>,
}

/// The writer and the digest are either here or with the batch that is being written.
#[derive(Debug)]
enum Place {
    Here(Writer, Digest),
    Writing(Writing<Digest>),
    /// After a failed write, and once the bytes are content: nothing can be added any more.
    Gone,
}

/// A file's bytes, all here, hashed and counted; to be finished under a name.
#[derive(Debug)]
pub struct Complete {
    pub(super) upload: Incoming,
    pub sha256: [u8; 32],
    /// Of a resumable upload whose bytes are content: see [`Stored`](super::rows::Stored).
    pub(super) lock: Option<Lock>,
}

impl Incoming {
    /// An upload of which nothing has come. Its record is not in the database yet.
    pub(super) fn new(app: &SharedApp, destination: &Destination) -> Self {
        let record = Pending::new(app, destination);
        app.live_uploads.insert(record.id);
        Self {
            app: SharedApp::clone(app),
            place: Place::Here(app.storage.begin(&record.key), Digest::default()),
            record,
            size: 0,
            head: Vec::new(),
            pieces: Pieces::default(),
            kept: None,
        }
    }

    /// An upload of which earlier requests have brought `size` bytes: where to go on, the hash so far, and the first bytes.
    pub(super) fn resumed(
        app: &SharedApp,
        record: Pending,
        (writer, digest, head): (Writer, Digest, Vec<u8>),
        size: u64,
        kept: Kept,
    ) -> Self {
        app.live_uploads.insert(record.id);
        Self {
            app: SharedApp::clone(app),
            record,
            size,
            head,
            pieces: Pieces::default(),
            place: Place::Here(writer, digest),
            kept: Some(Box::new(kept)),
        }
    }

    /// The most that the file may have.
    pub(super) fn size_limit(&self) -> u64 {
        let of_server = self.app.config.uploads.max_file_size;
        self.record.destination.size_limit(of_server)
    }

    /// The length that was announced for all of a resumable upload.
    fn announced(&self) -> Option<u64> {
        self.kept.as_ref()?.length
    }

    /// Adds `chunk`. `FILE_TOO_LARGE` or `QUOTA_EXCEEDED` at the first byte too many; the upload is then to be dropped.
    pub async fn append(&mut self, chunk: Bytes) -> Result<()> {
        let limit = self.size_limit();
        self.size += chunk.len() as u64;
        if self.size > limit {
            return Err(too_large(limit));
        }
        if let Some(length) = self.announced().filter(|length| self.size > *length) {
            return Err(beyond(length));
        }
        let needed = self.record.lacks(self.size);
        if needed > 0 {
            let [least, most] = RESERVE_AHEAD;
            let ahead = self.size.clamp(least, most).min(limit);
            let reserve = self.record.reserve(&self.app, needed, ahead);
            // A large upload lives long and reserves often: each time it may wait as long as a request may.
            patience::within(PATIENCE, reserve).await?;
        }
        let missing = content_type::SNIFF_BYTES - self.head.len();
        self.head.extend(chunk.iter().take(missing));
        // Before, or a batch would be larger than it may be by most of a chunk.
        if self.pieces.len() + chunk.len() > self.app.live_uploads.batch_bytes() {
            self.write_batch().await?;
        }
        self.pieces.push(chunk);
        Ok(())
    }

    /// Ends the bytes: they are counted and hashed, and quota reserved too much is given back.
    pub async fn complete(mut self) -> Result<Complete> {
        let is_small = self.size <= SMALL_BYTES && self.size == self.pieces.len() as u64;
        if !is_small {
            self.write_batch().await?;
        }
        let (mut writer, mut digest) = self.writer().await?;
        if is_small {
            let pieces = self.pieces.take();
            digest.update(&pieces);
            writer.hold(pieces);
        }
        if let Some(kept) = &mut self.kept {
            kept.noted().await?;
        }
        let sha256 = digest.sha256();
        self.place = Place::Here(writer, digest);
        self.record.trim(&self.app, self.size).await?;
        Ok(Complete {
            upload: self,
            sha256,
            lock: None,
        })
    }

    /// Reserves quota for the announced length.
    pub(super) async fn reserve_all(&mut self) -> Result<()> {
        let needed = self.record.lacks(self.announced().unwrap_or(0));
        match needed {
            0 => Ok(()),
            needed => self.record.reserve(&self.app, needed, needed).await,
        }
    }

    /// Whether what this request brought has this checksum.
    pub(super) async fn is_part(&mut self, checksum: &Checksum) -> Result<bool> {
        self.write_batch().await?;
        let (writer, digest) = self.writer().await?;
        let is_part = digest.is_part(checksum);
        self.place = Place::Here(writer, digest);
        Ok(is_part)
    }

    /// Makes what has come durable and acknowledges it, for a later request to go on, which can begin only then. `length` is that
    /// of the file, where it is known. Returns when the upload expires.
    pub(super) async fn pause(mut self, length: Option<u64>) -> Result<Timestamp> {
        self.write_batch().await?;
        let (writer, digest) = self.writer().await?;
        let writer = writer.checkpoint().await?;
        let is_reserved_whole = length.is_some() && self.record.destination.is_own();
        let surplus = match is_reserved_whole {
            true => 0,
            false => self.record.surplus(self.size),
        };
        let kept = self.kept.as_mut();
        let kept = kept.ok_or_else(|| Error::internal("only resumable uploads pause"))?;
        let expires_at = kept.acknowledge(self.size, &digest, surplus).await?;
        drop(writer);
        Ok(expires_at)
    }

    /// Hands the pieces over to be written and hashed, once the batch before is, and does not wait for that.
    async fn write_batch(&mut self) -> Result<()> {
        let (mut writer, mut digest) = self.writer().await?;
        if let Some(kept) = &mut self.kept {
            kept.look(&mut writer, &digest).await?;
        }
        let written = writer.write(self.pieces.take(), move |pieces| {
            digest.update(pieces);
            digest
        });
        self.place = Place::Writing(written);
        Ok(())
    }

    /// The writer, which has written all that it was given, and the digest.
    async fn writer(&mut self) -> Result<(Writer, Digest)> {
        if let Place::Writing(batch) = &mut self.place {
            // It stays in its place meanwhile: an upload that is dropped now is aborted when the batch is written.
            let (writer, digest) = batch
                .await
                .map_err(Error::internal)
                .flatten()
                .inspect_err(|_| self.place = Place::Gone)?;
            self.place = Place::Here(writer, digest);
        }
        match std::mem::replace(&mut self.place, Place::Gone) {
            Place::Here(writer, digest) => Ok((writer, digest)),
            Place::Writing(_) | Place::Gone => {
                Err(Error::internal("an upload went on after a failed write"))
            }
        }
    }
}

impl Complete {
    /// Makes the bytes durable and lets go of their writer's descriptor, for an upload that waits for others of its request.
    pub async fn settle(&mut self) -> Result<()> {
        let (writer, digest) = self.upload.writer().await?;
        self.upload.place = Place::Here(writer.settle().await?, digest);
        Ok(())
    }

    /// Makes the bytes durable content.
    pub(super) async fn store(&mut self) -> Result<()> {
        let (writer, _) = self.upload.writer().await?;
        if self.upload.record.is_kept() {
            // The writer lets go of them as soon as they are content, which is before the database says so.
            self.lock = Some(writer.lock()?);
        }
        let stored = self.upload.app.storage.finish(writer).await?;
        match stored == self.upload.size {
            true => Ok(()),
            false => Err(Error::internal(
                "another number of bytes was stored than came",
            )),
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.app.live_uploads.remove(self.record.id);
        if !self.record.is_unfinished() {
            return;
        }
        let place = std::mem::replace(&mut self.place, Place::Gone);
        self.record.abort(&self.app, async move {
            // A batch still being written would make the staged file appear again.
            if let Place::Writing(batch) = place {
                let _ = batch.await;
            }
        });
    }
}
