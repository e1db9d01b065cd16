//! Text as tokens (GraphQL §2.1, edition of September 2025).

use async_graphql::{Pos, ServerError};

/// The longest part of a document that a message repeats.
const SHOWN_MAX: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'s> {
    /// One of `!$&():=@[]{|}`.
    Mark(u8),
    Spread,
    Name(&'s str),
    Int(&'s str),
    Float(&'s str),
    /// What is between the quotes, as it was written.
    String(&'s str),
    /// The same of a block string.
    Block(&'s str),
    End,
}

impl Token<'_> {
    /// The token as a message names it. The text of strings stays out: it may be a password.
    pub fn shown(&self) -> String {
        match self {
            Token::Mark(mark) => format!("\"{}\"", char::from(*mark)),
            Token::Spread => "\"...\"".to_owned(),
            Token::Name(name) => {
                let shown: String = name.chars().take(SHOWN_MAX).collect();
                format!("\"{shown}\"")
            }
            Token::Int(_) | Token::Float(_) => "a number".to_owned(),
            Token::String(_) | Token::Block(_) => "a string".to_owned(),
            Token::End => "the end".to_owned(),
        }
    }
}

/// Reads tokens one after the other.
pub struct Lexer<'s> {
    source: &'s str,
    at: usize,
    /// The place up to which lines and columns have been counted, which is never inside of a character.
    counted: usize,
    pos: Pos,
}

pub fn syntax_error(pos: Pos, message: &str) -> ServerError {
    let message = format!("The document cannot be parsed: {message}");
    let mut error = ServerError::new(message, Some(pos));
    error
        .extensions
        .get_or_insert_default()
        .set("field", "query");
    error
}

impl<'s> Lexer<'s> {
    pub fn new(source: &'s str) -> Self {
        Self {
            source,
            at: 0,
            counted: 0,
            pos: Pos { line: 1, column: 1 },
        }
    }

    /// The next token, and where it begins.
    pub fn next(&mut self) -> Result<(Token<'s>, Pos), ServerError> {
        self.skip_ignored();
        let pos = self.pos_of(self.at);
        let bytes = self.source.as_bytes();
        let start = self.at;
        let Some(first) = bytes.get(start) else {
            return Ok((Token::End, pos));
        };
        let token = match first {
            b'!' | b'$' | b'&' | b'(' | b')' | b':' | b'=' | b'@' | b'[' | b']' | b'{' | b'|'
            | b'}' => {
                self.at += 1;
                Token::Mark(*first)
            }
            b'.' if bytes[start..].starts_with(b"...") => {
                self.at += 3;
                Token::Spread
            }
            b'"' => self.string(pos)?,
            b'-' | b'0'..=b'9' => self.number(pos)?,
            byte if is_name_start(*byte) => {
                self.at += count(&bytes[start..], is_name_part);
                Token::Name(&self.source[start..self.at])
            }
            _ => return Err(syntax_error(pos, "this character means nothing here.")),
        };
        Ok((token, pos))
    }

    fn skip_ignored(&mut self) {
        let bytes = self.source.as_bytes();
        loop {
            match &bytes[self.at..] {
                [b' ' | b'\t' | b'\n' | b'\r' | b',', ..] => self.at += 1,
                [0xef, 0xbb, 0xbf, ..] => self.at += 3,
                [b'#', ..] => {
                    self.at += count(&bytes[self.at..], |byte| !matches!(byte, b'\n' | b'\r'));
                }
                _ => return,
            }
        }
    }

    /// Line and column of a place that is not before the one that was asked for last.
    fn pos_of(&mut self, place: usize) -> Pos {
        let passed = &self.source[self.counted..place];
        let mut before = self
            .counted
            .checked_sub(1)
            .map(|at| self.source.as_bytes()[at]);
        for character in passed.chars() {
            match character {
                '\n' if before == Some(b'\r') => {}
                '\n' | '\r' => {
                    self.pos.line += 1;
                    self.pos.column = 1;
                }
                _ => self.pos.column += 1,
            }
            before = u8::try_from(character).ok();
        }
        self.counted = place;
        self.pos
    }

    fn number(&mut self, pos: Pos) -> Result<Token<'s>, ServerError> {
        let bytes = &self.source.as_bytes()[self.at..];
        let digits = |at: usize| count(&bytes[at.min(bytes.len())..], |byte| byte.is_ascii_digit());
        let wrong = || syntax_error(pos, "this is no number.");
        let sign = usize::from(bytes[0] == b'-');
        let whole = match bytes.get(sign) {
            Some(b'0') => 1,
            _ => digits(sign),
        };
        if whole == 0 {
            return Err(wrong());
        }
        let mut length = sign + whole;
        let mut is_float = false;
        if bytes.get(length) == Some(&b'.') {
            let fraction = digits(length + 1);
            if fraction == 0 {
                return Err(wrong());
            }
            (length, is_float) = (length + 1 + fraction, true);
        }
        if matches!(bytes.get(length), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
            let exponent = digits(length + 1 + sign);
            if exponent == 0 {
                return Err(wrong());
            }
            (length, is_float) = (length + 1 + sign + exponent, true);
        }
        // Nothing that could be part of it may follow at once.
        if bytes
            .get(length)
            .is_some_and(|byte| *byte == b'.' || is_name_part(byte))
        {
            return Err(wrong());
        }
        let text = &self.source[self.at..self.at + length];
        self.at += length;
        Ok(match is_float {
            true => Token::Float(text),
            false => Token::Int(text),
        })
    }

    fn string(&mut self, pos: Pos) -> Result<Token<'s>, ServerError> {
        let rest = &self.source[self.at..];
        let unended = || syntax_error(pos, "this string does not end.");
        if let Some(block) = rest.strip_prefix("\"\"\"") {
            let mut end = 0;
            loop {
                end += block[end..].find("\"\"\"").ok_or_else(unended)?;
                if !block[..end].ends_with('\\') {
                    break;
                }
                end += 3;
            }
            self.at += 3 + end + 3;
            return Ok(Token::Block(&block[..end]));
        }
        let bytes = rest.as_bytes();
        let mut end = 1;
        loop {
            match bytes.get(end).ok_or_else(unended)? {
                b'"' => break,
                b'\n' | b'\r' => return Err(unended()),
                // Whatever follows, it does not end the string. It is looked at where the text is read.
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        self.at += end + 1;
        Ok(Token::String(&rest[1..end]))
    }
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn is_name_part(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

fn count(bytes: &[u8], is: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| is(byte)).count()
}
