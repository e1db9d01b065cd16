//! `move-content`: all content goes to an object store and back, and its users notice the switch alone.

use std::{fs, os::unix::fs::MetadataExt, path::PathBuf, time::UNIX_EPOCH};

use serde_json::json;

use super::cli::succeeded;
use crate::support::{
    Person, Program, Store, TestApp, content::bytes, program::Printed, tus::TusAnswer,
};

const MIB: usize = 1 << 20;

/// A machine with content in its data directory, that knows a store.
pub async fn beside(store: &Store) -> Program {
    store
        .configure_program(Program::new().await)
        .set("STORAGE", "local")
}

fn moved(program: &Program, to: &str, more: &[&str]) -> Printed {
    program.run(&[&["move-content", "--to", to], more].concat())
}

/// What is said on standard output has all of `words`.
#[track_caller]
fn says(printed: &Printed, words: &[&str]) {
    for words in words {
        assert!(printed.out.contains(words), "{words:?}: {printed:?}");
    }
}

async fn stopped(serving: crate::support::program::Serving) {
    serving.terminate();
    serving.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn content_goes_to_a_store_and_back_while_it_is_used() {
    let store = Store::create().await;
    let program = beside(&store).await;
    let serving = program.serve();
    let alice = Person::anonymous(&serving.base);
    alice.sign_up("alice").await;
    let bob = Person::anonymous(&serving.base);
    bob.sign_up("bob").await;
    let mut files = Vec::new();
    for size in [0, 1, 70_000, 8 * MIB, 20 * MIB + 1] {
        let bytes = bytes(size);
        files.push((alice.upload("of a size.bin", &bytes).await, bytes));
    }
    alice.share_with(&files[1].0, "bob").await;
    alice.delete(&files[2].0).await;

    // Beside the server, which goes on.
    let printed = moved(&program, "s3", &[]);
    succeeded(&printed);
    says(
        &printed,
        &["5 files of", "5 copied now", "0 damaged", "--switch"],
    );
    let later = bytes(9 * MIB);
    files.push((alice.upload("later.bin", &later).await, later));
    let unfinished = alice.tus_create("unfinished.bin", 1000).await;
    alice.tus_patch(&unfinished, 0, &[7; 500]).await.expect(204);
    // Nobody begins there before the switch.
    let early = program.set("STORAGE", "s3");
    let printed = early.run(&["serve"]);
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert!(printed.err.contains("not all there yet"), "{printed:?}");
    let program = early.set("STORAGE", "local");
    stopped(serving).await;

    let printed = moved(&program, "s3", &["--switch"]);
    succeeded(&printed);
    says(
        &printed,
        &["6 files of", "1 copied now", "CLOAKROOM_STORAGE=s3"],
    );
    let printed = program.run(&["serve"]);
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert!(printed.err.contains("was moved away from"), "{printed:?}");
    // Nothing was removed where it was.
    assert_eq!(contents(&program), 6);

    let program = program.set("STORAGE", "s3");
    let serving = program.serve();
    let (alice, bob) = (alice.at(&serving.base), bob.at(&serving.base));
    assert_eq!(head(&alice, &unfinished).await.status, 404);
    restored(&alice, &files[2].0).await;
    same(&alice, &files).await;
    let ticket = bob.ticket(&files[1].0).await;
    assert!(bob.get(&ticket).await.bytes == files[1].1);
    let newest = bytes(100_000);
    files.push((alice.upload("newest.bin", &newest).await, newest));
    succeeded(&program.run(&["verify", "--deep"]));

    // And back, where most of it still is.
    let printed = moved(&program, "local", &[]);
    succeeded(&printed);
    says(&printed, &["7 files of", "1 copied now"]);
    stopped(serving).await;
    succeeded(&moved(&program, "local", &["--switch"]));
    let program = program.set("STORAGE", "local");
    let serving = program.serve();
    let alice = alice.at(&serving.base);
    same(&alice, &files).await;
    // nginx makes the validators of the time that a file has on the disk, wherever it was before.
    let (newest, bytes) = files.last().unwrap();
    let told = alice.get(&alice.ticket(newest).await).await;
    let told = httpdate::parse_http_date(told.header("last-modified")).unwrap();
    let of_disk = paths(&program)
        .into_iter()
        .map(|path| path.metadata().unwrap());
    let of_disk = of_disk.filter(|content| content.len() == bytes.len() as u64);
    let of_disk: Vec<_> = of_disk
        .map(|content| u64::try_from(content.mtime()).unwrap())
        .collect();
    assert_eq!(
        of_disk,
        [told.duration_since(UNIX_EPOCH).unwrap().as_secs()]
    );
    succeeded(&program.run(&["verify", "--deep"]));
}

/// How many contents there are in the data directory.
pub fn contents(program: &Program) -> usize {
    paths(program).len()
}

fn paths(program: &Program) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![program.data_dir().join("content")];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false if path.file_name().unwrap().len() == 32 => found.push(path),
                false => {}
            }
        }
    }
    found
}

