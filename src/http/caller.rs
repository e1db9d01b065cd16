//! Tells a handler who sends its request: by API token or drop where one is sent, else by session.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use tower_sessions::Session;

use super::{Context, headers::one};
use crate::{
    auth::{self, Actor, Caller, client::ClientAddress},
    config::Secret,
    domain::drops,
    error::{Error, Result},
};

/// For routes whose [profile](super::Profile) has sessions. A handler that refuses in a form of its own takes the request's
/// parts and calls this itself.
impl FromRequestParts<Context> for Caller {
    type Rejection = Error;

    /// A token or drop that is sent has to be good, whatever the session.
    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self> {
        let app = &context.app;
        let session = part::<Session>(parts)?;
        let client = part::<ClientAddress>(parts)?;
        let actor = match authorization(&parts.headers)? {
            Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => {
                auth::api_token::actor(app, secret).await?
            }
            Some((scheme, secret)) if scheme.eq_ignore_ascii_case("drop") => {
                let (token, password) = token_and_password(secret);
                Actor::Drop(drops::enter(app, &client, token, password).await?)
            }
            _ => auth::session::actor(app, &session).await?,
        };
        Ok(Self {
            actor,
            session,
            client,
            user_agent: user_agent(&parts.headers),
        })
    }
}

/// The longest name of a program that is kept: browsers' have about 120 characters.
const USER_AGENT_MAX: usize = 255;

/// `User-Agent` (RFC 9110 §10.1.5), cut to a length.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    let name = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(name.chars().take(USER_AGENT_MAX).collect())
}

/// What a layer around the route has added to the request.
fn part<T: Clone + Send + Sync + 'static>(parts: &Parts) -> Result<T> {
    let part = parts.extensions.get::<T>().cloned();
    part.ok_or_else(|| Error::internal("a layer around this route is missing"))
}

/// The scheme and what follows it of `Authorization: Bearer …` (RFC 6750 §2.1) or `Drop …`. Other schemes are no credentials
/// here.
fn authorization(headers: &HeaderMap) -> Result<Option<(&str, &str)>> {
    let authorization = one(headers, &header::AUTHORIZATION)?;
    let authorization = authorization.and_then(|value| value.to_str().ok());
    Ok(authorization.map(|value| {
        let (scheme, secret) = value.split_once(' ').unwrap_or((value, ""));
        (scheme, secret.trim())
    }))
}

/// A drop's token, and its password where one follows after a colon: in base64url (RFC 4648 §5) without padding.
fn token_and_password(secret: &str) -> (&str, Option<Secret>) {
    let Some((token, encoded)) = secret.split_once(':') else {
        return (secret, None);
    };
    let password = BASE64_URL_SAFE_NO_PAD.decode(encoded).ok();
    let password = password.and_then(|password| String::from_utf8(password).ok());
    (token, password.map(Secret::from))
}
