//! The disk: making directory entries durable.

use std::{fs::File, io, path::Path};

/// Makes the entries of a directory, and the removal of those that were in it, survive a power loss.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
