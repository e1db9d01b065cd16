//! Bytes on their way into a storage.

use std::{fs::File, sync::Arc};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::{blocking, local::Staged};
use crate::error::Result;

/// Where the bytes of one content arrive. Dropping the writer leaves those bytes where they are.
#[derive(Debug)]
pub enum Writer {
    /// A file of this machine.
    Local(Box<Staged>),
}

/// What became of taking hold of bytes that earlier requests have left.
#[derive(Debug)]
pub enum Hold {
    /// Nobody else has them until this is dropped.
    Held(Writer),
    /// Another request has them at present.
    Taken,
    /// There are none.
    Missing,
}

/// Keeps others from taking hold of the bytes of a writer, also when that is gone, until the last copy is dropped.
#[derive(Clone, Debug)]
pub struct Lock {
    _local: Arc<File>,
}

impl Lock {
    pub(super) fn of_local(file: File) -> Self {
        Self {
            _local: Arc::new(file),
        }
    }
}

/// How far the bytes of a writer are durable while more of them come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many are being made durable at present; `None` when none are.
    pub covered: Option<u64>,
    /// How many are durable.
    pub durable: u64,
}

/// A write under way. It goes on to its end even if nobody waits for it. It returns the writer, and what `beside` returned.
pub type Writing<T> = JoinHandle<Result<(Writer, T)>>;

impl Writer {
    /// Begins to write `pieces` behind what is there. `beside` looks at them where they are written, off the async threads.
    /// After a failure nothing more can be written.
    pub fn write<T: Send + 'static>(
        self,
        pieces: Vec<Bytes>,
        beside: impl FnOnce(&[Bytes]) -> T + Send + 'static,
    ) -> Writing<T> {
        match self {
            Self::Local(mut staged) => tokio::task::spawn_blocking(move || {
                staged.append(&pieces)?;
                Ok((Self::Local(staged), beside(&pieces)))
            }),
        }
    }

    /// Whether the bytes have become content already, by a request that ended before it could say so: then what the database
    /// knows of them decides, and [`rewind`](Self::rewind) makes them staged ones again.
    pub fn is_content(&self) -> bool {
        match self {
            Self::Local(staged) => staged.is_content(),
        }
    }

    /// Goes on behind the first `bytes` of those that earlier requests have written, which have to be there. Returns the
    /// first `head` of them as well.
    pub async fn rewind(self, bytes: u64, head: u64) -> Result<(Self, Vec<u8>)> {
        match self {
            Self::Local(mut staged) => {
                let rewind = move || {
                    let start = staged.rewind(bytes, head)?;
                    Ok((Self::Local(staged), start))
                };
                blocking(rewind).await
            }
        }
    }

    /// Makes all that is written durable, for a later request to go on.
    pub async fn checkpoint(self) -> Result<Self> {
        match self {
            Self::Local(mut staged) => {
                let checkpoint = move || {
                    staged.checkpoint()?;
                    Ok(Self::Local(staged))
                };
                blocking(checkpoint).await
            }
        }
    }

    /// What keeps others from taking hold of bytes that this writer has hold of.
    pub fn lock(&self) -> Result<Lock> {
        match self {
            Self::Local(staged) => Ok(staged.lock()?),
        }
    }

    /// How far the bytes are durable. Does not wait.
    pub fn progress(&mut self) -> Result<Progress> {
        match self {
            Self::Local(staged) => Ok(staged.progress()?),
        }
    }

    /// Takes `pieces`, which are all there are and few, to write them when they become content.
    pub fn hold(&mut self, pieces: Vec<Bytes>) {
        match self {
            Self::Local(staged) => staged.hold(pieces),
        }
    }

    /// Makes what is written durable, and closes what the writer has open: there will be no more to write, and a writer that
    /// waits for others of its request takes no descriptor.
    pub async fn settle(self) -> Result<Self> {
        match self {
            Self::Local(staged) if !staged.is_on_disk() => Ok(Self::Local(staged)),
            Self::Local(mut staged) => {
                let settle = move || {
                    staged.settle()?;
                    Ok(Self::Local(staged))
                };
                blocking(settle).await
            }
        }
    }
}
