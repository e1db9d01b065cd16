//! Tells every handler where its request comes from.

use axum::{extract::Request, http::HeaderName};

use crate::{
    app::App,
    auth::client::{ClientAddress, Peer},
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Adds a [`ClientAddress`], from the [`Peer`] that the server noted and what trusted proxies say.
pub fn determine(app: &App, request: &mut Request) {
    let forwarded = request.headers().get_all(X_FORWARDED_FOR).into_iter();
    // What is not ASCII stands for no address, and hides no other.
    let forwarded = forwarded.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let forwarded: Vec<_> = forwarded.collect();
    let address = match request.extensions().get::<Peer>() {
        Some(peer) => ClientAddress::behind(*peer, &forwarded, &app.config.server.trusted_proxies),
        None => ClientAddress::default(),
    };
    request.extensions_mut().insert(address);
}
