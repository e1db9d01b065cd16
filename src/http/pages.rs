//! Pages of allowed origins that show or fetch what a ticket opens: they may, without anybody's cookies (Fetch standard
//! §3.2 and §3.7). To every other page an answer says what it says to a program.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::app::SharedApp;

/// How long a browser may remember what CORS allows, in seconds.
pub const PREFLIGHT_SECONDS: u64 = 60 * 60;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What a script may read of an answer, besides what it always may. nginx passes it on.
const READ: &str =
    "ETag, Content-Disposition, Content-Range, Accept-Ranges, Retry-After, X-Request-Id";

/// Around a route that takes `methods`: answers a page that asks beforehand, and lets a page have its answer.
pub async fn admit(
    State((app, methods)): State<(SharedApp, &'static [Method])>,
    request: Request,
    next: Next,
) -> Response {
    let Some(origin) = origin(&app.config.server.allowed_origins, request.headers()) else {
        return next.run(request).await;
    };
    let mut response = match preflight(methods, &request) {
        Some(allowed) => (StatusCode::NO_CONTENT, allowed).into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(READ),
    );
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    response
}

/// Which of `allowed` the page is of that sent a request with these `headers`. A browser says it by `Origin` where a script
/// asks, and by `Referer` where an element of the page does (`<img>`, `<video>`); a page can forge neither.
fn origin(allowed: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    let is_of = |origin: &String| match headers.get(header::ORIGIN) {
        Some(stated) => stated == origin.as_str(),
        None => {
            let page = headers.get(header::REFERER).map(HeaderValue::as_bytes);
            let path = page.and_then(|page| page.strip_prefix(origin.as_bytes()));
            path.is_some_and(|path| path.is_empty() || path.starts_with(b"/"))
        }
    };
    let origin = allowed.iter().find(|origin| is_of(origin))?;
    HeaderValue::try_from(origin).ok()
}

/// What a page learns that asks whether it may send a request with headers of its own; `None` when this is no such question.
fn preflight(methods: &[Method], request: &Request) -> Option<HeaderMap> {
    let asked = request.headers();
    let is_preflight = request.method() == Method::OPTIONS
        && asked.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !is_preflight {
        return None;
    }
    let methods: Vec<_> = methods.iter().map(Method::as_str).collect();
    let methods = HeaderValue::try_from(methods.join(", ")).ok()?;
    let mut allowed = HeaderMap::from_iter([
        (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
        (
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from(PREFLIGHT_SECONDS),
        ),
    ]);
    // Whatever a page of an allowed origin has to say: `Range`, `If-None-Match`, what traces requests.
    if let Some(headers) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        allowed.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
    }
    Some(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_of_the_origin_that_its_browser_states() {
        let allowed = [
            "https://app.example".to_owned(),
            "http://localhost:3000".to_owned(),
        ];
        let of = |origin: Option<&'static str>, referer: Option<&'static str>| {
            let stated = [(header::ORIGIN, origin), (header::REFERER, referer)];
            let headers = stated.into_iter();
            let headers =
                headers.filter_map(|(name, value)| Some((name, HeaderValue::from_static(value?))));
            let found = super::origin(&allowed, &HeaderMap::from_iter(headers))?;
            Some(found.to_str().unwrap().to_owned())
        };
        let app = Some("https://app.example");
        assert_eq!(of(app, None).as_deref(), app);
        assert_eq!(of(None, Some("https://app.example/")).as_deref(), app);
        assert_eq!(of(None, Some("https://app.example/a?b=c")).as_deref(), app);
        assert_eq!(of(None, app).as_deref(), app);
        assert_eq!(
            of(None, Some("http://localhost:3000/a")).as_deref(),
            Some("http://localhost:3000")
        );
        for (origin, referer) in [
            (None, None),
            (Some("null"), None),
            (Some("http://app.example"), None),
            (Some("https://app.example.evil.example"), None),
            (Some("https://evil.example"), app),
            (None, Some("https://app.example.evil.example/")),
            (None, Some("https://app.example:8443/")),
            (None, Some("https://app.example@evil.example/")),
            (None, Some("http://localhost:30001/")),
            (None, Some("https://evil.example/https://app.example/")),
        ] {
            assert_eq!(of(origin, referer), None, "{origin:?} {referer:?}");
        }
    }
}
