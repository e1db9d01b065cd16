//! Where content is: a directory with its disk, or an object store with its clock.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use super::{Finding, Report};
use crate::{
    app::App,
    clock::SKEW,
    config::Delivery,
    storage::{S3, Storage},
};

const WHAT: &str = "storage";

pub(super) async fn examine<F: FnMut(Finding)>(report: &mut Report<F>, app: &App) {
    let data_dir = &app.config.storage.data_dir;
    let place = app.storage.place(data_dir);
    report.good(WHAT, format!("{place} is this installation's"));
    match (app.storage.check().await, &app.storage) {
        (Ok(()), Storage::Local(_)) => report.good(WHAT, "it can be written"),
        (Ok(()), Storage::S3(_)) => report.good(
            WHAT,
            "it answers; `cloakroom check-store` tries out whether it does all that is asked of it",
        ),
        (Err(error), _) => report.bad(WHAT, format!("it cannot be used: {}", error.cause())),
    }
    match &app.storage {
        Storage::Local(_) => directory(report, app),
        Storage::S3(s3) => store(report, s3).await,
    }
}

/// A store refuses signatures of another time.
async fn store<F: FnMut(Finding)>(report: &mut Report<F>, s3: &S3) {
    const WHAT: &str = "clock";
    match s3.clock_apart().await {
        Ok(Some(apart)) if apart > SKEW => report.bad(
            WHAT,
            format!(
                "it is {} seconds from the object store's: see `timedatectl` on both machines",
                apart.as_secs()
            ),
        ),
        Ok(Some(_)) => report.good(WHAT, "it agrees with the object store's"),
        Ok(None) => report.doubtful(WHAT, "the object store does not tell the time"),
        Err(error) => report.bad(
            WHAT,
            format!("cannot ask the object store: {}", error.cause()),
        ),
    }
}

fn directory<F: FnMut(Finding)>(report: &mut Report<F>, app: &App) {
    let data_dir = &app.config.storage.data_dir;
    let (staging, content) = (data_dir.join("staging"), data_dir.join("content"));
    match are_together(&staging, &content) {
        Err(error) => report.bad(WHAT, format!("cannot look at it: {error}")),
        Ok(false) => report.bad(
            WHAT,
            "staging and content are on different file systems: mount the disk at the data directory",
        ),
        Ok(true) => report.good(WHAT, "staging and content are on one file system"),
    }
    match rustix::fs::statvfs(&content) {
        Err(error) => report.bad(WHAT, format!("cannot look at its disk: {error}")),
        Ok(disk) => {
            let said = format!("{} bytes are free", disk.f_bavail * disk.f_frsize);
            match disk.f_bavail < disk.f_blocks / 20 {
                true => report.doubtful(WHAT, said + ", less than a twentieth of the disk"),
                false => report.good(WHAT, said),
            }
        }
    }
    if app.config.tickets.delivery == Delivery::XAccel {
        readable_by_nginx(report, data_dir, &content);
    }
}

/// Whether both are on one file system.
fn are_together(one: &Path, other: &Path) -> io::Result<bool> {
    Ok(fs::metadata(one)?.dev() == fs::metadata(other)?.dev())
}

/// nginx's group passes through the data directory, and reads content.
fn readable_by_nginx<F: FnMut(Finding)>(report: &mut Report<F>, data_dir: &Path, content: &Path) {
    const WHAT: &str = "nginx's group";
    let looked = fs::metadata(data_dir).and_then(|outer| Ok((outer, fs::metadata(content)?)));
    let (outer, inner) = match looked {
        Ok(looked) => looked,
        Err(error) => return report.bad(WHAT, format!("cannot look at the content: {error}")),
    };
    let passes = outer.permissions().mode() & 0o010 != 0;
    let reads = inner.permissions().mode() & 0o050 == 0o050;
    match passes && reads && outer.gid() == inner.gid() {
        true => report.good(
            WHAT,
            format!("the group {} may read the content; nginx's workers have to be in it", inner.gid()),
        ),
        false => report.bad(
            WHAT,
            format!(
                "it may not read the content: `chgrp www-data {0} {1} && chmod 710 {0} && chmod 2750 {1}`, as \
                 docs/cloakroom.service does",
                data_dir.display(),
                content.display()
            ),
        ),
    }
}
