//! Bytes on their way in.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    thread,
};

use bytes::Bytes;

use super::{super::ContentKey, FILE_MODE, Room};

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
    early_sync: Option<thread::JoinHandle<io::Result<()>>>,
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
        }
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

    /// Writes what was held, and makes all bytes durable; not yet their name. Says how many there are. Blocks.
    pub(super) fn sync(&mut self) -> io::Result<u64> {
        if let Some(durable) = self.durable {
            return Ok(durable);
        }
        let held = std::mem::take(&mut self.held);
        self.write(&held)?;
        self.end_early_sync()?;
        self.file()?.sync_all()?;
        Ok(*self.durable.insert(self.written))
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
                .create_new(true)
                .mode(FILE_MODE)
                .open(&self.path)?,
        };
        self.is_on_disk = true;
        Ok(self.file.insert(file))
    }
}
