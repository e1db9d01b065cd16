//! What is acknowledged of a resumable upload while more bytes come: as the storage makes them durable, the upload's row says
//! so, and a crash takes back no more than the last few.

use bytes::Bytes;
use entity::Timestamp;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::rows::{self, FencedStep, Step};
use crate::{
    app::SharedApp,
    domain::uploads::Digest,
    error::{Error, Result},
    patience::{self, PATIENCE},
    storage::{ContentKey, Part, Parts, Writer},
};

/// How many bytes come between two notes in the row, at least.
const NOTED_BYTES: u64 = 32 << 20;

/// Rows of bytes that wait to be a part, at most: each request that brings a few adds one, and each that goes on reads all.
const TAIL_ROWS: usize = 64;

/// What a request that appends knows of what is durable.
#[derive(Debug)]
pub(in crate::domain::uploads) struct Kept {
    app: SharedApp,
    id: Uuid,
    payer_id: Uuid,
    key: ContentKey,
    /// Bytes in all, where that is known.
    pub length: Option<u64>,
    /// How many bytes the row says are durable.
    acknowledged: u64,
    /// Whether a part of what this request brings may stay: not where it is to be checked as a whole.
    may_stay: bool,
    /// Bytes that the storage makes durable at present, and the hash of those.
    covered: Option<(u64, Digest)>,
    noting: Option<(u64, JoinHandle<Result<()>>)>,
    /// Where the storage has no locks, and takes parts.
    fenced: Option<Fenced>,
}

/// What a request knows of an upload that it appends to by a [`Fence`](super::fenced::Fence).
#[derive(Debug)]
pub(in crate::domain::uploads) struct Fenced {
    epoch: i64,
    /// How many of the bytes that wait to be a part are in rows, and in how many.
    tail_bytes: u64,
    tail_rows: usize,
}

impl Fenced {
    /// `writer` has what was in rows, and nothing else yet.
    pub fn new(epoch: i64, writer: &Writer) -> Self {
        let (tail_bytes, tail_rows) = writer.waiting();
        Self {
            epoch,
            tail_bytes,
            tail_rows,
        }
    }

    /// What is to be noted with the first `to` bytes being acknowledged, which are all where this request is at its end.
    fn note(&mut self, writer: &mut Writer, head: &[u8], (to, is_end): (u64, bool)) -> FencedStep {
        let Parts { parts, tail, next } = writer.take_parts(to);
        // The first of the parts begins with what is in rows; and where there are too many of those, one takes their place.
        let is_tail_anew = !parts.is_empty() || (self.tail_rows >= TAIL_ROWS && !tail.is_empty());
        if is_tail_anew {
            (self.tail_bytes, self.tail_rows) = (0, 0);
        }
        let tail = behind(tail, usize::try_from(self.tail_bytes).unwrap_or_default());
        self.tail_bytes += tail.iter().map(Bytes::len).sum::<usize>() as u64;
        self.tail_rows += usize::from(!tail.is_empty());
        FencedStep {
            epoch: self.epoch,
            head: head.to_vec(),
            next_part: is_end.then_some(next),
            parts,
            is_tail_anew,
            tail,
            is_last: false,
        }
    }
}

/// What of `pieces` comes after the first `bytes`.
fn behind(pieces: Vec<Bytes>, mut bytes: usize) -> Vec<Bytes> {
    let pieces = pieces.into_iter().filter_map(|mut piece| {
        let before = piece.split_to(bytes.min(piece.len()));
        bytes -= before.len();
        (!piece.is_empty()).then_some(piece)
    });
    pieces.collect()
}

impl Kept {
    pub fn new(
        app: &SharedApp,
        (id, payer_id): (Uuid, Uuid),
        key: &ContentKey,
        (acknowledged, length): (u64, Option<u64>),
        may_stay: bool,
        fenced: Option<Fenced>,
    ) -> Self {
        Self {
            app: SharedApp::clone(app),
            id,
            payer_id,
            key: key.clone(),
            length,
            acknowledged,
            may_stay,
            covered: None,
            noting: None,
            fenced,
        }
    }

    /// By which a request has taken the upload, where the storage has no locks.
    pub fn epoch(&self) -> Option<i64> {
        self.fenced.as_ref().map(|fenced| fenced.epoch)
    }

