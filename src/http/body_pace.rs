//! A deadline for request bodies: who sends next to nothing for long does not hold a connection.
//!
//! And patience at the end: an answer that came before the whole body, a refusal, is not lost because the connection
//! closes on a client, or nginx, that is still writing.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::Response,
};
use hyper::body::{Frame, SizeHint};

use crate::{
    app::SharedApp,
    pace::{InRequest, Pace},
};

/// How long, and for how many bytes, the rest of a body is read after an early answer (RFC 9112 §9.6).
const LINGER: Duration = Duration::from_secs(10);
const LINGER_BYTES: u64 = 256 << 20;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Holds the request's body to the configured pace.
pub async fn enforce(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let pace = Pace::new(&app.config);
    let unasked = request.headers().contains_key(header::EXPECT);
    let in_request = request.extensions().get::<InRequest>().cloned();
    let request = request.map(|body| {
        Body::new(PacedBody {
            body,
            pace,
            in_request,
            is_waiting: false,
            failed: false,
            unasked,
        })
    });
    next.run(request).await
}

/// A body that fails when it comes too slowly while somebody waits for it.
struct PacedBody {
    body: Body,
    pace: Pace,
    /// Where it is known on which connection the body comes.
    in_request: Option<InRequest>,
    is_waiting: bool,
    /// The client broke off or was too slow: there is nothing to wait for.
    failed: bool,
    /// Whether the client sends nothing until it is asked (RFC 9110 §10.1.1), which reading does.
    unasked: bool,
}

impl PacedBody {
    /// Notes whether the server waits for the client, for the server, when it looks for a connection to close.
    fn wait(&mut self, is_waiting: bool) {
        if std::mem::replace(&mut self.is_waiting, is_waiting) == is_waiting {
            return;
        }
        if let Some(in_request) = &self.in_request {
            match is_waiting {
                true => in_request.wait().begin(),
                false => in_request.wait().end(),
            }
        }
    }
}

impl Drop for PacedBody {
    fn drop(&mut self) {
        if self.body.is_end_stream() || self.failed || self.unasked {
            self.wait(false);
        } else {
            self.wait(true);
            let body = std::mem::take(&mut self.body);
            let in_request = self.in_request.take();
            tokio::spawn(async move {
                drain(body).await;
                drop(in_request);
            });
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

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        this.unasked = false;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.wait(false);
            this.failed = matches!(frame, Some(Err(_)));
            let data = frame
                .as_ref()
                .and_then(|frame| frame.as_ref().ok()?.data_ref());
            this.pace.moved(data.map_or(0, Bytes::len));
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        this.wait(true);
        std::task::ready!(this.pace.poll_too_slow(context));
        this.failed = true;
        Poll::Ready(Some(Err("the body comes too slowly".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
