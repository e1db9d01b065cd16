//! A request's body on its way in: it may not pause for long, and a refused one is still taken off the wire for a while.
//!
//! A server that closes a connection on which bytes still arrive resets it, and the client, nginx among them, may then
//! never see why it was refused.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes};
use hyper::{
    Request,
    body::{Body as _, Frame, Incoming, SizeHint},
    header,
};
use tower_http::{BoxError, timeout::TimeoutBody};

/// How long the rest of a body that nobody wants is taken and thrown away.
const LINGER: Duration = Duration::from_secs(5);

/// `request` with a body that fails when the client sends nothing for as long as `patience`.
pub fn accept(request: Request<Incoming>, patience: Duration) -> Request<Body> {
    let waits = request.headers().contains_key(header::EXPECT);
    request.map(|body| match body.is_end_stream() {
        true => Body::empty(),
        false => Body::new(Lingering {
            rest: Some(Box::pin(TimeoutBody::new(patience, body))),
            waits,
        }),
    })
}

/// A body whose rest is read and dropped when nobody reads on.
struct Lingering {
    /// `None` when it has ended.
    rest: Option<Pin<Box<TimeoutBody<Incoming>>>>,
    /// Whether the client sends nothing until it is asked (RFC 9110 §10.1.1), which reading does.
    waits: bool,
}

impl hyper::body::Body for Lingering {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.waits = false;
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let frame = std::task::ready!(rest.as_mut().poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.rest = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.rest
            .as_ref()
            .map_or(SizeHint::with_exact(0), |rest| rest.size_hint())
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(mut rest) = self.rest.take() else {
            return;
        };
        let runtime = tokio::runtime::Handle::try_current();
        if let (Ok(runtime), false) = (runtime, self.waits || rest.is_end_stream()) {
            runtime.spawn(tokio::time::timeout(LINGER, async move {
                while let Some(Ok(_)) =
                    std::future::poll_fn(|context| rest.as_mut().poll_frame(context)).await
                {
                }
            }));
        }
    }
}
