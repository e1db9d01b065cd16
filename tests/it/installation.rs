//! Commands beside a server: they make nothing that is missing, and touch nothing of another installation's.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use sea_orm::{ConnectionTrait, Database as Connect};

use super::cli::succeeded;
use crate::support::{
    Database, Person,
    person::PASSWORD,
    program::{Printed, Program},
};

/// All commands that work with what a server has.
const COMMANDS: [&[&str]; 9] = [
    &["create-user", "alice"],
    &["list-events"],
    &["set-password", "alice"],
    &["disable-user", "alice"],
    &["enable-user", "alice"],
    &["export", "--user", "alice", "/nowhere/export"],
    &["import", "--user", "alice", "/nowhere/export"],
    &["verify"],
    &["verify", "--deep", "--repair", "--older-than", "0s"],
];

/// Every path below `directory`, with its bytes.
pub fn everything_in(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        found.push((directory, Vec::new()));
        for entry in entries {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => found.push((path.clone(), fs::read(&path).unwrap())),
            }
        }
    }
    found.sort();
    found
}

pub fn refused(printed: &Printed, said: &[&str]) {
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert_eq!(printed.out, "", "{printed:?}");
    for words in said {
        assert!(printed.err.contains(words), "{words}: {printed:?}");
    }
}

/// A machine whose database is in its data directory, with one file that is old enough for anything, and the file's ticket.
pub async fn with_a_file(program: &Program) -> (PathBuf, Vec<u8>) {
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("owner").await;
    alice.upload("a.txt", b"precious").await;
    server.terminate();
    server.ended().await;
    let content = everything_in(&program.data_dir().join("content"));
    let file = content.into_iter().find(|(_, bytes)| bytes == b"precious");
    let (path, bytes) = file.unwrap();
    let aged = fs::File::options().append(true).open(&path).unwrap();
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    aged.set_modified(SystemTime::UNIX_EPOCH + 50 * year)
        .unwrap();
    (path, bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_makes_what_a_server_has() {
    let nowhere = Program::with(None);
    let empty = Program::with(None);
    fs::create_dir(empty.data_dir()).unwrap();
    let elsewhere = Program::with(None);
    let database = elsewhere.path("no/such/directory/cloakroom.sqlite3");
    let elsewhere = elsewhere.set("DATABASE_URL", &format!("sqlite:{}", database.display()));
    for program in [nowhere, empty, elsewhere] {
        let before = everything_in(program.directory().path());
        let down: &[&str] = &["migrate", "--down", "1"];
        for command in COMMANDS.iter().chain([&down]) {
            let printed = program.run_with(command, PASSWORD);
            let said = [
                "there is no database here",
                "cloakroom.sqlite3",
                "--env-file",
            ];
            refused(&printed, &said);
            assert!(
                everything_in(program.directory().path()) == before,
                "{command:?}"
            );
        }
    }
}

/// A file that is no database, a directory, an empty database, and PostgreSQL without our tables.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_database_of_ours_is_left_as_it_is() {
    let program = Program::with(None);
    let path = program.path("place");
    let program = program.set("DATABASE_URL", &format!("sqlite:{}", path.display()));
    let anothers = {
        let path = program.path("another's");
        let url = format!("sqlite:{}?mode=rwc", path.display());
        let another = Connect::connect(url).await.unwrap();
        let table = "CREATE TABLE note (text TEXT)";
        another.execute_unprepared(table).await.unwrap();
        another.close().await.unwrap();
        fs::read(path).unwrap()
    };
    let closed = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    for (make, said) in [
        (
            &(|| {
                fs::write(
                    &path,
                    "a letter to a friend, long enough for a header of SQLite's, \
                which has a hundred bytes and a page behind it",
                )
                .unwrap()
            }) as &dyn Fn(),
            "cannot use the SQLite database",
        ),
        (
            &|| fs::write(&path, "").unwrap(),
            "there is no database here",
        ),
        (
            &|| fs::write(&path, &anothers).unwrap(),
            "has none of its tables",
        ),
        (
            &|| fs::create_dir(&path).unwrap(),
            "there is no database here",
        ),
    ] {
        make();
        if path.is_file() {
            closed(&path);
        }
        let before = everything_in(program.directory().path());
        for command in COMMANDS {
            let printed = program.run_with(command, PASSWORD);
            refused(&printed, &[said, path.to_str().unwrap()]);
            assert!(
                everything_in(program.directory().path()) == before,
                "{command:?}"
            );
        }
        match path.is_dir() {
            true => fs::remove_dir(&path).unwrap(),
            false => fs::remove_file(&path).unwrap(),
        }
    }
    if let Some(url) = Database::chosen().create().await {
        let program = Program::with(Some(url));
        for command in COMMANDS {
            let printed = program.run_with(command, PASSWORD);
            refused(
                &printed,
                &[
                    "there is no database of Cloakroom's here",
                    "PostgreSQL database",
                ],
            );
        }
        assert!(!program.data_dir().exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_database_url_costs_no_content() {
    let program = Program::with(None);
    let elsewhere = program.path("database.sqlite3");
    let url = format!("sqlite:{}", elsewhere.display());
    let program = program.set("DATABASE_URL", &url);
    let (content, bytes) = with_a_file(&program).await;
    let before = everything_in(&program.data_dir());
    let forgotten = program.without("DATABASE_URL");

    for command in COMMANDS {
        let printed = forgotten.run_with(command, PASSWORD);
        refused(&printed, &["there is no database here"]);
    }
    // Nor does a server, or a migration, make a second database beside the content of the first.
    for command in [&["serve"][..], &["migrate"]] {
        let printed = forgotten.run(command);
        refused(
            &printed,
            &["belongs to another database", "CLOAKROOM_DATABASE_URL"],
        );
    }
    assert!(everything_in(&forgotten.data_dir()) == before);
    assert_eq!(fs::read(content).unwrap(), bytes);
    succeeded(
        &forgotten
            .set("DATABASE_URL", &url)
            .run(&["verify", "--deep", "--repair"]),
    );
}

/// The wrong one of two: each has its tables, and one of them the content.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_of_another_installation_is_refused_before_anything_is_done() {
    let (program, other) = (Program::new().await, Program::new().await);
    let (content, bytes) = with_a_file(&program).await;
    other.serve().kill();
    let fresh = Program::new().await.migrated();
    let data_dir = program.data_dir().display().to_string();
    let url = |program: &Program| match program.database_url() {
        Some(url) => url.to_owned(),
        None => format!(
            "sqlite:{}",
            program.data_dir().join("cloakroom.sqlite3").display()
        ),
    };
    let before = everything_in(&program.data_dir().join("content"));

    for (wrong, said) in [
        (url(&other), "belong to different installations"),
        (url(&fresh), "belongs to another database"),
    ] {
        let wrong = Program::with(None)
            .set("DATA_DIR", &data_dir)
            .set("DATABASE_URL", &wrong);
        let others: [&[&str]; 2] = [&["serve"], &["migrate", "--down", "1"]];
        for command in COMMANDS.iter().chain(&others) {
            let printed = wrong.run_with(command, PASSWORD);
            refused(&printed, &[said, &data_dir, "CLOAKROOM_DATABASE_URL"]);
        }
    }

    assert!(everything_in(&program.data_dir().join("content")) == before);
    assert_eq!(fs::read(content).unwrap(), bytes);
    succeeded(&program.run(&["verify", "--deep", "--repair"]));
}
