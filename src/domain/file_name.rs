//! File names: what people may call a file, and what becomes of the names that clients send along.

use super::{emoji_flags, visible::shows_nothing};
use crate::error::{Error, Result};

/// Code units of UTF-16, as Windows, macOS and JavaScript count: no file system in use has longer names. One that takes
/// fewer letters of some scripts gets a shorter name from the browser that saves there.
const MAX_LENGTH: usize = 255;
/// For a file that came without a usable name.
const UNNAMED: &str = "unnamed";

/// `name` when a person may give it to a file; `BAD_USER_INPUT` with the rule otherwise.
pub fn check(name: &str) -> Result<String> {
    let length = name.encode_utf16().count();
    if length > MAX_LENGTH {
        return Err(Error::bad_input(
            "name",
            format!(
                "A file name has {MAX_LENGTH} UTF-16 code units at most; this one has {length}."
            ),
        ));
    }
    if name == clean(name) {
        return Ok(name.to_owned());
    }
    Err(Error::bad_input(
        "name",
        format!(
            "A file name has 1 to {MAX_LENGTH} UTF-16 code units, without slashes, backslashes, control or bidirectional \
             characters, or white space at its ends, and shows more than dots and blanks."
        ),
    ))
}

/// The usable part of a name that an upload brought: its last path component (RFC 7578 §4.2), without the characters
/// that deceive or break. It is never cut: [`check`] refuses what is too long, wherever it came from.
pub fn clean(name: &str) -> String {
    let component = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = without_deceptive(component);
    let trimmed = visible.trim().to_owned();
    if shows_nothing(&trimmed.replace('.', "")) {
        return UNNAMED.to_owned();
    }
    trimmed
}

/// Whether text reads as it is written: nothing in it deceives or breaks.
pub(super) fn is_honest(text: &str) -> bool {
    without_deceptive(text) == text
}

/// The region of a flag is written in characters that are deceptive anywhere else.
fn without_deceptive(name: &str) -> String {
    let mut kept = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let flag = emoji_flags::length(rest);
        let (next, after) = rest.split_at(flag.max(c.len_utf8()));
        if flag > 0 || !is_deceptive(c) {
            kept.push_str(next);
        }
        rest = after;
    }
    kept
}

/// Control characters, and those that reorder or hide others. The joiners of Persian, Indic and emoji stay.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaned_names_are_always_allowed() {
        let longest = format!("{}.jpeg", "写".repeat(250));
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
            &longest,
            "/",
            "名前.txt",
            "👨‍👩‍👧.png",
        ] {
            let cleaned = clean(name);
            assert_eq!(check(&cleaned).unwrap(), cleaned, "from {name:?}");
        }
        assert!(check(&clean(&format!("写{longest}"))).is_err());
        assert_eq!(clean("../../etc/passwd"), "passwd");
        assert_eq!(clean("👨‍👩‍👧.png"), "👨‍👩‍👧.png");
    }
}