async fn head(alice: &Person, upload: &str) -> TusAnswer {
    alice.tus_head(&alice.at_base(upload)).await
}

async fn restored(alice: &Person, file: &str) {
    let query = "mutation($f: ID!) { restoreFile(id: $f) { id } }";
    let answer = alice.ask_with(query, json!({ "f": file })).await;
    assert_eq!(answer.text("/restoreFile/id"), file);
}

/// Every file has its bytes.
pub async fn same(alice: &Person, files: &[(String, Vec<u8>)]) {
    for (file, bytes) in files {
        let ticket = alice.ticket(file).await;
        assert!(alice.get(&ticket).await.bytes == *bytes, "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_was_broken_off_is_made_again_with_what_has_come_since() {
    let store = Store::create().await;
    let program = beside(&store).await;
    let serving = program.serve();
    let alice = Person::anonymous(&serving.base);
    alice.sign_up("alice").await;
    let mut files = vec![(alice.upload("a.txt", b"one").await, b"one".to_vec())];
    stopped(serving).await;
    succeeded(&moved(&program, "s3", &["--switch"]));
    // Killed between the marks of the one place and those of the other.
    let content = program.data_dir().join("content");
    fs::rename(
        content.join("installation-set-aside"),
        content.join("installation"),
    )
    .unwrap();
    let serving = program.serve();
    let alice = alice.at(&serving.base);
    files.push((alice.upload("b.txt", b"two").await, b"two".to_vec()));
    stopped(serving).await;

    let printed = moved(&program, "s3", &["--switch"]);
    succeeded(&printed);
    says(&printed, &["1 copied now"]);
    let program = program.set("STORAGE", "s3");
    let serving = program.serve();
    same(&alice.at(&serving.base), &files).await;
    assert!(store.get("installation-set-aside").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_waits_for_servers_that_take_something_in() {
    let store = Store::create().await;
    let server = TestApp::start_with(|options| options.storage = "local".to_owned()).await;
    let program = store
        .configure_program(Program::of(&server))
        .set("STORAGE", "local");
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({})).await;
    let slow = alice.dropping(&drop.token, None).leave_slowly().await;
    slow.send(vec![1; 100_000]).await;
    server
        .eventually("the upload begins", async |server| {
            server.rows("upload").await == 1
        })
        .await;
    let printed = moved(&program, "s3", &["--switch"]);
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert!(printed.err.contains("stop all servers"), "{printed:?}");
    assert_eq!(slow.finish().await.data("/dropFile/size"), 100_000);
    assert!(store.get("installation").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_moved_is_said_and_nothing_changes() {
    let store = Store::create().await;
    let program = beside(&store).await;
    let serving = program.serve();
    let alice = Person::anonymous(&serving.base);
    alice.sign_up("alice").await;
    alice.upload("a.txt", b"hers").await;
    stopped(serving).await;

    let printed = moved(&program, "local", &[]);
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert!(printed.err.contains("is local already"), "{printed:?}");
    let nameless = program.without("S3_BUCKET");
    let printed = moved(&nameless, "s3", &[]);
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert!(printed.err.contains("CLOAKROOM_S3_BUCKET"), "{printed:?}");

    // A prefix of somebody else's, marked or not.
    let others = Store::create().await;
    let key = "00".repeat(16);
    others.put(&format!("content/00/00/{key}"), b"theirs").await;
    let program = others.configure_program(nameless).set("STORAGE", "local");
    let printed = moved(&program, "s3", &[]);
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert!(
        printed.err.contains("not of this installation"),
        "{printed:?}"
    );
    others
        .put("installation", b"01890000-0000-7000-8000-000000000000")
        .await;
    let printed = moved(&program, "s3", &[]);
    assert!(
        printed.err.contains("not of this installation"),
        "{printed:?}"
    );
    assert!(others.get("installation-set-aside").await.is_none());
}
