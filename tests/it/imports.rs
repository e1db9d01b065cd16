//! `import`: what `export` wrote comes into an account, all of it once, or nothing when anything about it is wrong.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use serde_json::{Value, json};

use super::{
    cli::succeeded,
    exports::{export, fails, house, manifest},
};
use crate::support::{Person, Program, TestApp, content::bytes, program::Printed};

const MIB: usize = 1 << 20;

fn import(program: &Program, username: &str, directory: &Path) -> Printed {
    let directory = directory.display().to_string();
    program.run(&["import", "--user", username, &directory])
}

/// Names, hashes and types of a person's files, newest first.
async fn listed(person: &Person) -> Value {
    let query = "{ files(first: 100) { nodes { name size sha256 contentType } } }";
    person.ask(query).await.data("/files/nodes")
}

/// Nothing came into the account, and nothing is on its way.
async fn nothing_came(server: &TestApp) {
    for table in ["file", "upload", "discarded_content"] {
        assert_eq!(server.rows(table).await, 0, "{table}");
    }
    assert_eq!(server.contents().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_comes_into_an_account_of_another_installation_once() {
    let (server, program) = house().await;
    let alice = server.person("alice").await;
    let files: [(&str, &[u8]); 5] = [
        ("letter.txt", b"first"),
        ("letter.txt", b"second"),
        // Twice the same.
        ("letter.txt", b"second"),
        ("12:30?.html", b"<html>noon</html>"),
        ("large.bin", &bytes(2 * MIB)),
    ];
    for (name, bytes) in files {
        alice.upload(name, bytes).await;
    }
    let directory = program.path("export");
    succeeded(&export(&program, "alice", &directory));

    let (other, there) = house().await;
    let bob = other.person("bob").await;
    bob.upload("his own.txt", b"his").await;
    let printed = import(&there, "bob", &directory);
    succeeded(&printed);
    assert!(printed.out.contains("5 imported now"), "{printed:?}");
    let mut expected = listed(&alice).await;
    let his = listed(&bob).await;
    let before = his.as_array().unwrap().last().unwrap().clone();
    assert_eq!(before["name"], "his own.txt");
    expected.as_array_mut().unwrap().push(before);
    assert_eq!(his, expected);
    let usage = "{ me { usage { usedBytes reservedBytes } } }";
    let usage = bob.ask(usage).await.data("/me/usage");
    let size: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(usage["usedBytes"], size + 3);
    assert_eq!(usage["reservedBytes"], 0);

    // Again: the account says what is done.
    let printed = import(&there, "bob", &directory);
    succeeded(&printed);
    assert!(
        printed.out.contains("5 were there") && printed.out.contains(" 0 imported now"),
        "{printed:?}"
    );
    assert_eq!(listed(&bob).await, his);
    other.only_files_stay(6).await;

    // The trail has each of them, by the operator, once the server has given them places.
    let waiting = "SELECT COUNT(*) AS number FROM concern WHERE seq IS NULL";
    other
        .eventually("every event has its place", async |server| {
            server.number(waiting).await == 0
        })
        .await;
    let query = "{ events(first: 50) { edges { node { kind detail user { username } } } } }";
    let events = bob.ask(query).await.data("/events/edges");
    let events = events.as_array().unwrap().iter().map(|edge| &edge["node"]);
    let uploaded: Vec<_> = events
        .filter(|event| event["kind"] == "UPLOADED" && event["user"].is_null())
        .map(|event| event["detail"].clone())
        .collect();
    assert_eq!(
        uploaded,
        [
            "large.bin",
            "12:30?.html",
            "letter.txt",
            "letter.txt",
            "letter.txt"
        ]
    );
    let by =
        "SELECT COUNT(*) AS number FROM event WHERE kind = 'UPLOADED' AND actor_kind = 'OPERATOR'";
    assert_eq!(other.number(by).await, 5);
}

/// An export of two files, in a directory that is made anew each time.
fn make(directory: &Path) {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(directory.join("files")).unwrap();
    fs::write(directory.join("files/a.txt"), b"hello").unwrap();
    fs::write(directory.join("files/b.txt"), b"world").unwrap();
    let entry = |file: &str, sha256: &str| {
        json!({
            "id": "", "name": file, "file": file, "size": 5, "contentType": "text/plain", "createdAt": "", "sha256": sha256,
        })
    };
    let manifest = json!({
        "cloakroomExport": 1, "userId": "", "username": "alice",
        "files": [
            entry("a.txt", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
            entry("b.txt", "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7"),
        ],
    });
    write(directory, &manifest);
}

fn write(directory: &Path, manifest: &Value) {
    fs::write(directory.join("manifest.json"), manifest.to_string()).unwrap();
}

/// Changes the manifest's word at `pointer`.
fn with(directory: &Path, pointer: &str, value: Value) {
    let mut manifest = manifest(directory);
    *manifest.pointer_mut(pointer).unwrap() = value;
    write(directory, &manifest);
}

/// A way to make an export wrong, and what is said of it.
type Wrong = (fn(&Path), &'static str);

const WRONG: [Wrong; 22] = [
    (
        |directory| fs::remove_dir_all(directory).unwrap(),
        "cannot open",
    ),
    (
        |directory| fs::remove_file(directory.join("manifest.json")).unwrap(),
        "has no manifest.json",
    ),
    (
        |directory| fs::write(directory.join("manifest.json"), "{\"cloakroomExport\":").unwrap(),
        "is no JSON",
    ),
    (
        |directory| write(directory, &json!([])),
        "is not the manifest",
    ),
    (
        |directory| write(directory, &json!({ "files": [] })),
        "is not the manifest",
    ),
    (
        |directory| with(directory, "/files/1/size", json!(-5)),
        "is not the manifest",
    ),
    (
        |directory| with(directory, "/cloakroomExport", json!(2)),
        "is of version 2",
    ),
    (
        |directory| {
            let manifest = directory.join("manifest.json");
            fs::rename(&manifest, directory.join("elsewhere")).unwrap();
            symlink("elsewhere", manifest).unwrap();
        },
        "is no file of its own",
    ),
    (
        |directory| with(directory, "/files/1/file", json!("../manifest.json")),
        "leads elsewhere",
    ),
    (
        |directory| with(directory, "/files/1/file", json!("/etc/hostname")),
        "leads elsewhere",
    ),
    (
        |directory| with(directory, "/files/1/file", json!("..")),
        "leads elsewhere",
    ),
    (
        |directory| with(directory, "/files/1/file", json!("a.txt")),
        "twice",
    ),
    (
        |directory| with(directory, "/files/1/name", json!("../b.txt")),
        "cannot be called",
    ),
    (
        |directory| with(directory, "/files/1/name", json!("b\u{202e}txt.exe")),
        "cannot be called",
    ),
    (
        |directory| with(directory, "/files/1/sha256", json!("486ea4")),
        "has no SHA-256",
    ),
    (
        |directory| with(directory, "/files/1/size", json!(4)),
        "has 5 bytes, and the manifest says 4",
    ),
    (
        |directory| with(directory, "/files/1/size", json!(u64::MAX)),
        "CLOAKROOM_MAX_FILE_SIZE",
    ),
    (
        |directory| fs::write(directory.join("files/b.txt"), b"WORLD").unwrap(),
        "has the SHA-256",
    ),
    (
        |directory| fs::remove_file(directory.join("files/b.txt")).unwrap(),
        "is missing",
    ),
    (
        |directory| {
            let file = directory.join("files/b.txt");
            fs::rename(&file, directory.join("b.txt")).unwrap();
            symlink(directory.join("b.txt"), file).unwrap();
        },
        "is a link or something else",
    ),
    (
        |directory| {
            fs::remove_file(directory.join("files/b.txt")).unwrap();
            fs::create_dir(directory.join("files/b.txt")).unwrap();
        },
        "is a link or something else",
    ),
    (
        |directory| {
            fs::rename(directory.join("files"), directory.join("elsewhere")).unwrap();
            symlink("elsewhere", directory.join("files")).unwrap();
        },
        "has to be a directory",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_wrong_anywhere_is_refused_before_the_first_byte() {
    let (server, program) = house().await;
    let alice = server.person("alice").await;
    let directory = program.path("export");
    for (break_it, words) in WRONG {
        make(&directory);
        break_it(&directory);
        let printed = import(&program, "alice", &directory);
        fails(&printed, words);
        assert!(printed.err.contains("nothing was imported"), "{printed:?}");
        nothing_came(&server).await;
    }
    make(&directory);
    fails(
        &import(&program, "nobody", &directory),
        "There is no account of this name",
    );
    succeeded(&program.run(&["disable-user", "alice"]));
    fails(&import(&program, "alice", &directory), "is disabled");
    nothing_came(&server).await;
    succeeded(&program.run(&["enable-user", "alice"]));
    succeeded(&import(&program, "alice", &directory));
    alice
        .sign_in("alice", crate::support::person::PASSWORD)
        .await;
    assert_eq!(listed(&alice).await[0]["name"], "b.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_stays_within_the_quota_and_the_limits() {
    let (server, program) = house().await;
    let alice = server.person("alice").await;
    let directory = program.path("export");
    make(&directory);
    succeeded(&program.run(&["set-quota", "alice", "9"]));
    fails(
        &import(&program, "alice", &directory),
        "may keep 9 bytes and has 0; 10 more do not fit",
    );
    nothing_came(&server).await;
    succeeded(&program.run(&["set-quota", "alice", "10"]));
    let one = Program::of(&server).set("MAX_FILES_PER_USER", "1");
    fails(
        &import(&one, "alice", &directory),
        "CLOAKROOM_MAX_FILES_PER_USER",
    );
    let small = Program::of(&server).set("MAX_FILE_SIZE", "4");
    fails(
        &import(&small, "alice", &directory),
        "CLOAKROOM_MAX_FILE_SIZE",
    );
    nothing_came(&server).await;
    succeeded(&import(&program, "alice", &directory));
    assert_eq!(listed(&alice).await.as_array().unwrap().len(), 2);
    // What is there needs no room.
    succeeded(&import(&program, "alice", &directory));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_anywhere_goes_on_and_makes_no_doubles() {
    let (server, program) = house().await;
    let alice = server.person("alice").await;
    for n in 0..12 {
        // Each name twice.
        let name = format!("{}.bin", n / 2);
        alice.upload(&name, &bytes(MIB + n)).await;
    }
    let directory = program.path("export");
    succeeded(&export(&program, "alice", &directory));

    let (other, there) = house().await;
    let bob = other.person("bob").await;
    let argument = directory.display().to_string();
    for kill in 0..8 {
        let mut child = there.spawn(&["import", "--user", "bob", &argument]);
        tokio::time::sleep(Duration::from_millis(60 * kill)).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    succeeded(&import(&there, "bob", &directory));
    assert_eq!(listed(&bob).await, listed(&alice).await);

    // What the kills left is swept as what any upload leaves.
    other.sweep().await;
    for _ in 0..2 {
        other.advance(Duration::from_secs(48 * 60 * 60));
        other.sweep().await;
    }
    other.only_files_stay(12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_scanner_refuses_stays_out_and_the_rest_comes_in() {
    let (server, program) = house().await;
    let alice = server.person("alice").await;
    let directory = program.path("export");
    make(&directory);
    let scan = r#"command:/usr/bin/awk /hello/{print"Test.Virus";exit(1)}"#;
    let scanned = Program::of(&server).set("SCAN", scan);
    let printed = import(&scanned, "alice", &directory);
    fails(&printed, "the scanner did not let all files pass");
    assert!(printed.out.contains("Test.Virus"), "{printed:?}");
    assert!(printed.out.contains("1 imported now"), "{printed:?}");
    let files = listed(&alice).await;
    assert_eq!(files.as_array().unwrap().len(), 1);
    assert_eq!(files[0]["name"], "b.txt");
    let refused = "SELECT COUNT(*) AS number FROM event WHERE kind = 'UPLOAD_REFUSED' AND actor_kind = 'OPERATOR'";
    assert_eq!(server.number(refused).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_keeps_others_from_its_directory() {
    let (server, program) = house().await;
    let alice = server.person("alice").await;
    alice.upload("a.txt", b"hello").await;
    let directory = program.path("export");
    make(&directory);
    let held = fs::File::open(&directory).unwrap();
    held.lock().unwrap();
    fails(&import(&program, "alice", &directory), "is at work");
    fails(&export(&program, "alice", &directory), "is at work");
    drop(held);
    succeeded(&import(&program, "alice", &directory));
}
