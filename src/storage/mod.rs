//! Where content lives: bytes under opaque keys, written once, never changed.
//!
//! Bytes come in by a [`Writer`] and go out as [`Content`] or by a [`Redirect`]. None of them says what the bytes lie on: files
//! and their paths are [`Local`]'s own affair.

mod content;
mod key;
mod local;
mod room;
mod writer;

use std::io;

use entity::Timestamp;
use futures_util::Stream;

use crate::error::{Error, Result};

pub use content::Content;
pub use key::ContentKey;
pub use local::Local;
pub use room::Room;
pub use writer::{Hold, Lock, Progress, Writer, Writing};

/// Where nginx finds content that it is to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// In nginx's internal locations: a fixed prefix, hexadecimal digits and slashes, nothing a client chose.
    pub path: String,
}

/// A place for content.
#[derive(Debug)]
pub enum Storage {
    /// A directory of this machine.
    Local(Local),
}

impl Storage {
    /// Opens a place for the bytes of `key` to arrive in. Nothing is visible under the key before [`Self::finish`].
    pub fn begin(&self, key: &ContentKey) -> Writer {
        match self {
            Self::Local(local) => Writer::Local(Box::new(local.begin(key))),
        }
    }

    /// Takes hold of the bytes of `key` that earlier requests have left here, whichever process took those: until the writer
    /// is dropped, no other gets hold of them. `is_new` where none were acknowledged yet: then they need not be there.
    pub async fn hold(&self, key: &ContentKey, is_new: bool) -> Result<Hold> {
        match self {
            Self::Local(local) => local.hold(key, is_new).await,
        }
    }

    /// Makes what was written the content of its key, and says how many bytes it has: when this returns, they survive a
    /// power loss.
    ///
    /// A failure is final: what `fsync` could not write is not tried again, since the kernel may have dropped it.
    pub async fn finish(&self, writer: Writer) -> Result<u64> {
        match (self, writer) {
            (Self::Local(local), Writer::Local(staged)) => local.finish(*staged).await,
        }
    }

    /// Removes what `key` has, staged or finished; no matter if there is nothing. A power loss does not bring it back.
    ///
    /// False while a backup is being made, which keeps everything.
    pub async fn delete(&self, key: &ContentKey) -> Result<bool> {
        match self {
            Self::Local(local) => local.delete(key).await,
        }
    }

    /// Removes what is staged for `key`, and leaves finished content alone.
    pub async fn unstage(&self, key: &ContentKey) -> Result<()> {
        match self {
            Self::Local(local) => local.unstage(key).await,
        }
    }

    /// Opens finished content to read; `None` when there is nothing under the key.
    pub async fn open(&self, key: &ContentKey) -> Result<Option<Content>> {
        match self {
            Self::Local(local) => Ok(local.open(key).await?.map(Content::Local)),
        }
    }

    /// Where nginx finds the content of `key`.
    pub fn locate(&self, key: &ContentKey) -> Redirect {
        match self {
            Self::Local(_) => Redirect {
                path: format!("/_content/{}", key.path()),
            },
        }
    }

    /// The keys of everything that lies here, staged or finished, in no order. They are looked up as they are asked for.
    pub fn keys(&self) -> impl Stream<Item = Result<ContentKey>> + use<> {
        match self {
            Self::Local(local) => local.keys(),
        }
    }

    /// When the bytes under `key` were written, staged or finished; `None` when there are none.
    pub async fn written_at(&self, key: &ContentKey) -> Result<Option<Timestamp>> {
        match self {
            Self::Local(local) => local.written_at(key).await,
        }
    }

    /// `STORAGE_FULL` when `bytes` more would take of what uploads leave on the disk.
    pub async fn check_reserve(&self, bytes: u64) -> Result<()> {
        match self {
            Self::Local(local) => local.check_reserve(bytes).await,
        }
    }

    /// Fails when content cannot be written at present.
    pub async fn check(&self) -> Result<()> {
        match self {
            Self::Local(local) => local.check().await,
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(Error::internal)??)
}
