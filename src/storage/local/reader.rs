//! Reading content from a file.

use std::{
    fs::File,
    io::{self, ErrorKind},
    ops::Range,
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{Stream, stream};

/// How much is read at a time: much, since each time takes two switches between threads.
const READ_BYTES: u64 = 256 * 1024;

/// Content in a file that is open to read.
#[derive(Debug)]
pub struct Reader {
    file: Arc<File>,
    len: u64,
}

impl Reader {
    /// Opens the file at `path`; `None` when there is none. Blocks.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        Self::of(file).map(Some)
    }

    /// What `file` has at this moment. Blocks.
    pub(in crate::storage) fn of(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self {
            file: Arc::new(file),
            len,
        })
    }

    pub(in crate::storage) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes of `range`, read on other threads; the last item is an error when the file ends before the range does.
    pub(in crate::storage) fn range(
        &self,
        range: Range<u64>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + use<> {
        stream::try_unfold((Arc::clone(&self.file), range), async |(file, left)| {
            let end = left.end.min(left.start.saturating_add(READ_BYTES));
            let Some(bytes) = end.checked_sub(left.start).filter(|bytes| *bytes > 0) else {
                return Ok(None);
            };
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
                file.read_exact_at(&mut piece, left.start)?;
                Ok::<_, io::Error>((Bytes::from(piece), file))
            });
            let (piece, file) = read.await.map_err(io::Error::other)??;
            Ok(Some((piece, (file, end..left.end))))
        })
    }
}
