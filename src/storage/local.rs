//! Content in a directory: `staging/` for bytes on their way in, `content/` for finished ones, on one file system.

use std::{
    collections::HashSet,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::ContentKey;
use crate::{
    batch::Batches,
    error::{Error, Result},
};

/// nginx's group may read; nobody else may.
const DIRECTORY_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;
/// What has to fit on a disk that counts as usable.
const PROBE_BYTES: usize = 64 * 1024;

/// How much may be written before the disk is told to begin.
const EARLY_SYNC_BYTES: usize = 8 << 20;
/// Small contents that are finished by one thread, one after the other, and threads that do so.
const FINISH_MAX: usize = 8;
const FINISH_AT_ONCE: usize = 4;

/// A content directory.
#[derive(Debug)]
pub struct Local {
    staging: Arc<Path>,
    content: Arc<Path>,
    /// Whoever makes a backup holds this file locked, so that nothing is unlinked meanwhile.
    purge_lock: Arc<Path>,
    durable: Durable,
    small: Batches<Staged, Result<()>>,
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

/// Bytes that have arrived but are not content yet. There is a file once they are written.
#[derive(Debug)]
pub struct Staged {
    key: ContentKey,
    path: PathBuf,
    file: Option<File>,
    /// Hashed, and still to be written.
    held: Vec<Bytes>,
    /// Written since the last sync began.
    unsynced: usize,
    early_sync: Option<thread::JoinHandle<io::Result<()>>>,
    hash: Sha256,
}

impl Staged {
    /// Writes `chunks` behind what is there and hashes them. Blocks, so call it off the async threads.
    pub fn append(&mut self, chunks: &[Bytes]) -> io::Result<()> {
        self.write(chunks)?;
        self.hash(chunks);
        self.unsynced += chunks.iter().map(Bytes::len).sum::<usize>();
        if self.unsynced >= EARLY_SYNC_BYTES {
            self.sync_early()?;
        }
        Ok(())
    }

    /// Has the disk begin while bytes still arrive, rather than when all are here. One sync at a time: where the disk is
    /// slower than the client, the next one takes more.
    fn sync_early(&mut self) -> io::Result<()> {
        if self
            .early_sync
            .as_ref()
            .is_some_and(|sync| !sync.is_finished())
        {
            return Ok(());
        }
        self.end_early_sync()?;
        self.unsynced = 0;
        let file = self.file()?.try_clone()?;
        let sync = thread::Builder::new().name("early sync".to_owned());
        self.early_sync = Some(sync.spawn(move || file.sync_data())?);
        Ok(())
    }

    /// The kernel reports a failed write once: a later sync may know nothing of it.
    fn end_early_sync(&mut self) -> io::Result<()> {
        match self.early_sync.take().map(thread::JoinHandle::join) {
            Some(Ok(synced)) => synced,
            Some(Err(_panic)) => Err(io::Error::other("a sync panicked")),
            None => Ok(()),
        }
    }

    /// Hashes `chunks`, which are all and few, and keeps them in memory until they become content: one trip to another
    /// thread instead of two.
    pub fn hold(&mut self, chunks: Vec<Bytes>) {
        self.hash(&chunks);
        self.held = chunks;
    }

    fn hash(&mut self, chunks: &[Bytes]) {
        for chunk in chunks {
            self.hash.update(chunk);
        }
    }

    fn write(&mut self, chunks: &[Bytes]) -> io::Result<()> {
        let mut file = self.file()?;
        chunks.iter().try_for_each(|chunk| file.write_all(chunk))
    }

    fn file(&mut self) -> io::Result<&File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(FILE_MODE)
                .open(&self.path)?,
        };
        Ok(self.file.insert(file))
    }

    /// SHA-256 of all that was appended so far.
    pub fn sha256(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }
}

impl Local {
    /// The content directory in `data_dir`, made if it is missing.
    pub fn open_dir(data_dir: &Path) -> io::Result<Self> {
        let [staging, content] = ["staging", "content"].map(|name| Arc::from(data_dir.join(name)));
        for directory in [&staging, &content] {
            make_dir(directory)?;
        }
        let purge_lock = data_dir.join("purge.lock");
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(FILE_MODE)
            .open(&purge_lock)?;
        sync_dir(data_dir)?;
        let durable = Durable::default();
        Ok(Self {
            small: finish_batches(&content, &durable),
            staging,
            content,
            purge_lock: purge_lock.into(),
            durable,
        })
    }

    pub(super) fn begin(&self, key: &ContentKey) -> Staged {
        Staged {
            key: key.clone(),
            path: self.staging.join(key.as_str()),
            file: None,
            held: Vec::new(),
            unsynced: 0,
            early_sync: None,
            hash: Sha256::new(),
        }
    }

    /// Small content is finished several at a time: waking a thread for each would cost more than the writing.
    pub(super) async fn finish(&self, staged: Staged) -> Result<()> {
        if staged.file.is_none() {
            return self.small.ask(staged).await?;
        }
        let (content, durable) = (Arc::clone(&self.content), self.durable.clone());
        blocking(move || finish(&content, &durable, staged)).await
    }

    pub(super) async fn unstage(&self, key: &ContentKey) -> Result<()> {
        let path = self.staging.join(key.as_str());
        blocking(move || unless_missing(fs::remove_file(path))).await
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
        check_room(self.staging.to_path_buf()).await
    }
}

fn finish_batches(content: &Arc<Path>, durable: &Durable) -> Batches<Staged, Result<()>> {
    let (content, durable) = (Arc::clone(content), durable.clone());
    Batches::start(FINISH_MAX, FINISH_AT_ONCE, move |batch: Vec<Staged>| {
        let (content, durable) = (Arc::clone(&content), durable.clone());
        let each = move |staged| Ok(finish(&content, &durable, staged)?);
        blocking(move || Ok(batch.into_iter().map(each).collect()))
    })
}

/// The order is the promise: bytes, then name, then the directories that lead to the name.
fn finish(content: &Path, durable: &Durable, mut staged: Staged) -> io::Result<()> {
    let key = staged.key.clone();
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
    let held = std::mem::take(&mut staged.held);
    staged.write(&held)?;
    staged.end_early_sync()?;
    staged.file()?.sync_all()?;
    if !known[1] {
        sync_dir(outer)?;
        if !known[0] {
            sync_dir(content)?;
        }
        durable.add([outer_digits, inner_digits]);
    }
    fs::rename(&staged.path, &to)?;
    sync_dir(inner)
}

/// Fails when nothing can be written in `directory` at present.
pub async fn check_room(directory: PathBuf) -> Result<()> {
    blocking(move || tempfile(&directory)?.write_all(&[0; PROBE_BYTES])).await
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
