//! Files that must be closed to others: the server does not start while one of them is open, and names it.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use super::{cli::succeeded, configuration::SECRET};
use crate::support::program::Program;

/// Sets the mode of what is at `path`; SQLite may have removed its log meanwhile, and takes an empty one.
fn set_mode(path: &Path, mode: u32) {
    if !path.exists() {
        fs::write(path, "").unwrap();
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The program refuses to start, names the path, and says `way_out`.
fn refuses(program: &Program, path: &Path, way_out: &str) {
    let printed = program.run(&["verify"]);
    let path = path.display().to_string();
    assert!(
        [Some(1), Some(2)].contains(&printed.status)
            && printed.err.contains(&path)
            && printed.err.contains(way_out),
        "{path}, {way_out}: {printed:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_can_read_or_write_stops_the_start() {
    // SQLite's files are among them.
    let program = Program::with(None);
    program.serve().kill();
    let data = program.data_dir();
    let [secret, database, log, content] = [
        "secret",
        "cloakroom.sqlite3",
        "cloakroom.sqlite3-wal",
        "content",
    ]
    .map(|name| data.join(name));
    for (path, open, closed) in [
        (
            &secret,
            &[0o666, 0o644, 0o640, 0o620, 0o604, 0o602][..],
            &[0o600, 0o400][..],
        ),
        (&database, &[0o666, 0o644, 0o660, 0o602], &[0o640, 0o600]),
        (&log, &[0o666, 0o604], &[0o640, 0o600]),
        (
            &data,
            &[0o777, 0o770, 0o757, 0o1777],
            &[0o755, 0o710, 0o750],
        ),
        (&content, &[0o777, 0o2770], &[0o2750, 0o750]),
    ] {
        for mode in open {
            set_mode(path, *mode);
            refuses(&program, path, &format!("has mode {mode:04o}"));
            refuses(&program, path, "with `chmod ");
        }
        for mode in closed {
            set_mode(path, *mode);
            succeeded(&program.run(&["verify"]));
        }
    }
    // What is said to do is all there is to do.
    set_mode(&secret, 0o666);
    let said = program.run(&["verify"]).err;
    let command = said.split('`').nth(1).unwrap();
    let done = Command::new("sh").args(["-c", command]).status().unwrap();
    assert!(done.success(), "{command}");
    succeeded(&program.run(&["verify"]));

    let elsewhere = program.path("elsewhere");
    fs::rename(&secret, &elsewhere).unwrap();
    symlink(&elsewhere, &secret).unwrap();
    refuses(&program, &secret, "CLOAKROOM_SECRET_FILE");
    fs::remove_file(&elsewhere).unwrap();
    refuses(&program, &secret, "CLOAKROOM_SECRET_FILE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_another_user_stops_the_start() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("only root can give a file away");
        return;
    }
    let program = Program::with(None);
    program.serve().kill();
    let given_away = ["secret", "cloakroom.sqlite3"].map(|name| program.data_dir().join(name));
    for path in &given_away {
        std::os::unix::fs::chown(path, Some(12_345), None).unwrap();
        refuses(&program, path, "belongs to another user, number 12345");
        std::os::unix::fs::chown(path, Some(0), None).unwrap();
        succeeded(&program.run(&["verify"]));
    }
    // Root looks after the installation of somebody else.
    for path in given_away.iter().chain([&program.data_dir()]) {
        std::os::unix::fs::chown(path, Some(12_345), None).unwrap();
    }
    succeeded(&program.run(&["verify"]));
}

/// Its group may read it, as where systemd or Kubernetes puts it.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_file_that_others_can_read_stops_the_start() {
    let file = Program::new().await;
    let file = file.path("given");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, SECRET).unwrap();
    let program = Program::new().await;
    program.serve().kill();
    let program = program.set("SECRET_FILE", file.to_str().unwrap());
    for mode in [0o666, 0o644, 0o604, 0o660, 0o602] {
        set_mode(&file, mode);
        let printed = program.run(&["verify"]);
        let said = format!(
            "CLOAKROOM_SECRET_FILE: {} has mode {mode:04o}",
            file.display()
        );
        assert_eq!(printed.status, Some(2), "{printed:?}");
        assert!(printed.err.contains(&said), "{said}: {printed:?}");
        assert!(!printed.err.contains(SECRET), "{printed:?}");
    }
    for mode in [0o600, 0o400, 0o440, 0o640] {
        set_mode(&file, mode);
        succeeded(&program.run(&["verify"]));
    }
    // Kubernetes links to where it keeps them.
    let link = file.with_extension("link");
    symlink(&file, &link).unwrap();
    let program = program.set("SECRET_FILE", link.to_str().unwrap());
    succeeded(&program.run(&["verify"]));
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
}
