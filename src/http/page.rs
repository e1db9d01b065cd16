//! The page for people, at `/` and below `/app/`: bundled by `web/app/`, and embedded in the binary.

use std::{collections::BTreeMap, sync::LazyLock};

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use rust_embed::Embed;
use serde::Deserialize;

use super::{Context, bundle, problem};
use crate::config::Page;

/// What `npm run build` wrote before this binary was compiled; empty when it did not run, so that Node stays optional.
#[derive(Embed)]
#[folder = "web/dist/app"]
#[allow_missing = true]
struct Bundle;

/// The bundle's own files and the API behind them: nothing inline, nothing from elsewhere, and no text that becomes a script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
                      font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// Names with a hash in them: what they name never changes.
const IMMUTABLE: &str = "assets/";

const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Cloakroom</title>
<h1>Cloakroom</h1>
<p>The API is at <code>/graphql</code>. The page for people was not built into this binary.
<p>To have it, run <code>npm ci &amp;&amp; npm run build</code> in <code>web/</code>, and then build Cloakroom again.
</html>
";

/// `GET /`: the page, at its first view.
pub async fn files(State(context): State<Context>, request: HeaderMap) -> Response {
    match context.app.config.server.page {
        Page::On => page(&request),
        Page::Off => problem::no_such_route().await,
    }
}

/// `GET /app/…`: a file of the bundle, or another view of the page.
pub async fn part(
    State(context): State<Context>,
    path: Result<Path<String>, PathRejection>,
    request: HeaderMap,
) -> Response {
    let Ok(Path(path)) = path else {
        return problem::no_such_route().await;
    };
    // Also where there is no page: the pages of links and drops need some of them.
    if path.starts_with(IMMUTABLE) {
        let headers = headers("public, max-age=31536000, immutable");
        let file = bundle::answer::<Bundle>(&path, &request, &headers);
        return file
            .unwrap_or_else(|| (StatusCode::NOT_FOUND, self::headers("no-cache")).into_response());
    }
    if context.app.config.server.page == Page::Off {
        return problem::no_such_route().await;
    }
    bundle::answer::<Bundle>(&path, &request, &headers("no-cache"))
        .unwrap_or_else(|| page(&request))
}

/// The address of what `web/app/` made of one of its sources; `None` where it was not built into this binary.
pub fn made_of(source: &str) -> Option<&'static str> {
    MADE.get(source).map(String::as_str)
}

/// By source, the addresses of what the bundler made of it, as its manifest says.
static MADE: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let manifest = Bundle::get("manifest.json");
    let manifest = manifest.and_then(|file| serde_json::from_slice(&file.data).ok());
    let manifest: BTreeMap<String, Made> = manifest.unwrap_or_default();
    let made = manifest.into_iter();
    made.map(|(source, Made { file })| (source, format!("/app/{file}")))
        .collect()
});

#[derive(Deserialize)]
struct Made {
    file: String,
}

/// The page itself, which reads from its address which view it is to show; or, from a binary without the bundle, a page that
/// says how to build it.
fn page(request: &HeaderMap) -> Response {
    let headers = headers("no-cache");
    bundle::answer::<Bundle>("index.html", request, &headers)
        .unwrap_or_else(|| (headers, Html(NOT_BUILT)).into_response())
}

/// On every answer, since any file of the bundle can be opened as a page of its own.
fn headers(cache_control: &'static str) -> [(HeaderName, &'static str); 5] {
    [
        (header::CACHE_CONTROL, cache_control),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ]
}
