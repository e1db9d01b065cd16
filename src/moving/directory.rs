//! The directory that an export is in: `manifest.json`, and all files beside each other in `files/`.
//!
//! Whoever made it may have put links there: nothing in it is followed.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat},
    io::Errno,
};

use crate::{
    disk,
    operator_error::{OperatorError, absolute},
    storage::Content,
};

const MANIFEST: &str = "manifest.json";
const FILES: &str = "files";
/// What is being written, until it has its name.
const PART: &str = ".part";
/// The argument that says which directory.
const ARGUMENT: &str = "DIR";

/// The directory, open, and kept from other exports and imports until this is dropped.
#[derive(Clone, Debug)]
pub struct Directory(Arc<Open>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    top: File,
    files: File,
}

/// What there is under a name.
#[derive(Debug)]
pub enum Found {
    File(Content),
    Missing,
    /// A link, a directory, a device.
    NoFile,
}

impl Directory {
    /// The directory to write an export to, made where it is missing. One that has anything else in it is refused.
    pub async fn make(path: &Path) -> Result<Self, OperatorError> {
        let path = path.to_owned();
        blocking(move || {
            let cannot = |error: &io::Error| OperatorError::at("make", &path, ARGUMENT, error);
            let mut private = DirBuilder::new();
            private.mode(0o700);
            let made = private.recursive(true).create(&path);
            made.map_err(|error| cannot(&error))?;
            let top = lock(&path)?;
            let begun = path.join(MANIFEST).symlink_metadata().is_ok();
            if !begun && has_others(&path).map_err(|error| cannot(&error))? {
                return Err(OperatorError::new(format!(
                    "{} is not empty, and no export was begun there: name another directory",
                    path.display()
                )));
            }
            match DirBuilder::new().mode(0o700).create(path.join(FILES)) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => made.map_err(|error| cannot(&error))?,
            }
            // Its own name is to survive a power loss as well, where the system lets us see to it.
            if let Some(above) = absolute(&path).parent() {
                let _ = disk::sync_dir(above);
            }
            Self::of(path, top)
        })
        .await
    }

    /// A directory that has an export.
    pub async fn open(path: &Path) -> Result<Self, OperatorError> {
        let path = path.to_owned();
        blocking(move || {
            let top = lock(&path)?;
            Self::of(path, top)
        })
        .await
    }

    fn of(path: PathBuf, top: File) -> Result<Self, OperatorError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let files = openat(&top, FILES, flags, Mode::empty()).map_err(|error| {
            let why = match error {
                Errno::NOENT => "there is none",
                _ => "it is no directory",
            };
            OperatorError::new(format!(
                "{} has to be a directory with the files of an export: {why}",
                path.join(FILES).display()
            ))
        })?;
        let files = File::from(files);
        Ok(Self(Arc::new(Open { path, top, files })))
    }

    /// The text of the manifest, if there is one; it may have `at_most` so many bytes.
    pub async fn manifest(&self, at_most: u64) -> Result<Option<Vec<u8>>, OperatorError> {
        let open = Arc::clone(&self.0);
        blocking(move || {
            let path = open.path.join(MANIFEST);
            let cannot = |error: &io::Error| OperatorError::at("read", &path, ARGUMENT, error);
            let file = match opened(&open.top, MANIFEST) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                opened => opened.map_err(|error| cannot(&error))?,
            };
            let Some(file) = file else {
                return Err(OperatorError::new(format!(
                    "{} is no file of its own",
                    path.display()
                )));
            };
            let mut text = Vec::new();
            let read = file.take(at_most.saturating_add(1)).read_to_end(&mut text);
            read.map_err(|error| cannot(&error))?;
            match text.len() as u64 > at_most {
                false => Ok(Some(text)),
                true => Err(OperatorError::new(format!(
                    "{} has more than {at_most} bytes, which is too long for the files that an account may have \
                     (CLOAKROOM_MAX_FILES_PER_USER)",
                    path.display()
                ))),
            }
        })
        .await
    }

    /// Puts `text` in the place of the manifest, all of it or nothing.
    pub async fn write_manifest(&self, text: Vec<u8>) -> Result<(), OperatorError> {
        let open = Arc::clone(&self.0);
        let written = at(self.0.path.join(MANIFEST), move || {
            let mut part = new_part(&open.top)?;
            part.write_all(&text)?;
            part.sync_all()?;
            renameat(&open.top, PART, &open.top, MANIFEST)?;
            open.top.sync_all()
        });
        written.await
    }

    /// What is under a name in `files/`.
    pub async fn look(&self, name: &str) -> Result<Found, OperatorError> {
        let (open, wanted) = (Arc::clone(&self.0), name.to_owned());
        let found = at(self.path_of(name), move || {
            match opened(&open.files, &wanted) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Missing),
                Err(error) => Err(error),
                Ok(None) => Ok(Found::NoFile),
                Ok(Some(file)) => Content::of_file(file).map(Found::File),
            }
        });
        found.await
    }

    /// A new file, which gets its name by [`Self::keep`].
    pub async fn begin(&self) -> Result<File, OperatorError> {
        let open = Arc::clone(&self.0);
        at(self.0.path.join(PART), move || new_part(&open.top)).await
    }

    /// Adds bytes to what was begun.
    pub async fn write(&self, mut part: File, bytes: bytes::Bytes) -> Result<File, OperatorError> {
        let path = self.0.path.join(PART);
        at(path, move || part.write_all(&bytes).map(|()| part)).await
    }

    /// Makes what was begun durable, and gives it its name in `files/`.
    pub async fn keep(&self, part: File, name: &str) -> Result<(), OperatorError> {
        let (open, wanted) = (Arc::clone(&self.0), name.to_owned());
        let kept = at(self.path_of(name), move || {
            part.sync_all()?;
            Ok(renameat(&open.top, PART, &open.files, &wanted)?)
        });
        kept.await
    }

    /// Removes a file of an earlier export; no matter if it is gone.
    pub async fn remove(&self, name: &str) -> Result<(), OperatorError> {
        let (open, wanted) = (Arc::clone(&self.0), name.to_owned());
        at(self.path_of(name), move || gone(&open.files, &wanted)).await
    }

    /// Has the names survive a power loss, and removes what was begun and not kept.
    pub async fn end(&self) -> Result<(), OperatorError> {
        let open = Arc::clone(&self.0);
        let ended = at(self.0.path.join(FILES), move || {
            gone(&open.top, PART)?;
            open.files.sync_all()?;
            open.top.sync_all()
        });
        ended.await
    }

    fn path_of(&self, file: &str) -> PathBuf {
        self.0.path.join(FILES).join(file)
    }
}

