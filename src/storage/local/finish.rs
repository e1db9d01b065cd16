//! Staged bytes become content.
//!
//! The order is the promise, for each file: bytes, then its name, then the directories that lead to the name. Several files go
//! from step to step together. What they share, such as a block with the inodes of many, is then written by the first sync, and
//! the others find it done.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Durable, Mark, Staged, blocking, make_dir, parent, sync_dir};
use crate::{batch::Batches, error::Result, tasks::Tasks};

/// Small contents that are finished by one thread, and threads that do so.
const FINISH_MAX: usize = 8;
const FINISH_AT_ONCE: usize = 4;

pub(super) fn finish_batches(
    content: &Arc<Path>,
    mark: &Mark,
    durable: &Durable,
    tasks: &Tasks,
) -> Batches<Staged, Result<u64>> {
    let (content, mark, durable) = (Arc::clone(content), mark.clone(), durable.clone());
    let name = "small contents";
    Batches::start(
        tasks,
        name,
        FINISH_MAX,
        FINISH_AT_ONCE,
        move |batch: Vec<Staged>| {
            let (content, mark) = (Arc::clone(&content), mark.clone());
            let durable = durable.clone();
            blocking(move || {
                let finished = finish(&content, &mark, &durable, batch).into_iter();
                Ok(finished.map(|bytes| Ok(bytes?)).collect())
            })
        },
    )
}

/// Makes content of `batch`, and says of each how many bytes it has. A failure belongs to its own file; where a directory cannot
/// be synced, to every file of the batch that needs that directory. Blocks.
pub(super) fn finish(
    content: &Path,
    mark: &Mark,
    durable: &Durable,
    batch: Vec<Staged>,
) -> Vec<io::Result<u64>> {
    let begun = batch.into_iter();
    let begun = begun.map(|staged| Finishing::begin(content, mark, durable, staged));
    let mut files: Vec<_> = begun.collect();
    step(&mut files, Finishing::sync_bytes);
    let mut directories = Synced::default();
    step(&mut files, |file| {
        file.sync_directories(content, durable, &mut directories)
    });
    step(&mut files, Finishing::rename);
    // A second sync: the renames have changed the directories.
    let mut directories = Synced::default();
    step(&mut files, |file| file.sync_name(&mut directories));
    let finished = files.into_iter();
    finished.map(|file| file.map(|file| file.bytes)).collect()
}

/// Runs `take` on each file that has not failed yet.
fn step(
    files: &mut [io::Result<Finishing>],
    mut take: impl FnMut(&mut Finishing) -> io::Result<()>,
) {
    for file in files {
        if let Ok(going_on) = file
            && let Err(error) = take(going_on)
        {
            *file = Err(error);
        }
    }
}

/// A file on its way.
struct Finishing {
    staged: Staged,
    to: PathBuf,
    /// Of the directories that lead there, the outer and the inner one, whether their names are known to be durable.
    known: [bool; 2],
    bytes: u64,
}

impl Finishing {
    /// Writes the bytes that are still in memory.
    fn begin(
        content: &Path,
        mark: &Mark,
        durable: &Durable,
        mut staged: Staged,
    ) -> io::Result<Self> {
        // Below an unmounted disk, content would be gone as soon as the disk is back.
        mark.look()?;
        let to = content.join(staged.key().path());
        let known = staged.key().directories().map(|it| durable.has(it));
        // Made before the bytes are synced: a file system with a journal then writes all of it at once, and the directories'
        // own syncs find nothing left to do.
        if !known[1] {
            let inner = parent(&to);
            make_dir(parent(inner))?;
            make_dir(inner)?;
        }
        staged.write_held()?;
        Ok(Self {
            staged,
            to,
            known,
            bytes: 0,
        })
    }

    fn sync_bytes(&mut self) -> io::Result<()> {
        self.bytes = self.staged.sync()?;
        Ok(())
    }

