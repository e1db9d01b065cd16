//! Bytes on their way into a storage.

use std::{fs::File, sync::Arc};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::{Part, Upload, blocking, local::Staged};
use crate::error::{Error, Result};

/// Where the bytes of one content arrive. Dropping the writer leaves those bytes where they are.
#[derive(Debug)]
pub enum Writer {
    /// A file of this machine.
    Local(Box<Staged>),
    /// An object of a store.
    S3(Box<Upload>),
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

/// What is kept of an upload in parts that a later request goes on with.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// What the store has by now, and has not been told before.
    pub parts: Vec<Part>,
    /// The bytes behind those, which are no part yet.
    pub tail: Vec<Bytes>,
    /// The number of the next part.
    pub next: u32,
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
            Self::S3(mut upload) => tokio::spawn(async move {
                let besides = upload.append(pieces, beside).await?;
                Ok((Self::S3(upload), besides))
            }),
        }
    }

    /// Waits for the memory that `bytes` take which are to be read and then written: they are few.
    pub async fn make_room(&mut self, bytes: u64) -> Result<()> {
        match self {
            Self::Local(_) => Ok(()),
            Self::S3(upload) => upload.make_room(bytes).await,
        }
    }

    /// How long the parts are that bytes are written in, where they are, and how many bytes are to come until the end of the
    /// present one: no batch may go beyond that.
    pub fn part(&self) -> Option<(u64, u64)> {
        match self {
            Self::Local(_) => None,
            Self::S3(upload) => Some(upload.part()),
        }
    }

    /// How many bytes wait to be a part, where there are parts, and in how many pieces.
    pub fn waiting(&self) -> (u64, usize) {
        match self {
            Self::Local(_) => (0, 0),
            Self::S3(upload) => upload.waiting(),
        }
    }

    /// Whether the store has to begin an upload in parts before `bytes` more are written: [`Self::begin_parts`], then a note of
    /// the id, then [`Self::goes_by`].
    pub fn is_to_be_parted(&self, bytes: u64) -> bool {
        match self {
            Self::Local(_) => false,
            Self::S3(upload) => upload.is_to_be_parted(bytes),
        }
    }

    /// Has the store begin an upload in parts, and returns its id.
    pub async fn begin_parts(&self) -> Result<String> {
        match self {
            Self::Local(_) => Err(Error::internal("a file has no parts")),
            Self::S3(upload) => upload.begin_parts().await,
        }
    }

    /// From now on the bytes go by the upload in parts that has this id.
    pub fn goes_by(&mut self, id: String) {
        match self {
            Self::Local(_) => {}
            Self::S3(upload) => upload.goes_by(id),
        }
    }

    /// Where the numbers of parts have to be noted before they are used: the first of those that are to be noted next.
    pub fn lacks_numbers(&self) -> Option<u32> {
        match self {
            Self::Local(_) => None,
            Self::S3(upload) => upload.lacks_numbers(),
        }
    }

    /// The numbers below `end` are noted.
    pub fn may_number(&mut self, end: u32) {
        match self {
            Self::Local(_) => {}
            Self::S3(upload) => upload.may_number(end),
        }
    }

    /// Whether the bytes become content by one step that another request could take as well: who may take it has to be noted
    /// before.
    pub fn is_in_parts(&self) -> bool {
        match self {
            Self::Local(_) => false,
            Self::S3(upload) => upload.is_in_parts(),
        }
    }

    /// Whether the bytes have become content already, by a request that ended before it could say so: then what the database
    /// knows of them decides, and [`rewind`](Self::rewind) makes them staged ones again.
    pub fn is_content(&self) -> bool {
        match self {
            Self::Local(staged) => staged.is_content(),
            Self::S3(_) => false,
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
            Self::S3(_) => Err(Error::internal(
                "what a store has is not read before it is whole",
            )),
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
            Self::S3(mut upload) => {
                upload.checkpoint().await?;
                Ok(Self::S3(upload))
            }
        }
    }

    /// What keeps others from taking hold of bytes that this writer has hold of.
    pub fn lock(&self) -> Result<Option<Lock>> {
        match self {
            Self::Local(staged) => Ok(Some(staged.lock()?)),
            // The database says who may go on with them.
            Self::S3(_) => Ok(None),
        }
    }

    /// How far the bytes are durable. Does not wait.
    pub async fn progress(&mut self) -> Result<Progress> {
        match self {
            Self::Local(staged) => Ok(staged.progress()?),
            Self::S3(upload) => upload.progress().await,
        }
    }

    /// What a later request has to know of the first `bytes`, all of which are durable but for the tail.
    pub fn take_parts(&mut self, bytes: u64) -> Parts {
        match self {
            Self::Local(_) => Parts::default(),
            Self::S3(upload) => upload.take_parts(bytes),
        }
    }

    /// How many bytes it has sent as parts that [`Self::take_parts`] has not returned.
    pub fn unnamed_bytes(&self) -> u64 {
        match self {
            Self::Local(_) => 0,
            Self::S3(upload) => upload.unnamed_bytes(),
        }
    }

    /// Takes `pieces`, which are all there are and few, to write them when they become content.
    pub fn hold(&mut self, pieces: Vec<Bytes>) {
        match self {
            Self::Local(staged) => staged.hold(pieces),
            Self::S3(upload) => upload.hold(pieces),
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
            Self::S3(mut upload) => {
                upload.settle().await?;
                Ok(Self::S3(upload))
            }
        }
    }
}
