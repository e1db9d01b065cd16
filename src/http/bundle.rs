//! Files of a page that `web/` bundled and the binary embeds: their media type, their entity tag, and the form that a browser
//! takes them in.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rust_embed::{Embed, EmbeddedFile};

/// The forms in which a bundle may hold a file beside the file itself, the smallest first: content coding and suffix.
const CODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// The file at `path` of the bundle `B` with these `headers`, or that the browser has it; `None` when there is no such file.
pub fn answer<B: Embed>(
    path: &str,
    request: &HeaderMap,
    headers: &[(HeaderName, &'static str)],
) -> Option<Response> {
    let plain = B::get(path)?;
    let coded = CODINGS.iter().find_map(|(coding, suffix)| {
        let file = B::get(&format!("{path}{suffix}"))?;
        accepts(request, coding).then_some((*coding, file))
    });
    let is_coded_somewhere = B::get(&format!("{path}{}", CODINGS[0].1)).is_some();
    let (coding, file) = match coded {
        Some((coding, file)) => (Some(coding), file),
        None => (None, plain),
    };
    let tag = entity_tag(&file);
    let mut response = if is_known(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let content_type = [(header::CONTENT_TYPE, content_type(path))];
        (content_type, Body::from(file.data)).into_response()
    };
    let answered = response.headers_mut();
    for (name, value) in headers {
        answered.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::try_from(tag) {
        answered.insert(header::ETAG, tag);
    }
    if is_coded_somewhere {
        answered.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Some(coding) = coding.filter(|_| response.status() == StatusCode::OK) {
        let coding = HeaderValue::from_static(coding);
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, coding);
    }
    Some(response)
}

fn content_type(path: &str) -> String {
    let guess = mime_guess::from_path(path).first_or_octet_stream();
    let charset = if guess.type_() == "text" {
        "; charset=utf-8"
    } else {
        ""
    };
    format!("{guess}{charset}")
}

fn entity_tag(file: &EmbeddedFile) -> String {
    format!(
        "\"{}\"",
        URL_SAFE_NO_PAD.encode(file.metadata.sha256_hash())
    )
}

/// Whether the browser takes a content coding that it names (RFC 9110 §12.5.3).
fn accepts(request: &HeaderMap, coding: &str) -> bool {
    let lists = request.get_all(header::ACCEPT_ENCODING).into_iter();
    let mut items = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','));
    items.any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let weight = weight.trim().strip_prefix("q=");
        let is_refused = weight.is_some_and(|weight| weight.parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case(coding) && !is_refused
    })
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
    use super::*;

    #[test]
    fn a_known_tag_is_found_strong_weak_and_among_others() {
        for list in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "\"b\",W/\"a\" ", "*"] {
            assert!(lists(list, "\"a\""), "{list}");
        }
        for list in ["", "a", "\"b\"", "\"ab\"", "w/\"a\""] {
            assert!(!lists(list, "\"a\""), "{list}");
        }
    }

    #[test]
    fn a_coding_is_taken_where_it_is_named_and_not_refused() {
        for (list, is_taken) in [
            ("gzip, deflate, br", true),
            ("br", true),
            ("gzip, BR;q=0.5", true),
            ("gzip, br;q=0", false),
            ("gzip", false),
            ("brotli", false),
            ("", false),
        ] {
            let value = HeaderValue::try_from(list).unwrap();
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);
            assert_eq!(accepts(&headers, "br"), is_taken, "{list}");
        }
    }
}
