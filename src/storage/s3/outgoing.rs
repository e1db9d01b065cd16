//! The body of a request to the store: pieces as they came, and a sign of life for each that is taken.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// The connection is given so much at a time, so that a slow one shows that it goes on.
const PIECE_BYTES: usize = 64 * 1024;

/// What has happened of a request so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    steps: AtomicU64,
    is_sent: AtomicBool,
}

impl Progress {
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Whether the connection has taken all of the body.
    pub fn is_sent(&self) -> bool {
        self.is_sent.load(Ordering::Relaxed)
    }

    fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }
}

/// Bytes that are there already, so that their number is known, and they can be sent again.
#[derive(Debug)]
pub(super) struct Outgoing {
    pieces: VecDeque<Bytes>,
    left: u64,
    progress: Arc<Progress>,
}

impl Outgoing {
    pub fn new(pieces: Vec<Bytes>, progress: &Arc<Progress>) -> Self {
        let left = pieces.iter().map(Bytes::len).sum::<usize>() as u64;
        if left == 0 {
            progress.is_sent.store(true, Ordering::Relaxed);
        }
        Self {
            pieces: pieces.into(),
            left,
            progress: Arc::clone(progress),
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.progress.step();
        let piece = loop {
            let Some(first) = self.pieces.front_mut() else {
                self.progress.is_sent.store(true, Ordering::Relaxed);
                return Poll::Ready(None);
            };
            let piece = first.split_to(first.len().min(PIECE_BYTES));
            if first.is_empty() {
                self.pieces.pop_front();
            }
            if !piece.is_empty() {
                break piece;
            }
        };
        self.left -= piece.len() as u64;
        if self.left == 0 {
            self.progress.is_sent.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
