//! Uploads: the one way in, whatever the protocol. Begin, append, complete, then finish or abort.
//!
//! The order of commitment: a pending row, the bytes, fsync, rename to the content key, fsync of the directory, the
//! file's row, the answer. So every committed row has its exact bytes, and bytes without a row can be found by the
//! pending row and swept.

use std::sync::Arc;

use bytes::Bytes;
use entity::{event::Kind, file, upload};
use futures_util::{StreamExt, stream};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{
    content_type,
    events::{self, Event},
    file_name, quota,
};
use crate::{
    access::{self, Owned},
    app::{App, SharedApp},
    auth::{Subject, Viewer, client::ClientAddress},
    error::{Code, Error, Result},
    keys,
    patience::{self, PATIENCE},
    seldom::Seldom,
    storage::{ContentKey, Staged},
};

mod aborted;
mod live;
mod pieces;
mod rows;
mod sweep;

pub use aborted::{Aborted, TASK, run};
pub use live::LiveUploads;
use pieces::Pieces;
pub use rows::Rows;
use rows::{Finished, Outcome, abort};
pub use sweep::{LastSeen, sweep_abandoned, touch_live};

/// A file of so many bytes is hashed where it is, in some 20 µs, and written when it is finished.
const SMALL_BYTES: u64 = 32 * 1024;
/// How far ahead quota is reserved when the size is not known, at least and at most; in between, as much again as has come.
/// So a large file takes few transactions, and a small one holds little back from others.
const RESERVE_AHEAD: [u64; 2] = [256 << 10, 16 << 20];

/// Files of one request that are made durable side by side: what one thread syncs, another need not wait for.
const FINISHED_AT_ONCE: usize = 16;

/// One file's bytes on their way in. Dropped before it is finished, it is aborted.
#[derive(Debug)]
pub struct Upload {
    app: SharedApp,
    id: Uuid,
    /// Whose it is, as of the credentials that it began with.
    user: Subject,
    key: ContentKey,
    size: u64,
    reserved: u64,
    head: Vec<u8>,
    batch: Pieces,
    staged: Place,
    settled: bool,
    /// Held while its row is being written, which goes on when the client has hung up.
    row: Arc<tokio::sync::Mutex<()>>,
}

/// The staged bytes are either here or with the blocking thread that is writing a batch.
#[derive(Debug)]
enum Place {
    Here(Box<Staged>),
    Writing(JoinHandle<std::io::Result<Box<Staged>>>),
    /// After a failed write: nothing can be added any more.
    Lost,
}

/// A file's bytes, all here, hashed and counted; to be finished under a name.
#[derive(Debug)]
pub struct Complete {
    upload: Upload,
    pub sha256: [u8; 32],
}

/// How a complete upload becomes a file.
#[derive(Debug)]
pub struct Naming {
    pub upload: Complete,
    /// What the file is to be called; see [`file_name`].
    pub name: String,
    /// Refuse any other bytes.
    pub expected_sha256: Option<[u8; 32]>,
}

/// Opens an upload for `user`. `expected` is how many bytes may come, where the client has said so.
///
/// `QUOTA_EXCEEDED` when the user may keep nothing more; `STORAGE_FULL` when so much would take of the disk's reserve.
pub async fn begin(app: &SharedApp, viewer: &Viewer, expected: Option<u64>) -> Result<Upload> {
    quota::check_ahead(app, &viewer.account().usage, 0)?;
    // Small content is looked at when it is written, which is soon.
    if expected.is_none_or(|expected| expected > SMALL_BYTES) {
        app.storage.check_reserve(expected.unwrap_or(0)).await?;
    }
    let now = app.clock.now();
    let key = ContentKey::random();
    let id = keys::id(now);
    app.live_uploads.insert(id);
    let mut upload = Upload {
        app: SharedApp::clone(app),
        id,
        user: viewer.subject(),
        size: 0,
        reserved: 0,
        head: Vec::new(),
        batch: Pieces::default(),
        staged: Place::Here(Box::new(app.storage.begin(&key))),
        key,
        settled: false,
        row: Arc::default(),
    };
    let pending = upload::Model {
        id,
        user_id: viewer.id(),
        content_key: upload.key.to_string(),
        reserved_bytes: 0,
        created_at: now,
        touched_at: now,
    };
    let rows = SharedApp::clone(app);
    upload
        .write_row(async move { rows.upload_rows.begin(pending).await })
        .await?;
    upload
        .reserve(0, expected.unwrap_or(RESERVE_AHEAD[0]))
        .await?;
    Ok(upload)
}

