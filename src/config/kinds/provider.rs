//! The kinds of settings that are about a provider of sign-ins, and words for people.

use std::ops::RangeInclusive;

use url::Url;

use super::{super::origin, Kind};

const LABEL_CHARS: usize = 100;

/// The issuer of an OpenID Connect provider, word for word.
pub fn issuer() -> Kind<String> {
    Kind::new("URL", |text| {
        let wrong = |what: &str| Err(vec![format!("{text:?} {what}")]);
        let text = text.trim();
        let url = match Url::parse(text) {
            Ok(url) if ["http", "https"].contains(&url.scheme()) => url,
            _ => return wrong("is not a URL such as https://id.example/realms/main"),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(vec![
                "has a user in it; the keys are CLOAKROOM_OIDC_CLIENT_ID and CLOAKROOM_OIDC_CLIENT_SECRET".to_owned(),
            ]);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return wrong("has a query or a fragment, which no issuer has");
        }
        match url.scheme() == "https" || origin::is_loopback(&url) {
            true => Ok(text.to_owned()),
            false => wrong("is not https, which a provider has to be that is not on this machine"),
        }
    })
}

/// What people read: one line, not long.
pub fn label() -> Kind<String> {
    Kind::new("TEXT", |text| {
        let text = text.trim();
        let is_short = (1..=LABEL_CHARS).contains(&text.chars().count());
        match is_short && !text.chars().any(char::is_control) {
            true => Ok(text.to_owned()),
            false => Err(vec![format!(
                "{text:?} is not one line of 1 to {LABEL_CHARS} characters"
            )]),
        }
    })
}

/// What a provider calls a client of its own.
pub fn client_id() -> Kind<String> {
    words("ID", 1..=1)
}

/// The name of a claim.
pub fn claim() -> Kind<String> {
    words("NAME", 1..=1)
}

/// Scopes, separated by spaces.
pub fn scopes() -> Kind<String> {
    words("SCOPES", 1..=50)
}

/// So many words of printable characters, with one space between them.
fn words(form: &'static str, count: RangeInclusive<usize>) -> Kind<String> {
    Kind::new(form, move |text| {
        let words: Vec<_> = text.split_ascii_whitespace().collect();
        let is_known = words
            .iter()
            .all(|word| word.bytes().all(|byte| byte.is_ascii_graphic()));
        match is_known && count.contains(&words.len()) {
            true => Ok(words.join(" ")),
            false if *count.end() == 1 => Err(vec![format!(
                "{text:?} is not one word of printable characters"
            )]),
            false => Err(vec![format!(
                "{text:?} is not words of printable characters, separated by spaces, {} at most",
                count.end()
            )]),
        }
    })
}
