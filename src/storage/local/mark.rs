//! The mark of a content directory: a file that says which installation it belongs to. A directory without it is another
//! one, or the place where a disk should be mounted.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{FILE_MODE, MarkKind, sync_dir, unless_missing};
use crate::{hex, operator_error::absolute, random};

/// More than it has.
const MAX_BYTES: u64 = 1024;

/// The mark that a content directory has to have.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    path: PathBuf,
    id: Uuid,
}

impl Mark {
    pub(super) fn new(content: &Path, kind: MarkKind, id: Uuid) -> Self {
        Self {
            path: path(content, kind),
            id,
        }
    }

    /// Makes it, durably. Of two starts at once both write the same.
    pub(super) fn write(&self) -> io::Result<()> {
        let fresh = self.path.with_extension(hex::encode(&random::bytes::<4>()));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&fresh)?;
        writeln!(file, "{}", self.id)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        sync_dir(self.path.parent().unwrap_or(&self.path))
    }

    /// Removes it, durably.
    pub(super) fn remove(&self) -> io::Result<()> {
        unless_missing(fs::remove_file(&self.path))?;
        sync_dir(self.path.parent().unwrap_or(&self.path))
    }

    /// Fails when it is not there. Costs one look at a name.
    pub(super) fn look(&self) -> io::Result<()> {
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(self.missing()),
            looked => looked.map(drop),
        }
    }

    /// Fails when it is not there, or another installation's.
    pub(super) fn check(&self) -> io::Result<()> {
        match read(&self.path)? {
            Some(id) if id == self.id => Ok(()),
            Some(_) => Err(away(format!(
                "{} is the mark of another installation",
                absolute(&self.path).display()
            ))),
            None => Err(self.missing()),
        }
    }

    fn missing(&self) -> io::Error {
        away(format!(
            "{} is missing: the disk of the content is not mounted, or another directory is in its place",
            absolute(&self.path).display()
        ))
    }
}

/// The content is not there at present, and may be again: what the kernel says of a network's disk.
fn away(text: String) -> io::Error {
    io::Error::new(ErrorKind::StaleNetworkFileHandle, text)
}

/// Where a mark of a content directory is.
pub(super) fn path(content: &Path, kind: MarkKind) -> PathBuf {
    content.join(kind.name())
}

/// What the mark at `path` says; `None` where there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<Uuid>> {
    let mut text = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?.take(MAX_BYTES).read_to_end(&mut text)?,
    };
    match String::from_utf8_lossy(&text).trim().parse() {
        Ok(id) => Ok(Some(id)),
        Err(_) => Err(io::Error::other(format!(
            "{} is damaged: it should hold the id of this installation and nothing else; put it back from a backup",
            absolute(path).display()
        ))),
    }
}
