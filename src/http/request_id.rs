//! Request ids: one for each request, in its log lines and in its answer, so that the two can be brought together.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};

use crate::{
    hex,
    patience::{self, PATIENCE},
    random,
};

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 64;

tokio::task_local! {
    static CURRENT: HeaderValue;
}

/// The id of the request that this task answers.
pub fn current() -> Option<String> {
    CURRENT
        .try_with(|id| id.to_str().map(str::to_owned))
        .ok()?
        .ok()
}

/// Gives the request its patience and an id, or keeps the one a proxy gave it, and returns it with the answer.
pub async fn assign(mut request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(X_REQUEST_ID)
        .filter(|id| is_plain(id));
    let id = given.cloned().unwrap_or_else(fresh);
    request.headers_mut().insert(X_REQUEST_ID, id.clone());
    let answer = patience::within(PATIENCE, next.run(request));
    let mut response = CURRENT.scope(id.clone(), answer).await;
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

/// Whether an id that came from outside may go into the log.
fn is_plain(id: &HeaderValue) -> bool {
    (1..=MAX_LENGTH).contains(&id.len())
        && id
            .as_bytes()
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

fn fresh() -> HeaderValue {
    HeaderValue::try_from(hex::encode(&random::bytes::<16>()))
        .expect("hexadecimal digits are a header value")
}
