//! Tells a handler who sends its request: by API token where one is sent, else by session.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use tower_sessions::Session;

use super::Context;
use crate::{
    auth::{self, Caller, client::ClientAddress},
    error::{Error, Result},
};

/// For routes whose [profile](super::Profile) has sessions. A handler that refuses in a form of its own takes the request's
/// parts and calls this itself.
impl FromRequestParts<Context> for Caller {
    type Rejection = Error;

    /// A token that is sent has to be good, whatever the session.
    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self> {
        let app = &context.app;
        let session = part::<Session>(parts)?;
        let actor = match bearer(&parts.headers) {
            Some(secret) => auth::api_token::actor(app, secret).await?,
            None => auth::session::actor(app, &session).await?,
        };
        Ok(Self {
            actor,
            session,
            client: part::<ClientAddress>(parts)?,
        })
    }
}

/// What a layer around the route has added to the request.
fn part<T: Clone + Send + Sync + 'static>(parts: &Parts) -> Result<T> {
    let part = parts.extensions.get::<T>().cloned();
    part.ok_or_else(|| Error::internal("a layer around this route is missing"))
}

/// The secret of `Authorization: Bearer …` (RFC 6750 §2.1). Other schemes are no credentials here.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let authorization = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = authorization.split_once(' ').unwrap_or((authorization, ""));
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(secret.trim())
}
