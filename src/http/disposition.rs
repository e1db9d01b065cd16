//! Content-Disposition both ways: what a browser does with a download (RFC 6266), and what an uploaded part calls its
//! file (RFC 7578 §4.2).

use std::fmt::Write;

use axum::http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_DISPOSITION, USER_AGENT},
};

use crate::domain::{content_type, tickets::Disposition};

/// The header for a file called `name`: an ASCII `filename` for old clients, and the whole name in `filename*`
/// (RFC 8187). Inline only where the type cannot act in the name of the site.
pub fn header(disposition: Disposition, name: &str, content_type: &str) -> HeaderValue {
    let kind = match is_inline(disposition, content_type) {
        true => "inline",
        false => "attachment",
    };
    let ascii: String = name
        .chars()
        .map(|c| if is_quotable(c) { c } else { '_' })
        .collect();
    let mut value = format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''");
    for byte in name.bytes() {
        match is_attr_char(byte) {
            true => value.push(char::from(byte)),
            false => _ = write!(value, "%{byte:02X}"),
        }
    }
    HeaderValue::try_from(value).expect("the value is printable ASCII")
}

/// Whether a file of this type is shown in place, when that is asked.
pub fn is_inline(disposition: Disposition, content_type: &str) -> bool {
    matches!(disposition, Disposition::Inline) && content_type::may_be_inline(content_type)
}

/// Printable ASCII that needs no escape in a quoted string; percent signs confuse some clients (RFC 6266 appendix D).
fn is_quotable(c: char) -> bool {
    (' '..='~').contains(&c) && !"\"\\%".contains(c)
}

/// RFC 8187 §3.2.1.
fn is_attr_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte)
}

/// How a client writes the names of files into the parts that it uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As they are, but for quotes and line breaks (the form standard of the WHATWG).
    Literal,
    /// Perhaps percent-encoded as a whole, as React Native, Expo and aiohttp do.
    Unknown,
}

/// What browsers, curl and the run times of JavaScript that keep to the form standard begin their `User-Agent` with.
const LITERAL: [&str; 6] = ["Mozilla/", "curl/", "node", "undici", "Deno/", "Bun/"];

impl Spelling {
    /// The spelling of the client that sent a request with these `headers`.
    pub fn of(headers: &HeaderMap) -> Self {
        let agent = headers
            .get(USER_AGENT)
            .map_or(&b""[..], HeaderValue::as_bytes);
        let known = LITERAL
            .iter()
            .any(|literal| agent.starts_with(literal.as_bytes()));
        match known {
            true => Self::Literal,
            false => Self::Unknown,
        }
    }
}

/// The name that an uploaded part gives its file, as clients write it; empty when there is none.
///
/// `filename*` (RFC 8187) wins. Where the client's spelling is not known, a name of nothing but escapes and the characters
/// that `encodeURIComponent` leaves as they are is taken to be percent-encoded.
pub fn file_name(part: &HeaderMap, spelling: Spelling) -> String {
    let Some(value) = part.get(CONTENT_DISPOSITION) else {
        return String::new();
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let parameters = parameters(&text);
    let find = |wanted: &str| {
        parameters
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
    };
    if let Some(name) = find("filename*").and_then(|value| extended(value)) {
        return name;
    }
    let name = find("filename").cloned().unwrap_or_default();
    let may_be_encoded = spelling == Spelling::Unknown
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~!*'()%".contains(&byte));
    match percent_decoded(&name) {
        Some(decoded) if may_be_encoded => decoded,
        _ => name
            .replace("%22", "\"")
            .replace("%0D", "\r")
            .replace("%0A", "\n"),
    }
}

/// `UTF-8''na%C3%AFve` as text.
fn extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    charset
        .eq_ignore_ascii_case("utf-8")
        .then(|| percent_decoded(encoded))?
}

/// `None` when an escape is broken or the bytes are not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2)?;
        let [byte] = crate::hex::decode(std::str::from_utf8(digits).ok()?)?;
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

/// The parameters of a header value, unquoted. A backslash escapes a quote or itself; elsewhere it is part of the name,
/// as in the paths that old browsers send.
pub fn parameters(value: &str) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    let mut characters = value.chars().peekable();
    while characters.by_ref().any(|c| c == ';') {
        let name: String =
            std::iter::from_fn(|| characters.next_if(|c| !"=;".contains(*c))).collect();
        if characters.next_if_eq(&'=').is_none() {
            continue;
        }
        let mut text = String::new();
        if characters.next_if_eq(&'"').is_none() {
            text.extend(std::iter::from_fn(|| characters.next_if(|c| *c != ';')));
        } else {
            while let Some(c) = characters.next() {
                match (c, characters.peek()) {
                    ('"', _) => break,
                    ('\\', Some('"' | '\\')) => text.extend(characters.next()),
                    _ => text.push(c),
                }
            }
        }
        parameters.push((name.trim().to_owned(), text.trim().to_owned()));
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_whole_and_dangerous_types_never_inline() {
        let named = |name| header(Disposition::Inline, name, "image/png");
        assert_eq!(
            named("a b.png"),
            "inline; filename=\"a b.png\"; filename*=UTF-8''a%20b.png"
        );
        assert_eq!(
            named("é\"%.png"),
            "inline; filename=\"___.png\"; filename*=UTF-8''%C3%A9%22%25.png"
        );
        let html = header(Disposition::Inline, "x.html", "text/html; charset=utf-8");
        assert!(html.to_str().unwrap().starts_with("attachment;"));
    }

    #[test]
    fn every_client_s_way_to_write_a_name_is_read() {
        for (sent, expected) in [
            (
                "form-data; name=\"1\"; filename=\"naïve 名.txt\"",
                "naïve 名.txt",
            ),
            (
                "form-data; name=\"0\"; filename=\"na%C3%AFve%20%E5%90%8D.txt\"",
                "naïve 名.txt",
            ),
            (
                "form-data; name=\"0\"; filename=\"x\"; filename*=UTF-8''na%C3%AFve.txt",
                "naïve.txt",
            ),
            (
                "form-data; name=\"0\"; filename=\"a \\\"b\\\" c.txt\"",
                "a \"b\" c.txt",
            ),
            (
                "form-data; name=\"0\"; filename=\"a %22b%22 c;d.txt\"",
                "a \"b\" c;d.txt",
            ),
            (
                "form-data; name=\"0\"; filename=\"100% sure.txt\"",
                "100% sure.txt",
            ),
            ("form-data; name=\"0\"; filename=plain.txt", "plain.txt"),
            (
                "form-data; name=\"0\"; filename=\"C:\\dir\\x.txt\"",
                "C:\\dir\\x.txt",
            ),
            ("form-data; name=\"0\"", ""),
            ("form-data; filename=\"open", "open"),
        ] {
            let headers = HeaderMap::from_iter([(
                CONTENT_DISPOSITION,
                HeaderValue::from_bytes(sent.as_bytes()).unwrap(),
            )]);
            let name = file_name(&headers, Spelling::Unknown);
            assert_eq!(name, expected, "{sent}");
        }
    }
}