impl Upload {
    /// Adds `chunk`. `FILE_TOO_LARGE` or `QUOTA_EXCEEDED` at the first byte too many; the upload is then to be dropped.
    pub async fn append(&mut self, chunk: Bytes) -> Result<()> {
        let limit = self.app.config.uploads.max_file_size;
        self.size += chunk.len() as u64;
        if self.size > limit {
            return Err(Error::new(
                Code::FileTooLarge,
                format!("A file may have {limit} bytes at most."),
            )
            .with("limitBytes", limit));
        }
        if self.size > self.reserved {
            let [least, most] = RESERVE_AHEAD;
            let (needed, wanted) = (self.size - self.reserved, self.size.clamp(least, most));
            // A large upload lives long and reserves often: each time it may wait as long as a request may.
            patience::within(PATIENCE, self.reserve(needed, wanted)).await?;
        }
        let missing = content_type::SNIFF_BYTES - self.head.len();
        self.head.extend(chunk.iter().take(missing));
        self.batch.push(chunk);
        if self.batch.len() >= self.app.live_uploads.batch_bytes() {
            self.write_batch().await?;
        }
        Ok(())
    }

    /// Ends the bytes: they are counted and hashed, and quota reserved too much is given back.
    pub async fn complete(mut self) -> Result<Complete> {
        let is_small = self.size <= SMALL_BYTES && self.size == self.batch.len() as u64;
        if !is_small {
            self.write_batch().await?;
        }
        let mut staged = self.staged().await?;
        if is_small {
            staged.hold(self.batch.take());
        }
        let sha256 = staged.sha256();
        self.staged = Place::Here(staged);
        if self.reserved != u64::MAX {
            let (app, id, user_id) = (SharedApp::clone(&self.app), self.id, self.user.user_id());
            let surplus = self.reserved - self.size;
            self.write_row(async move { quota::trim(&app, id, user_id, surplus).await })
                .await?;
            self.reserved = self.size;
        }
        Ok(Complete {
            upload: self,
            sha256,
        })
    }

    async fn reserve(&mut self, needed: u64, wanted: u64) -> Result<()> {
        let (app, id, user_id) = (SharedApp::clone(&self.app), self.id, self.user.user_id());
        let granted = self
            .write_row(async move { quota::reserve(&app, id, user_id, needed, wanted).await })
            .await?;
        self.reserved = self.reserved.saturating_add(granted);
        Ok(())
    }

    /// Does `write`, to its end even if this upload is dropped meanwhile: only then it is aborted.
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

    /// Hands the batch to a blocking thread, once the one before is written, and does not wait for it.
    async fn write_batch(&mut self) -> Result<()> {
        let mut staged = self.staged().await?;
        let batch = self.batch.take();
        self.staged = Place::Writing(tokio::task::spawn_blocking(move || {
            staged.append(&batch)?;
            Ok(staged)
        }));
        Ok(())
    }

    async fn staged(&mut self) -> Result<Box<Staged>> {
        match std::mem::replace(&mut self.staged, Place::Lost) {
            Place::Here(staged) => Ok(staged),
            Place::Writing(batch) => Ok(batch.await.map_err(Error::internal)??),
            Place::Lost => Err(Error::internal("an upload went on after a failed write")),
        }
    }
}

impl Complete {
    /// Makes the bytes durable and closes their file, for an upload that waits for others of its request: no request holds
    /// a descriptor for each of its files.
    pub async fn settle(&mut self) -> Result<()> {
        let mut staged = self.upload.staged().await?;
        if staged.is_on_disk() {
            let settled = tokio::task::spawn_blocking(move || {
                staged.settle()?;
                Ok::<_, std::io::Error>(staged)
            });
            staged = settled.await.map_err(Error::internal)??;
        }
        self.upload.staged = Place::Here(staged);
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.app.live_uploads.remove(self.id);
        if self.settled {
            return;
        }
        let app = SharedApp::clone(&self.app);
        let (id, key) = (self.id, self.key.clone());
        let staged = std::mem::replace(&mut self.staged, Place::Lost);
        let row = Arc::clone(&self.row);
        tokio::spawn(async move {
            // A batch still being written would make the staged file appear again.
            if let Place::Writing(batch) = staged {
                let _ = batch.await;
            }
            // First of all: on a disk that is full, this is the room that the database needs.
            let unstaged = app.storage.unstage(&key).await;
            if let Err(error) = unstaged {
                tracing::warn!(%error, "staged bytes could not be removed at once");
            }
            let _row = row.lock().await;
            static LEFT: Seldom = Seldom::new();
            if let Err(error) = abort(&app, id, &key).await {
                if let Some(left_out) = LEFT.turn() {
                    tracing::warn!(%error, left_out, "an aborted upload could not be taken back, and is tried again");
                }
                app.aborted_uploads.add(id, key);
            }
        });
    }
}

