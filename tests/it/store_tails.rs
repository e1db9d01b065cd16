//! What is too little for a part, and what no part is named of: how much of it there may be.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::support::{Person, Store, TestApp, content::bytes, tus::metadata};

const MIB: usize = 1 << 20;
/// Long for anything that waits for nothing, and shorter than a wait for memory.
const SOON: Duration = Duration::from_secs(20);
/// Of somebody else's bytes.
const WRONG_SHA1: &str = "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=";

#[tokio::test(flavor = "multi_thread")]
async fn who_brings_no_bytes_waits_for_no_memory() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |options| {
        options.s3_upload_memory = (32 * MIB).to_string();
        options.max_file_size = (64 * MIB).to_string();
    })
    .await;
    let alice = server.person("alice").await;
    let bytes = bytes(9 * MIB);
    let urls = [
        alice.tus_create("a.bin", 9 * MIB).await,
        alice.tus_create("b.bin", 9 * MIB).await,
    ];
    for url in &urls {
        alice.tus_patch(url, 0, &bytes[..3 * MIB]).await.expect(204);
    }
    // All that one account may take.
    let slow = alice.tus_create("slow.bin", 9 * MIB).await;
    let part = alice.tus_slow_part(&slow, 0, 9 * MIB).await;
    assert!(part.send(&bytes[..4 * MIB]).await);

    let looked = timeout(SOON, alice.tus_head(&urls[0])).await;
    assert_eq!(looked.unwrap().expect(200).offset(), 3 * MIB);
    let elsewhere = alice.tus_patch(&urls[0], MIB, &bytes[..MIB]);
    timeout(SOON, elsewhere).await.unwrap().expect(409);
    let ended = timeout(SOON, alice.tus_delete(&urls[0])).await;
    ended.unwrap().expect(204);

    // Who does bring some goes on when there is memory again.
    let rest = tokio::spawn({
        let (alice, url, rest) = (alice.clone(), urls[1].clone(), bytes[3 * MIB..].to_vec());
        async move { alice.tus_patch(&url, 3 * MIB, &rest).await }
    });
    assert!(part.send(&bytes[4 * MIB..]).await);
    part.finish().await.expect(204);
    rest.await.unwrap().expect(204);
    let done = alice.tus_head(&urls[1]).await.expect(200);
    let ticket = alice.ticket(done.header("cloakroom-file")).await;
    assert!(alice.get(&ticket).await.bytes == bytes);
    server.only_files_stay(2).await;
}

/// A store takes 10,000 parts: those of a very long file have to be longer than the shortest that it takes.
#[tokio::test(flavor = "multi_thread")]
async fn pieces_of_a_very_long_file_gather_until_they_are_long_enough() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |options| {
        options.max_file_size = (100_usize << 30).to_string();
        options.user_quota = None;
    })
    .await;
    let alice = server.person("alice").await;
    let bytes = bytes(14 * MIB);
    // Its ten-thousandth part has to be behind its end.
    let url = alice.tus_create("a.bin", 90_000 * MIB).await;
    alice
        .tus_patch(&url, 0, &bytes[..7 * MIB])
        .await
        .expect(204);
    assert_eq!(server.rows("upload_part").await, 0);
    alice
        .tus_patch(&url, 7 * MIB, &bytes[7 * MIB..])
        .await
        .expect(204);
    assert_eq!(server.rows("upload_part").await, 1);
    alice.tus_delete(&url).await.expect(204);
    server.nothing_stays().await;
}

/// What waits may be longer than the parts of the file that it turns out to be.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_may_turn_out_to_be_much_shorter_than_it_might_have_been() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |options| {
        options.max_file_size = (100_usize << 30).to_string();
    })
    .await;
    let alice = server.person("alice").await;
    let bytes = bytes(20 * MIB);
    let metadata = metadata(&[("filename", "a.bin")]);
    let headers = [
        ("upload-defer-length", "1"),
        ("upload-metadata", &*metadata),
    ];
    let created = alice.tus_create_with(&headers).await.expect(201);
    let url = alice.at_base(created.header("location"));
    let first = alice.tus_patch(&url, 0, &bytes[..11 * MIB]).await;
    first.expect(204);
    let told = alice
        .tus_part(&url, 11 * MIB)
        .header("upload-length", bytes.len())
        .body(bytes[11 * MIB..11 * MIB + 1].to_vec());
    assert_eq!(told.send().await.unwrap().status(), 204);
    alice
        .tus_patch(&url, 11 * MIB + 1, &bytes[11 * MIB + 1..])
        .await
        .expect(204);
    let done = alice.tus_head(&url).await.expect(200);
    let ticket = alice.ticket(done.header("cloakroom-file")).await;
    assert!(alice.get(&ticket).await.bytes == bytes);
    server.only_files_stay(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn very_many_small_pieces_take_few_rows() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |_| {}).await;
    let alice = server.person("alice").await;
    let bytes = bytes(150 * 1000);
    let url = alice.tus_create("a.bin", bytes.len()).await;
    let mut most = 0;
    for at in (0..bytes.len() - 1000).step_by(1000) {
        let piece = alice.tus_patch(&url, at, &bytes[at..at + 1000]).await;
        piece.expect(204);
        most = most.max(server.rows("upload_tail").await);
    }
    assert!((2..=64).contains(&most), "{most} rows");
    let at = bytes.len() - 1000;
    alice.tus_patch(&url, at, &bytes[at..]).await.expect(204);
    let done = alice.tus_head(&url).await.expect(200);
    let ticket = alice.ticket(done.header("cloakroom-file")).await;
    assert!(alice.get(&ticket).await.bytes == bytes);
    server.only_files_stay(1).await;
}

async fn reserved(person: &Person) -> u64 {
    let answer = person.ask("{ me { usage { reservedBytes } } }").await;
    answer.data("/me/usage/reservedBytes").as_u64().unwrap()
}

/// They lie in the store until the upload ends, and nobody can use them.
#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_piece_with_another_checksum_count_until_the_upload_ends() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |options| {
        options.user_quota = Some("44MiB".to_owned());
    })
    .await;
    let alice = server.person("alice").await;
    let bytes = bytes(17 * MIB);
    let url = alice.tus_create("a.bin", bytes.len()).await;
    let wrong = async || {
        let part = alice.tus_part(&url, 0);
        let part = part
            .header("upload-checksum", WRONG_SHA1)
            .body(bytes.clone());
        part.send().await.unwrap().status().as_u16()
    };
    assert_eq!(wrong().await, 460);
    assert_eq!(wrong().await, 460);
    assert!(reserved(&alice).await >= 32 << 20);
    assert_eq!(wrong().await, 507);
    assert_eq!(alice.tus_head(&url).await.expect(200).offset(), 0);

    alice.tus_delete(&url).await.expect(204);
    assert_eq!(reserved(&alice).await, 0);
    let file = alice.tus_upload("a.bin", &bytes, bytes.len()).await;
    let usage = alice.ask("{ me { usage { usedBytes reservedBytes } } }");
    let used = json!({ "usedBytes": bytes.len(), "reservedBytes": 0 });
    assert_eq!(usage.await.data("/me/usage"), used, "{file}");
    server.only_files_stay(1).await;
}