    /// Makes the names of the directories durable.
    fn sync_directories(
        &self,
        content: &Path,
        durable: &Durable,
        synced: &mut Synced,
    ) -> io::Result<()> {
        let [is_outer_known, is_inner_known] = self.known;
        if !is_inner_known {
            synced.sync(parent(parent(&self.to)))?;
            if !is_outer_known {
                synced.sync(content)?;
            }
            durable.add(self.staged.key().directories());
        }
        Ok(())
    }

    fn rename(&mut self) -> io::Result<()> {
        fs::rename(self.staged.path(), &self.to)
    }

    /// Makes its own name durable.
    fn sync_name(&self, synced: &mut Synced) -> io::Result<()> {
        synced.sync(parent(&self.to))?;
        if self.staged.has_durable_name() {
            // It would come back with a power loss.
            synced.sync(parent(self.staged.path()))?;
        }
        Ok(())
    }
}

/// Directories that have been synced, once for all files that have a name in them. The kernel reports a failed sync once, so the
/// failure is remembered for all of these files.
#[derive(Default)]
struct Synced(HashMap<PathBuf, std::result::Result<(), Option<i32>>>);

impl Synced {
    fn sync(&mut self, directory: &Path) -> io::Result<()> {
        if let Some(synced) = self.0.get(directory) {
            let again = |code: Option<i32>| match code {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::other("a directory could not be synced"),
            };
            return synced.map_err(again);
        }
        let synced = sync_dir(directory);
        let told = synced.as_ref().copied().map_err(io::Error::raw_os_error);
        self.0.insert(directory.to_owned(), told);
        synced
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use uuid::Uuid;

    use super::{
        super::{super::ContentKey, MarkKind, Room},
        *,
    };

    #[test]
    fn of_a_batch_each_file_has_its_own_bytes_and_its_own_failure() {
        let directory = tempfile::tempdir().unwrap();
        let [content, staging] = ["content", "staging"].map(|name| directory.path().join(name));
        fs::create_dir(&content).unwrap();
        fs::create_dir(&staging).unwrap();
        let mark = Mark::new(&content, MarkKind::InUse, Uuid::nil());
        mark.write().unwrap();
        let room = Room::new(None, None, None);
        let keys: Vec<_> = (0..4).map(|_| ContentKey::random()).collect();
        let staged = |key: &ContentKey, bytes: usize| {
            let path = staging.join(key.as_str());
            let mut staged = Staged::new(key.clone(), path, room.clone());
            staged.hold(vec![Bytes::from(vec![b'x'; bytes])]);
            staged
        };
        // One cannot be written, and one cannot get its name.
        fs::create_dir(staging.join(keys[1].as_str())).unwrap();
        fs::create_dir_all(content.join(keys[2].path())).unwrap();
        let batch = keys.iter().zip([1, 20, 300, 0]);
        let batch = batch.map(|(key, bytes)| staged(key, bytes)).collect();

        let finished = finish(&content, &mark, &Durable::default(), batch);

        let bytes: Vec<_> = finished.into_iter().map(Result::ok).collect();
        assert_eq!(bytes, [Some(1), None, None, Some(0)]);
        let stored = |key: &ContentKey| fs::read(content.join(key.path())).unwrap().len();
        assert_eq!((stored(&keys[0]), stored(&keys[3])), (1, 0));
        assert!(staging.join(keys[2].as_str()).is_file());
    }

    #[test]
    fn the_failure_of_a_directory_is_that_of_all_who_need_it() {
        let directory = tempfile::tempdir().unwrap();
        let away = directory.path().join("away");
        let mut synced = Synced::default();
        let first = synced.sync(&away).unwrap_err();
        // What comes too late does not count as done.
        fs::create_dir(&away).unwrap();
        let second = synced.sync(&away).unwrap_err();
        assert_eq!(first.raw_os_error(), second.raw_os_error());
        Synced::default().sync(&away).unwrap();
    }
}
