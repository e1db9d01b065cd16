//! GraphiQL, the page on which a person tries the API: bundled by `web/`, and embedded in the binary.

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use rust_embed::Embed;

use super::bundle;

/// What `npm run build` wrote before this binary was compiled; empty when it did not run, so that Node stays optional.
#[derive(Embed)]
#[folder = "web/dist/graphiql"]
#[allow_missing = true]
struct Bundle;

/// The bundle's own files and the API behind them, nothing inline and nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Cloakroom</title>
<h1>Cloakroom</h1>
<p>The API is here: send it a <code>POST</code> request. GraphiQL, the page to try it on, was not built into this binary.
<p>To have it, run <code>npm ci &amp;&amp; npm run build</code> in <code>web/</code>, and then build Cloakroom again.
</html>
";

/// On every answer, since any file of the bundle can be opened as a page of its own.
const HEADERS: [(HeaderName, &str); 4] = [
    // The names stay the same from build to build, so a browser has to ask; the entity tag keeps the answer small.
    (header::CACHE_CONTROL, "no-cache"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// The page itself; or, from a binary without the bundle, a page that says how to build it.
pub async fn page() -> Response {
    let page = bundle::answer::<Bundle>("index.html", &HeaderMap::new(), &HEADERS);
    let page = page.unwrap_or_else(|| (HEADERS, Html(NOT_BUILT)).into_response());
    // The same address answers programs with JSON.
    ([(header::VARY, "accept")], page).into_response()
}

/// A file of the bundle, by its path below `/graphiql/`.
pub async fn asset(Path(path): Path<String>, request: HeaderMap) -> Response {
    let file = bundle::answer::<Bundle>(&path, &request, &HEADERS);
    file.unwrap_or_else(|| (StatusCode::NOT_FOUND, HEADERS).into_response())
}
