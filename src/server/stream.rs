//! The stream of one connection, which ends when its client does nothing with it for too long.

use std::{
    future::Future,
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

use super::crowd::Place;
use crate::{
    config::Config,
    metrics,
    pace::{Pace, Wait},
};

/// A TCP or unix stream.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A stream that fails when its client takes too long to begin and send a request's head, or to take an answer. Bodies
/// have a pace of their own.
///
/// hyper's own deadline for a head begins when an answer is made, not when it is taken: it would cut off slow clients.
pub struct Watched {
    stream: Box<dyn Stream>,
    wait: Arc<Wait>,
    head_timeout: Duration,
    head: Option<Pin<Box<Sleep>>>,
    /// `None` for a proxy of the operator's, which has a patience of its own and takes large pieces at a time.
    taking: Option<Pace>,
    is_blocked: bool,
    _place: Place,
}

impl Watched {
    pub fn new(
        stream: Box<dyn Stream>,
        (wait, place): (Arc<Wait>, Place),
        config: &Config,
        takes_its_time: bool,
    ) -> Self {
        Self {
            stream,
            wait,
            head_timeout: config.server.client_timeout,
            head: None,
            taking: (!takes_its_time).then(|| Pace::new(config)),
            is_blocked: false,
            _place: place,
        }
    }

    /// Ready when the head of the next request has taken too long.
    fn poll_head_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(since) = self.wait.idle_since(context).filter(|_| !self.is_blocked) else {
            return Poll::Pending;
        };
        let end = since + self.head_timeout;
        let head = self
            .head
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        if head.deadline() != end {
            head.as_mut().reset(end);
        }
        head.as_mut().poll(context)
    }

    /// What becomes of an attempt to write.
    fn wrote(
        &mut self,
        context: &mut Context<'_>,
        wrote: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &wrote {
            Poll::Ready(Ok(bytes)) => {
                metrics::SENT.increment(*bytes as u64);
                if let Some(taking) = &mut self.taking {
                    taking.moved(*bytes);
                }
                if std::mem::take(&mut self.is_blocked) {
                    self.wait.end();
                    // Whoever reads has to look again whether a head is waited for now.
                    context.waker().wake_by_ref();
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                if !std::mem::replace(&mut self.is_blocked, true) {
                    self.wait.begin();
                }
                let taking = self.taking.as_mut();
                if taking.is_some_and(|taking| taking.poll_too_slow(context).is_ready()) {
                    return Poll::Ready(Err(late("the answer is taken too slowly")));
                }
            }
        }
        wrote
    }
}

fn late(what: &str) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, what)
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        metrics::RECEIVED.increment((buffer.filled().len() - before) as u64);
        if read.is_pending() && self.poll_head_late(context).is_ready() {
            return Poll::Ready(Err(late("the head of a request comes too slowly")));
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.wrote(context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
