//! Room on the disks: uploads leave a reserve, so that deleting, which writes before it makes room, always can.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The reserve of a disk, unless it is configured: this much, or this part of a smaller disk.
const RESERVE_BYTES: u64 = 64 << 20;
const RESERVE_PART: u64 = 8;

/// What uploads may take of the disks that they fill. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Room {
    /// Of content in a directory of this machine.
    content: Option<Arc<Path>>,
    /// Of a database on this machine. Each upload takes a little of its disk.
    database: Option<Arc<Path>>,
    reserve: Option<u64>,
    /// What is being written, which the disk may not count yet.
    claimed: Arc<AtomicU64>,
}

/// Room for bytes that are about to be written. To be dropped when they are.
#[derive(Debug)]
pub struct Claim<'r> {
    room: &'r Room,
    bytes: u64,
}

impl Room {
    /// `reserve` is to stay free on the disks of `content` and `database`, as far as they are disks of this machine; `None` goes
    /// by the size of each.
    pub fn new(content: Option<&Path>, database: Option<PathBuf>, reserve: Option<u64>) -> Self {
        Self {
            content: content.map(Arc::from),
            database: database.map(Arc::from),
            reserve,
            claimed: Arc::default(),
        }
    }

    /// Fails with [`ErrorKind::StorageFull`] when `bytes` more would take of the reserve. Blocks.
    pub fn claim(&self, bytes: u64) -> io::Result<Claim<'_>> {
        let claimed = self.claimed.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let claim = Claim { room: self, bytes };
        if let Some(content) = &self.content {
            self.check(content, claimed)?;
        }
        if let Some(database) = &self.database {
            self.check(database, 0)?;
        }
        Ok(claim)
    }

    fn check(&self, disk: &Path, bytes: u64) -> io::Result<()> {
        // Where the system does not tell, the write does.
        let Ok(disk_says) = rustix::fs::statvfs(disk) else {
            return Ok(());
        };
        let size = disk_says.f_blocks.saturating_mul(disk_says.f_frsize);
        let free = disk_says.f_bavail.saturating_mul(disk_says.f_frsize);
        let by_size = || RESERVE_BYTES.min(size / RESERVE_PART);
        let reserve = self.reserve.unwrap_or_else(by_size);
        if size > 0 && free < reserve.saturating_add(bytes) {
            return Err(io::Error::new(
                ErrorKind::StorageFull,
                format!(
                    "{free} bytes are free on the disk of {}, and uploads leave {reserve} (CLOAKROOM_DISK_RESERVE)",
                    disk.display()
                ),
            ));
        }
        Ok(())
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.room.claimed.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_side_by_side_count_together() {
        let here = Some(Path::new("."));
        let free = rustix::fs::statvfs(".").unwrap();
        let free = free.f_bavail * free.f_frsize;
        let room = Room::new(here, None, Some(0));
        let most = free / 4 * 3;
        let first = room.claim(most).unwrap();
        let second = room.claim(most).unwrap_err();
        assert_eq!(second.kind(), ErrorKind::StorageFull);
        drop(first);
        drop(room.claim(most).unwrap());
        assert!(Room::new(here, None, Some(u64::MAX)).claim(0).is_err());
    }
}
