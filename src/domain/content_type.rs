//! The content type of a file: told by its first bytes and its name, never by the client's word.

/// How many of the first bytes [`detect`] wants to see.
pub const SNIFF_BYTES: usize = 4096;

const OCTET_STREAM: &str = "application/octet-stream";
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// What a browser may show in place. All else is an attachment, whatever was asked: html, svg, xml, pdf and scripts
/// could act in the name of the site.
const INLINE: &[&str] = &[
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "audio/mpeg",
    "audio/ogg",
    "video/ogg",
    "application/ogg",
    PLAIN_TEXT,
];

/// The type of a file that begins with `head` and is called `name`.
///
/// Magic bytes decide. The name only chooses among types that have none: text formats for text, anything that is not
/// shown in place for other bytes.
pub fn detect(head: &[u8], name: &str) -> String {
    if let Some(known) = infer::get(head) {
        return known.mime_type().to_owned();
    }
    let by_name = mime_guess::from_path(name).first_raw();
    if is_text(head) {
        return match by_name {
            Some("text/plain") | None => PLAIN_TEXT.to_owned(),
            Some(text) if text.starts_with("text/") => format!("{text}; charset=utf-8"),
            Some(other) if is_textual(other) => other.to_owned(),
            Some(_) => PLAIN_TEXT.to_owned(),
        };
    }
    match by_name {
        Some(other) if other.starts_with("application/") && other != "application/ogg" => {
            other.to_owned()
        }
        _ => OCTET_STREAM.to_owned(),
    }
}

/// Whether a browser may show this type in place.
pub fn may_be_inline(content_type: &str) -> bool {
    INLINE.contains(&content_type)
}

/// UTF-8 without control characters that text has no use for; a character cut at the end does not count.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && head.len() >= SNIFF_BYTES => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.contains(|c: char| c.is_control() && !"\t\n\r\u{c}\u{1b}".contains(c))
}

fn is_textual(content_type: &str) -> bool {
    [
        "application/json",
        "application/xml",
        "application/javascript",
        "application/toml",
        "application/x-sh",
        "image/svg+xml",
    ]
    .contains(&content_type)
        || content_type.ends_with("+xml")
        || content_type.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_decide_and_names_only_refine() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        for (head, name, expected) in [
            (&png[..], "page.html", "image/png"),
            (b"hello", "notes.txt", PLAIN_TEXT),
            (b"hello", "photo.png", PLAIN_TEXT),
            (b"a,b\n", "table.csv", "text/csv; charset=utf-8"),
            (b"\x00\x01\x02", "photo.png", OCTET_STREAM),
            (b"\x00\x01\x02", "movie.mp4", OCTET_STREAM),
            (b"", "empty", PLAIN_TEXT),
        ] {
            assert_eq!(detect(head, name), expected, "{name}");
        }
    }

    #[test]
    fn what_can_run_script_is_never_inline() {
        for (head, name) in [
            (&b"<html><script>alert(1)</script>"[..], "x.txt"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "x.svg"),
            (b"<?xml version='1.0'?><a/>", "x.xml"),
            (b"%PDF-1.7", "x.pdf"),
            (b"alert(1)", "x.js"),
            (b"alert(1)", "x.html"),
        ] {
            let detected = detect(head, name);
            assert!(!may_be_inline(&detected), "{name} is {detected}");
        }
    }
}
