//! Which of the media types of GraphQL over HTTP a client wants back (RFC 9110 §12.5.1).

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// The media types an answer can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `application/graphql-response+json`: the status tells how it went.
    GraphQlResponse,
    /// `application/json`: 200 for whatever is a GraphQL response.
    Json,
}

impl MediaType {
    pub fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphQlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }

    /// The best of what the client accepts, `None` when it accepts neither. Clients that do not care get JSON, which
    /// old ones expect.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let json = quality(headers, ["application/json", "application/*", "*/*"]);
        let of_response = ["application/graphql-response+json", "application/*", "*/*"];
        let response = quality(headers, of_response);
        let named = names(headers, "application/graphql-response+json");
        match (response > 0, json > 0) {
            (true, true) if named && response >= json => Some(Self::GraphQlResponse),
            (_, true) => Some(Self::Json),
            (true, false) => Some(Self::GraphQlResponse),
            (false, false) => None,
        }
    }

    /// The status of an answer that would have `status` where statuses tell.
    pub fn status(self, status: StatusCode) -> StatusCode {
        match self {
            Self::GraphQlResponse => status,
            Self::Json => StatusCode::OK,
        }
    }
}

/// Whether a browser asks, to show a page.
pub fn wants_page(headers: &HeaderMap) -> bool {
    let api = ["application/json", "application/graphql-response+json"];
    names(headers, "text/html") && !api.iter().any(|media_type| names(headers, media_type))
}

/// The one of `languages` that a person wants most (RFC 9110 §12.5.4), or else the first.
pub fn language<'l>(headers: &HeaderMap, languages: &[&'l str]) -> &'l str {
    let mut wanted = ("", 0);
    for (range, quality) in ranges(headers, &header::ACCEPT_LANGUAGE) {
        let primary = range.split('-').next().unwrap_or_default();
        let spoken = languages.iter().find(|it| primary.eq_ignore_ascii_case(it));
        if let Some(language) = spoken
            && quality > wanted.1
        {
            wanted = (language, quality);
        }
    }
    match wanted.1 {
        0 => languages.first().copied().unwrap_or_default(),
        _ => wanted.0,
    }
}

/// Whether a browser says that a page of another site made it ask.
pub fn is_of_another_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    site.is_some_and(|site| !["same-origin", "none"].iter().any(|own| site == own))
}

fn names(headers: &HeaderMap, media_type: &str) -> bool {
    ranges(headers, &header::ACCEPT)
        .any(|(range, quality)| range.eq_ignore_ascii_case(media_type) && quality > 0)
}

/// How much the client wants a type, in thousandths. Of the ranges that it is in, the most specific one that is sent counts.
fn quality(headers: &HeaderMap, specific_first: [&str; 3]) -> u16 {
    if !headers.contains_key(header::ACCEPT) {
        return 1000;
    }
    let mut counts = (specific_first.len(), 0);
    for (range, quality) in ranges(headers, &header::ACCEPT) {
        let mut names = specific_first.iter();
        match names.position(|name| range.eq_ignore_ascii_case(name)) {
            Some(place) if place < counts.0 => counts = (place, quality),
            _ => {}
        }
    }
    counts.1
}

fn ranges<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = (&'h str, u16)> + use<'h> {
    let lists = headers.get_all(name).into_iter();
    let items = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','));
    items.map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        let weight = parts
            .find_map(|part| part.strip_prefix("q="))
            .and_then(|weight| weight.parse::<f32>().ok());
        let thousandths = (weight.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 1000"
        )]
        (range, thousandths as u16)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &str) -> Option<MediaType> {
        let headers =
            HeaderMap::from_iter([(header::ACCEPT, HeaderValue::try_from(accept).unwrap())]);
        MediaType::accepted(&headers)
    }

    #[test]
    fn the_language_is_the_one_that_is_wanted_most() {
        for (wanted, expected) in [
            ("de", "de"),
            ("de-AT, en;q=0.9", "de"),
            ("en-GB, de;q=0.9", "en"),
            ("fr, de;q=0.4, en;q=0.3", "de"),
            ("fr", "en"),
            ("de;q=0", "en"),
            ("*", "en"),
        ] {
            let wanted = HeaderValue::try_from(wanted).unwrap();
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, wanted)]);
            assert_eq!(language(&headers, &["en", "de"]), expected, "{headers:?}");
        }
        assert_eq!(language(&HeaderMap::new(), &["en", "de"]), "en");
    }

    #[test]
    fn the_client_decides() {
        for (accept, expected) in [
            ("*/*", Some(MediaType::Json)),
            ("application/json", Some(MediaType::Json)),
            (
                "application/graphql-response+json",
                Some(MediaType::GraphQlResponse),
            ),
            (
                "application/graphql-response+json, application/json;q=0.9",
                Some(MediaType::GraphQlResponse),
            ),
            (
                "application/json, application/graphql-response+json;q=0.1",
                Some(MediaType::Json),
            ),
            (
                "application/graphql-response+json;q=0, */*",
                Some(MediaType::Json),
            ),
            ("text/html", None),
        ] {
            assert_eq!(accepted(accept), expected, "{accept}");
        }
        assert_eq!(
            MediaType::accepted(&HeaderMap::new()),
            Some(MediaType::Json)
        );
    }
}
