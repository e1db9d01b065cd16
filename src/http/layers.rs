//! The layers: request ids, metrics, the log and panics around every route; CORS, cross-site checks, body deadlines and sessions
//! around routes whose callers sign in; cross-site checks and body deadlines around forms.

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower::util::option_layer;
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowHeaders, AllowOrigin, CorsLayer},
    csrf::{CsrfLayer, ProtectionError},
    trace::TraceLayer,
};
use tower_sessions::{Expiry, SessionManagerLayer, cookie::SameSite};
use tracing::Span;

mod shared;

use shared::Shared;

use super::{
    body_pace, client_address, cookies, measured, pages, problem, profile::Profile, request_id,
};
use crate::{
    app::SharedApp,
    auth::session::Store,
    config::Config,
    error::{Code, Error},
    traces,
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What every route is inside of. The first layer is the first to see a request. They are added as one, since axum puts the future of
/// each layer that is added by itself behind a pointer.
pub fn every(app: &SharedApp, router: Router) -> Router {
    router.layer((
        Shared,
        middleware::from_fn(measured::around),
        TraceLayer::new_for_http()
            .make_span_with(span)
            .on_request(())
            .on_failure(())
            .on_response(log),
        CatchPanicLayer::custom(panicked),
        middleware::from_fn_with_state(SharedApp::clone(app), admit),
    ))
}

/// Does two things in one layer, since a layer costs more than either: notes the client's address, and refuses some bodies.
///
/// 501 is for a body in a transfer coding other than `chunked` (RFC 9112 §6.1), which nobody would undo. What else makes a
/// request's end doubtful, hyper refuses, or follows `chunked` and closes the connection (§6.3).
async fn admit(State(app): State<SharedApp>, mut request: Request, next: Next) -> Response {
    client_address::determine(&app, &mut request);
    if !is_plain(request.headers()) {
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

/// Whether a body comes as it is, or chunked once.
fn is_plain(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).into_iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        // Chunked twice, in two lines or in one.
        (Some(_), Some(_)) => false,
    }
}

/// What a route with `methods` is inside of as well, if its callers sign in. Pages of allowed origins may read `read` of
/// an answer.
pub fn signed_in<S: Clone + Send + Sync + 'static>(
    app: &SharedApp,
    profile: Profile,
    methods: &[Method],
    read: Vec<HeaderName>,
    router: Router<S>,
) -> Router<S> {
    let web_views = web_views(&app.config);
    // A layer that has nothing to do costs as much as one that has.
    let web_views =
        (!web_views.is_empty()).then(|| middleware::from_fn_with_state(web_views, admit_web_views));
    with_session(app, router).layer((
        Shared,
        cors(&app.config, methods, read),
        // Around whatever may refuse: the rest of a refused body is read before the connection closes.
        middleware::from_fn_with_state(SharedApp::clone(app), body_pace::enforce),
        option_layer(web_views),
        csrf(&app.config, profile),
    ))
}

/// What a route is inside of that knows sessions.
pub fn with_session<S: Clone + Send + Sync + 'static>(
    app: &SharedApp,
    router: Router<S>,
) -> Router<S> {
    let (store, name) = (Store::new(app), session_cookie(&app.config));
    router.layer((
        Shared,
        middleware::from_fn_with_state((store.clone(), name), cookies::keep_session),
        sessions(app, store, name),
    ))
}

/// What a route is inside of that people send a form.
pub fn with_form<S: Clone + Send + Sync + 'static>(
    app: &SharedApp,
    profile: Profile,
    router: Router<S>,
) -> Router<S> {
    router.layer((
        Shared,
        middleware::from_fn_with_state(SharedApp::clone(app), body_pace::enforce),
        csrf(&app.config, profile),
    ))
}

/// What a route with `methods` is inside of as well, if pages of allowed origins may show or fetch what it answers.
pub fn shown<S: Clone + Send + Sync + 'static>(
    app: &SharedApp,
    methods: &'static [Method],
    router: Router<S>,
) -> Router<S> {
    // Every download passes here: a layer that has nothing to do costs as much as one that has.
    if app.config.server.allowed_origins.is_empty() {
        return router;
    }
    let pages = (SharedApp::clone(app), methods);
    router.layer((Shared, middleware::from_fn_with_state(pages, pages::admit)))
}

/// A browser takes a `__Host-` cookie from the site itself only (RFC 6265bis §4.1.3.2).
fn session_cookie(config: &Config) -> &'static str {
    match config.is_https() {
        true => "__Host-cloakroom",
        false => "cloakroom",
    }
}

fn sessions(app: &SharedApp, store: Store, name: &'static str) -> SessionManagerLayer<Store> {
    let idle = i64::try_from(app.config.accounts.session_idle.as_secs()).unwrap_or(i64::MAX);
    SessionManagerLayer::new(store)
        .with_name(name)
        .with_secure(app.config.is_https())
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
        .filter(|origin| !is_of_a_web_view(origin))
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

/// The allowed origins of web views, whose schemes are their own (`capacitor:`). The cross-site check knows none of those.
fn web_views(config: &Config) -> Arc<[HeaderValue]> {
    let origins = config.server.allowed_origins.iter();
    let of_web_views = origins.filter(|origin| is_of_a_web_view(origin));
    of_web_views
        .filter_map(|origin| HeaderValue::try_from(origin).ok())
        .collect()
}

fn is_of_a_web_view(origin: &str) -> bool {
    !["http://", "https://"]
        .iter()
        .any(|site| origin.starts_with(site))
}

/// A request of an allowed web view is to the cross-site check what one of our own pages is.
async fn admit_web_views(
    State(web_views): State<Arc<[HeaderValue]>>,
    mut request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN);
    if origin.is_some_and(|origin| web_views.contains(origin)) {
        let own = HeaderValue::from_static("same-origin");
        request.headers_mut().insert(SEC_FETCH_SITE, own);
    }
    next.run(request).await
}

/// A page of an allowed origin acts for its user, so it may send any header: those of its GraphQL client, and of whatever
/// traces its requests. Which these are changes faster than a list here would.
fn cors(config: &Config, methods: &[Method], read: Vec<HeaderName>) -> CorsLayer {
    let origins = config
        .server
        .allowed_origins
        .iter()
        .filter_map(|origin| HeaderValue::try_from(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods(methods.to_vec())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(read)
        .max_age(Duration::from_secs(pages::PREFLIGHT_SECONDS))
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

fn log<B>(response: &Response<B>, latency: Duration, _span: &Span) {
    let milliseconds = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(
        status = response.status().as_u16(),
        milliseconds,
        trace_id = traces::current().map(tracing::field::display),
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
