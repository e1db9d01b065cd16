//! GraphiQL, the page on which a person tries the API: bundled by `web/`, and embedded in the binary.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_embed::{Embed, EmbeddedFile};

/// What `npm run build` wrote before this binary was compiled; empty when it did not run, so that Node stays optional.
#[derive(Embed)]
#[folder = "web/dist"]
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

/// The page itself; or, from a binary without the bundle, a page that says how to build it.
pub async fn page() -> Response {
    // The same address answers programs with JSON.
    let vary = [(header::VARY, "accept")];
    match Bundle::get("index.html") {
        Some(file) => (vary, whole("index.html", file)).into_response(),
        None => (
            vary,
            common_headers(),
            content_type("index.html"),
            NOT_BUILT,
        )
            .into_response(),
    }
}

/// A file of the bundle, by its path below `/graphiql/`.
pub async fn asset(Path(path): Path<String>, request: HeaderMap) -> Response {
    let Some(file) = Bundle::get(&path) else {
        return (StatusCode::NOT_FOUND, common_headers()).into_response();
    };
    if is_known(&request, &entity_tag(&file)) {
        return (StatusCode::NOT_MODIFIED, common_headers(), validator(&file)).into_response();
    }
    whole(&path, file)
}

fn whole(path: &str, file: EmbeddedFile) -> Response {
    (
        common_headers(),
        validator(&file),
        content_type(path),
        Body::from(file.data),
    )
        .into_response()
}

/// On every answer, since any file of the bundle can be opened as a page of its own.
fn common_headers() -> [(HeaderName, &'static str); 4] {
    [
        // The names stay the same from build to build, so a browser has to ask; the entity tag keeps the answer small.
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
}

fn content_type(path: &str) -> [(HeaderName, String); 1] {
    let guess = mime_guess::from_path(path).first_or_octet_stream();
    let charset = if guess.type_() == "text" {
        "; charset=utf-8"
    } else {
        ""
    };
    [(header::CONTENT_TYPE, format!("{guess}{charset}"))]
}

fn validator(file: &EmbeddedFile) -> [(HeaderName, String); 1] {
    [(header::ETAG, entity_tag(file))]
}

fn entity_tag(file: &EmbeddedFile) -> String {
    format!(
        "\"{}\"",
        URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash())
    )
}

/// Whether the client already has what `entity_tag` names.
fn is_known(request: &HeaderMap, entity_tag: &str) -> bool {
    let conditions = request.get_all(header::IF_NONE_MATCH);
    conditions
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|list| lists(list, entity_tag))
}

/// `If-None-Match` compares weakly (RFC 9110 §13.1.2): a proxy that compresses marks the tag as weak.
fn lists(list: &str, entity_tag: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == entity_tag)
}

#[cfg(test)]
mod tests {
    use super::lists;

    #[test]
    fn a_known_tag_is_found_strong_weak_and_among_others() {
        for list in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "\"b\",W/\"a\" ", "*"] {
            assert!(lists(list, "\"a\""), "{list}");
        }
        for list in ["", "a", "\"b\"", "\"ab\"", "w/\"a\""] {
            assert!(!lists(list, "\"a\""), "{list}");
        }
    }
}
