//! Whether bytes are text, and in which encoding.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, GBK, ISO_2022_JP, UTF_16BE, UTF_16LE};

use super::{SNIFF_BYTES, names};

/// The beginning of a text.
#[derive(Debug)]
pub struct Text<'h> {
    pub content: Cow<'h, str>,
    /// As IANA calls it, in lower case.
    pub charset: Cow<'static, str>,
}

/// What of a guessed text has to be letters, digits, white space or usual punctuation, in hundredths.
const USUAL_PERCENT: usize = 95;

/// `head` as text: by its byte order mark, as UTF-8, or in an older encoding where that is sure. `None` for other bytes.
pub fn read<'h>(head: &'h [u8], extension: &str) -> Option<Text<'h>> {
    if let Some(text) = marked(head) {
        return text;
    }
    if let Some(content) = utf8(head) {
        let charset = match iso_2022_jp(head) {
            Some(charset) => charset.into(),
            None => "utf-8".into(),
        };
        return Some(Text {
            content: content.into(),
            charset,
        });
    }
    utf16_of_ascii(head).or_else(|| guess(head, extension))
}

/// Text behind a byte order mark. `Some(None)` when there is a mark and no text.
fn marked(head: &[u8]) -> Option<Option<Text<'_>>> {
    let text = |content: Option<Cow<'static, str>>, charset: &'static str| {
        let content = content.filter(|content| content.chars().all(is_of_text))?;
        Some(Text {
            content,
            charset: charset.into(),
        })
    };
    Some(match head {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest).map(|content| Text {
            content: content.into(),
            charset: "utf-8".into(),
        }),
        [0xFF, 0xFE, 0, 0, rest @ ..] => text(utf32(rest, u32::from_le_bytes), "utf-32"),
        [0, 0, 0xFE, 0xFF, rest @ ..] => text(utf32(rest, u32::from_be_bytes), "utf-32"),
        // The mark says which end comes first, and belongs to the encoding of this name (RFC 2781 §4.1).
        [0xFF, 0xFE, rest @ ..] => text(decode(UTF_16LE, rest), "utf-16"),
        [0xFE, 0xFF, rest @ ..] => text(decode(UTF_16BE, rest), "utf-16"),
        _ => return None,
    })
}

/// UTF-8 without control characters that text has no use for; a character cut at the end does not count.
fn utf8(head: &[u8]) -> Option<&str> {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A mark before the text may have been taken off.
        Err(error) if error.error_len().is_none() && head.len() + 3 >= SNIFF_BYTES => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return None,
    };
    valid.chars().all(is_of_text).then_some(valid)
}

fn is_of_text(c: char) -> bool {
    !c.is_control() || "\t\n\r\u{c}\u{1b}\u{85}".contains(c)
}

fn utf32(bytes: &[u8], of_bytes: fn([u8; 4]) -> u32) -> Option<Cow<'static, str>> {
    let (characters, _) = bytes.as_chunks();
    let characters = characters
        .iter()
        .map(|bytes| char::from_u32(of_bytes(*bytes)));
    characters.collect::<Option<String>>().map(Cow::from)
}

/// `None` when the bytes are not of this encoding. What is cut at the end of the head does not count.
fn decode(encoding: &'static Encoding, bytes: &[u8]) -> Option<Cow<'static, str>> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut content =
        String::with_capacity(decoder.max_utf8_buffer_length_without_replacement(bytes.len())?);
    let is_whole = bytes.len() + 4 < SNIFF_BYTES;
    let (result, _) = decoder.decode_to_string_without_replacement(bytes, &mut content, is_whole);
    (result == encoding_rs::DecoderResult::InputEmpty).then_some(content.into())
}

/// Old Japanese mail: ASCII alone, with escapes between which it means something else.
fn iso_2022_jp(head: &[u8]) -> Option<String> {
    if !head.is_ascii() || !head.contains(&0x1B) {
        return None;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(head, false);
    let guess = detector.guess(None, Utf8Detection::Allow);
    (guess == ISO_2022_JP && decode(guess, head).is_some()).then(|| label(guess))
}

/// UTF-16 without a mark, where it is sure: every second byte is zero, and the others are ASCII text.
fn utf16_of_ascii(head: &[u8]) -> Option<Text<'static>> {
    let (pairs, _) = head.as_chunks::<2>();
    let is_text = |byte: u8| byte.is_ascii() && byte != 0x1B && is_of_text(char::from(byte));
    let (encoding, charset) = if pairs.iter().all(|[low, high]| is_text(*low) && *high == 0) {
        (UTF_16LE, "utf-16le")
    } else if pairs.iter().all(|[high, low]| is_text(*low) && *high == 0) {
        (UTF_16BE, "utf-16be")
    } else {
        return None;
    };
    let is_long_enough = pairs.len() >= 4 && head.len().is_multiple_of(2);
    let content = is_long_enough.then(|| decode(encoding, head))??;
    Some(Text {
        content,
        charset: charset.into(),
    })
}

/// Text in an encoding from before Unicode, by the statistics of its letters. Only where nothing speaks against it: no
/// control character, hardly a rare sign, and no extension of something else than text.
fn guess(head: &[u8], extension: &str) -> Option<Text<'static>> {
    let is_control = |byte: &u8| byte.is_ascii_control() && !b"\t\n\r\x0c".contains(byte);
    // Hardly a text has not even a line end in ASCII, and a few high bytes may mean anything.
    let has_ascii = head.iter().any(u8::is_ascii) || names::of_text(extension).is_some();
    if !has_ascii || head.iter().any(is_control) || names::is_of_bytes(extension) {
        return None;
    }
    let is_whole = head.len() < SNIFF_BYTES;
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(head, is_whole);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    let content = decode(encoding, head)?;
    let count = content.chars().count();
    let usual = content.chars().filter(|c| is_usual(*c)).count();
    let is_text = content.chars().all(is_of_text) && usual * 100 >= count * USUAL_PERCENT;
    is_text.then(|| Text {
        content,
        charset: label(encoding).into(),
    })
}

fn is_usual(c: char) -> bool {
    c.is_alphabetic()
        || c.is_ascii_graphic()
        || c.is_whitespace()
        || matches!(c, '§' | '°' | '«' | '»' | '¡' | '¿' | '·' | '€' | '№' | '£' | '\u{2010}'..='\u{2026}')
        // East Asian punctuation and full-width forms.
        || matches!(c, '\u{3000}'..='\u{303F}' | '\u{FF00}'..='\u{FF65}')
}

/// What else is written in GBK is written in its successor.
fn label(encoding: &'static Encoding) -> String {
    match encoding == GBK {
        true => "gb18030".to_owned(),
        false => encoding.name().to_ascii_lowercase(),
    }
}
