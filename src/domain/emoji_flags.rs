//! The flags of Scotland, Wales and other regions: a black flag, and the region in characters that nobody sees.

const BLACK_FLAG: char = '\u{1F3F4}';
const CANCEL_TAG: char = '\u{E007F}';
/// A code of a region has two letters or three digits; its subdivision adds one to four of either.
const CODE_LENGTHS: std::ops::RangeInclusive<usize> = 3..=7;

/// How many bytes of `text` are such a flag at its beginning (UTS #51, emoji tag sequences); 0 when there is none.
pub fn length(text: &str) -> usize {
    let Some(tags) = text.strip_prefix(BLACK_FLAG) else {
        return 0;
    };
    let Some((code, _)) = tags.split_once(CANCEL_TAG) else {
        return 0;
    };
    let is_tag = |c| matches!(c, '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}');
    match code.chars().all(is_tag) && CODE_LENGTHS.contains(&code.chars().count()) {
        true => BLACK_FLAG.len_utf8() + code.len() + CANCEL_TAG.len_utf8(),
        false => 0,
    }
}
