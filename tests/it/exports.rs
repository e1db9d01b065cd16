//! `export`: one user's files, with their names, in a directory that anybody can read without Cloakroom.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

use cloakroom::hex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::cli::succeeded;
use crate::support::{Person, Program, Store, TestApp, content::bytes, program::Printed};

const MIB: usize = 1 << 20;

/// A server with content in its data directory, and the program beside it.
pub async fn house() -> (TestApp, Program) {
    let server = TestApp::start_with(|options| options.storage = "local".to_owned()).await;
    let program = Program::of(&server);
    (server, program)
}

pub fn export(program: &Program, username: &str, directory: &Path) -> Printed {
    let directory = directory.display().to_string();
    program.run(&["export", "--user", username, &directory])
}

/// What is in `files/`, by its names.
pub fn written(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(directory.join("files")).unwrap();
    let files = files.map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    });
    files.collect()
}

pub fn manifest(directory: &Path) -> Value {
    serde_json::from_slice(&fs::read(directory.join("manifest.json")).unwrap()).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    written(directory).into_keys().collect()
}

#[track_caller]
pub fn fails(printed: &Printed, words: &str) {
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert!(printed.err.contains(words), "{words:?}: {printed:?}");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_every_live_file_under_a_name_that_every_file_system_takes() {
    let (server, program) = house().await;
    let alice = server.person("alice").await;
    let large = bytes(3 * MIB + 1);
    let uploads: [(&str, &[u8], &str); 7] = [
        ("letter.txt", b"first", "letter.txt"),
        ("letter.txt", b"second", "letter (2).txt"),
        ("LETTER.TXT", b"third", "LETTER (3).TXT"),
        ("12:30?.txt", b"noon", "12_30_.txt"),
        ("nul.txt", b"", "_nul.txt"),
        ("名前.bin", &large, "名前.bin"),
        ("manifest.json", b"{}", "manifest.json"),
    ];
    let mut ids = Vec::new();
    for (name, bytes, _) in uploads {
        ids.push(alice.upload(name, bytes).await);
    }
    let trashed = alice.upload("trashed.txt", b"trashed").await;
    alice.delete(&trashed).await.data("/deleteFile");
    let bob = server.person("bob").await;
    let shared = bob.upload("of bob.txt", b"his").await;
    bob.share_with(&shared, "alice").await;

    let directory = program.path("of alice/now");
    let printed = export(&program, "Alice", &directory);
    succeeded(&printed);
    assert!(printed.out.contains("7 of 7 files"), "{printed:?}");
    assert!(printed.out.contains("7 written now"), "{printed:?}");

    let expected = uploads.map(|(_, bytes, file)| (file.to_owned(), bytes.to_vec()));
    assert!(written(&directory) == BTreeMap::from(expected));
    let manifest = manifest(&directory);
    assert_eq!(manifest["cloakroomExport"], 1);
    assert_eq!(manifest["username"], "alice");
    let entries = manifest["files"].as_array().unwrap();
    assert_eq!(entries.len(), ids.len());
    for ((entry, id), (name, bytes, file)) in entries.iter().zip(&ids).zip(uploads) {
        let query = "query($f: ID!) { file(id: $f) { contentType createdAt } }";
        let file_of = alice.ask_with(query, json!({ "f": id })).await;
        assert_eq!(
            *entry,
            json!({
                "id": entry["id"],
                "name": name,
                "file": file,
                "size": bytes.len(),
                "contentType": file_of.text("/file/contentType"),
                "sha256": hex::encode(&Sha256::digest(bytes)),
                "createdAt": entry["createdAt"],
            })
        );
        let created_at = entry["createdAt"].as_str().unwrap();
        assert_eq!(created_at[..19], file_of.text("/file/createdAt")[..19]);
    }

    // For nobody else's eyes, and nothing lies about.
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&directory.join("files")), 0o700);
    assert_eq!(mode(&directory.join("manifest.json")), 0o600);
    assert_eq!(mode(&directory.join("files/letter.txt")), 0o600);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_was_killed_anywhere_goes_on_where_it_was() {
    let (server, program) = house().await;
    let alice = server.person("alice").await;
    let mut expected = BTreeMap::new();
    for n in 0..12 {
        let bytes = bytes(MIB + n);
        alice.upload(&format!("{n}.bin"), &bytes).await;
        expected.insert(format!("{n}.bin"), bytes);
    }
    let directory = program.path("export");
    let argument = directory.display().to_string();
    for kill in 0..8 {
        let mut child = program.spawn(&["export", "--user", "alice", &argument]);
        tokio::time::sleep(Duration::from_millis(30 * kill)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        // What has its name has its bytes.
        if directory.join("files").exists() {
            for (name, bytes) in written(&directory) {
                assert!(bytes == expected[&name], "kill {kill}: {name}");
            }
        }
    }
    succeeded(&export(&program, "alice", &directory));
    assert!(written(&directory) == expected);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);

    // Whole files are left as they are; one that is not is written again.
    let inode = |name: &str| {
        fs::metadata(directory.join("files").join(name))
            .unwrap()
            .ino()
    };
    let before = inode("0.bin");
    fs::write(directory.join("files/1.bin"), b"cut").unwrap();
    fs::write(directory.join("files/2.bin"), vec![0; MIB + 2]).unwrap();
    fs::remove_file(directory.join("files/3.bin")).unwrap();
    let printed = export(&program, "alice", &directory);
    succeeded(&printed);
    assert!(printed.out.contains("3 written now"), "{printed:?}");
    assert!(written(&directory) == expected);
    assert_eq!(inode("0.bin"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_brought_up_to_date_and_names_stay() {
    let (server, program) = house().await;
    let alice = server.person("alice").await;
    let first = alice.upload("a.txt", b"first").await;
    alice.upload("a.txt", b"second").await;
    let third = alice.upload("b.txt", b"third").await;
    let directory = program.path("export");
    succeeded(&export(&program, "alice", &directory));
    assert_eq!(names(&directory), ["a (2).txt", "a.txt", "b.txt"]);

    alice.delete(&first).await.data("/deleteFile");
    let rename = "mutation($f: ID!) { renameFile(id: $f, name: \"c.txt\") { name } }";
    let renamed = alice.ask_with(rename, json!({ "f": third })).await;
    renamed.data("/renameFile");
    alice.upload("a.txt", b"fourth").await;
    succeeded(&export(&program, "alice", &directory));
    let expected = [
        ("a (2).txt", "second"),
        ("a.txt", "fourth"),
        ("c.txt", "third"),
    ];
    let expected = expected.map(|(name, bytes)| (name.to_owned(), bytes.as_bytes().to_vec()));
    assert_eq!(written(&directory), BTreeMap::from(expected));
    assert_eq!(manifest(&directory)["files"].as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_disabled_account_can_be_taken_along() {
    let (server, program) = house().await;
    let alice = server.person("alice").await;
    alice.upload("a.txt", b"hers").await;
    succeeded(&program.run(&["disable-user", "alice"]));
    let directory = program.path("export");
    succeeded(&export(&program, "alice", &directory));
    assert_eq!(written(&directory)["a.txt"], b"hers");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_exported_is_said_and_nothing_is_overwritten() {
    let (server, program) = house().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    alice.upload("a.txt", b"hers").await;
    bob.upload("a.txt", b"his").await;
    let directory = program.path("export");
    fails(
        &export(&program, "nobody", &directory),
        "There is no account of this name",
    );
    assert!(!directory.exists());

    let full = program.path("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("thesis.txt"), b"mine").unwrap();
    fails(&export(&program, "alice", &full), "is not empty");
    assert_eq!(fs::read_dir(&full).unwrap().count(), 1);

    succeeded(&export(&program, "bob", &directory));
    fails(
        &export(&program, "alice", &directory),
        "an export of another account",
    );
    assert_eq!(written(&directory)["a.txt"], b"his");

    // Somebody put a link there, which leads to a file of others.
    let aim = program.path("aim.txt");
    fs::write(&aim, b"aim").unwrap();
    let file = directory.join("files/a.txt");
    fs::remove_file(&file).unwrap();
    symlink(&aim, &file).unwrap();
    succeeded(&export(&program, "bob", &directory));
    assert_eq!(fs::read(&aim).unwrap(), b"aim");
    assert!(!file.is_symlink());
    fs::remove_dir_all(directory.join("files")).unwrap();
    symlink(program.directory().path(), directory.join("files")).unwrap();
    fails(
        &export(&program, "bob", &directory),
        "has to be a directory",
    );
}

/// The content of `bytes` in a server's data directory.
fn content_of(server: &TestApp, bytes: &[u8]) -> PathBuf {
    let mut stored = server.stored().into_iter();
    stored
        .find(|path| fs::read(path).unwrap() == bytes)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_content_is_told_and_not_exported() {
    let (server, program) = house().await;
    let alice = server.person("alice").await;
    for name in ["whole", "missing", "shorter", "changed"] {
        alice.upload(name, name.as_bytes()).await;
    }
    fs::remove_file(content_of(&server, b"missing")).unwrap();
    fs::write(content_of(&server, b"shorter"), b"short").unwrap();
    fs::write(content_of(&server, b"changed"), b"CHANGED").unwrap();
    let directory = program.path("export");
    let printed = export(&program, "alice", &directory);
    fails(&printed, "do not have their exact bytes");
    for words in [
        "its content is missing",
        "it has 5 bytes instead of 7",
        "its SHA-256 is",
        "1 of 4 files",
    ] {
        assert!(printed.out.contains(words), "{words:?}: {printed:?}");
    }
    assert_eq!(names(&directory), ["whole"]);
    let manifest = manifest(&directory);
    let files = manifest["files"].as_array().unwrap();
    assert_eq!((files.len(), &files[0]["name"]), (1, &json!("whole")));
    assert!(!directory.join(".part").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn content_in_a_store_is_exported_and_imported_too() {
    let store = Store::create().await;
    let program = store.configure_program(Program::new().await);
    let serving = program.serve();
    let alice = Person::anonymous(&serving.base);
    alice.sign_up("alice").await;
    let expected: BTreeMap<_, _> = [0, 1, 70_000, 9 * MIB + 1]
        .map(|size| (format!("{size}.bin"), bytes(size)))
        .into();
    for (name, bytes) in &expected {
        alice.upload(name, bytes).await;
    }
    let directory = program.path("export");
    succeeded(&export(&program, "alice", &directory));
    assert!(written(&directory) == expected);

    let bob = Person::anonymous(&serving.base);
    bob.sign_up("bob").await;
    let argument = directory.display().to_string();
    succeeded(&program.run(&["import", "--user", "bob", &argument]));
    assert_eq!(store.contents().await, 2 * expected.len());
    let again = program.path("again");
    succeeded(&export(&program, "bob", &again));
    assert!(written(&again) == expected);
}