    /// How many bytes the row says are durable.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Has a fenced upload's numbers of parts noted before they are used, so that no request after this one uses them too.
    pub async fn look_ahead(&self, writer: &mut Writer) -> Result<()> {
        if let (Some(fenced), Some(next)) = (&self.fenced, writer.lacks_numbers()) {
            let end = rows::reserve_parts(&self.app, self.id, fenced.epoch, next).await?;
            writer.may_number(end);
        }
        Ok(())
    }

    /// Notes that all bytes are here and durable, and that this request makes content of them; returns the parts that they are.
    /// Where an earlier request has noted that, the parts are as it left them.
    pub async fn claim_completion(
        &mut self,
        writer: &mut Writer,
        head: &[u8],
        (size, digest): (u64, &Digest),
    ) -> Result<Vec<Part>> {
        self.noted().await?;
        let step = self.step(size, digest, 0);
        if let Some(fenced) = &mut self.fenced {
            let noted = FencedStep {
                is_last: true,
                ..fenced.note(writer, head, (size, true))
            };
            let step = Step {
                fenced: Some(noted),
                ..step
            };
            self.note(step).await?;
            self.acknowledged = size;
        }
        rows::parts(&self.app, self.id).await
    }

    /// Looks how far `writer` has come, and notes it beside. `digest` is of all that it was given.
    pub async fn look(&mut self, writer: &mut Writer, digest: &Digest, head: &[u8]) -> Result<()> {
        if !self.may_stay {
            return Ok(());
        }
        let progress = writer.progress().await?;
        if self.noting.as_ref().is_some_and(|(_, it)| it.is_finished()) {
            self.noted().await?;
        }
        // All of it is not acknowledged before it is a file: a client sends nothing more then.
        let durable = self.covered.take_if(|(bytes, _)| {
            progress.durable >= *bytes
                && *bytes >= self.acknowledged + NOTED_BYTES
                && self.length != Some(*bytes)
        });
        if let Some((bytes, digest)) = durable
            && self.noting.is_none()
        {
            let step = self.step(bytes, &digest, 0);
            let fenced = self.fenced.as_mut();
            let fenced = fenced.map(|fenced| fenced.note(writer, head, (bytes, false)));
            let note = self.note(Step { fenced, ..step });
            self.noting = Some((bytes, tokio::spawn(note)));
        }
        if let Some(bytes) = progress.covered
            && self.covered.as_ref().is_none_or(|(at, _)| *at < bytes)
        {
            self.covered = Some((bytes, digest.clone()));
        }
        Ok(())
    }

    /// Notes that `bytes` with this `digest` are durable, and gives back `surplus` bytes of quota. Returns when the upload
    /// expires.
    pub async fn acknowledge(
        &mut self,
        writer: &mut Writer,
        head: &[u8],
        (bytes, digest): (u64, &Digest),
        surplus: u64,
    ) -> Result<Timestamp> {
        self.noted().await?;
        let step = self.step(bytes, digest, surplus);
        let expires_at = step.expires_at;
        let fenced = self.fenced.as_mut();
        let fenced = fenced.map(|fenced| fenced.note(writer, head, (bytes, true)));
        self.note(Step { fenced, ..step }).await?;
        self.acknowledged = bytes;
        Ok(expires_at)
    }

    /// Waits for a note under way.
    pub async fn noted(&mut self) -> Result<()> {
        if let Some((bytes, noting)) = self.noting.take() {
            noting.await.map_err(Error::internal)??;
            self.acknowledged = bytes;
        }
        Ok(())
    }

    fn step(&self, to: u64, digest: &Digest, surplus: u64) -> Step {
        Step {
            upload_id: self.id,
            content_key: self.key.to_string(),
            from: self.acknowledged,
            to,
            digest: digest.state(),
            length: self.length,
            expires_at: self.app.clock.after(self.app.config.uploads.resumable_ttl),
            surplus,
            payer_id: self.payer_id,
            fenced: None,
        }
    }

    /// A large upload lives long and notes often: each time it may wait as long as a request may.
    fn note(&self, step: Step) -> impl Future<Output = Result<()>> + Send + use<> {
        let app = SharedApp::clone(&self.app);
        patience::within(PATIENCE, async move { rows::advance(&app, step).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_rows_already_is_left_out() {
        let pieces = || vec![Bytes::from("abc"), Bytes::from("de"), Bytes::from("f")];
        for (bytes, left) in [(0, "abcdef"), (2, "cdef"), (3, "def"), (5, "f"), (6, "")] {
            assert_eq!(behind(pieces(), bytes).concat(), left.as_bytes());
        }
        assert!(behind(pieces(), 6).is_empty());
    }
}
