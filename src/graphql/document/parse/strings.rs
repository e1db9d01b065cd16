//! What strings mean (GraphQL §2.9.4).

/// The text of a string, written with escapes; `None` where an escape means nothing.
pub fn text(written: &str) -> Option<String> {
    let mut text = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let mut characters = rest[at + 1..].chars();
        let escape = characters.next()?;
        rest = characters.as_str();
        text.push(match escape {
            '"' | '\\' | '/' => escape,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => unicode(&mut rest)?,
            _ => return None,
        });
    }
    text.push_str(rest);
    Some(text)
}

/// The character of a Unicode escape, behind its `u`: `{…}`, four digits, or two times four digits as UTF-16 has it.
fn unicode(rest: &mut &str) -> Option<char> {
    if let Some(braced) = rest.strip_prefix('{') {
        let (digits, behind) = braced.split_once('}')?;
        *rest = behind;
        // More zeros than a number needs are fine, and more digits than 32 bits hold are not.
        let digits = match digits.trim_start_matches('0') {
            "" if !digits.is_empty() => "0",
            digits => digits,
        };
        return char::from_u32(hexadecimal(digits)?);
    }
    let unit = four(rest)?;
    if !(0xd800..0xdc00).contains(&unit) {
        // The second half of a pair alone is no character.
        return char::from_u32(unit);
    }
    *rest = rest.strip_prefix("\\u")?;
    let second = four(rest)?;
    if !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (second - 0xdc00))
}

/// The number that the next four digits are.
fn four(rest: &mut &str) -> Option<u32> {
    let (digits, behind) = rest.split_at_checked(4)?;
    *rest = behind;
    hexadecimal(digits)
}

fn hexadecimal(digits: &str) -> Option<u32> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| is_plain)
}

/// The text of a block string: without the indentation that its lines share, and without empty lines around
/// (BlockStringValue).
pub fn block_text(written: &str) -> String {
    let written = written.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = written.split('\n').collect();
    let is_space = |character| character == ' ' || character == '\t';
    let indent = lines
        .iter()
        .skip(1)
        .filter_map(|line| line.find(|it| !is_space(it)));
    let indent = indent.min().unwrap_or_default();
    for line in lines.iter_mut().skip(1) {
        *line = line.get(indent..).unwrap_or_default();
    }
    let is_empty = |line: &&str| line.chars().all(is_space);
    let first = lines.iter().take_while(|line| is_empty(line)).count();
    let last = lines.iter().rev().take_while(|line| is_empty(line)).count();
    let lines = lines.get(first..lines.len().saturating_sub(last));
    lines
        .unwrap_or_default()
        .join("\n")
        .replace("\\\"\"\"", "\"\"\"")
}
