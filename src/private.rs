//! What must be closed to others: secrets, the database, the data directory. Like ssh, the server does not start with an
//! open one, and says how to close it.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use crate::operator_error::shell_word;

/// Where container engines put secrets, which nobody but the container's processes can reach.
const CONTAINER_SECRETS: &str = "/run/secrets";
const ROOT: u32 = 0;

/// What others than the owner may do with a thing, as the bits of a mode that it must not have.
#[derive(Clone, Copy)]
enum Others {
    DoNothing = 0o077,
    ReadAsGroup = 0o027,
    Read = 0o022,
}

/// The secret that the server itself made at `path`, which is a file of its own and no link to another place, and whether it
/// is closed as it should be.
pub fn read_own(path: &Path) -> io::Result<(String, io::Result<()>)> {
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP) => io::Error::other(format!(
                "{} is a symbolic link; set CLOAKROOM_SECRET_FILE to have the secret elsewhere",
                path.display()
            )),
            _ => error,
        })?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other(format!(
            "{} is no file: move it away, or set CLOAKROOM_SECRET_FILE to have the secret elsewhere",
            path.display()
        )));
    }
    Ok((text(&mut file)?, check(path, &metadata, Others::DoNothing)))
}

/// The text of a file that the operator names, and whether it is closed as it should be. Its group may read it.
pub fn read_given(path: &Path) -> io::Result<(String, io::Result<()>)> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let is_of_a_container = metadata.uid() == ROOT && path.starts_with(CONTAINER_SECRETS);
    let others_may = match is_of_a_container {
        true => Others::Read,
        false => Others::ReadAsGroup,
    };
    Ok((text(&mut file)?, check(path, &metadata, others_may)))
}

/// Fails when others may read the file at `path`, or anybody else may write it. No matter if it is missing.
pub fn check_file(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        metadata => check(path, &metadata?, Others::ReadAsGroup),
    }
}

/// Fails when anybody else may put things into the directory at `path`.
pub fn check_directory(path: &Path) -> io::Result<()> {
    check(path, &fs::metadata(path)?, Others::Read)
}

fn text(file: &mut File) -> io::Result<String> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

fn check(whole: &Path, metadata: &Metadata, others_may: Others) -> io::Result<()> {
    let (path, mode) = (whole.display(), metadata.mode() & 0o7777);
    let open = mode & others_may as u32;
    if open != 0 {
        let (who, letters) = match open & 0o007 {
            0 => ("its group", "g"),
            _ => ("others", "go"),
        };
        let (what, way_out) = match (open & 0o022, others_may) {
            (_, Others::DoNothing) => ("use", "600".to_owned()),
            (0, _) => ("read", "o-rwx".to_owned()),
            (_, Others::ReadAsGroup) => ("write", "g-w,o-rwx".to_owned()),
            _ => ("write", format!("{letters}-w")),
        };
        return Err(io::Error::other(format!(
            "{path} has mode {mode:04o}: {who} may {what} it; close it with `chmod {way_out} {}`",
            shell_word(whole)
        )));
    }
    match is_trusted(metadata, whole)? {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "{path} belongs to another user, number {}, who may change it; `chown` it to the server's",
            metadata.uid()
        ))),
    }
}

/// Whether a thing is the server's or root's. Root also looks after the data directory of another user, and what is theirs
/// in it.
fn is_trusted(metadata: &Metadata, path: &Path) -> io::Result<bool> {
    // Where /proc is missing nobody tells who we are, and the modes have to do.
    let Ok(me) = fs::metadata("/proc/self").map(|me| me.uid()) else {
        return Ok(true);
    };
    if [me, ROOT].contains(&metadata.uid()) {
        return Ok(true);
    }
    let parent = path.parent().unwrap_or(path);
    Ok(me == ROOT && (metadata.is_dir() || fs::metadata(parent)?.uid() == metadata.uid()))
}
