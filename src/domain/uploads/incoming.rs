//! The transient part of an upload: what a request holds of it while bytes arrive.

use bytes::Bytes;
use entity::Timestamp;

use super::{
    PartEnd, Pieces,
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
    storage::{Lock, Taker, Writer, Writing},
};

/// A file of so many bytes is hashed where it is, in some 20 µs, and written when it is finished.
pub(super) const SMALL_BYTES: u64 = 32 * 1024;
/// How far ahead quota is reserved when the size is not known, at least and at most; in between, as much again as has come.
/// So a large file takes few transactions, and a small one holds little back from others.
pub(super) const RESERVE_AHEAD: [u64; 2] = [256 << 10, 16 << 20];

/// One file's bytes on their way in. Dropped before it is a file, it is aborted.
#[derive(Debug)]
pub struct Incoming {
    pub(super) app: SharedApp,
    pub(super) record: Pending,
    pub(super) size: u64,
    /// The first bytes, which tell what the file is.
    pub(super) head: Vec<u8>,
    pieces: Pieces,
    /// Where the storage takes bytes in parts: the end of the present one.
    part_end: Option<PartEnd>,
    writes: Writes,
    /// Of a resumable upload: what of it is durable.
    pub(super) kept: Option<Box<Kept>>,
}

/// The writer and the digest are either here or with the batch that is being written.
#[derive(Debug)]
enum Writes {
    Idle(Writer, Digest),
    UnderWay(Writing<Digest>),
    /// After a failed write, and once the bytes are content: nothing can be added any more.
    Over,
}

/// A file's bytes, all here, hashed and counted; to be finished under a name.
#[derive(Debug)]
pub struct Complete {
    pub(super) upload: Incoming,
    pub sha256: [u8; 32],
    /// Of a resumable upload whose bytes are content: see [`Stored`](super::rows::Stored).
    pub(super) lock: Option<Lock>,
}

/// Whose share of the memory an upload into `destination` takes: what strangers take holds up no upload of whoever pays.
pub(super) fn taker(destination: &Destination) -> Taker {
    let payer_id = destination.payer().id;
    match destination.drop_id() {
        Some(_) => Taker::VisitorsOf(payer_id),
        None => Taker::Account(payer_id),
    }
}

