//! Bytes on their way in.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    thread,
    time::SystemTime,
};

use bytes::Bytes;

use super::{
    super::{ContentKey, Lock, Progress},
    FILE_MODE, Room, hold, parent, sync_dir,
};

/// How much may be written before the disk is told to begin.
const EARLY_SYNC_BYTES: u64 = 8 << 20;

/// Bytes that have arrived but are not content yet. There is a file once they are written.
#[derive(Debug)]
pub struct Staged {
    key: ContentKey,
    path: PathBuf,
    room: Room,
    file: Option<File>,
    is_on_disk: bool,
    /// Still to be written.
    held: Vec<Bytes>,
    written: u64,
    /// How many of the written bytes a power loss leaves. `None` before the first sync of all of them.
    durable: Option<u64>,
    /// Written since the last early sync began.
    unsynced: u64,
    early_sync: Option<EarlySync>,
    /// How many of the written bytes an early sync has made durable.
    synced: u64,
    /// Of bytes that are to outlive their request: whether a power loss leaves the file's name, too.
    has_durable_name: bool,
    /// Whether the next sync is to make it durable.
    is_unnamed: bool,
    /// Where the file lies, if it had become content already when this request took hold of it.
    content: Option<PathBuf>,
    /// What the next sync is to note as the time of its last change.
    modified: Option<SystemTime>,
}

/// A sync under way.
#[derive(Debug)]
struct EarlySync {
    /// How many bytes were written when it began.
    covers: u64,
    thread: thread::JoinHandle<io::Result<()>>,
}

impl Staged {
    /// A place for the bytes of `key`, to be written to `path`.
    pub(super) fn new(key: ContentKey, path: PathBuf, room: Room) -> Self {
        Self {
            key,
            path,
            room,
            file: None,
            is_on_disk: false,
            held: Vec::new(),
            written: 0,
            durable: None,
            unsynced: 0,
            early_sync: None,
            synced: 0,
            has_durable_name: false,
            is_unnamed: false,
            content: None,
            modified: None,
        }
    }

    /// The same place with what earlier requests have written to it: a `file` that this request alone has, and which may have
    /// become `content`.
    pub(super) fn reopened(self, file: File, content: Option<PathBuf>, is_unnamed: bool) -> Self {
        Self {
            file: Some(file),
            is_on_disk: true,
            has_durable_name: !is_unnamed,
            is_unnamed,
            content,
            ..self
        }
    }

    fn note_name(&mut self) {
        self.has_durable_name |= std::mem::take(&mut self.is_unnamed);
    }

    pub(super) fn has_durable_name(&self) -> bool {
        self.has_durable_name
    }

    /// Whether it has become content: then its row says whether it is to stay that.
    pub(in crate::storage) fn is_content(&self) -> bool {
        self.content.is_some()
    }

    /// Another handle of the same open file: the lock of the file system goes with the last of them.
    pub(in crate::storage) fn lock(&self) -> io::Result<Lock> {
        let file = self.file.as_ref();
        let file = file.ok_or_else(|| io::Error::other("these bytes have no lock"))?;
        Ok(Lock::of_local(file.try_clone()?))
    }

    /// Cuts off what lies beyond the first `bytes`, which have to be there, and goes on behind them. Returns the first
    /// `head` of them, or all where there are fewer. Blocks.
    pub(in crate::storage) fn rewind(&mut self, bytes: u64, head: u64) -> io::Result<Vec<u8>> {
        if let Some(content) = self.content.take() {
            hold::take_back(&self.path, &content)?;
        }
        let mut file = self.file()?;
        let there_are = file.metadata()?.len();
        if there_are < bytes {
            return Err(io::Error::other(format!(
                "{} has {there_are} bytes, and {bytes} were acknowledged",
                self.path.display()
            )));
        }
        if there_are > bytes {
            file.set_len(bytes)?;
        }
        let mut start = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.take(bytes.min(head)).read_to_end(&mut start)?;
        file.seek(SeekFrom::Start(bytes))?;
        (self.written, self.synced) = (bytes, bytes);
        Ok(start)
    }

    /// Makes all that is written durable, and its name, for a later request to go on. Blocks.
    pub(in crate::storage) fn checkpoint(&mut self) -> io::Result<()> {
        self.end_early_sync()?;
        let unnamed = self.is_unnamed.then(|| self.path.clone());
        sync_file(self.file()?, unnamed.as_deref())?;
        self.note_name();
        self.synced = self.written;
        Ok(())
    }

