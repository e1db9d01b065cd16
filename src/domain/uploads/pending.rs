//! The durable part of an upload: its pending row.

use std::sync::Arc;

use entity::upload;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::rows::{self, Begun, abort};
use crate::{
    access::Destination,
    app::SharedApp,
    domain::{drops, quota},
    error::{Error, Result},
    log_limit::LogLimit,
    patience, random,
    storage::ContentKey,
};

/// The record of an upload. It is in the database before the first byte, so that the bytes can be found after a crash, and
/// holds the reservation of quota.
#[derive(Debug)]
pub(super) struct Pending {
    pub id: Uuid,
    pub destination: Destination,
    pub key: ContentKey,
    life: Life,
    /// How many bytes may come without more being reserved; `None` where there is no quota.
    reserved: Option<u64>,
    /// Held while the row is being written, which goes on when the client has hung up.
    row: Arc<Mutex<()>>,
}

/// How long a record stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// As long as the request that it came with: what the request leaves unfinished is aborted.
    Request,
    /// Until it has become a file, or expires.
    Kept,
    /// It is a file now.
    Over,
}

impl Pending {
    /// A record that is not in the database yet.
    pub(super) fn new(app: &SharedApp, destination: &Destination) -> Self {
        Self {
            id: random::id(app.clock.now()),
            destination: *destination,
            key: ContentKey::random(),
            life: Life::Request,
            reserved: Some(0),
            row: Arc::default(),
        }
    }

    /// The record of a resumable upload, which has `reserved` so many bytes.
    pub(super) fn kept(
        destination: &Destination,
        id: Uuid,
        key: ContentKey,
        reserved: u64,
    ) -> Self {
        Self {
            id,
            destination: *destination,
            key,
            life: Life::Kept,
            reserved: Some(reserved),
            row: Arc::default(),
        }
    }

    /// Writes the row. `RATE_LIMITED` when the drop that it comes by has as many under way as it may have, or as it may from
    /// one network.
    pub(super) async fn insert(&mut self, app: &SharedApp) -> Result<()> {
        let now = app.clock.now();
        let row = upload::Model {
            id: self.id,
            user_id: self.destination.payer().id,
            drop_id: self.destination.drop_id(),
            network: self.destination.network(),
            content_key: self.key.to_string(),
            reserved_bytes: 0,
            created_at: now,
            touched_at: now,
            is_resumable: false,
            multipart_id: None,
            is_completing: false,
        };
        let app = SharedApp::clone(app);
        let begin = async move { app.upload_rows.begin(row).await };
        match self.write_row(begin).await? {
            Begun::Pending => Ok(()),
            Begun::TooMany => {
                // There is no row, and nothing else.
                self.life = Life::Over;
                Err(drops::too_many_uploads())
            }
        }
    }

    /// Notes by which upload in parts its bytes go to the store, before they do. `UNAVAILABLE` when it was swept meanwhile.
    pub(super) async fn note_parts(
        &self,
        app: &SharedApp,
        multipart_id: &str,
        epoch: Option<i64>,
    ) -> Result<()> {
        let (app, id, multipart_id) = (SharedApp::clone(app), self.id, multipart_id.to_owned());
        let note = async move { rows::note_parts(&app, id, multipart_id, epoch).await };
        self.write_row(note).await
    }

    /// Takes it upon this request to have the store put the parts together. `UNAVAILABLE` when it was swept meanwhile.
    pub(super) async fn claim_completion(&self, app: &SharedApp) -> Result<()> {
        let (app, id) = (SharedApp::clone(app), self.id);
        self.write_row(async move { rows::claim_completion(&app, id).await })
            .await
    }

    /// How much has to be reserved before there may be `size` bytes in all.
    pub(super) fn lacks(&self, size: u64) -> u64 {
        let of_quota = |reserved| size.saturating_sub(reserved);
        self.reserved.map_or(0, of_quota)
    }

    /// Reserves `needed` more bytes, or `wanted` where the quota has as many.
    pub(super) async fn reserve(
        &mut self,
        app: &SharedApp,
        needed: u64,
        wanted: u64,
    ) -> Result<()> {
        let (app, id, payer) = (SharedApp::clone(app), self.id, *self.destination.payer());
        let reserve = async move { quota::reserve(&app, id, payer, needed, wanted).await };
        let granted = self.write_row(reserve).await?;
        self.reserved = self.reserved.zip(granted).map(|(had, more)| had + more);
        Ok(())
    }

    /// How much is reserved beyond `size` bytes.
    pub(super) fn surplus(&self, size: u64) -> u64 {
        self.reserved
            .map_or(0, |reserved| reserved.saturating_sub(size))
    }

    /// Gives back what is reserved beyond `size` bytes, which are all there are.
    pub(super) async fn trim(&mut self, app: &SharedApp, size: u64) -> Result<()> {
        let surplus = self.surplus(size);
        if surplus > 0 {
            let (app, id, payer_id) = (SharedApp::clone(app), self.id, self.destination.payer().id);
            self.write_row(async move { quota::trim(&app, id, payer_id, surplus).await })
                .await?;
            self.reserved = Some(size);
        }
        Ok(())
    }

    /// Does `write`, to its end even if the upload is dropped meanwhile: only then it is aborted.
    async fn write_row<T: Send + 'static>(
        &self,
        write: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let row = Arc::clone(&self.row).lock_owned().await;
        let written = tokio::spawn(patience::inherit(async move {
            let written = write.await;
            drop(row);
            written
        }));
        written.await.map_err(Error::internal)?
    }

    /// Whether it outlives its request.
    pub(super) fn is_kept(&self) -> bool {
        self.life == Life::Kept
    }

    /// It has become a file: there is nothing to abort.
    pub(super) fn end(&mut self) {
        self.life = Life::Over;
    }

    /// Whether it is to be aborted when its request ends.
    pub(super) fn is_unfinished(&self) -> bool {
        self.life == Life::Request
    }

    /// Takes the upload back in a task of its own, once `written` says that no byte of it is being written any more.
    pub(super) fn abort(
        &self,
        app: &SharedApp,
        written: impl Future<Output = ()> + Send + 'static,
    ) {
        let (app, id, key) = (SharedApp::clone(app), self.id, self.key.clone());
        let row = Arc::clone(&self.row);
        tokio::spawn(async move {
            written.await;
            // First of all: on a disk that is full, this is the room that the database needs.
            let unstaged = app.storage.unstage(&key).await;
            if let Err(error) = unstaged {
                tracing::warn!(%error, "staged bytes could not be removed at once");
            }
            let _row = row.lock().await;
            static LEFT: LogLimit = LogLimit::new();
            if let Err(error) = abort(&app, id, &key).await {
                if let Some(left_out) = LEFT.turn() {
                    tracing::warn!(%error, left_out, "an aborted upload could not be taken back, and is tried again");
                }
                app.aborted_uploads.add(id, key);
            }
        });
    }
}
