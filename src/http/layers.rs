//! The layers: request ids, the log and panics around every route; CORS, cross-site checks, body deadlines and sessions
//! around routes whose callers sign in.

use std::{any::Any, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowOrigin, CorsLayer},
    csrf::{CsrfLayer, ProtectionError},
    trace::TraceLayer,
};
use tower_sessions::{Expiry, SessionManagerLayer, cookie::SameSite};
use tracing::Span;

use super::{
    body_pace, client_address, problem,
    profile::{PageHeaders, Profile},
    request_id,
};
use crate::{
    app::SharedApp,
    auth::session::Store,
    config::Config,
    error::{Code, Error},
};

/// How long a browser may remember what CORS allows.
const PREFLIGHT_AGE: Duration = Duration::from_secs(60 * 60);

/// What every route is inside of. The last layer added is the first to see a request.
pub fn every(app: &SharedApp, router: Router) -> Router {
    router
        .layer(middleware::from_fn_with_state(
            SharedApp::clone(app),
            client_address::determine,
        ))
        .layer(middleware::from_fn(only_chunked))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_request(())
                .on_failure(())
                .on_response(log),
        )
        .layer(middleware::from_fn(request_id::assign))
}

/// 501 for a body in a transfer coding other than `chunked` (RFC 9112 §6.1), which nobody would undo. What else makes a
/// request's end doubtful, hyper refuses, or follows `chunked` and closes the connection (§6.3).
async fn only_chunked(request: Request, next: Next) -> Response {
    let mut codings = request
        .headers()
        .get_all(header::TRANSFER_ENCODING)
        .into_iter();
    let is_plain = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        // Chunked twice, in two lines or in one.
        (Some(_), Some(_)) => false,
    };
    if !is_plain {
        let error = Error::new(
            Code::BadUserInput,
            "Bodies are sent as they are, or chunked once; no other transfer coding is understood.",
        );
        let close = [(header::CONNECTION, HeaderValue::from_static("close"))];
        let refusal = problem::with_status(StatusCode::NOT_IMPLEMENTED, error);
        return (close, refusal).into_response();
    }
    next.run(request).await
}

/// What a route with `methods` is inside of as well, if its callers sign in. Pages of allowed origins may use `headers`.
pub fn signed_in<S: Clone + Send + Sync + 'static>(
    app: &SharedApp,
    profile: Profile,
    methods: &[Method],
    headers: PageHeaders,
    router: Router<S>,
) -> Router<S> {
    let router = router
        .layer(sessions(app))
        .layer(csrf(&app.config, profile));
    // Around whatever may refuse: the rest of a refused body is read before the connection closes.
    with_body(app, router).layer(cors(&app.config, methods, headers))
}

/// What a route is inside of that reads a body.
pub fn with_body<S: Clone + Send + Sync + 'static>(
    app: &SharedApp,
    router: Router<S>,
) -> Router<S> {
    let app = SharedApp::clone(app);
    router.layer(middleware::from_fn_with_state(app, body_pace::enforce))
}

fn sessions(app: &SharedApp) -> SessionManagerLayer<Store> {
    let https = app.config.is_https();
    let idle = i64::try_from(app.config.accounts.session_idle.as_secs()).unwrap_or(i64::MAX);
    SessionManagerLayer::new(Store::new(app))
        // A browser takes a `__Host-` cookie from the site itself only (RFC 6265bis §4.1.3.2).
        .with_name(if https {
            "__Host-cloakroom"
        } else {
            "cloakroom"
        })
        .with_secure(https)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(time::Duration::seconds(idle)))
}

/// Refuses what a page of another site makes a browser send. Programs send neither header and pass.
fn csrf(
    config: &Config,
    profile: Profile,
) -> CsrfLayer<impl Fn(ProtectionError) -> Response + Clone + use<>> {
    let trusted = config
        .server
        .allowed_origins
        .iter()
        .chain([&config.server.public_url]);
    trusted
        .fold(CsrfLayer::new(), |layer, origin| {
            layer.clone().add_trusted_origin(origin).unwrap_or(layer)
        })
        .with_rejection_response(move |_error| {
            profile.refuse(Error::new(
                Code::CsrfRefused,
                "This request came from a page of another site; the operator can allow it by ALLOWED_ORIGINS.",
            ))
        })
}

fn cors(config: &Config, methods: &[Method], headers: PageHeaders) -> CorsLayer {
    let origins = config
        .server
        .allowed_origins
        .iter()
        .filter_map(|origin| HeaderValue::try_from(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods(methods.to_vec())
        .allow_headers(headers.sent)
        .expose_headers(headers.read)
        .max_age(PREFLIGHT_AGE)
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Error::internal(format!("panic: {message}")).into_response()
}

/// The span of a request. It names the route and never the path: a path can hold a ticket, and a query a password.
fn span(request: &Request) -> Span {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str);
    tracing::info_span!(
        "request",
        method = %request.method(),
        route,
        request_id = header_text(request.headers().get(request_id::X_REQUEST_ID)),
    )
}

fn log(response: &Response, latency: Duration, _span: &Span) {
    let milliseconds = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        status = response.status().as_u16(),
        milliseconds,
        "answered"
    );
}

fn header_text(value: Option<&HeaderValue>) -> &str {
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::{http::StatusCode, routing::get};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn panics() -> &'static str {
        panic!("something secret")
    }

    #[tokio::test]
    async fn a_panic_becomes_internal_and_keeps_its_words_to_itself() {
        let router = Router::new()
            .route("/", get(panics))
            .layer(CatchPanicLayer::custom(panicked));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("\"code\":\"INTERNAL\""), "{body}");
        assert!(!body.contains("secret"), "{body}");
    }
}
