//! Content in a directory: `staging/` for bytes on their way in, `content/` for finished ones, on one file system.

use std::{
    collections::HashSet,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::ContentKey;
use crate::error::{Error, Result};

/// nginx's group may read; nobody else may.
const DIRECTORY_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;

/// A content directory.
#[derive(Clone, Debug)]
pub struct Local {
    staging: Arc<Path>,
    content: Arc<Path>,
    /// Whoever makes a backup holds this file locked, so that nothing is unlinked meanwhile.
    purge_lock: Arc<Path>,
    /// The inner directories whose own names this process knows to be durable. That one exists does not tell: another
    /// upload may have made it a moment ago and not synced it yet.
    durable: Arc<Mutex<HashSet<PathBuf>>>,
}

/// Bytes that have arrived but are not content yet.
#[derive(Debug)]
pub struct Staged {
    key: ContentKey,
    file: File,
    hash: Sha256,
}

impl Staged {
    /// Writes `chunks` behind what is there and hashes them. Blocks, so call it off the async threads.
    pub fn append(&mut self, chunks: &[Bytes]) -> io::Result<()> {
        for chunk in chunks {
            self.file.write_all(chunk)?;
            self.hash.update(chunk);
        }
        Ok(())
    }

    /// SHA-256 of all that was appended so far.
    pub fn sha256(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }
}

impl Local {
    /// The content directory in `data_dir`, made if it is missing.
    pub fn open_dir(data_dir: &Path) -> io::Result<Self> {
        let local = Self {
            staging: data_dir.join("staging").into(),
            content: data_dir.join("content").into(),
            purge_lock: data_dir.join("purge.lock").into(),
            durable: Arc::default(),
        };
        for directory in [&local.staging, &local.content] {
            make_dir(directory)?;
        }
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(FILE_MODE)
            .open(&local.purge_lock)?;
        sync_dir(data_dir)?;
        Ok(local)
    }

    pub(super) async fn begin(&self, key: &ContentKey) -> Result<Staged> {
        let path = self.staging.join(key.as_str());
        let key = key.clone();
        blocking(move || {
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(FILE_MODE)
                .open(path)?;
            Ok(Staged {
                key,
                file,
                hash: Sha256::new(),
            })
        })
        .await
    }

    /// The order is the promise: bytes, then name, then the directories that lead to the name.
    pub(super) async fn finish(&self, staged: Staged) -> Result<()> {
        let local = self.clone();
        blocking(move || {
            staged.file.sync_all()?;
            let to = local.content.join(staged.key.path());
            let inner = parent(&to);
            local.make_durable(inner)?;
            fs::rename(local.staging.join(staged.key.as_str()), &to)?;
            sync_dir(inner)
        })
        .await
    }

    /// Makes the directory `inner` and the one above it, such that their names survive a power loss.
    fn make_durable(&self, inner: &Path) -> io::Result<()> {
        if self.durable().contains(inner) {
            return Ok(());
        }
        let outer = parent(inner);
        make_dir(outer)?;
        make_dir(inner)?;
        sync_dir(outer)?;
        sync_dir(&self.content)?;
        self.durable().insert(inner.to_owned());
        Ok(())
    }

    fn durable(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        // The set stays true whatever panicked while holding it.
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn delete(&self, key: &ContentKey) -> Result<bool> {
        let lock = Arc::clone(&self.purge_lock);
        let paths = [
            self.staging.join(key.as_str()),
            self.content.join(key.path()),
        ];
        blocking(move || {
            let lock = File::open(lock)?;
            match lock.try_lock_shared() {
                Err(TryLockError::WouldBlock) => return Ok(false),
                Err(TryLockError::Error(error)) => return Err(error),
                Ok(()) => {}
            }
            for path in paths {
                unless_missing(fs::remove_file(&path))?;
                // Even if it was not there: a process that was killed may have removed it, and synced nothing.
                unless_missing(sync_dir(parent(&path)))?;
            }
            Ok(true)
        })
        .await
    }

    pub(super) async fn open(&self, key: &ContentKey) -> Result<Option<File>> {
        let path = self.content.join(key.path());
        blocking(move || match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        })
        .await
    }

    pub(super) async fn keys(&self) -> Result<Vec<ContentKey>> {
        let mut open = vec![self.staging.to_path_buf(), self.content.to_path_buf()];
        blocking(move || {
            let mut keys = Vec::new();
            while let Some(directory) = open.pop() {
                for entry in fs::read_dir(directory)? {
                    let entry = entry?;
                    if entry.file_type()?.is_dir() {
                        open.push(entry.path());
                    } else {
                        // What has another name is not ours to judge.
                        keys.extend(entry.file_name().to_str().and_then(ContentKey::parse));
                    }
                }
            }
            Ok(keys)
        })
        .await
    }

    pub(super) async fn holds(&self, key: &ContentKey) -> Result<bool> {
        let paths = [
            self.staging.join(key.as_str()),
            self.content.join(key.path()),
        ];
        blocking(move || Ok(paths.iter().any(|path| path.exists()))).await
    }

    pub(super) async fn check(&self) -> Result<()> {
        let staging = Arc::clone(&self.staging);
        blocking(move || {
            let mut probe = tempfile(&staging)?;
            probe.write_all(b"ready?")
        })
        .await
    }
}

/// A file without a name, which no crash can leave behind.
fn tempfile(directory: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_TMPFILE)
        .mode(FILE_MODE)
        .open(directory)
}

fn make_dir(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Has the names in a directory survive a power loss, or the absence of those that were removed.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn unless_missing(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(Error::internal)??)
}
