//! Where content lives: bytes under opaque keys, written once, never changed.
//!
//! Bytes come in by a [`Writer`] and go out as [`Content`] or by a [`Redirect`]. None of them says what the bytes lie on:
//! files and their paths are [`Local`]'s own affair, objects and requests those of [`S3`].

mod content;
mod key;
mod local;
mod mark;
mod room;
mod s3;
mod writer;

use std::{io, path::Path, time::Duration};

use entity::Timestamp;
use futures_util::{Stream, TryStreamExt, future::Either};

use crate::{
    error::{Code, Error, Result},
    metrics,
};

pub use content::Content;
pub use key::ContentKey;
pub use local::Local;
pub use mark::MarkKind;
pub use room::Room;
pub use s3::{Begun, Finding, Listed, Marker, Part, S3, SETTLES_WITHIN, Taker, Upload, Verdict};
pub use writer::{Hold, Lock, Parts, Progress, Writer, Writing};

/// Where nginx finds content that it is to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// In nginx's internal locations: a fixed prefix, hexadecimal digits and slashes, nothing a client chose. For a
    /// store, with a query that opens this object for a minute.
    pub path: String,
    /// Whether a store sends the bytes: then the validators and conditions are ours to answer.
    pub is_store: bool,
}

/// A place for content.
#[derive(Debug)]
pub enum Storage {
    /// A directory of this machine.
    Local(Local),
    /// A bucket of an object store.
    S3(S3),
}

impl Storage {
    /// Opens a place for the bytes of `key` to arrive in, `at_most` so many, in memory of `taker`'s share. Nothing is visible
    /// under the key before [`Self::finish`].
    pub fn begin(&self, key: &ContentKey, taker: Taker, at_most: u64) -> Writer {
        match self {
            Self::Local(local) => Writer::Local(Box::new(local.begin(key))),
            Self::S3(s3) => Writer::S3(Box::new(s3.begin(key, taker, at_most))),
        }
    }

