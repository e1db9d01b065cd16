//! The disk: making directory entries durable, and whether there is room.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::error::{Error, Result};

/// What has to fit on a disk that counts as usable.
const PROBE_BYTES: usize = 64 * 1024;

/// Makes the entries of a directory, and the removal of those that were in it, survive a power loss.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Fails when nothing can be written in `directory` at present.
pub async fn check_room(directory: &Path) -> Result<()> {
    let directory = directory.to_owned();
    let written = tokio::task::spawn_blocking(move || {
        nameless_file(&directory)?.write_all(&[0; PROBE_BYTES])
    });
    Ok(written.await.map_err(Error::internal)??)
}

/// How many bytes the disk of `path` has left for users; `None` where the system does not tell. Blocks.
pub fn free_bytes(path: &Path) -> Option<i64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    i64::try_from(disk.f_bavail.saturating_mul(disk.f_frsize)).ok()
}

/// Fails when no file can be made in `directory`.
pub fn try_writing(directory: &Path) -> io::Result<()> {
    nameless_file(directory).map(drop)
}

/// A file without a name, which no crash can leave behind.
fn nameless_file(directory: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_TMPFILE)
        .mode(0o600)
        .open(directory)
}
