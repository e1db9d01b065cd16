//! Tells every handler where its request comes from.

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};

use crate::{
    app::SharedApp,
    auth::client::{ClientAddress, Peer},
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Adds a [`ClientAddress`], from the [`Peer`] that the server noted and what trusted proxies say.
pub async fn determine(State(app): State<SharedApp>, mut request: Request, next: Next) -> Response {
    let forwarded = request.headers().get_all(X_FORWARDED_FOR).into_iter();
    let forwarded: Vec<&str> = forwarded.map(text).collect();
    let address = match request.extensions().get::<Peer>() {
        Some(peer) => ClientAddress::behind(*peer, &forwarded, &app.config.server.trusted_proxies),
        None => ClientAddress::default(),
    };
    request.extensions_mut().insert(address);
    next.run(request).await
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}
