//! Staged bytes that go from request to request, of any process: one at a time has them, by a lock of the file system. A
//! process that dies lets go of what it has.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{FILE_MODE, parent, sync_dir};

/// A file that nobody else has until it is closed.
#[derive(Debug)]
pub(super) struct Held {
    pub file: File,
    /// Whether a request has ended after it moved the bytes to their place as content: whether that was committed has to be
    /// found out before anything is done to them.
    pub is_content: bool,
}

/// The file at `path`, to read and to write; `None` while another has it. Made if it `may_be_made`. Blocks.
pub(super) fn hold(path: &Path, content: &Path, may_be_made: bool) -> io::Result<Option<Held>> {
    let mut open = OpenOptions::new();
    open.read(true).write(true);
    // The first place once more, for bytes that moved back there in between.
    for (place, is_content) in [(path, false), (content, true), (path, false)] {
        match open.open(place) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => return lock(opened?, place, is_content),
        }
    }
    let made = open.create(may_be_made).mode(FILE_MODE).open(path)?;
    lock(made, path, false)
}

/// A new file at `path` that nobody else has, with the first `bytes` of the file at one of `places`; `None` where there are fewer.
/// It survives a power loss. Blocks.
pub(super) fn copy(places: &[PathBuf], path: &Path, bytes: u64) -> io::Result<Option<File>> {
    let open = places.iter().find_map(|place| match File::open(place) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        opened => Some(opened),
    });
    let Some(from) = open.transpose()? else {
        return Ok(None);
    };
    let mut new = OpenOptions::new();
    new.read(true).write(true).create_new(true).mode(FILE_MODE);
    let mut file = new.open(path)?;
    file.lock()?;
    let copied = io::copy(&mut from.take(bytes), &mut file)?;
    file.sync_all()?;
    sync_dir(parent(path))?;
    Ok((copied == bytes).then_some(file))
}

/// Moves what turned out not to be content back to `path`. Blocks.
pub(super) fn take_back(path: &Path, content: &Path) -> io::Result<()> {
    fs::rename(content, path)?;
    // The new name first: a power loss between the two leaves at least one.
    sync_dir(parent(path))?;
    sync_dir(parent(content))
}

/// `file`, locked, if it can be had and is still the one at `path`.
fn lock(file: File, path: &Path, is_content: bool) -> io::Result<Option<Held>> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
        Ok(()) => {}
    }
    let held = file.metadata()?;
    let is_the_same = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        there => {
            let there = there?;
            (there.dev(), there.ino()) == (held.dev(), held.ino())
        }
    };
    Ok(is_the_same.then_some(Held { file, is_content }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_the_file_and_finds_it_wherever_it_lies() {
        let directory = tempfile::tempdir().unwrap();
        let [path, content] = ["staged", "content"].map(|name| directory.path().join(name));
        assert!(hold(&path, &content, false).is_err());
        let first = hold(&path, &content, true).unwrap().unwrap();
        assert!(hold(&path, &content, true).unwrap().is_none());

        // On the way to becoming content, and stuck there.
        fs::rename(&path, &content).unwrap();
        assert!(hold(&path, &content, false).unwrap().is_none());
        drop(first);
        let second = hold(&path, &content, false).unwrap().unwrap();
        assert!(second.is_content);
        take_back(&path, &content).unwrap();
        assert!(path.exists() && !content.exists());

        // Whoever has it, its beginning can be copied, wherever it lies.
        fs::write(&path, b"0123").unwrap();
        let places = [content.clone(), path.clone()];
        let copy_path = directory.path().join("copy");
        assert!(copy(&places, &copy_path, 5).unwrap().is_none());
        fs::remove_file(&copy_path).unwrap();
        let of_copy = copy(&places, &copy_path, 3).unwrap();
        assert_eq!(fs::read(&copy_path).unwrap(), b"012");
        assert!(hold(&copy_path, &content, false).unwrap().is_none());
        drop(of_copy);

        // Who opened it before it went away does not get it.
        let late = File::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        drop(second);
        assert!(lock(late, &path, false).unwrap().is_none());
    }
}