    /// Whether it can keep all other requests away from bytes that are staged, by [`Self::hold`]. Otherwise the database
    /// says who may go on.
    pub fn has_locks(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// In a storage without locks: a place for what follows on the bytes that earlier requests have brought. These are
    /// the id of their upload in parts, the number of the next part, and how many bytes the parts have.
    pub fn resume(
        &self,
        key: &ContentKey,
        (taker, at_most): (Taker, u64),
        earlier: (Option<String>, u32, u64),
    ) -> Result<Writer> {
        match self {
            Self::Local(_) => Err(Error::internal("what is staged on a disk is held")),
            Self::S3(s3) => {
                let upload = s3.begin(key, taker, at_most).resumed(earlier);
                Ok(Writer::S3(Box::new(upload)))
            }
        }
    }

    /// For how long what was begun to be written may yet appear after it was removed: a request may be on its way.
    pub fn settles_within(&self) -> Duration {
        match self {
            Self::Local(_) => Duration::ZERO,
            Self::S3(_) => SETTLES_WITHIN,
        }
    }

    /// Takes hold of the bytes of `key` that earlier requests have left here, whichever process took those: until the writer
    /// is dropped, no other gets hold of them. `is_new` where none were acknowledged yet: then they need not be there.
    pub async fn hold(&self, key: &ContentKey, is_new: bool) -> Result<Hold> {
        match self {
            Self::Local(local) => local.hold(key, is_new).await,
            Self::S3(_) => Err(Error::internal("an object store has no locks")),
        }
    }

    /// Takes hold of a copy, under the key `to`, of the first `bytes` of those of `from`, which another request has that does not
    /// let go of them; `None` where there are not as many. The copy is durable.
    pub async fn copy(
        &self,
        from: &ContentKey,
        to: &ContentKey,
        bytes: u64,
    ) -> Result<Option<Writer>> {
        match self {
            Self::Local(local) => local.copy(from, to, bytes).await,
            // Nobody has hold of what it has: the database says who may go on with it, where it is.
            Self::S3(_) => Err(Error::internal("an object store has no locks")),
        }
    }

    /// Whether `error` says that what earlier requests have brought is nowhere any more: then nobody can go on.
    pub fn is_lost(&self, error: &Error) -> bool {
        match self {
            // Whoever takes hold of the bytes finds that out: [`Hold::Missing`].
            Self::Local(_) => false,
            Self::S3(_) => S3::is_lost(error),
        }
    }

    /// Makes what was written the content of its key, and says how many bytes it has: when this returns, they survive a
    /// power loss.
    ///
    /// `created_at` is when the file came to be whose content this is: its validators are made of that, and nginx reads them from
    /// the disk. `earlier` are the parts that earlier requests have brought, where there are parts. A failure is final: what
    /// `fsync` could not write is not tried again, since the kernel may have dropped it.
    pub async fn finish(
        &self,
        writer: Writer,
        created_at: Timestamp,
        earlier: Vec<Part>,
    ) -> Result<u64> {
        let _measured = metrics::storage_step("finish");
        match (self, writer) {
            (Self::Local(local), Writer::Local(staged)) => local.finish(*staged, created_at).await,
            (Self::S3(s3), Writer::S3(upload)) => {
                let bytes = upload.finish(earlier).await?;
                // The content may have been moved elsewhere since this server began.
                s3.check().await?;
                Ok(bytes)
            }
            _ => Err(Error::internal("a writer belongs to another storage")),
        }
    }

    /// Removes what `key` has, staged or finished; no matter if there is nothing. A power loss does not bring it back.
    /// `upload_id` is that of an upload in parts, where there is one.
    ///
    /// Only for whoever has noted, in a transaction that is committed, that nobody owns it any more: a store may take up an
    /// end and a completion at the same time. False while a backup is being made, which keeps everything.
    pub async fn delete(&self, key: &ContentKey, upload_id: Option<&str>) -> Result<bool> {
        let _measured = metrics::storage_step("delete");
        match self {
            Self::Local(local) => local.delete(key).await,
            Self::S3(s3) => s3.delete(key, upload_id).await.map(|()| true),
        }
    }

    /// Removes what is staged for `key`, and leaves finished content alone. In a store nothing is staged: what is there of
    /// an upload goes by [`Self::delete`].
    pub async fn unstage(&self, key: &ContentKey) -> Result<()> {
        match self {
            Self::Local(local) => local.unstage(key).await,
            Self::S3(_) => Ok(()),
        }
    }

    /// Opens finished content to read; `None` when there is nothing under the key.
    pub async fn open(&self, key: &ContentKey) -> Result<Option<Content>> {
        let _measured = metrics::storage_step("open");
        match self {
            Self::Local(local) => Ok(local.open(key).await?.map(Content::Local)),
            Self::S3(s3) => Ok(s3.open(key).await?.map(Content::S3)),
        }
    }

    /// Where nginx finds the content of `key`, for a client that sends HEAD or another method.
    pub fn locate(&self, key: &ContentKey, is_head: bool) -> Redirect {
        match self {
            Self::Local(_) => Redirect {
                path: format!("/_content/{}", key.path()),
                is_store: false,
            },
            Self::S3(s3) => {
                let (path, query) = (key.path(), s3.query_for_nginx(key, is_head));
                Redirect {
                    path: format!("/_store/{path}?{query}"),
                    is_store: true,
                }
            }
        }
    }

    /// The keys of everything that lies here, staged or finished, in no order. They are looked up as they are asked for.
    pub fn keys(&self) -> impl Stream<Item = Result<ContentKey>> + use<> {
        match self {
            Self::Local(local) => Either::Left(local.keys()),
            Self::S3(s3) => Either::Right(s3.contents().map_ok(|listed| listed.key)),
        }
    }

    /// The same with their sizes, in the order of the keys, where the storage keeps them so.
    pub fn listed(&self) -> Option<impl Stream<Item = Result<Listed>> + use<>> {
        match self {
            Self::Local(_) => None,
            Self::S3(s3) => Some(s3.contents()),
        }
    }

    /// When the bytes under `key` were written, or on a disk, where they are content, when their file came to be; `None` when there
    /// are none.
    pub async fn written_at(&self, key: &ContentKey) -> Result<Option<Timestamp>> {
        match self {
            Self::Local(local) => local.written_at(key).await,
            Self::S3(s3) => s3.written_at(key).await,
        }
    }

    /// `STORAGE_FULL` when `bytes` more would take of what uploads leave on the disk.
    pub async fn check_reserve(&self, bytes: u64) -> Result<()> {
        match self {
            Self::Local(local) => local.check_reserve(bytes).await,
            Self::S3(s3) => s3.check_reserve().await,
        }
    }

    /// What an operator calls the place, which is `data_dir` where content is on this machine.
    pub fn place(&self, data_dir: &Path) -> String {
        match self {
            Self::Local(_) => data_dir.display().to_string(),
            Self::S3(s3) => s3.place(),
        }
    }

    /// Fails when content cannot be written at present.
    pub async fn check(&self) -> Result<()> {
        match self {
            Self::Local(local) => local.check().await,
            Self::S3(s3) => s3.check().await,
        }
    }

    /// Uploads in parts that a store has begun, a page of them, and where to go on.
    pub async fn begun(&self, after: &Marker) -> Result<(Vec<Begun>, Option<Marker>)> {
        match self {
            Self::Local(_) => Ok((Vec::new(), None)),
            Self::S3(s3) => s3.begun(after).await,
        }
    }

    /// Ends an upload in parts that nobody has noted, so that nobody completes it. Leaves content alone.
    pub async fn abort(&self, key: &ContentKey, upload_id: &str) -> Result<()> {
        match self {
            Self::Local(_) => Ok(()),
            Self::S3(s3) => s3.abort(key, upload_id).await,
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(Error::internal)
        .and_then(|done| Ok(done?))
        .inspect_err(tell)
}

/// A full disk is no failure of the storage, and is told by what it refuses.
fn tell(error: &Error) {
    if error.code != Code::StorageFull {
        metrics::storage_failed();
    }
}
