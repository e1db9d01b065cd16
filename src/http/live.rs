//! Subscriptions by WebSocket (RFC 6455), by the protocol `graphql-transport-ws`:
//! <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>
//!
//! The protocol is spoken here and not by async-graphql's own transport: documents are prepared and limited as those of
//! other requests are, each event has a budget and a look at the credential of its own, and an idle socket costs little.

use axum::{
    extract::{FromRequestParts, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use url::Url;

use super::{Context, answer};
use crate::{
    app::SharedApp,
    auth::Caller,
    error::{Code, Error},
    pace::InRequest,
};

mod messages;
mod socket;
mod sockets;
mod subscription;

pub use sockets::Sockets;

const PROTOCOL: &str = "graphql-transport-ws";
/// What a socket reads at once, and holds while it is idle.
const READ_BYTES: usize = 2 * 1024;

/// Whether a request asks for a WebSocket.
pub fn is_asked_for(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE);
    upgrade.is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Makes a WebSocket of the connection. Refuses, before that, what a page of another site makes a browser ask for.
pub async fn upgrade(context: &Context, mut parts: Parts) -> Response {
    if !is_own(&context.app, &parts.headers) {
        return answer::request_error(Error::new(
            Code::CsrfRefused,
            "This request came from a page of another site; the operator can allow it by ALLOWED_ORIGINS.",
        ));
    }
    let caller = match Caller::from_request_parts(&mut parts, context).await {
        Ok(caller) => caller,
        Err(error) => return answer::request_error(error),
    };
    let Some(place) = context.sockets.place() else {
        let full = Error::new(
            Code::Unavailable,
            "All WebSockets are taken; try again later.",
        );
        return answer::request_error(full);
    };
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return refused(rejection),
    };
    let largest = context.app.config.graphql.max_body_bytes;
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .max_message_size(largest)
        .max_frame_size(largest)
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0);
    if upgrade.selected_protocol().is_none() {
        let detail =
            "The WebSocket speaks graphql-transport-ws: name it in Sec-WebSocket-Protocol.";
        return answer::request_error(Error::new(Code::BadUserInput, detail));
    }
    // Held for as long as the socket lives: its client is waited for no more than that of a request under way.
    let in_request = parts.extensions.get::<InRequest>().cloned();
    let context = context.clone();
    upgrade.on_upgrade(move |stream| async move {
        let _held = (in_request, place);
        // In a box: what it takes while it opens is not kept while it is idle.
        Box::pin(socket::serve(context, caller, stream)).await;
    })
}

/// What is wrong with the handshake itself; 426 names the version that is spoken (RFC 6455 §4.4).
fn refused(rejection: WebSocketUpgradeRejection) -> Response {
    let is_version = matches!(
        rejection,
        WebSocketUpgradeRejection::InvalidWebSocketVersionHeader(_)
    );
    let mut refusal = answer::request_error(Error::new(
        Code::BadUserInput,
        format!("This is no WebSocket handshake: {}.", rejection.body_text()),
    ));
    if is_version {
        *refusal.status_mut() = StatusCode::UPGRADE_REQUIRED;
        let version = [("sec-websocket-version", "13")];
        return (version, refusal).into_response();
    }
    refusal
}

/// Whether the request is no page's, or one of a page of ours or of an allowed origin. Browsers send `Origin` with every
/// WebSocket's handshake (RFC 6455 §10.2), and no cross-site check of their own.
fn is_own(app: &SharedApp, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let server = &app.config.server;
    let mut allowed = server.allowed_origins.iter().chain([&server.public_url]);
    if allowed.any(|allowed| allowed == origin) {
        return true;
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let of_page = Url::parse(origin).ok();
    let of_page = of_page.filter(|page| ["http", "https"].contains(&page.scheme()));
    of_page.zip(host).is_some_and(|(page, host)| {
        let own = Url::parse(&format!("{}://{host}", page.scheme()));
        own.is_ok_and(|own| own.origin() == page.origin())
    })
}
