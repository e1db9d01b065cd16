//! Names as they are compared: without regard to case, in any script.

use std::collections::BTreeSet;

use sea_orm::ActiveEnum;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use crate::listed_file::List;

/// Bytes of a folded name that are kept: PostgreSQL's indexes take no more. Names of 255 characters reach this only where
/// each folds to several.
const KEY_MAX: usize = 2000;

/// How many characters a word of the full-text index stands for.
const GRAM: usize = 3;

/// Text as it is searched for: compatibility forms are what they stand for, and upper case is lower case, also where it is
/// of more letters (`ß`, `SS`, `ss`). Dotted and dotless `i` are one letter, since their upper case depends on the language.
pub fn fold(text: &str) -> String {
    let upper: String = text.nfkc().flat_map(char::to_uppercase).collect();
    let lower = upper.chars().flat_map(char::to_lowercase).nfkc();
    let mut folded = String::with_capacity(text.len());
    for c in lower {
        let is_dot = c == '\u{307}' && folded.ends_with('i');
        if !is_dot {
            folded.push(c);
        }
    }
    folded
}

/// The folded form of a file's name by which lists are sorted and searched.
pub fn name_key(name: &str) -> String {
    let mut key = fold(name);
    let mut end = KEY_MAX.min(key.len());
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    key.truncate(end);
    key
}

/// The words by which the index finds a name in one list, and no other list's names: what the list is, and up to three
/// characters of the name from each place on.
pub fn grams(list: List, reader_id: Uuid, name_key: &str) -> String {
    let prefix = prefix(list, reader_id);
    let characters: Vec<char> = name_key.chars().map(word_character).collect();
    let places = 0..characters.len();
    let grams: BTreeSet<String> = places
        .map(|place| characters.iter().skip(place).take(GRAM).collect())
        .collect();
    let words = grams.iter().map(|gram| format!("{prefix}{gram}"));
    words.collect::<Vec<_>>().join(" ")
}

/// What the index is asked for a part of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// Names that have all of these.
    All(Vec<String>),
    /// Names with a word that begins so: the part is shorter than a gram.
    Prefix(String),
}

/// The words that every name in this list has which has `part`, folded and not empty. Names without it may have them, too.
pub fn words(list: List, reader_id: Uuid, part: &str) -> Words {
    /// Each costs a look; so many leave few names.
    const WORDS_MAX: usize = 8;
    let prefix = prefix(list, reader_id);
    let characters: Vec<char> = part.chars().map(word_character).collect();
    if characters.len() < GRAM {
        return Words::Prefix(format!("{prefix}{}", String::from_iter(characters)));
    }
    let grams: BTreeSet<String> = characters.windows(GRAM).map(String::from_iter).collect();
    let step = grams.len().div_ceil(WORDS_MAX);
    let some = grams.iter().step_by(step);
    Words::All(some.map(|gram| format!("{prefix}{gram}")).collect())
}

/// Five characters for a list. Two lists may have the same: whoever looks for a name compares the list as well.
fn prefix(list: List, reader_id: Uuid) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    // The end of a UUID is random. FNV-1a, so that the kinds of lists differ.
    let seed = 0xcbf2_9ce4_8422_2325 ^ u64::from(list.to_value().unsigned_abs());
    let mixed = reader_id.as_bytes().iter().fold(seed, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let digit = |place: u32| {
        let index = usize::try_from((mixed >> (24 + 5 * place)) % 32).unwrap_or_default();
        char::from(DIGITS.get(index).copied().unwrap_or(b'a'))
    };
    (0..5).map(digit).collect()
}

/// Every character is one of a word: what separates words in the index is one of private use instead.
fn word_character(c: char) -> char {
    match c {
        'a'..='z' | '0'..='9' => c,
        '\0'..='\x7f' => char::from_u32(0xE000 + u32::from(c)).unwrap_or(c),
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_form_make_no_difference_in_any_script() {
        for (one, other) in [
            ("Straße", "STRASSE"),
            ("İSTANBUL", "istanbul"),
            ("ISPARTA", "ısparta"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("ПРИВЕТ", "привет"),
            ("cafe\u{301}", "CAFÉ"),
            ("ｆｕｌｌ", "FULL"),
            ("ﷲ", "الله"),
            ("Dž", "dž"),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
        }
        assert_ne!(fold("été"), fold("ete"));
    }

    #[test]
    fn every_part_of_a_name_has_words_of_the_name() {
        let reader = Uuid::from_u128(7);
        let key = name_key("Übung №7 \"x\" 100%_日本🎉.txt");
        let of_name = grams(List::Own, reader, &key);
        let of_name: Vec<_> = of_name.split(' ').collect();
        let characters: Vec<char> = key.chars().collect();
        for length in 1..=characters.len() {
            for part in characters.windows(length) {
                let part = String::from_iter(part);
                let found = match words(List::Own, reader, &part) {
                    Words::All(all) => all.iter().all(|word| of_name.contains(&word.as_str())),
                    Words::Prefix(start) => of_name.iter().any(|word| word.starts_with(&start)),
                };
                assert!(found, "{part:?}");
            }
        }
    }

    #[test]
    fn a_key_has_a_bounded_length_and_whole_characters() {
        let longest = name_key(&"\u{fdfa}".repeat(255));
        assert!(longest.len() <= KEY_MAX && longest.len() > KEY_MAX - 4);
    }
}
