//! Bytes on their way in.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    thread,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{ContentKey, Room, local::FILE_MODE};

/// How much may be written before the disk is told to begin.
const EARLY_SYNC_BYTES: usize = 8 << 20;

/// Bytes that have arrived but are not content yet. There is a file once they are written.
#[derive(Debug)]
pub struct Staged {
    key: ContentKey,
    path: PathBuf,
    room: Room,
    file: Option<File>,
    is_on_disk: bool,
    is_synced: bool,
    /// Hashed, and still to be written.
    held: Vec<Bytes>,
    /// Written since the last sync began.
    unsynced: usize,
    early_sync: Option<thread::JoinHandle<io::Result<()>>>,
    hash: Sha256,
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
            is_synced: false,
            held: Vec::new(),
            unsynced: 0,
            early_sync: None,
            hash: Sha256::new(),
        }
    }

    pub(super) fn key(&self) -> &ContentKey {
        &self.key
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub fn is_on_disk(&self) -> bool {
        self.is_on_disk
    }

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

    /// Makes all bytes durable, and closes the file: there will be no more of them. Blocks.
    pub fn settle(&mut self) -> io::Result<()> {
        self.sync()?;
        self.file = None;
        Ok(())
    }

    /// Writes what was held, and makes all bytes durable; not yet their name. Blocks.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.is_synced {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        self.write(&held)?;
        self.end_early_sync()?;
        self.file()?.sync_all()?;
        self.is_synced = true;
        Ok(())
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

    /// Makes the file, even for no bytes at all.
    fn write(&mut self, chunks: &[Bytes]) -> io::Result<()> {
        if self.is_on_disk && chunks.is_empty() {
            return Ok(());
        }
        let room = self.room.clone();
        let bytes = chunks.iter().map(Bytes::len).sum::<usize>();
        let _claim = room.claim(bytes as u64)?;
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
        self.is_on_disk = true;
        Ok(self.file.insert(file))
    }

    /// SHA-256 of all that was appended so far.
    pub fn sha256(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }
}
