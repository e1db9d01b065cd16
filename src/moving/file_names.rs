//! Names of files as every file system takes them, and as no two are the same on any.

use std::collections::{HashMap, HashSet};

use entity::fold;

/// Bytes of a name: the least that a file system in use takes (eCryptfs).
const MAX_BYTES: usize = 140;
/// Bytes of an extension that stays when a name is cut.
const EXTENSION_MAX: usize = 16;

/// The names that are taken in a directory.
#[derive(Debug, Default)]
pub struct FileNames {
    /// As file systems compare them that do not look at case.
    taken: HashSet<String>,
    /// For a name that many files have: the number to try next.
    numbers: HashMap<String, u64>,
}

impl FileNames {
    /// Takes a name that was chosen before.
    pub fn take(&mut self, chosen: &str) {
        self.taken.insert(fold(chosen));
    }

    /// The name for a file that people call `name`: the same where that is possible, and with a number where it is taken.
    pub fn choose(&mut self, name: &str) -> String {
        let safe = safe(name);
        let (stem, extension) = split(&safe);
        let mut chosen = joined(stem, "", extension);
        if self.taken.insert(fold(&chosen)) {
            return chosen;
        }
        let number = self.numbers.entry(fold(&chosen)).or_insert(2);
        loop {
            chosen = joined(stem, &format!(" ({number})"), extension);
            *number += 1;
            if self.taken.insert(fold(&chosen)) {
                return chosen;
            }
        }
    }
}

/// `name` without what Windows or others refuse: characters, names of devices, dots and blanks at the end.
fn safe(name: &str) -> String {
    let is_refused = |c: char| c.is_control() || "<>:\"/\\|?*".contains(c);
    let mut safe: String = name
        .chars()
        .map(|c| if is_refused(c) { '_' } else { c })
        .collect();
    if safe.is_empty() || safe.ends_with(['.', ' ']) {
        safe.push('_');
    }
    match is_device(&safe) {
        true => format!("_{safe}"),
        false => safe,
    }
}

/// Windows has devices of these names in every directory, whatever follows the first dot.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_ascii_uppercase();
    let is_numbered = |port: &str| {
        let number = stem.strip_prefix(port).map(|rest| rest.chars());
        number.is_some_and(|mut rest| {
            rest.next().is_some_and(|c| "0123456789¹²³".contains(c)) && rest.next().is_none()
        })
    };
    matches!(&*stem, "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || is_numbered("COM")
        || is_numbered("LPT")
}

/// The extension, with its dot, where there is a short one.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= EXTENSION_MAX => name.split_at(dot),
        _ => (name, ""),
    }
}

/// The name with `number`; the stem is cut where all together would be too long.
fn joined(stem: &str, number: &str, extension: &str) -> String {
    let room = MAX_BYTES - number.len() - extension.len();
    let stem = &stem[..stem.floor_char_boundary(room)];
    // What comes to the end by the cut.
    let stem = match number.is_empty() && extension.is_empty() {
        true => stem.trim_end_matches(['.', ' ']),
        false => stem,
    };
    format!("{stem}{number}{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_where_every_file_system_takes_it() {
        for (name, expected) in [
            ("letter.txt", "letter.txt"),
            ("名前 (1).pdf", "名前 (1).pdf"),
            (".profile", ".profile"),
            ("12:30?.txt", "12_30_.txt"),
            ("a\"<b>|*\\/.x", "a__b_____.x"),
            ("the end.", "the end._"),
            ("con", "_con"),
            ("Nul.tar.gz", "_Nul.tar.gz"),
            ("com¹.txt", "_com¹.txt"),
            ("COM10", "COM10"),
            ("console", "console"),
        ] {
            assert_eq!(FileNames::default().choose(name), expected);
        }
    }

    #[test]
    fn two_of_one_name_lie_side_by_side() {
        let mut names = FileNames::default();
        names.take("c.txt");
        for (name, expected) in [
            ("a.txt", "a.txt"),
            ("a.txt", "a (2).txt"),
            ("A.TXT", "A (3).TXT"),
            ("a (4).txt", "a (4).txt"),
            ("a.txt", "a (5).txt"),
            ("a?.txt", "a_.txt"),
            ("a*.txt", "a_ (2).txt"),
            // Composed and decomposed.
            ("\u{e9}", "\u{e9}"),
            ("e\u{301}", "e\u{301} (2)"),
            ("c.txt", "c (2).txt"),
        ] {
            assert_eq!(names.choose(name), expected);
        }
    }

    #[test]
    fn a_long_name_is_cut_and_keeps_its_extension() {
        let long = format!("{}.jpeg", "写".repeat(250));
        let mut names = FileNames::default();
        let (first, second) = (names.choose(&long), names.choose(&long));
        assert!(first.len() <= MAX_BYTES && second.len() <= MAX_BYTES);
        assert!(first.ends_with("写.jpeg"), "{first}");
        assert!(second.ends_with("写 (2).jpeg"), "{second}");
        let dots = format!("{}{}", "a".repeat(MAX_BYTES - 1), ".".repeat(100) + "b");
        assert!(!FileNames::default().choose(&dots).ends_with('.'));
    }
}
