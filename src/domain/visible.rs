//! Whether text shows anything: names that look like nothing, or like each other, name nothing.

use unicode_normalization::char::is_combining_mark;

/// True of text that leaves the place where it is shown empty: white space, characters without a shape, and marks
/// without a character to stand on. True of no text at all as well.
pub fn shows_nothing(text: &str) -> bool {
    text.chars().all(is_blank)
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_combining_mark(c) || is_ignorable(c) || is_empty(c)
}

/// `Default_Ignorable_Code_Point` of the Unicode Character Database: joiners, fillers, variation selectors, tags,
/// characters that set a direction.
pub fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Characters that have a shape by their class, and whose shape is empty: the blank of Braille, the annotations of lines,
/// the blanks of hieroglyphs, the note head that is none.
fn is_empty(c: char) -> bool {
    matches!(c, '\u{2800}' | '\u{FFF9}'..='\u{FFFB}' | '\u{13441}'..='\u{13442}' | '\u{1D159}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_show_nothing_however_they_are_mixed() {
        for blank in [
            "",
            " \t\u{a0}\u{3000}",
            "\u{3164}",
            "\u{2800}\u{2800}",
            "\u{115f}\u{1160}\u{ffa0}",
            "\u{301}\u{20dd}",
            "\u{34f}\u{fe0f}\u{e0100}",
            "\u{e0041}\u{e007f}",
            "\u{200b}\u{200d}\u{2060}\u{feff}",
            "\u{1d159}\u{13441}",
        ] {
            assert!(shows_nothing(blank), "{blank:?}");
        }
    }

    #[test]
    fn one_character_with_a_shape_is_enough() {
        for text in [
            "a",
            ".",
            "e\u{301}",
            "\u{3164}가",
            "☺\u{fe0f}",
            "⠁\u{2800}",
            "写",
            "नि",
            "👩\u{200d}👧",
            "\u{e000}",
        ] {
            assert!(!shows_nothing(text), "{text:?}");
        }
    }
}
