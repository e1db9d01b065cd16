//! What an export says of itself: a list of its files.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::operator_error::OperatorError;

/// Of the form below. Another form gets another number.
const VERSION: u64 = 1;

/// All files of one account, oldest first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    cloakroom_export: u64,
    pub user_id: String,
    pub username: String,
    pub files: Vec<Entry>,
}

/// A file: what it is, and what it is called in the directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub id: String,
    pub name: String,
    /// The name in `files/`, which every file system takes.
    pub file: String,
    pub size: u64,
    pub content_type: String,
    /// Hexadecimal.
    pub sha256: String,
    pub created_at: String,
}

/// What tells an export from anything else that is JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    cloakroom_export: u64,
}

impl Manifest {
    pub fn new(user_id: String, username: String, files: Vec<Entry>) -> Self {
        Self {
            cloakroom_export: VERSION,
            user_id,
            username,
            files,
        }
    }

    /// The manifest that `text` is. Fails when it is none, or one that no export can have written: names in the directory that lead
    /// elsewhere, or two of one.
    pub fn parse(text: &[u8]) -> Result<Self, OperatorError> {
        let head: Head = serde_json::from_slice(text).map_err(|error| {
            let what = match error.is_data() {
                true => "manifest.json is not the manifest of an export",
                false => "manifest.json is no JSON",
            };
            OperatorError::new(format!("{what}: {error}"))
        })?;
        if head.cloakroom_export != VERSION {
            return Err(OperatorError::new(format!(
                "manifest.json is of version {}, and this program knows version {VERSION}: take the program that wrote it, \
                 or a newer one",
                head.cloakroom_export
            )));
        }
        let manifest: Self = serde_json::from_slice(text).map_err(|error| {
            OperatorError::new(format!(
                "manifest.json is not the manifest of an export: {error}"
            ))
        })?;
        let mut seen = HashSet::new();
        for Entry { file, .. } in &manifest.files {
            if !is_plain(file) {
                return Err(OperatorError::new(format!(
                    "manifest.json names the file {file:?}, which is no plain name but leads elsewhere"
                )));
            }
            if !seen.insert(file) {
                return Err(OperatorError::new(format!(
                    "manifest.json names the file {file:?} twice"
                )));
            }
        }
        Ok(manifest)
    }

    pub fn text(&self) -> Result<Vec<u8>, OperatorError> {
        let text = serde_json::to_vec_pretty(self);
        text.map_err(|error| OperatorError::new(format!("cannot write the manifest: {error}")))
    }
}

/// Whether it names something in a directory, and nothing above or below.
fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(file: &str) -> Vec<u8> {
        let entry = Entry {
            id: String::new(),
            name: "a.txt".to_owned(),
            file: file.to_owned(),
            size: 0,
            content_type: String::new(),
            sha256: String::new(),
            created_at: String::new(),
        };
        let manifest = Manifest::new(String::new(), String::new(), vec![entry]);
        manifest.text().unwrap()
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        assert_eq!(
            Manifest::parse(&with_file("a.txt")).unwrap().files[0].file,
            "a.txt"
        );
        for file in ["", ".", "..", "../a.txt", "/etc/passwd", "a\\b", "a\0"] {
            let error = Manifest::parse(&with_file(file)).unwrap_err();
            assert!(error.to_string().contains("leads elsewhere"), "{file:?}");
        }
    }
}
