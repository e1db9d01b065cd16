//! Where content lives: bytes under opaque keys, written once, never changed.

mod key;
mod local;
mod room;
mod staged;

use std::fs::File;

use crate::error::Result;

pub use key::ContentKey;
pub use local::{Local, check_room};
pub use room::Room;
pub use staged::Staged;

/// A place for content.
#[derive(Debug)]
pub enum Storage {
    /// A directory of this machine.
    Local(Local),
}

impl Storage {
    /// Opens a place for the bytes of `key` to arrive in. Nothing is visible under the key before [`Self::finish`].
    pub fn begin(&self, key: &ContentKey) -> Staged {
        match self {
            Self::Local(local) => local.begin(key),
        }
    }

    /// Makes the staged bytes durable under their key: when this returns, they survive a power loss.
    ///
    /// A failure is final: what `fsync` could not write is not tried again, since the kernel may have dropped it.
    pub async fn finish(&self, staged: Staged) -> Result<()> {
        match self {
            Self::Local(local) => local.finish(staged).await,
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
    pub async fn open(&self, key: &ContentKey) -> Result<Option<File>> {
        match self {
            Self::Local(local) => local.open(key).await,
        }
    }

    /// The first `bytes` of finished content, or all of it when it has fewer; `None` when there is nothing under the key.
    pub async fn start(&self, key: &ContentKey, bytes: usize) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Local(local) => local.start(key, bytes).await,
        }
    }

    /// What nginx's internal location calls this content: hexadecimal digits and slashes, nothing a client chose.
    pub fn redirect_path(&self, key: &ContentKey) -> String {
        match self {
            Self::Local(_) => format!("/_content/{}", key.path()),
        }
    }

    /// The keys of everything that lies here, staged or finished.
    pub async fn keys(&self) -> Result<Vec<ContentKey>> {
        match self {
            Self::Local(local) => local.keys().await,
        }
    }

    /// Whether anything lies under `key`, staged or finished.
    pub async fn holds(&self, key: &ContentKey) -> Result<bool> {
        match self {
            Self::Local(local) => local.holds(key).await,
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