/// Does something with what is at `path`.
async fn at<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, OperatorError> {
    let done =
        move || work().map_err(|error| OperatorError::at("read or write", &path, ARGUMENT, &error));
    blocking(done).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OperatorError> + Send + 'static,
) -> Result<T, OperatorError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| OperatorError::new(error.to_string()))?
}

/// Opens the directory, and keeps others from it.
fn lock(path: &Path) -> Result<File, OperatorError> {
    let top = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECTORY)
        .open(path)
        .map_err(|error| OperatorError::at("open", path, ARGUMENT, &error))?;
    match top.try_lock() {
        Err(TryLockError::WouldBlock) => Err(OperatorError::new(format!(
            "another export or import is at work in {}: wait for its end",
            path.display()
        ))),
        // File systems without locks have nobody to keep away.
        Err(TryLockError::Error(_)) | Ok(()) => Ok(top),
    }
}

/// Whether there is anything that no export begins with.
fn has_others(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_empty = || fs::read_dir(entry.path()).is_ok_and(|mut all| all.next().is_none());
        let is_ours = name == PART || name == FILES && is_empty();
        if !is_ours {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Opens a file of a directory to read; `None` when the name is a link or anything else that is no file.
fn opened(directory: &File, name: &str) -> io::Result<Option<File>> {
    // A pipe would have its opener wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(directory, name, flags, Mode::empty()) {
        // What a link answers, and a socket.
        Err(Errno::LOOP | Errno::NXIO) => return Ok(None),
        opened => File::from(opened?),
    };
    Ok(file.metadata()?.is_file().then_some(file))
}

fn new_part(directory: &File) -> io::Result<File> {
    gone(directory, PART)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let part = openat(directory, PART, flags, Mode::RUSR | Mode::WUSR)?;
    Ok(File::from(part))
}

fn gone(directory: &File, name: &str) -> io::Result<()> {
    match unlinkat(directory, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        removed => Ok(removed?),
    }
}
