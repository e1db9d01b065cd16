//! Opening a content directory: what has to be there, what is made, and what keeps a server from using it.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use uuid::Uuid;

use super::{
    Durable, FILE_MODE, Local, MarkKind, Room, finish_batches, make_dir,
    mark::{self, Mark},
    sync_dir,
};
use crate::{
    disk::try_writing,
    operator_error::{OperatorError, absolute},
    private,
    tasks::Tasks,
};

impl Local {
    /// The content directory in `data_dir`, made if it is missing, and marked as that of the installation `id`. `room` is what
    /// uploads may take.
    pub fn open_dir(
        data_dir: &Path,
        (kind, id): (MarkKind, Uuid),
        room: Room,
        tasks: &Tasks,
    ) -> Result<Self, OperatorError> {
        let local = Self::at(data_dir, (kind, id), room, tasks);
        for directory in [&local.staging, &local.content] {
            make_dir(directory).map_err(cannot("make the directory", directory))?;
        }
        local.check_closed()?;
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(FILE_MODE)
            .open(&local.purge_lock)
            .map_err(cannot("write", &local.purge_lock))?;
        sync_dir(data_dir).map_err(cannot("sync the directory", data_dir))?;
        local.check_places()?;
        if Self::mark(data_dir, kind)?.is_none() {
            Self::write_mark(data_dir, (kind, id))?;
        }
        Ok(local)
    }

    /// The same, where nothing may be made: what is missing is missed when it is used.
    pub fn at(data_dir: &Path, (kind, id): (MarkKind, Uuid), room: Room, tasks: &Tasks) -> Self {
        let [staging, content] = ["staging", "content"].map(|name| Arc::from(data_dir.join(name)));
        let durable = Durable::default();
        let mark = Mark::new(&content, kind, id);
        Self {
            small: finish_batches(&content, &mark, &durable, tasks),
            staging,
            content,
            mark,
            purge_lock: data_dir.join("purge.lock").into(),
            room,
            durable,
        }
    }

    /// Fails when others may put things into the directories.
    pub fn check_closed(&self) -> Result<(), OperatorError> {
        for directory in [&self.staging, &self.content] {
            let checked = private::check_directory(directory);
            checked.map_err(cannot("use the directory", directory))?;
        }
        Ok(())
    }

    /// Which installation the content directory in `data_dir` is marked as; `None` where it has no such mark.
    pub fn mark(data_dir: &Path, kind: MarkKind) -> Result<Option<Uuid>, OperatorError> {
        let path = Self::mark_path(data_dir, kind);
        mark::read(&path).map_err(cannot("read", &path))
    }

    /// Marks the content directory in `data_dir`, which is there, as that of the installation `id`.
    pub fn write_mark(data_dir: &Path, (kind, id): (MarkKind, Uuid)) -> Result<(), OperatorError> {
        let written = Mark::new(&data_dir.join("content"), kind, id).write();
        written.map_err(cannot("write", &Self::mark_path(data_dir, kind)))
    }

    /// Takes a mark away, where there is one.
    pub fn remove_mark(data_dir: &Path, (kind, id): (MarkKind, Uuid)) -> Result<(), OperatorError> {
        let removed = Mark::new(&data_dir.join("content"), kind, id).remove();
        removed.map_err(cannot("remove", &Self::mark_path(data_dir, kind)))
    }

    /// Where the mark is.
    pub fn mark_path(data_dir: &Path, kind: MarkKind) -> PathBuf {
        mark::path(&data_dir.join("content"), kind)
    }

    /// Whether there is content in `data_dir`, finished or staged.
    pub fn has_content(data_dir: &Path) -> Result<bool, OperatorError> {
        for (name, is_ours) in [("content", 2), ("staging", 32)] {
            let directory = data_dir.join(name);
            let entries = match fs::read_dir(&directory) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                entries => entries.map_err(cannot("read", &directory))?,
            };
            for entry in entries {
                let name = entry.map_err(cannot("read", &directory))?.file_name();
                let name = name.as_encoded_bytes();
                if name.len() == is_ours && name.iter().all(u8::is_ascii_hexdigit) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Fails when nothing can be written, or a finished upload could not move into its place: across file systems, and across
    /// mounts of one, nothing does. Leaves nothing behind, whatever ends it.
    fn check_places(&self) -> Result<(), OperatorError> {
        for directory in [&self.staging, &self.content] {
            let written = try_writing(directory);
            // Not every file system has files without names.
            if let Err(error) = written
                && [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem]
                    .contains(&error.kind())
            {
                return Err(cannot("write in", directory)(error));
            }
        }
        let staging = mount_of(&self.staging).map_err(cannot("look at", &self.staging))?;
        let content = mount_of(&self.content).map_err(cannot("look at", &self.content))?;
        if staging == content {
            return Ok(());
        }
        Err(OperatorError::new(format!(
            "{} and {} are on different file systems, and finished uploads have to move from one to the other: mount the \
             disk at the data directory (CLOAKROOM_DATA_DIR), so that both are on it",
            absolute(&self.staging).display(),
            absolute(&self.content).display()
        )))
    }
}

/// The file system of a directory, and by which mount it is reached, where the kernel tells.
fn mount_of(directory: &Path) -> io::Result<(u64, Option<u64>)> {
    let device = fs::metadata(directory)?.dev();
    let asked = StatxFlags::MNT_ID;
    let told = statx(CWD, directory, AtFlags::empty(), asked).ok();
    let told = told.filter(|told| told.stx_mask & asked.bits() != 0);
    Ok((device, told.map(|told| told.stx_mnt_id)))
}

/// What an error at `path` means to the operator, when it comes to `doing`.
fn cannot(doing: &str, path: &Path) -> impl Fn(io::Error) -> OperatorError {
    move |error| OperatorError::at(doing, path, "CLOAKROOM_DATA_DIR", &error)
}
