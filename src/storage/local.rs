//! Content in a directory: `staging/` for bytes on their way in, `content/` for finished ones, on one file system.

use std::{
    collections::HashSet,
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use entity::Timestamp;
use futures_util::Stream;

use super::{ContentKey, Hold, MarkKind, Room, Writer, blocking};
use crate::{
    batch::Batches,
    clock,
    disk::{check_room, sync_dir},
    error::{Error, Result},
};

mod finish;
mod hold;
mod listing;
mod mark;
mod opening;
mod reader;
mod staged;

use finish::{finish, finish_batches};
use mark::Mark;
pub use reader::Reader;
pub use staged::Staged;

/// nginx's group may read; nobody else may.
const DIRECTORY_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;

/// A content directory.
#[derive(Debug)]
pub struct Local {
    staging: Arc<Path>,
    content: Arc<Path>,
    mark: Mark,
    /// Whoever makes a backup holds this file locked, so that nothing is unlinked meanwhile.
    purge_lock: Arc<Path>,
    room: Room,
    durable: Durable,
    small: Batches<Staged, Result<u64>>,
}

/// The directories whose own names this process knows to be durable, by their digits. That one exists does not tell:
/// another upload may have made it a moment ago and not synced it yet.
#[derive(Clone, Debug, Default)]
struct Durable(Arc<Mutex<HashSet<String>>>);

impl Durable {
    fn has(&self, directory: &str) -> bool {
        self.lock().contains(directory)
    }

    fn add(&self, directories: [&str; 2]) {
        self.lock().extend(directories.map(str::to_owned));
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        // The set stays true whatever panicked while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Local {
    pub(super) fn begin(&self, key: &ContentKey) -> Staged {
        let path = self.staging.join(key.as_str());
        Staged::new(key.clone(), path, self.room.clone())
    }

    pub(super) async fn hold(&self, key: &ContentKey, is_new: bool) -> Result<Hold> {
        let path = self.staging.join(key.as_str());
        let content = self.content.join(key.path());
        let (mark, room, key) = (self.mark.clone(), self.room.clone(), key.clone());
        blocking(move || {
            mark.look()?;
            let held = match hold::hold(&path, &content, is_new) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Hold::Missing),
                held => held?,
            };
            let Some(hold::Held { file, is_content }) = held else {
                return Ok(Hold::Taken);
            };
            let staged = Staged::new(key, path, room);
            let staged = staged.reopened(file, is_content.then_some(content), is_new);
            Ok(Hold::Held(Writer::Local(Box::new(staged))))
        })
        .await
    }

    pub(super) async fn copy(
        &self,
        from: &ContentKey,
        to: &ContentKey,
        bytes: u64,
    ) -> Result<Option<Writer>> {
        let places = [
            self.staging.join(from.as_str()),
            self.content.join(from.path()),
        ];
        let path = self.staging.join(to.as_str());
        let (mark, room, to) = (self.mark.clone(), self.room.clone(), to.clone());
        blocking(move || {
            mark.look()?;
            let claim = room.claim(bytes)?;
            let copied = hold::copy(&places, &path, bytes)?;
            drop(claim);
            Ok(copied.map(|file| {
                let staged = Staged::new(to, path, room).reopened(file, None, false);
                Writer::Local(Box::new(staged))
            }))
        })
        .await
    }

    /// Small content is finished several at a time: waking a thread for each would cost more than the writing.
    pub(super) async fn finish(&self, mut staged: Staged, created_at: Timestamp) -> Result<u64> {
        staged.date(clock::system_time(created_at));
        if !staged.is_on_disk() {
            return self.small.submit(staged).await?;
        }
        let (content, durable) = (Arc::clone(&self.content), self.durable.clone());
        let mark = self.mark.clone();
        let finished = blocking(move || Ok(finish(&content, &mark, &durable, vec![staged])));
        let finished = finished.await?.into_iter().next();
        Ok(finished.ok_or_else(|| Error::internal("finishing one file gave no result"))??)
    }

    pub(super) async fn unstage(&self, key: &ContentKey) -> Result<()> {
        let path = self.staging.join(key.as_str());
        blocking(move || unless_missing(fs::remove_file(path))).await
    }

    pub(super) async fn delete(&self, key: &ContentKey) -> Result<bool> {
        let (lock, mark) = (Arc::clone(&self.purge_lock), self.mark.clone());
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
            // What is missing with its whole disk is not removed.
            mark.look()?;
            for path in paths {
                unless_missing(fs::remove_file(&path))?;
                // Even if it was not there: a process that was killed may have removed it, and synced nothing.
                unless_missing(sync_dir(parent(&path)))?;
            }
            Ok(true)
        })
        .await
    }

    pub(super) async fn open(&self, key: &ContentKey) -> Result<Option<Reader>> {
        let (path, mark) = (self.content.join(key.path()), self.mark.clone());
        blocking(move || {
            let content = Reader::open(&path)?;
            if content.is_none() {
                mark.look()?;
            }
            Ok(content)
        })
        .await
    }

    pub(super) fn keys(&self) -> impl Stream<Item = Result<ContentKey>> + use<> {
        listing::keys([self.content.to_path_buf(), self.staging.to_path_buf()])
    }

    pub(super) async fn written_at(&self, key: &ContentKey) -> Result<Option<Timestamp>> {
        let paths = [
            self.staging.join(key.as_str()),
            self.content.join(key.path()),
        ];
        let look = move || {
            let modified = paths.iter().find_map(|path| path.metadata().ok());
            modified.map(|metadata| metadata.modified()).transpose()
        };
        Ok(blocking(look).await?.map(clock::timestamp))
    }

    pub(super) async fn check_reserve(&self, bytes: u64) -> Result<()> {
        let room = self.room.clone();
        blocking(move || room.claim(bytes).map(drop)).await
    }

    pub(super) async fn check(&self) -> Result<()> {
        let mark = self.mark.clone();
        blocking(move || mark.check()).await?;
        check_room(&self.staging).await
    }
}

fn make_dir(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
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
