//! A deadline for request bodies: who sends next to nothing for long does not hold a connection.
//!
//! And patience at the end: an answer that came before the whole body, a refusal, is not lost because the connection
//! closes on a client, or nginx, that is still writing.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::app::SharedApp;

/// How long, and for how many bytes, the rest of a body is read after an early answer (RFC 9112 §9.6).
const LINGER: Duration = Duration::from_secs(10);
const LINGER_BYTES: u64 = 256 << 20;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Holds the request's body to the configured pace.
pub async fn hold(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (window, rate) = (app.config.client_timeout, app.config.min_body_rate);
    let least = rate.saturating_mul(window.as_secs()).max(1);
    let request = request.map(|body| Body::new(Paced::new(body, window, least)));
    next.run(request).await
}

/// A body that fails when fewer than `least` bytes come while somebody waits for them for `window` in all. Time in which
/// nobody asks for more does not count against the client.
struct Paced {
    body: Body,
    window: Duration,
    least: u64,
    received: u64,
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    /// The client broke off or was too slow: there is nothing to wait for.
    failed: bool,
}

impl Paced {
    fn new(body: Body, window: Duration, least: u64) -> Self {
        Self {
            body,
            window,
            least,
            received: 0,
            waited: Duration::ZERO,
            waiting: None,
            failed: false,
        }
    }

    /// Begins another window.
    fn renew(&mut self) {
        (self.received, self.waited, self.waiting) = (0, Duration::ZERO, None);
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        if !self.body.is_end_stream() && !self.failed {
            tokio::spawn(drain(std::mem::take(&mut self.body)));
        }
    }
}

/// Reads what is left of a body and drops it, within bounds.
async fn drain(mut body: Body) {
    let mut left = LINGER_BYTES;
    let read = async {
        while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
        {
            left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
            if left == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, read).await;
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            if let Some((since, _)) = this.waiting.take() {
                this.waited += since.elapsed();
            }
            this.failed = matches!(frame, Some(Err(_)));
            if let Some(Ok(frame)) = &frame {
                this.received += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        loop {
            let left = this.window.saturating_sub(this.waited);
            let (_, sleep) = this
                .waiting
                .get_or_insert_with(|| (Instant::now(), Box::pin(tokio::time::sleep(left))));
            std::task::ready!(sleep.as_mut().poll(context));
            if this.received < this.least {
                this.failed = true;
                return Poll::Ready(Some(Err("the body comes too slowly".into())));
            }
            this.renew();
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
