//! A deadline for request bodies: who sends next to nothing for long does not hold a connection.

use std::{
    future::Future,
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
        }
    }

    /// Begins another window.
    fn renew(&mut self) {
        (self.received, self.waited, self.waiting) = (0, Duration::ZERO, None);
    }
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
