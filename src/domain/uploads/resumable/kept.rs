//! What is acknowledged of a resumable upload while more bytes come: as the storage makes them durable, the upload's row says
//! so, and a crash takes back no more than the last few.

use entity::Timestamp;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::rows::{self, Step};
use crate::{
    app::SharedApp,
    domain::uploads::Digest,
    error::{Error, Result},
    patience::{self, PATIENCE},
    storage::Writer,
};

/// How many bytes come between two notes in the row, at least.
const NOTED_BYTES: u64 = 32 << 20;

/// What a request that appends knows of what is durable.
#[derive(Debug)]
pub(in crate::domain::uploads) struct Kept {
    app: SharedApp,
    id: Uuid,
    payer_id: Uuid,
    /// Bytes in all, where that is known.
    pub length: Option<u64>,
    /// How many bytes the row says are durable.
    acknowledged: u64,
    /// Whether a part of what this request brings may stay: not where it is to be checked as a whole.
    may_stay: bool,
    /// Bytes that the storage makes durable at present, and the hash of those.
    covered: Option<(u64, Digest)>,
    noting: Option<(u64, JoinHandle<Result<()>>)>,
}

impl Kept {
    pub fn new(
        app: &SharedApp,
        (id, payer_id): (Uuid, Uuid),
        acknowledged: u64,
        length: Option<u64>,
        may_stay: bool,
    ) -> Self {
        Self {
            app: SharedApp::clone(app),
            id,
            payer_id,
            length,
            acknowledged,
            may_stay,
            covered: None,
            noting: None,
        }
    }

    /// Looks how far `writer` has come, and notes it beside. `digest` is of all that it was given.
    pub async fn look(&mut self, writer: &mut Writer, digest: &Digest) -> Result<()> {
        if !self.may_stay {
            return Ok(());
        }
        let progress = writer.progress()?;
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
            let note = self.note(self.step(bytes, &digest, 0));
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
        bytes: u64,
        digest: &Digest,
        surplus: u64,
    ) -> Result<Timestamp> {
        self.noted().await?;
        let step = self.step(bytes, digest, surplus);
        let expires_at = step.expires_at;
        self.note(step).await?;
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
            from: self.acknowledged,
            to,
            digest: digest.state(),
            length: self.length,
            expires_at: self.app.clock.after(self.app.config.uploads.resumable_ttl),
            surplus,
            payer_id: self.payer_id,
        }
    }

    /// A large upload lives long and notes often: each time it may wait as long as a request may.
    fn note(&self, step: Step) -> impl Future<Output = Result<()>> + Send + use<> {
        let app = SharedApp::clone(&self.app);
        patience::within(PATIENCE, async move { rows::advance(&app, step).await })
    }
}
