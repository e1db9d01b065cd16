//! A document as text: what is too much never reaches the parser, which goes as deep as the text.

use super::within;
use crate::{
    config::QueryLimits,
    error::{Error, Result},
};

/// The quotes of a block string.
const BLOCK: &[u8] = b"\"\"\"";
/// The longest name, or number. A name is looked up, compared and repeated more often than it is written.
const NAME_MAX: usize = 255;
/// What stands for three quotes in a block string.
const ESCAPED_BLOCK: &[u8] = b"\\\"\"\"";

/// Counts tokens, aliases, directives and nesting without building anything. The work is linear in the length. Answers
/// how many tokens there are.
pub fn scan(source: &str, limits: &QueryLimits) -> Result<usize> {
    // An argument's lists and objects nest as well.
    let max_nesting = limits.depth * 2;
    let (mut tokens, mut nesting, mut directives) = (0, 0_usize, 0);
    // Outside of parentheses, a colon is an alias.
    let (mut parentheses, mut aliases) = (0_usize, 0);
    let bytes = source.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        at += 1;
        match bytes[start] {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => continue,
            b'#' => {
                at += line_length(&bytes[at..]);
                continue;
            }
            b'"' => at = start + string_length(&bytes[start..])?,
            b'(' => {
                nesting += 1;
                parentheses += 1;
            }
            b')' => {
                nesting = nesting.saturating_sub(1);
                parentheses = parentheses.saturating_sub(1);
            }
            b'{' | b'[' => nesting += 1,
            b'}' | b']' => nesting = nesting.saturating_sub(1),
            b'@' => directives += 1,
            b':' => aliases += usize::from(parentheses == 0),
            byte if is_word(byte) => {
                let more = bytes[at..].iter().take_while(|byte| is_word(**byte));
                at += more.count();
                within("bytes in a name", at - start, NAME_MAX)?;
            }
            _ => {}
        }
        tokens += 1;
        within("tokens", tokens, limits.tokens)?;
        within("levels", nesting, max_nesting)?;
        within("directives", directives, limits.directives)?;
        within("aliases", aliases, limits.aliases)?;
    }
    Ok(tokens)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn line_length(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| !b"\r\n".contains(byte))
        .count()
}

/// The length of the string or block string that `bytes` begins with, quotes included. It has to end where the parser has
/// it end: what comes between would be counted by nobody.
fn string_length(bytes: &[u8]) -> Result<usize> {
    // Where no end follows, the parser would go back and read an empty string; in GraphQL (§2.9.4) this is a mistake.
    let unended = || Error::bad_input("query", "The document has a string that does not end.");
    if !bytes.starts_with(BLOCK) {
        return plain_length(bytes).ok_or_else(unended);
    }
    let mut at = BLOCK.len();
    while at < bytes.len() {
        // A backslash is itself unless it stands before three quotes.
        if bytes[at..].starts_with(ESCAPED_BLOCK) {
            at += ESCAPED_BLOCK.len();
        } else if bytes[at..].starts_with(BLOCK) {
            return Ok(at + BLOCK.len());
        } else {
            at += 1;
        }
    }
    Err(unended())
}

fn plain_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\r' | b'\n' => return None,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::parse, *};

    const LIMITS: QueryLimits = QueryLimits {
        tokens: 100,
        ..super::super::tests::LIMITS
    };

    /// What the parser reads as tokens is counted as tokens: nothing hides behind a string that ends elsewhere for it.
    #[test]
    fn no_string_hides_what_follows_it() {
        let deep = format!("{}{}", "[".repeat(50), "]".repeat(50));
        let many = "1 ".repeat(200);
        for (what, string) in [
            ("a block string's escaped end", r#""""\\""" """"#),
            ("an escaped end after quotes", r#"""""\""" """"#),
            ("an empty string", r#""""#),
            ("a quote", r#""\"""#),
            ("a block string", r#""""a"b""c\""" """"#),
        ] {
            let fine = format!("{{ file(id: [{string} 1]) {{ id }} }}");
            assert!(parse(&fine).is_ok(), "{what}");
            assert!(scan(&fine, &LIMITS).is_ok(), "{what}");
            for more in [&deep, &many] {
                let hiding = format!("{{ file(id: [{string} {more}]) {{ id }} }}");
                assert!(parse(&hiding).is_ok(), "{what}");
                assert!(scan(&hiding, &LIMITS).is_err(), "{what}: {hiding}");
            }
        }
        for unended in ["\"", "\"\"\"a\"", "\"a\n\"", "\"\\\""] {
            let open = format!("{{ file(id: [{unended} {deep}]) {{ id }} }}");
            assert!(scan(&open, &LIMITS).is_err(), "{unended}");
        }
    }

    #[test]
    fn values_that_touch_are_counted_each() {
        for touching in ["\"\"[]", "\"a\"", "[]", "{}", "1\"a\"", "$a"] {
            let many = format!("{{ file(id: [{}]) {{ id }} }}", touching.repeat(200));
            assert!(parse(&many).is_ok(), "{touching}");
            assert!(scan(&many, &LIMITS).is_err(), "{touching}");
        }
        // Such are no numbers: neither one nor many.
        let zeros = format!("{{ file(id: [{}]) {{ id }} }}", "0".repeat(200));
        assert!(parse(&zeros).is_err());
    }
}
