//! File names: what people may call a file, and what becomes of the names that clients send along.

use super::visible::shows_nothing;
use crate::error::{Error, Result};

/// Bytes of UTF-8, as most file systems count.
const MAX_BYTES: usize = 255;
/// For a file that came without a usable name.
const UNNAMED: &str = "unnamed";

/// `name` when a person may give it to a file; `BAD_USER_INPUT` with the rule otherwise.
pub fn check(name: &str) -> Result<String> {
    if name == clean(name) {
        return Ok(name.to_owned());
    }
    Err(Error::bad_input(
        "name",
        format!(
            "A file name has 1 to {MAX_BYTES} bytes of UTF-8, without slashes, backslashes, control or bidirectional \
             characters, or white space at its ends, and shows more than dots and blanks."
        ),
    ))
}

/// The usable part of a name that an upload brought: its last path component (RFC 7578 §4.2), without the characters
/// that deceive or break, cut to length before its extension.
pub fn clean(name: &str) -> String {
    let component = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = component.chars().filter(|c| !is_deceptive(*c)).collect();
    let trimmed = shorten(visible.trim());
    if shows_nothing(&trimmed.replace('.', "")) {
        return UNNAMED.to_owned();
    }
    trimmed
}

/// Control characters, and those that reorder or hide others. The joiners of Persian, Indic and emoji stay.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// At most [`MAX_BYTES`] of `name`, with a short extension kept.
fn shorten(name: &str) -> String {
    if name.len() <= MAX_BYTES {
        return name.to_owned();
    }
    let extension = match name.rfind('.') {
        Some(dot) if name.len() - dot <= 16 => &name[dot..],
        _ => "",
    };
    let stem = &name[..name.len() - extension.len()];
    let end = stem.floor_char_boundary(MAX_BYTES - extension.len());
    format!("{}{extension}", stem[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaned_names_are_always_allowed() {
        let long = "x".repeat(10_000);
        let long_scripted = format!("{}.jpeg", "写".repeat(3000));
        for name in [
            "a.txt",
            "../../etc/passwd",
            "C:\\x\\y.doc",
            "",
            "..",
            " . ",
            "a\u{202e}gpj.exe",
            "\0",
            "\u{3164}",
            ".\u{2800}.",
            "a\r\nb",
            &long,
            &long_scripted,
            "/",
            "名前.txt",
            "👨‍👩‍👧.png",
        ] {
            let cleaned = clean(name);
            assert_eq!(check(&cleaned).unwrap(), cleaned, "from {name:?}");
        }
        assert!(clean(&long_scripted).ends_with("写.jpeg"));
        assert_eq!(clean("../../etc/passwd"), "passwd");
        assert_eq!(clean("👨‍👩‍👧.png"), "👨‍👩‍👧.png");
    }
}
