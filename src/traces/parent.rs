//! What a caller says of the trace that its request belongs to: the header `traceparent` of W3C's Trace Context. Anybody can send
//! one. It names a trace and a span, and is not asked whether to trace.

use http::{HeaderMap, HeaderName};

use crate::hex;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Version, trace, span and flags, with hyphens between them. Later versions may have more behind another hyphen.
const BYTES: usize = 55;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    pub trace: [u8; 16],
    pub span: [u8; 8],
}

impl Parent {
    /// The one that `headers` name; none when they name it otherwise than once, or not in its form.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Self::read(value.to_str().ok()?),
            _ => None,
        }
    }

    fn read(text: &str) -> Option<Self> {
        let (head, rest) = text.split_at_checked(BYTES)?;
        let mut parts = head.split('-');
        let mut next = || parts.next();
        let (version, trace, span, flags) = (next()?, next()?, next()?, next()?);
        let is_whole = match version {
            "00" => rest.is_empty(),
            "ff" => false,
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        let is_written_so = is_whole && !head.bytes().any(|byte| byte.is_ascii_uppercase());
        let [[_version], [_flags]] = [hex::decode(version)?, hex::decode(flags)?];
        let parent = Self {
            trace: hex::decode(trace)?,
            span: hex::decode(span)?,
        };
        let is_named = parent.trace != [0; 16] && parent.span != [0; 8];
        (is_written_so && is_named).then_some(parent)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn read(text: &str) -> bool {
        let parent = Parent::read(text);
        parent.is_some_and(|it| it.trace[0] == 0x4b && it.span[7] == 0xb7)
    }

    #[test]
    fn a_parent_is_read_by_its_form_alone() {
        for flags in ["00", "01", "ff"] {
            assert!(read(&format!("00-{TRACE}-{SPAN}-{flags}")), "{flags}");
        }
        assert!(read(&format!(
            "cc-{TRACE}-{SPAN}-01-what-the-future-brings"
        )));
        let none = [
            String::new(),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-0"),
            format!("00-{TRACE}-{SPAN}-0x"),
            format!("00-{TRACE}-{SPAN} 01"),
            format!("cc-{TRACE}-{SPAN}-01more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", "é".repeat(16)),
            "-".repeat(BYTES),
        ];
        for text in none {
            assert_eq!(Parent::read(&text), None, "{text}");
        }
    }

    #[test]
    fn two_parents_are_none() {
        let value = HeaderValue::try_from(format!("00-{TRACE}-{SPAN}-01")).unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(Parent::of(&headers), None);
        headers.append(TRACEPARENT, value.clone());
        assert!(Parent::of(&headers).is_some());
        headers.append(TRACEPARENT, value);
        assert_eq!(Parent::of(&headers), None);
    }
}
