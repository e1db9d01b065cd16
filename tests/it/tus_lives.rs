//! Resumable uploads that are interrupted: by a kill, a restart, the janitor, a disabled account; and their quota and bytes.

use std::time::Duration;

use cloakroom::domain::accounts;
use serde_json::json;

use crate::support::{Program, TestApp, person::PASSWORD};

const DAYS: Duration = Duration::from_secs(3 * 24 * 60 * 60);

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_after_the_server_was_killed() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let bytes = bytes(5 << 20);
    let process = Program::of(&server).serve();
    let there = alice.at(&process.base);
    let url = there.tus_create("a.bin", bytes.len()).await;
    there
        .tus_patch(&url, 0, &bytes[..1_000_000])
        .await
        .expect(204);
    let part = there
        .tus_slow_part(&url, 1_000_000, bytes.len() - 1_000_000)
        .await;
    part.send(&bytes[1_000_000..3_000_000]).await;

    process.kill();
    part.hang_up().await;

    let process = Program::of(&server).serve();
    let there = alice.at(&process.base);
    let url = there.at_base(&url);
    let head = there.tus_head(&url).await.expect(200);
    let offset = head.offset();
    assert!(
        offset >= 1_000_000,
        "an acknowledged byte is lost: {offset}"
    );
    let done = there.tus_patch(&url, offset, &bytes[offset..]).await;
    let id = done.expect(204).header("cloakroom-file").to_owned();
    let found = alice.get(&alice.ticket(&id).await).await.bytes;
    assert!(found == bytes);
    server.only_files_stay(1).await;
    drop(process);
    let verified = Program::of(&server).run(&["verify", "--deep"]);
    assert_eq!(verified.status, Some(0), "{verified:?}");
}

/// Of a long part, what has come is acknowledged now and then: a crash does not take hours.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_part_is_acknowledged_as_it_comes() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let bytes = bytes(96 << 20);
    let process = Program::of(&server).serve();
    let there = alice.at(&process.base);
    let url = there.tus_create("a.bin", bytes.len() + 1).await;
    let part = there.tus_slow_part(&url, 0, bytes.len() + 1).await;
    part.send(&bytes).await;
    server
        .eventually("some of it is acknowledged", async |_| {
            there.upload_offset(&url).await >= 32 << 20
        })
        .await;

    process.kill();
    part.hang_up().await;

    let url = alice.at_base(&url);
    let offset = alice.tus_head(&url).await.expect(200).offset();
    assert!(offset >= 32 << 20, "{offset}");
    let rest = [&bytes[offset..], b"!"].concat();
    let done = alice.tus_patch(&url, offset, &rest).await.expect(204);
    let found = alice
        .get(&alice.ticket(done.header("cloakroom-file")).await)
        .await;
    assert!(found.bytes.starts_with(&bytes) && found.bytes.len() == bytes.len() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_after_a_restart() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.txt", 10).await;
    alice.tus_patch(&url, 0, b"0123").await.expect(204);
    let server = server.restart_with(|_| {}).await;
    let alice = alice.at(&server.base);
    let url = alice.at_base(&url);
    assert_eq!(alice.tus_head(&url).await.expect(200).offset(), 4);
    let done = alice.tus_patch(&url, 4, b"456789").await.expect(204);
    let ticket = alice.ticket(done.header("cloakroom-file")).await;
    assert_eq!(alice.get(&ticket).await.bytes, b"0123456789");
}

/// A pause costs the row and the bytes, and the janitor takes neither for abandoned.
#[tokio::test(flavor = "multi_thread")]
async fn the_janitor_and_verify_leave_paused_uploads_alone() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1MiB".to_owned())).await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.txt", 10).await;
    alice.tus_patch(&url, 0, b"0123").await.expect(204);
    let untouched = alice.tus_create("b.txt", 10).await;
    for _ in 0..2 {
        server.advance(DAYS);
        server.sweep().await;
        server.another().await.sweep().await;
        let verified = Program::of(&server).run(&["verify", "--deep"]);
        assert_eq!(verified.status, Some(0), "{verified:?}");
    }
    let usage = alice.ask("{ me { usage { reservedBytes } } }").await;
    assert_eq!(usage.data("/me/usage/reservedBytes"), 20);
    alice.tus_patch(&url, 4, b"456789").await.expect(204);
    alice.tus_delete(&untouched).await.expect(204);
    server.only_files_stay(1).await;
}

