//! The body of an answer, which holds its request until it is written.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use crate::pace::InRequest;

/// A body as it is; while it lives, its request is under way.
pub struct Held {
    body: Body,
    _in_request: InRequest,
}

impl Held {
    pub fn new(body: Body, in_request: InRequest) -> Self {
        Self {
            body,
            _in_request: in_request,
        }
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
