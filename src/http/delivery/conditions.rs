//! The validators of content, and what conditional requests get of them where somebody else sends the bytes.

use std::{
    ops::Range,
    pin::Pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use entity::file;
use futures_util::{Stream, stream};
use http_serve::{BoxError, Entity};

use crate::{
    error::{Code, Error, Result},
    http::problem,
};

/// The length, for nginx to name where a range begins behind the end.
const X_CONTENT_LENGTH: HeaderName = HeaderName::from_static("x-content-length");

/// The validators of content, by what the database has of its file: strong, for nobody changes content, and the same on every
/// instance and from every storage. nginx makes these of a file on the disk, whose time of the last change is when its upload
/// ended.
#[derive(Clone, Debug)]
pub(super) struct Validators {
    pub etag: HeaderValue,
    pub modified: SystemTime,
    bytes: u64,
}

impl Validators {
    pub fn of(file: &file::Model) -> Result<Self> {
        let created = u64::try_from(file.created_at.0).unwrap_or_default() / 1000;
        let bytes = u64::try_from(file.size).unwrap_or_default();
        let etag = format!("\"{created:x}-{bytes:x}\"");
        Ok(Self {
            etag: HeaderValue::try_from(etag).map_err(Error::internal)?,
            // As HTTP writes it, so that a client who sends it back names the same moment.
            modified: UNIX_EPOCH + Duration::from_secs(created),
            bytes,
        })
    }

    /// The same for nginx, which reads them from our answer.
    pub fn headers(&self) -> Result<HeaderMap> {
        let modified = httpdate::fmt_http_date(self.modified);
        Ok(HeaderMap::from_iter([
            (header::ETAG, self.etag.clone()),
            (
                header::LAST_MODIFIED,
                HeaderValue::try_from(modified).map_err(Error::internal)?,
            ),
            (X_CONTENT_LENGTH, self.bytes.into()),
        ]))
    }
}

/// The whole answer where a condition of `request` has it that no bytes are sent: 304 or 412.
pub(super) fn answer(validators: &Validators, request: &Request) -> Result<Option<Response>> {
    let mut conditional = http::Request::new(());
    *conditional.method_mut() = request.method().clone();
    *conditional.headers_mut() = request.headers().clone();
    conditional.headers_mut().remove(header::RANGE);
    let answer = http_serve::serve(Unread(validators.clone()), &conditional);
    match answer.status() {
        StatusCode::NOT_MODIFIED => {
            let mut answer = answer.map(Body::new);
            // As nginx answers it for a file.
            answer.headers_mut().remove(header::ACCEPT_RANGES);
            Ok(Some(answer))
        }
        status @ StatusCode::PRECONDITION_FAILED => {
            let refusal = Error::new(Code::BadUserInput, "If-Match names other content.");
            let mut answer = problem::with_status(status, refusal);
            let nosniff = HeaderValue::from_static("nosniff");
            answer
                .headers_mut()
                .insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
            Ok(Some(answer))
        }
        _ => Ok(None),
    }
}

/// Content whose bytes are not here.
struct Unread(Validators);

impl Entity for Unread {
    type Error = BoxError;
    type Data = Bytes;

    fn len(&self) -> u64 {
        self.0.bytes
    }

    fn get_range(
        &self,
        _: Range<u64>,
    ) -> Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send + Sync>> {
        Box::pin(stream::empty())
    }

    fn add_headers(&self, _: &mut HeaderMap) {}

    fn etag(&self) -> Option<HeaderValue> {
        Some(self.0.etag.clone())
    }

    fn last_modified(&self) -> Option<SystemTime> {
        Some(self.0.modified)
    }
}