/// Bytes that a request has moved to their place, and whose row it could not commit: the next request goes on from what was
/// acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_broke_between_its_bytes_and_its_row_goes_on() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.txt", 10).await;
    alice.tus_patch(&url, 0, b"0123").await.expect(204);
    let staged = server.stored().pop().unwrap();
    let key = staged.file_name().unwrap().to_str().unwrap().to_owned();
    let content = server.app.config.storage.data_dir.join("content");
    let place = content.join(&key[..2]).join(&key[2..4]);
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(&staged, b"0123456789").unwrap();
    std::fs::rename(&staged, place.join(&key)).unwrap();

    assert_eq!(alice.tus_head(&url).await.expect(200).offset(), 4);
    let done = alice.tus_patch(&url, 4, b"abcdef").await.expect(204);

    let ticket = alice.ticket(done.header("cloakroom-file")).await;
    assert_eq!(alice.get(&ticket).await.bytes, b"0123abcdef");
    server.only_files_stay(1).await;
    // An upload that is given up there leaves nothing either.
    let url = alice.tus_create("b.txt", 10).await;
    let staged = alice.tus_patch(&url, 0, b"0123").await;
    staged.expect(204);
    alice.tus_delete(&url).await.expect(204);
    server.only_files_stay(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_meanwhile_gets_no_file_and_goes_on_when_enabled() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1MiB".to_owned())).await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.bin", 2 << 16).await;
    let part = alice.tus_slow_part(&url, 0, 2 << 16).await;
    part.send(&[1; 1 << 16]).await;
    accounts::set_disabled(&server.app, "alice", true)
        .await
        .unwrap();
    part.send(&[1; 1 << 16]).await;
    part.finish().await.expect(401);
    alice.tus_head(&url).await.expect(401);
    assert_eq!(server.rows("file").await, 0);

    accounts::set_disabled(&server.app, "alice", false)
        .await
        .unwrap();
    alice.sign_in("alice", PASSWORD).await.data("/signIn");

    let offset = alice.tus_head(&url).await.expect(200).offset();
    let rest = vec![1; (2 << 16) - offset];
    alice.tus_patch(&url, offset, &rest).await.expect(204);
    server.only_files_stay(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn graphql_begins_tells_and_ends_uploads() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1MiB".to_owned())).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let begun = alice.create_upload("a.txt", Some(10)).await;
    let upload = begun.data("/createUpload");
    assert_eq!(
        (&upload["name"], &upload["size"]),
        (&json!("a.txt"), &json!(10))
    );
    assert_eq!(
        (&upload["offset"], &upload["file"]),
        (&json!(0), &json!(null))
    );
    let url = alice.at_base(upload["url"].as_str().unwrap());
    let other = alice
        .create_upload("b.txt", None)
        .await
        .text("/createUpload/id");
    let list = "{ uploads { nodes { id offset size } } }";
    alice.tus_patch(&url, 0, b"0123").await.expect(204);
    assert_eq!(
        alice.ask(list).await.data("/uploads/nodes"),
        json!([
            { "id": other, "offset": 0, "size": null },
            { "id": upload["id"], "offset": 4, "size": 10 },
        ])
    );
    assert_eq!(bob.ask(list).await.data("/uploads/nodes"), json!([]));

    let cancel = "mutation($u: ID!) { cancelUpload(id: $u) }";
    let cancel = async |person: &crate::support::Person, id: &serde_json::Value| {
        person.ask_with(cancel, json!({ "u": id })).await
    };
    assert_eq!(cancel(&bob, &json!(other)).await.code(), "NOT_FOUND");
    assert_eq!(
        cancel(&alice, &json!(other)).await.data("/cancelUpload"),
        other
    );
    assert_eq!(cancel(&alice, &json!(other)).await.code(), "NOT_FOUND");
    let done = alice.tus_patch(&url, 4, b"456789").await.expect(204);
    assert_eq!(cancel(&alice, &upload["id"]).await.code(), "NOT_FOUND");
    let query = "query($u: ID!) { upload(id: $u) { offset file { id name } } }";
    let finished = alice.ask_with(query, json!({ "u": upload["id"] })).await;
    let file = json!({ "id": done.header("cloakroom-file"), "name": "a.txt" });
    assert_eq!(
        finished.data("/upload"),
        json!({ "offset": 10, "file": file })
    );
    assert_eq!(alice.ask(list).await.data("/uploads/nodes"), json!([]));
    let empty = alice.create_upload("c.txt", Some(0)).await;
    assert_ne!(empty.data("/createUpload/file"), json!(null));
    server.only_files_stay(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn graphql_refuses_what_cannot_be() {
    let server = TestApp::start_with(|options| options.max_file_size = "100".to_owned()).await;
    let alice = server.person("alice").await;
    let query = "mutation($n: String!, $s: Int64, $h: String) {
        createUpload(name: $n, size: $s, sha256: $h) { id } }";
    for (name, size, sha256, code) in [
        ("a/b", json!(1), json!(null), "BAD_USER_INPUT"),
        ("", json!(1), json!(null), "BAD_USER_INPUT"),
        ("a", json!(-1), json!(null), "BAD_USER_INPUT"),
        ("a", json!(101), json!(null), "FILE_TOO_LARGE"),
        ("a", json!(1), json!("ab"), "BAD_USER_INPUT"),
    ] {
        let variables = json!({ "n": name, "s": size, "h": sha256 });
        assert_eq!(
            alice.ask_with(query, variables).await.code(),
            code,
            "{name} {size}"
        );
    }
    let none = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
    let variables = json!({ "n": "a", "s": 0, "h": none });
    assert_eq!(
        alice.ask_with(query, variables).await.code(),
        "CHECKSUM_MISMATCH"
    );
    server.nothing_stays().await;
}
