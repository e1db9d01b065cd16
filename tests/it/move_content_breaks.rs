//! `move-content` that is killed, or finds damage.

use std::{fs, process::Child, time::Duration};

use serde_json::json;

use super::{
    cli::succeeded,
    move_content::{beside, contents, same},
};
use crate::support::{Person, Program, Store, content::bytes};

const FILES: usize = 40;

async fn with_files(program: &Program) -> (Person, Vec<(String, Vec<u8>)>) {
    let serving = program.serve();
    let alice = Person::anonymous(&serving.base);
    alice.sign_up("alice").await;
    let mut files = Vec::new();
    for n in 0..FILES {
        // Some go in parts.
        let size = if n % 10 == 0 { 9 << 20 } else { 200_000 };
        let bytes = bytes(size + n);
        files.push((alice.upload("a.bin", &bytes).await, bytes));
    }
    serving.terminate();
    serving.ended().await;
    (alice, files)
}

/// Kills a copying once `is_time`.
async fn kill_when(mut child: Child, mut is_time: impl AsyncFnMut() -> bool) {
    while !is_time().await {
        assert!(child.try_wait().unwrap().is_none(), "it ended before");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copying_that_is_killed_goes_on_where_it_was() {
    let store = Store::create().await;
    let program = beside(&store).await;
    let (alice, files) = with_files(&program).await;
    for enough in [1, FILES / 3, FILES * 2 / 3] {
        let child = program.spawn(&["move-content", "--to", "s3"]);
        kill_when(child, async || store.contents().await >= enough).await;
        assert!(store.get("installation").await.is_none());
    }
    let left = FILES - store.contents().await;
    assert!(left > 0, "all was copied before the last kill");
    let printed = program.run(&["move-content", "--to", "s3", "--switch"]);
    succeeded(&printed);
    let said = format!("{FILES} files of");
    assert!(printed.out.contains(&said), "{printed:?}");
    // What was on its way to the store at the last kill may have arrived since.
    let copied = printed.out.split_once("bytes: ").unwrap().1;
    let copied: usize = copied.split_once(" copied").unwrap().0.parse().unwrap();
    assert!((1..=left).contains(&copied), "{left}: {printed:?}");

    let program = program.set("STORAGE", "s3");
    let serving = program.serve();
    same(&alice.at(&serving.base), &files).await;
    succeeded(&program.run(&["verify", "--deep"]));
    serving.terminate();
    serving.ended().await;

    // Back, into a directory that has nothing yet.
    fs::remove_dir_all(program.data_dir().join("content")).unwrap();
    fs::remove_dir_all(program.data_dir().join("staging")).unwrap();
    for enough in [1, FILES / 2] {
        let child = program.spawn(&["move-content", "--to", "local"]);
        kill_when(child, async || contents(&program) >= enough).await;
    }
    assert!(
        contents(&program) < FILES,
        "all was copied before the last kill"
    );
    succeeded(&program.run(&["move-content", "--to", "local", "--switch"]));
    let program = program.set("STORAGE", "local");
    let serving = program.serve();
    same(&alice.at(&serving.base), &files).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_not_stopped_takes_in_nothing_after_the_switch() {
    let store = Store::create().await;
    let program = store.configure_program(Program::new().await);
    let serving = program.serve();
    let alice = Person::anonymous(&serving.base);
    alice.sign_up("alice").await;
    let file = alice.upload("a.txt", b"hers").await;

    succeeded(&program.run(&["move-content", "--to", "local", "--switch"]));
    for bytes in [b"small".to_vec(), bytes(9 << 20)] {
        let query = "mutation($file: Upload!) { uploadFile(file: $file) { id } }";
        let refused = alice.upload_with(query, json!({}), "b.bin", &bytes).await;
        assert_eq!(refused.code(), "UNAVAILABLE");
    }
    serving.terminate();
    serving.ended().await;

    let program = program.set("STORAGE", "local");
    let serving = program.serve();
    same(&alice.at(&serving.base), &[(file, b"hers".to_vec())]).await;
    succeeded(&program.run(&["verify", "--deep"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_content_is_named_and_stays_where_it_is() {
    let store = Store::create().await;
    let program = beside(&store).await;
    let serving = program.serve();
    let alice = Person::anonymous(&serving.base);
    alice.sign_up("alice").await;
    let files = [b"hers one", b"hers two"];
    let [good, bad] = [
        alice.upload("a", files[0]).await,
        alice.upload("b", files[1]).await,
    ];
    let content = super::installation::everything_in(&program.data_dir().join("content"));
    let (path, _) = content.iter().find(|(_, bytes)| bytes == files[1]).unwrap();
    fs::write(path, b"hers TWO").unwrap();

    let printed = program.run(&["move-content", "--to", "s3"]);
    assert_eq!(printed.status, Some(1), "{printed:?}");
    let said = format!("file {bad}: its SHA-256 is");
    assert!(printed.out.contains(&said), "{printed:?}");
    assert!(printed.out.contains("1 copied now"), "{printed:?}");
    let server = serving;
    let purge = "mutation($f: ID!) { deleteFile(id: $f) purgeFile(id: $f) }";
    // A switch is refused as long as it is there.
    server.terminate();
    server.ended().await;
    let printed = program.run(&["move-content", "--to", "s3", "--switch"]);
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert!(store.get("installation").await.is_none());

    let serving = program.serve();
    let alice = alice.at(&serving.base);
    alice
        .ask_with(purge, json!({ "f": bad }))
        .await
        .text("/purgeFile");
    serving.terminate();
    serving.ended().await;
    succeeded(&program.run(&["move-content", "--to", "s3", "--switch"]));
    let program = program.set("STORAGE", "s3");
    let serving = program.serve();
    same(&alice.at(&serving.base), &[(good, files[0].to_vec())]).await;
}
