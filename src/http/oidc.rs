//! `/auth/oidc` and `/auth/oidc/callback`: browsers on their way to the provider of sign-ins, and back.

use axum::{
    Extension,
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    Context, cookies, negotiation,
    plain_pages::{self, SECRET_ADDRESS, Text},
    problem,
};
use crate::{
    app::App,
    auth::{Caller, session::NewSession},
    domain::accounts::{self, Answer},
    error::{Error, Result},
};

mod words;

pub use crate::auth::oidc::CALLBACK;

/// What the browser keeps while it is at the provider. The longer name is taken from the site itself only, by TLS (RFC 6265bis
/// §4.1.3.2).
const COOKIE: &str = "cloakroom-sign-in";
const COOKIE_BY_TLS: &str = "__Host-cloakroom-sign-in";

/// The cookies that a request has of an attempt, of either name.
#[derive(Clone, Default)]
pub struct Kept(Vec<(&'static str, String)>);

/// `GET /auth/oidc`: to the provider, which is to make the person sign in again where the query has `anew`. Another site cannot ask
/// for that: with a provider that does not heed it, each such sign-in would be a wrong try of the person's.
pub async fn begin(State(Context { app, .. }): State<Context>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let [return_to, anew] = ["return", "anew"].map(|name| parameter(query, name));
    let is_anew = anew.is_some() && !negotiation::is_of_another_site(request.headers());
    let begun = async {
        let return_to = return_to.as_deref().unwrap_or("/");
        let (attempt, address) = accounts::begin(&app, is_anew, return_to).await?;
        let seconds = app.config.oidc.oidc_attempt_ttl.as_secs();
        let kept = set_cookie(&app, &attempt.cookie(), seconds)?;
        redirect(&address, Some(kept))
    };
    begun
        .await
        .unwrap_or_else(|error| refusal(request.headers(), error))
}

/// `GET /auth/oidc/callback`: from the provider.
pub async fn come_back(
    State(context): State<Context>,
    Extension(kept): Extension<Kept>,
    request: Request,
) -> Response {
    let (mut parts, _body) = request.into_parts();
    let app = &context.app;
    let signed_in = signed_in(&context, kept, &mut parts).await;
    let answer = signed_in.and_then(|return_to| redirect(&return_to, None));
    let mut answer = answer.unwrap_or_else(|error| refusal(&parts.headers, error));
    // Whatever came of it, this attempt is over.
    if let Ok(forget) = set_cookie(app, "", 0) {
        answer.headers_mut().append(header::SET_COOKIE, forget);
    }
    answer
}

async fn signed_in(context: &Context, kept: Kept, parts: &mut Parts) -> Result<String> {
    let app = &context.app;
    let caller = Caller::from_request_parts(parts, context).await?;
    let session = NewSession::in_place_of(app, &caller).await?;
    let query = parts.uri.query().unwrap_or_default();
    let [state, code, error, issuer] =
        ["state", "code", "error", "iss"].map(|name| parameter(query, name));
    let name = cookie_name(app);
    let kept = kept.0.iter().find(|(key, _)| *key == name);
    let answer = Answer {
        cookie: kept.map(|(_, value)| value.as_str()),
        state: state.as_deref(),
        code: code.as_deref(),
        error: error.as_deref(),
        issuer: issuer.as_deref(),
    };
    let (_, return_to) = accounts::come_back(app, &caller.client, session, answer).await?;
    Ok(return_to)
}

/// Keeps the cookies of an attempt for the handler, which the layer of sessions takes away.
pub async fn find_attempt(mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let kept = [COOKIE_BY_TLS, COOKIE].into_iter().filter_map(|name| {
        let value = cookies::values(headers, name).next()?;
        Some((name, value.to_owned()))
    });
    let kept = Kept(kept.collect());
    request.extensions_mut().insert(kept);
    next.run(request).await
}

fn cookie_name(app: &App) -> &'static str {
    match app.config.is_https() {
        true => COOKIE_BY_TLS,
        false => COOKIE,
    }
}

/// Lax, since the browser comes back from another site.
fn set_cookie(app: &App, value: &str, seconds: u64) -> Result<HeaderValue> {
    let name = cookie_name(app);
    let secure = match app.config.is_https() {
        true => "; Secure",
        false => "",
    };
    let cookie =
        format!("{name}={value}; HttpOnly; SameSite=Lax{secure}; Path=/; Max-Age={seconds}");
    HeaderValue::try_from(cookie).map_err(Error::internal)
}

/// The first value of a parameter.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let found = parameters.find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

fn redirect(address: &str, cookie: Option<HeaderValue>) -> Result<Response> {
    let address = HeaderValue::try_from(address).map_err(Error::internal)?;
    let redirect = (StatusCode::SEE_OTHER, [(header::LOCATION, address)]);
    let mut answer = (SECRET_ADDRESS, redirect).into_response();
    let cookies: Option<(HeaderName, HeaderValue)> = cookie.map(|it| (header::SET_COOKIE, it));
    answer.headers_mut().extend(cookies);
    Ok(answer)
}

/// A page in the person's language, or a program's form.
fn refusal(headers: &HeaderMap, error: Error) -> Response {
    if !negotiation::wants_page(headers) {
        return (SECRET_ADDRESS, error.into_response()).into_response();
    }
    error.log();
    let language = negotiation::language(headers, &words::LANGUAGES);
    let said = words::of(language, &error);
    let body = format!(
        "<p>{}\n<p><a href=\"/\">{}</a>\n",
        Text(&said.text),
        Text(said.back)
    );
    let mut page = plain_pages::page_in(language, error.code.status(), said.title, &body);
    if let Some(seconds) = problem::retry_after(&error) {
        let headers = page.headers_mut();
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    page
}
