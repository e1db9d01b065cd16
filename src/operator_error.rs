//! Errors for the operator: what keeps the program from its work, the path or the setting that it is about, and what to do.
//! No client ever sees one.

use std::{
    fmt, fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Why a start or a command ended, in one or more sentences.
#[derive(Debug)]
pub struct OperatorError(String);

impl OperatorError {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// `doing` ("make the data directory") failed at `path`, which `setting` leads to.
    pub fn at(doing: &str, path: &Path, setting: &str, error: &io::Error) -> Self {
        // An error of our own names its path and its way out.
        if error.get_ref().is_some() {
            return Self(error.to_string());
        }
        let path = absolute(path);
        let shown = path.display();
        let way_out = way_out(&path, setting, error);
        Self(format!("cannot {doing} {shown}: {error}. {way_out}"))
    }
}

impl fmt::Display for OperatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OperatorError {}

/// The whole path, so that nobody has to know which directory the program was started in.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// `path` as a shell takes it for one word.
pub fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

fn way_out(path: &Path, setting: &str, error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => forbidden(path, setting),
        Some(libc::EROFS) => format!(
            "That file system is read-only: mount it writable (in a systemd unit, ReadWritePaths= names \
             what the service may write), or set {setting} to another place"
        ),
        Some(libc::ENAMETOOLONG) => format!(
            "A path can have at most 4095 bytes, and each name in it 255: set {setting} to a shorter one"
        ),
        Some(libc::ENOSPC | libc::EDQUOT) => {
            format!("Make room on that disk, or set {setting} to another place")
        }
        Some(libc::EEXIST | libc::ENOTDIR | libc::EISDIR | libc::ENOENT | libc::ELOOP) => {
            in_the_way(path, setting)
        }
        _ if error.kind() == ErrorKind::InvalidData => format!(
            "That file is damaged: put it back from a backup, or set {setting} to another place"
        ),
        _ => format!("Check that disk, or set {setting} to another place"),
    }
}

/// Who owns the nearest thing on the way to `path` that there is.
fn forbidden(path: &Path, setting: &str) -> String {
    let me = fs::metadata("/proc/self").map(|me| format!(" with number {}", me.uid()));
    let me = me.unwrap_or_default();
    let found = path
        .ancestors()
        .find_map(|part| Some((part, fs::metadata(part).ok()?)));
    let owner = found.map(|(part, metadata)| {
        format!(
            "{} belongs to the user with number {} and has mode {:04o}, and this program runs as the user{me}: ",
            part.display(),
            metadata.uid(),
            metadata.mode() & 0o7777
        )
    });
    format!(
        "{}run it as the user whose server it is, give the directory to that user by `chown`, or set {setting} to \
         another place",
        owner.unwrap_or_default()
    )
}

/// What is at `path` or on the way to it and should not be, or should be and is not.
fn in_the_way(path: &Path, setting: &str) -> String {
    let directory = path.parent().filter(|directory| !directory.exists());
    let missing = directory.unwrap_or(path);
    for part in path.ancestors() {
        let Ok(link) = fs::symlink_metadata(part) else {
            continue;
        };
        let shown = part.display();
        return match fs::metadata(part) {
            Err(error) if link.is_symlink() && error.kind() == ErrorKind::NotFound => format!(
                "{shown} is a symbolic link that leads nowhere: make what it names, or set {setting} to another place"
            ),
            Err(_) => format!("Look at {shown}, or set {setting} to another place"),
            Ok(metadata) if metadata.is_dir() && part == path => {
                format!("{shown} is a directory: move it away, or set {setting} to another place")
            }
            Ok(metadata) if metadata.is_dir() => format!(
                "{} does not exist: make it, or set {setting} to another place",
                missing.display()
            ),
            Ok(_) => {
                format!("{shown} is no directory: move it away, or set {setting} to another place")
            }
        };
    }
    format!("Set {setting} to another place")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        for (path, word) in [
            ("/var/lib/cloakroom", "/var/lib/cloakroom"),
            ("/srv/my files", "'/srv/my files'"),
            ("/srv/it's", r"'/srv/it'\''s'"),
            ("/srv/$HOME;#?", "'/srv/$HOME;#?'"),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }
}
