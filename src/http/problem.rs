//! Errors as `application/problem+json` (RFC 9457), for every route but the GraphQL one.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::request_id;
use crate::error::{Code, Error};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.code.status();
        with_status(status, self)
    }
}

/// `error` under a status of its own, where HTTP has a more telling one than the code's.
pub fn with_status(status: StatusCode, error: Error) -> Response {
    error.log();
    let retry_after = retry_after(&error);
    let mut body = json!({
        "type": "about:blank",
        "code": error.code.as_str(),
        "title": error.code.title(),
        "status": status.as_u16(),
        "detail": error.detail,
    });
    if let Some(members) = body.as_object_mut() {
        members.extend(error.facts);
        if error.code == Code::Internal {
            members.extend(request_id::current().map(|id| ("requestId".to_owned(), id.into())));
        }
    }
    let headers = [
        (header::CONTENT_TYPE, PROBLEM_JSON),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let mut response = (status, headers, body.to_string()).into_response();
    if let Some(seconds) = retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// What an error says of when to come back, in seconds.
pub fn retry_after(error: &Error) -> Option<u64> {
    error.facts.get("retryAfterSeconds")?.as_u64()
}

/// 404 for a path that is nothing.
pub async fn no_such_route() -> Response {
    Error::new(
        Code::NotFound,
        "There is no such address; the API is at /graphql.",
    )
    .into_response()
}

/// 405 with the methods there are.
pub fn method_not_allowed(allow: [(HeaderName, String); 1]) -> Response {
    let error = Error::new(
        Code::BadUserInput,
        "This address does not take this method.",
    );
    (allow, with_status(StatusCode::METHOD_NOT_ALLOWED, error)).into_response()
}
