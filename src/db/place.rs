//! Where a database is, in the operator's words: what is said when it is not there, or cannot be used.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use sea_orm::{DbErr, sqlx::postgres::PgConnectOptions};

use super::connect::beside;
use crate::{
    disk,
    error::Error,
    operator_error::{OperatorError, absolute},
    private,
};

const SETTINGS: &str = "CLOAKROOM_DATA_DIR or CLOAKROOM_DATABASE_URL";
/// For somebody who types a command beside a server, and forgets what the server is told.
const WHERE_IT_IS: &str = "Only `cloakroom serve` and `cloakroom migrate` make one. If there is a server, say where \
     its database is: by CLOAKROOM_DATA_DIR and CLOAKROOM_DATABASE_URL as the server has them, or by the file that they \
     are in, `--env-file /etc/cloakroom/cloakroom.env`";

/// The path in `sqlite:PATH`, taken as it is; `None` for PostgreSQL.
pub(super) fn sqlite_path(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    Some(path.strip_prefix("//").unwrap_or(path).into())
}

pub(super) fn sqlite_name(path: &Path) -> Arc<str> {
    format!("the SQLite database {}", absolute(path).display()).into()
}

pub(super) fn cannot(doing: &str, path: &Path, error: &io::Error) -> OperatorError {
    OperatorError::at(doing, path, SETTINGS, error)
}

/// Whether there is no database at `path` for certain.
pub(super) fn is_missing(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(metadata) => metadata.is_file() && metadata.len() == 0,
        Err(error) => [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()),
    }
}

/// Fails when there is no database at `path`.
pub(super) fn check_there(path: &Path) -> Result<(), OperatorError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() && metadata.len() > 0 => Ok(()),
        Ok(metadata) if metadata.is_file() => Err(OperatorError::new(format!(
            "there is no database here: {} is empty. {WHERE_IT_IS}",
            absolute(path).display()
        ))),
        Ok(_) => Err(OperatorError::new(format!(
            "there is no database here: {} is no file. {WHERE_IT_IS}",
            absolute(path).display()
        ))),
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            Err(OperatorError::new(format!(
                "there is no database here: {} does not exist. {WHERE_IT_IS}",
                absolute(path).display()
            )))
        }
        Err(error) => Err(cannot("look at the database", path, &error)),
    }
}

/// Makes an empty database at `path` unless there is one. Its other files take their mode from this one.
pub(super) fn create(path: &Path) -> Result<(), OperatorError> {
    let created = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path);
    match created {
        Ok(_) => Ok(()),
        Err(error) => Err(cannot("write the database", path, &error)),
    }
}

/// Fails when others may read the database or its log.
pub(super) fn check_closed(path: &Path) -> Result<(), OperatorError> {
    for end in ["", "-wal", "-shm"] {
        let file = beside(path, end);
        private::check_file(&file)
            .map_err(|error| cannot("look at the database", &file, &error))?;
    }
    Ok(())
}

/// What SQLite says when it cannot use the file at `path`.
pub(super) fn unusable_sqlite(path: &Path, error: &Error) -> OperatorError {
    // The usual reasons, which SQLite does not tell. Its log is made beside the database, which it opens to write.
    for end in ["", "-wal", "-shm"] {
        let file = beside(path, end);
        match OpenOptions::new().append(true).open(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return cannot("write the database's file", &file, &error);
            }
            _ => {}
        }
    }
    let directory = absolute(path);
    let directory = directory.parent().unwrap_or(path);
    match disk::try_writing(directory) {
        Err(error)
            if [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem]
                .contains(&error.kind()) =>
        {
            cannot("write the database's log in", directory, &error)
        }
        _ => OperatorError::new(format!(
            "cannot use the SQLite database {} ({SETTINGS}): {}. If it is no database of SQLite's, name another; if it \
             is damaged, restore it from a backup",
            absolute(path).display(),
            error.cause()
        )),
    }
}

/// The name of the database at `url`.
pub(super) fn postgres_name(url: &str) -> Result<Arc<str>, OperatorError> {
    let options = PgConnectOptions::from_str(url).map_err(|error| {
        OperatorError::new(format!(
            "CLOAKROOM_DATABASE_URL is no address of PostgreSQL's: {error}; it is like postgres://user@host/database"
        ))
    })?;
    let database = options.get_database().unwrap_or(options.get_username());
    let (host, port) = (options.get_host(), options.get_port());
    let name = match options.get_socket() {
        Some(socket) => format!(
            "the PostgreSQL database {database:?} at the socket in {}",
            socket.display()
        ),
        None => format!("the PostgreSQL database {database:?} at {host}:{port}"),
    };
    Ok(name.into())
}

pub(super) fn unreachable(name: &str, error: &DbErr) -> OperatorError {
    OperatorError::new(format!(
        "cannot connect to {name} (CLOAKROOM_DATABASE_URL): {error}. See whether PostgreSQL runs there, and has this \
         database and this user"
    ))
}

/// What is said of a database that has no tables of ours.
pub(super) fn empty(name: &str) -> OperatorError {
    OperatorError::new(format!(
        "there is no database of Cloakroom's here: {name} has none of its tables. {WHERE_IT_IS}"
    ))
}
