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

use super::{ContentKey, Hold, Room, Writer, blocking};
use crate::{
    batch::Batches,
    clock,
    disk::{check_room, sync_dir},
    error::Result,
    tasks::Tasks,
};

mod hold;
mod listing;
mod mark;
mod opening;
mod reader;
mod staged;

use mark::Mark;
pub use reader::Reader;
pub use staged::Staged;

/// nginx's group may read; nobody else may.
const DIRECTORY_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;

/// Small contents that are finished by one thread, one after the other, and threads that do so.
const FINISH_MAX: usize = 8;
const FINISH_AT_ONCE: usize = 4;

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

    /// Small content is finished several at a time: waking a thread for each would cost more than the writing.
    pub(super) async fn finish(&self, staged: Staged) -> Result<u64> {
        if !staged.is_on_disk() {
            return self.small.submit(staged).await?;
        }
        let (content, durable) = (Arc::clone(&self.content), self.durable.clone());
        let mark = self.mark.clone();
        blocking(move || finish(&content, &mark, &durable, staged)).await
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

fn finish_batches(
    content: &Arc<Path>,
    mark: &Mark,
    durable: &Durable,
    tasks: &Tasks,
) -> Batches<Staged, Result<u64>> {
    let (content, mark, durable) = (Arc::clone(content), mark.clone(), durable.clone());
    let name = "small contents";
    Batches::start(
        tasks,
        name,
        FINISH_MAX,
        FINISH_AT_ONCE,
        move |batch: Vec<Staged>| {
            let (content, mark) = (Arc::clone(&content), mark.clone());
            let durable = durable.clone();
            let each = move |staged| Ok(finish(&content, &mark, &durable, staged)?);
            blocking(move || Ok(batch.into_iter().map(each).collect()))
        },
    )
}

/// The order is the promise: bytes, then name, then the directories that lead to the name. Says how many bytes there are.
fn finish(content: &Path, mark: &Mark, durable: &Durable, mut staged: Staged) -> io::Result<u64> {
    // Below an unmounted disk, content would be gone as soon as the disk is back.
    mark.look()?;
    let key = staged.key().clone();
    let to = content.join(key.path());
    let inner = parent(&to);
    let outer = parent(inner);
    let [outer_digits, inner_digits] = key.directories();
    let known = [durable.has(outer_digits), durable.has(inner_digits)];
    // Made before the bytes are synced: a file system with a journal then writes all of it at once, and the directories'
    // own syncs find nothing left to do.
    if !known[1] {
        make_dir(outer)?;
        make_dir(inner)?;
    }
    let bytes = staged.sync()?;
    if !known[1] {
        sync_dir(outer)?;
        if !known[0] {
            sync_dir(content)?;
        }
        durable.add([outer_digits, inner_digits]);
    }
    fs::rename(staged.path(), &to)?;
    sync_dir(inner)?;
    if staged.has_durable_name() {
        // It would come back with a power loss.
        sync_dir(parent(staged.path()))?;
    }
    Ok(bytes)
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
