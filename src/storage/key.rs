//! The names of content.

use std::fmt;

use crate::{hex, random};

/// 128 random bits, 32 lower-case hexadecimal digits: names content, and says nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContentKey(String);

impl ContentKey {
    /// A key that nothing has yet.
    pub fn random() -> Self {
        Self(hex::encode(&random::bytes::<16>()))
    }

    /// The key that `text` spells; `None` when it is not one, whatever put it there.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        (text.len() == 32 && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first two digits, and its first four: the directories above it, outer and inner.
    pub(super) fn directories(&self) -> [&str; 2] {
        [&self.0[..2], &self.0[..4]]
    }

    /// What it is called in an object store, behind the prefix.
    pub(super) fn object_name(&self) -> String {
        format!("content/{}", self.path())
    }

    /// Where it lies below the content directory: `ab/cd/abcd…`.
    pub fn path(&self) -> String {
        format!("{}/{}/{}", &self.0[0..2], &self.0[2..4], self.0)
    }
}

impl fmt::Display for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
