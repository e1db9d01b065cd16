//! What lies in directories, read a page at a time: its memory does not depend on how much that is.

use std::{
    fs::{self, ReadDir},
    io,
    path::{Path, PathBuf},
    vec,
};

use futures_util::{Stream, TryStreamExt, stream};

use super::{super::ContentKey, blocking};
use crate::error::{Error, Result};

/// Keys of one page.
const PAGE: usize = 1000;

/// A walk through directories and those below them.
struct Walk {
    roots: vec::IntoIter<PathBuf>,
    /// Where the walk is: a directory, and behind it the one below it.
    open: Vec<ReadDir>,
}

/// The keys of the files below `roots`, one root after the other.
pub(super) fn keys(roots: [PathBuf; 2]) -> impl Stream<Item = Result<ContentKey>> {
    let walk = Walk {
        roots: Vec::from(roots).into_iter(),
        open: Vec::new(),
    };
    let pages = stream::try_unfold(walk, async |mut walk| {
        let (page, walk) = blocking(move || Ok((walk.page()?, walk))).await?;
        Ok::<_, Error>((!page.is_empty()).then_some((page, walk)))
    });
    pages
        .map_ok(|page| stream::iter(page.into_iter().map(Ok)))
        .try_flatten()
}

impl Walk {
    /// The next keys; none at the end. Blocks.
    fn page(&mut self) -> io::Result<Vec<ContentKey>> {
        let mut keys = Vec::new();
        while keys.len() < PAGE {
            let Some(directory) = self.open.last_mut() else {
                let Some(root) = self.roots.next() else {
                    break;
                };
                self.open.push(read(&root)?);
                continue;
            };
            match directory.next().transpose()? {
                None => drop(self.open.pop()),
                Some(entry) if entry.file_type()?.is_dir() => {
                    self.open.push(read(&entry.path())?);
                }
                // What has another name is not ours to judge.
                Some(entry) => keys.extend(entry.file_name().to_str().and_then(ContentKey::parse)),
            }
        }
        Ok(keys)
    }
}

/// An error of the system's does not say where it met it.
fn read(directory: &Path) -> io::Result<ReadDir> {
    fs::read_dir(directory)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", directory.display())))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn make(directory: &Path, keys: usize) {
        for _ in 0..keys {
            let path = directory.join(ContentKey::random().path());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }

    #[tokio::test]
    async fn every_key_comes_once_and_nothing_else() {
        let [content, staging] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        make(content.path(), PAGE + 7);
        let staged = ContentKey::random();
        fs::write(staging.path().join(staged.as_str()), "").unwrap();
        fs::write(staging.path().join("notes.txt"), "").unwrap();
        let roots = [&content, &staging].map(|root| root.path().to_owned());
        let found: Vec<_> = keys(roots).try_collect().await.unwrap();
        assert_eq!(found.len(), PAGE + 8);
        assert_eq!(found.last(), Some(&staged));
        let different: std::collections::HashSet<_> = found.iter().collect();
        assert_eq!(different.len(), found.len());
    }

    #[tokio::test]
    async fn no_more_is_read_than_is_asked_for() {
        let [content, staging] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        make(content.path(), PAGE);
        let staged = ContentKey::random().to_string();
        let roots = [&content, &staging].map(|root| root.path().to_owned());
        let mut keys = pin!(keys(roots));
        for _ in 0..PAGE {
            keys.try_next().await.unwrap().unwrap();
        }
        // The walk has not come here yet.
        fs::write(staging.path().join(&staged), "").unwrap();
        assert_eq!(keys.try_next().await.unwrap().unwrap().as_str(), staged);
        assert!(keys.try_next().await.unwrap().is_none());
    }
}