    /// How many bytes an early sync under way covers, and how many of them are durable by now.
    pub(in crate::storage) fn progress(&mut self) -> io::Result<Progress> {
        if self
            .early_sync
            .as_ref()
            .is_some_and(|sync| sync.thread.is_finished())
        {
            self.end_early_sync()?;
        }
        Ok(Progress {
            covered: self.early_sync.as_ref().map(|sync| sync.covers),
            durable: self.synced,
        })
    }

    /// Has the file say that it was last changed at `modified`: nginx makes validators of that (RFC 9110 §8.8).
    pub(super) fn date(&mut self, modified: SystemTime) {
        self.modified = Some(modified);
    }

    pub(super) fn key(&self) -> &ContentKey {
        &self.key
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(in crate::storage) fn is_on_disk(&self) -> bool {
        self.is_on_disk
    }

    /// Writes `pieces` behind what is there. Blocks, so call it off the async threads.
    pub(in crate::storage) fn append(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        self.unsynced += self.write(pieces)?;
        if self.unsynced >= EARLY_SYNC_BYTES {
            self.sync_early()?;
        }
        Ok(())
    }

    /// Starts to write to the disk while bytes still arrive, rather than when all are here. One sync at a time: where
    /// the disk is slower than the client, the next one takes more.
    fn sync_early(&mut self) -> io::Result<()> {
        if self
            .early_sync
            .as_ref()
            .is_some_and(|sync| !sync.thread.is_finished())
        {
            return Ok(());
        }
        self.end_early_sync()?;
        self.unsynced = 0;
        let file = self.file()?.try_clone()?;
        let unnamed = self.is_unnamed.then(|| self.path.clone());
        let sync = thread::Builder::new().name("early sync".to_owned());
        self.early_sync = Some(EarlySync {
            covers: self.written,
            thread: sync.spawn(move || sync_file(&file, unnamed.as_deref()))?,
        });
        Ok(())
    }

    /// The kernel reports a failed write once: a later sync may know nothing of it.
    fn end_early_sync(&mut self) -> io::Result<()> {
        let Some(EarlySync { covers, thread }) = self.early_sync.take() else {
            return Ok(());
        };
        let synced = thread.join();
        synced.map_err(|_panic| io::Error::other("a sync panicked"))??;
        self.synced = covers;
        self.note_name();
        Ok(())
    }

    /// Keeps `pieces`, which are all there are and few, in memory until they become content: one trip to another thread
    /// instead of two.
    pub(in crate::storage) fn hold(&mut self, pieces: Vec<Bytes>) {
        self.held = pieces;
    }

    /// Makes all bytes durable and closes the file: there will be no more of them. Blocks.
    pub(in crate::storage) fn settle(&mut self) -> io::Result<()> {
        self.sync()?;
        self.file = None;
        Ok(())
    }

    /// Writes what was held, and makes all bytes and the file's time durable; not yet their name. Says how many there are. Blocks.
    pub(super) fn sync(&mut self) -> io::Result<u64> {
        let modified = self.modified.take();
        if let (Some(durable), None) = (self.durable, modified) {
            return Ok(durable);
        }
        self.write_held()?;
        self.end_early_sync()?;
        let file = self.file()?;
        if let Some(modified) = modified {
            file.set_modified(modified)?;
        }
        file.sync_all()?;
        Ok(*self.durable.insert(self.written))
    }

    /// Writes what was held, where that is still to be done. Blocks.
    pub(super) fn write_held(&mut self) -> io::Result<()> {
        if self.durable.is_none() {
            let held = std::mem::take(&mut self.held);
            self.write(&held)?;
        }
        Ok(())
    }

    /// Makes the file, even for no bytes at all. Says how many they were.
    fn write(&mut self, pieces: &[Bytes]) -> io::Result<u64> {
        if self.is_on_disk && pieces.is_empty() {
            return Ok(0);
        }
        let room = self.room.clone();
        let bytes = pieces.iter().map(Bytes::len).sum::<usize>() as u64;
        let _claim = room.claim(bytes)?;
        let mut file = self.file()?;
        pieces.iter().try_for_each(|piece| file.write_all(piece))?;
        self.written += bytes;
        Ok(bytes)
    }

    fn file(&mut self) -> io::Result<&File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new()
                .write(true)
                .create_new(!self.is_on_disk)
                .mode(FILE_MODE)
                .open(&self.path)?,
        };
        self.is_on_disk = true;
        Ok(self.file.insert(file))
    }
}

/// Makes the bytes of `file` durable, and the name that it has at `path` where one is given. Blocks.
fn sync_file(file: &File, path: Option<&Path>) -> io::Result<()> {
    file.sync_data()?;
    path.map_or(Ok(()), |path| sync_dir(parent(path)))
}
