//! Bytes on their way into a storage.

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
