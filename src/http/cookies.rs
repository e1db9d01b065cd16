//! Finds the session's cookie among whatever else a browser sends. Other software sets cookies for the same host, and the
//! layer of sessions gives up a whole header for one byte in it that is no text.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use tower_sessions::session::Id;

use crate::auth::session::Store;

/// How many sessions are looked at that a request names: a browser has one cookie of a name, unless other software set
/// more for another path or domain.
const NAMED_MAX: usize = 4;

/// Leaves a request the one cookie that counts here: that of a session that has not ended, or else the first that could be
/// one's.
pub async fn keep_session(
    State((store, name)): State<(Store, &'static str)>,
    mut request: Request,
    next: Next,
) -> Response {
    if !request.headers().contains_key(header::COOKIE) {
        return next.run(request).await;
    }
    let named = sessions(request.headers(), name);
    let mut kept = named.first();
    if named.len() > 1 {
        for id in &named {
            if store.is_live(id).await {
                kept = Some(id);
                break;
            }
        }
    }
    let cookie = kept.and_then(|id| HeaderValue::try_from(format!("{name}={id}")).ok());
    let headers = request.headers_mut();
    headers.remove(header::COOKIE);
    headers.extend(cookie.map(|cookie| (header::COOKIE, cookie)));
    next.run(request).await
}

/// The different sessions that cookies called `name` are of, in the order in which they were sent.
fn sessions(headers: &HeaderMap, name: &str) -> Vec<Id> {
    let mut named = Vec::new();
    for id in values(headers, name).filter_map(|value| value.parse::<Id>().ok()) {
        if !named.contains(&id) {
            named.push(id);
        }
        if named.len() == NAMED_MAX {
            break;
        }
    }
    named
}

/// What cookies called `name` say, in the order in which they were sent.
///
/// Pairs end at a semicolon, whatever stands around it (RFC 6265bis §5.7): quotes that another cookie leaves open hide
/// nothing. Around a value they are left out, as the older specifications wrote it (RFC 2109 `$Version="1"; name="value"`).
pub fn values<'h>(headers: &'h HeaderMap, name: &'h str) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
        if key != name.as_bytes() {
            return None;
        }
        let quoted = value
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_suffix(b"\""));
        str::from_utf8(quoted.unwrap_or(value)).ok()
    })
}
