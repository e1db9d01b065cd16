//! Plain pages for people without an account: HTML that works without scripts. What the page for people has for them, a style
//! sheet and a script for drops, is there where it was built into this binary.

use std::fmt::{self, Write};

use axum::{
    extract::{Path, rejection::PathRejection},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::page;
use crate::error::Error;

/// The page's own text and form, and our style sheet with its picture. Its form goes to its own address, and what that
/// redirects to is ours.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// The same with our script, which calls the API.
const POLICY_WITH_SCRIPT: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
                                  form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                                  require-trusted-types-for 'script'; trusted-types 'none'";

/// Sources below `web/app/`.
const STYLE: &str = "src/strangers/plain.css";
const ICON: &str = "src/style/icon.svg";

/// The page's form says from which site it comes, and never from which address. Under `no-referrer`, which the header says for
/// everything else, a browser would send `Origin: null`, as it does for a page of another site that hides what it is.
const REFERRER_POLICY_OF_FORMS: &str = "strict-origin";

/// On every answer at an address that is a secret: it is kept nowhere, told to nobody, and listed by no search engine.
pub const SECRET_ADDRESS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::VARY, "accept"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
];

/// A token as the path has it.
pub type InPath = Result<Path<String>, PathRejection>;

/// Bytes that are not UTF-8 are no token.
pub fn token(path: InPath) -> String {
    path.map_or_else(|_| String::new(), |Path(token)| token)
}

/// Text as HTML has it, in elements and in quoted attributes.
pub struct Text<'t>(pub &'t str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A page with this title, which is also its heading, and this HTML below.
pub fn page(status: StatusCode, title: &str, body: &str) -> Response {
    page_with(None, status, title, body)
}

/// The same with the script that `web/app/` makes of `source`, without which it works as well.
pub fn page_with(source: Option<&str>, status: StatusCode, title: &str, body: &str) -> Response {
    whole("en", source, status, title, body)
}

/// A page without a script, in a language (BCP 47).
pub fn page_in(language: &str, status: StatusCode, title: &str, body: &str) -> Response {
    whole(language, None, status, title, body)
}

fn whole(
    language: &str,
    source: Option<&str>,
    status: StatusCode,
    title: &str,
    body: &str,
) -> Response {
    let title = Text(title);
    let mut head = String::new();
    for (relation, source) in [("stylesheet", STYLE), ("icon", ICON)] {
        if let Some(file) = page::made_of(source) {
            head += &format!("<link rel=\"{relation}\" href=\"{file}\">\n");
        }
    }
    let script = source.and_then(page::made_of);
    if let Some(script) = script {
        head += &format!("<script type=\"module\" src=\"{script}\"></script>\n");
    }
    let html = format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"referrer\" content=\"{REFERRER_POLICY_OF_FORMS}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n{head}<title>{title}</title>\n\
         <main>\n<h1><bdi>{title}</bdi></h1>\n{body}</main>\n</html>\n"
    );
    let policy = script.map_or(POLICY, |_| POLICY_WITH_SCRIPT);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    (status, headers, SECRET_ADDRESS, html).into_response()
}

/// A refusal as a page.
pub fn refusal(error: Error) -> Response {
    error.log();
    let mut detail = format!("<p>{}\n", Text(&error.detail));
    if let Some(id) = super::request_id::current() {
        _ = writeln!(detail, "<p><small>Request {}</small>", Text(&id));
    }
    let mut page = page(error.code.status(), error.code.title(), &detail);
    if let Some(seconds) = super::problem::retry_after(&error) {
        page.headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    page
}

/// A size as people read it.
pub fn size(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let bytes = u64::try_from(bytes).unwrap_or_default();
    let Some(power) = bytes
        .checked_ilog2()
        .map(|bits| bits / 10)
        .filter(|it| *it > 0)
    else {
        return format!("{bytes} bytes");
    };
    let power = power.min(5);
    let tenths = u128::from(bytes) * 10 / (1 << (10 * power));
    let unit = UNITS[usize::try_from(power).unwrap_or(1) - 1];
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_largest_unit_that_fits() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1 << 20, "1.0 MiB"),
            ((1 << 30) - 1, "1023.9 MiB"),
            (i64::MAX, "8191.9 PiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn no_text_ends_an_element_or_an_attribute() {
        let text = Text("<b>\"it's\" & </b>").to_string();
        assert_eq!(text, "&lt;b&gt;&quot;it&#39;s&quot; &amp; &lt;/b&gt;");
    }
}