impl Incoming {
    /// An upload of which nothing has come. Its record is not in the database yet.
    pub(super) fn new(app: &SharedApp, destination: &Destination, expected: Option<u64>) -> Self {
        let record = Pending::new(app, destination);
        app.live_uploads.insert(record.id);
        let limit = destination.size_limit(app.config.uploads.max_file_size);
        let at_most = expected.map_or(limit, |expected| expected.min(limit));
        let taker = taker(destination);
        let writer = app.storage.begin(&record.key, taker, at_most);
        Self {
            app: SharedApp::clone(app),
            part_end: PartEnd::of(&writer),
            writes: Writes::Idle(writer, Digest::default()),
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
            part_end: PartEnd::of(&writer),
            writes: Writes::Idle(writer, digest),
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
        self.take_in(chunk).await
    }

    /// Gathers `chunk`; a batch ends where a part does.
    async fn take_in(&mut self, mut chunk: Bytes) -> Result<()> {
        while let Some(end) = &mut self.part_end
            && let Some(behind) = end.cut(&mut chunk)
        {
            self.gather(chunk).await?;
            self.write_batch().await?;
            chunk = behind;
        }
        self.gather(chunk).await
    }

    async fn gather(&mut self, chunk: Bytes) -> Result<()> {
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
        // Another request for the same upload may send other bytes: those that are named by their parts are these.
        if self.kept.is_some() && self.part_end.is_some() && self.size > 0 && !writer.is_in_parts()
        {
            self.begin_parts(&mut writer).await?;
        }
        let sha256 = digest.sha256();
        self.writes = Writes::Idle(writer, digest);
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
        self.writes = Writes::Idle(writer, digest);
        Ok(is_part)
    }

    /// Makes what has come durable and acknowledges it, for a later request to go on, which can begin only then. `length` is that
    /// of the file, where it is known. Returns when the upload expires.
    pub(super) async fn pause(mut self, length: Option<u64>) -> Result<Timestamp> {
        self.write_batch().await?;
        let (writer, digest) = self.writer().await?;
        let mut writer = writer.checkpoint().await?;
        let is_reserved_whole = length.is_some() && self.record.destination.is_own();
        let surplus = match is_reserved_whole {
            true => 0,
            false => self.record.surplus(self.size),
        };
        let kept = self.kept.as_mut();
        let kept = kept.ok_or_else(|| Error::internal("only resumable uploads pause"))?;
        let all = (self.size, &digest);
        let expires_at = kept
            .acknowledge(&mut writer, &self.head, all, surplus)
            .await?;
        drop(writer);
        Ok(expires_at)
    }

    /// Ends without another note of what has come, when nothing of it is being written any more. Says how many bytes may be left in
    /// parts that no row names.
    pub(super) async fn let_go(mut self) -> u64 {
        let writer = self.writer().await;
        let Some(kept) = &mut self.kept else {
            return 0;
        };
        let _ = kept.noted().await;
        match writer {
            Ok((writer, _)) => writer.unnamed_bytes(),
            // What was sent before the failure is not known any more.
            Err(_) => self.size.saturating_sub(kept.acknowledged()),
        }
    }

    /// Hands the pieces over to be written and hashed, once the batch before is, and does not wait for that.
    async fn write_batch(&mut self) -> Result<()> {
        let (mut writer, mut digest) = self.writer().await?;
        if let Some(kept) = &mut self.kept {
            kept.look(&mut writer, &digest, &self.head).await?;
            kept.look_ahead(&mut writer).await?;
        }
        if writer.is_to_be_parted(self.pieces.len() as u64) {
            self.begin_parts(&mut writer).await?;
        }
        let written = writer.write(self.pieces.take(), move |pieces| {
            digest.update(pieces);
            digest
        });
        self.writes = Writes::UnderWay(written);
        Ok(())
    }

    /// The writer, which has written all that it was given, and the digest.
    async fn writer(&mut self) -> Result<(Writer, Digest)> {
        if let Writes::UnderWay(batch) = &mut self.writes {
            // It stays where it is meanwhile: an upload that is dropped now is aborted when the batch is written.
            let (writer, digest) = batch
                .await
                .map_err(Error::internal)
                .flatten()
                .inspect_err(|_| self.writes = Writes::Over)?;
            self.writes = Writes::Idle(writer, digest);
        }
        match std::mem::replace(&mut self.writes, Writes::Over) {
            Writes::Idle(writer, digest) => Ok((writer, digest)),
            Writes::UnderWay(_) | Writes::Over => {
                Err(Error::internal("an upload went on after a failed write"))
            }
        }
    }
}

impl Complete {
    /// Makes the bytes durable and lets go of their writer's descriptor, for an upload that waits for others of its request.
    pub async fn settle(&mut self) -> Result<()> {
        let (writer, digest) = self.upload.writer().await?;
        self.upload.writes = Writes::Idle(writer.settle().await?, digest);
        Ok(())
    }

    /// Makes the bytes durable content, of a file that comes to be at `created_at`.
    pub(super) async fn store(&mut self, created_at: Timestamp) -> Result<()> {
        let (writer, digest) = self.upload.writer().await?;
        if self.upload.record.is_kept() {
            // The writer lets go of them as soon as they are content, which is before the database says so.
            self.lock = writer.lock()?;
        }
        let (writer, earlier) = self.upload.claim_completion(writer, &digest).await?;
        let storage = &self.upload.app.storage;
        let stored = storage.finish(writer, created_at, earlier).await?;
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
        let writes = std::mem::replace(&mut self.writes, Writes::Over);
        self.record.abort(&self.app, async move {
            // A batch still being written would make the staged file appear again. One to a store is broken off; one to a disk
            // cannot be.
            if let Writes::UnderWay(batch) = writes {
                batch.abort();
                let _ = batch.await;
            }
        });
    }
}