/// Makes files of complete uploads, all of them or none, and returns them in the same order.
///
/// Runs in a task of its own: a client that hangs up now gets its files nevertheless, and never half of them. The
/// operation's time stands still for it.
/// `BAD_USER_INPUT` for a name that is none, `CHECKSUM_MISMATCH` when the bytes are not the expected ones,
/// `QUOTA_EXCEEDED` when the user would have too many files, `UNAUTHENTICATED` when the account was stopped, or got
/// another password, since the upload began.
pub async fn finish(
    app: &SharedApp,
    client: &ClientAddress,
    uploads: Vec<Naming>,
) -> Result<Vec<Owned<file::Model>>> {
    let (app, client) = (SharedApp::clone(app), *client);
    let task = tokio::spawn(patience::inherit(async move {
        // All of them are looked at before any is synced.
        let rows = uploads.iter().map(|naming| file_row(&app, naming));
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let uploads = uploads.into_iter().map(|naming| naming.upload.upload);
        // Each is waited for, also when another has failed: what is aborted must not be under way.
        let finished: Vec<_> = stream::iter(uploads.zip(rows))
            .map(|(upload, row)| make_durable(&app, upload, row))
            .buffered(FINISHED_AT_ONCE)
            .collect()
            .await;
        commit(&app, &client, finished.into_iter().collect::<Result<_>>()?).await
    }));
    patience::untimed(task).await.map_err(Error::internal)?
}

async fn make_durable(
    app: &App,
    mut upload: Upload,
    row: file::Model,
) -> Result<(Upload, file::Model)> {
    let staged = upload.staged().await?;
    app.storage.finish(*staged).await?;
    Ok((upload, row))
}

/// Writes the rows of files whose bytes are durable.
async fn commit(
    app: &SharedApp,
    client: &ClientAddress,
    finished: Vec<(Upload, file::Model)>,
) -> Result<Vec<Owned<file::Model>>> {
    let mut files = Vec::with_capacity(finished.len());
    let mut uploads = Vec::with_capacity(finished.len());
    let mut rows = Vec::with_capacity(finished.len());
    for (upload, file) in finished {
        let Subject::User { epoch, .. } = upload.user;
        files.push(access::written(upload.user, file.clone())?);
        let event = Event::of_file(Kind::Uploaded, &file)
            .from(client)
            .detail(&file.name);
        rows.push(Finished {
            upload_id: upload.id,
            epoch,
            event: events::row(app, event),
            file,
        });
        uploads.push(upload);
    }
    match app.upload_rows.finish(rows).await? {
        Outcome::Committed => {}
        Outcome::TooMany => return Err(quota::too_many_files(app)),
        Outcome::Ended => return Err(Error::unauthenticated()),
        // An upload that was silent so long that it was swept has no bytes any more.
        Outcome::Swept => {
            return Err(Error::new(
                Code::Unavailable,
                "The upload took so long that it was given up; send it again.",
            ));
        }
    }
    for upload in &mut uploads {
        upload.settled = true;
    }
    Ok(files)
}

fn file_row(app: &App, naming: &Naming) -> Result<file::Model> {
    let Complete { upload, sha256 } = &naming.upload;
    if naming
        .expected_sha256
        .is_some_and(|expected| expected != *sha256)
    {
        return Err(Error::new(
            Code::ChecksumMismatch,
            "The bytes that arrived have another SHA-256 than announced; send them again.",
        )
        .with("actualSha256", keys::hex(sha256)));
    }
    let now = app.clock.now();
    let name = file_name::check(&naming.name)?;
    Ok(file::Model {
        id: keys::id(now),
        owner_id: upload.user.user_id(),
        content_type: content_type::detect(&upload.head, &name),
        name,
        size: quota::signed(upload.size),
        sha256: sha256.to_vec(),
        content_key: upload.key.to_string(),
        created_at: now,
        trashed_at: None,
    })
}
