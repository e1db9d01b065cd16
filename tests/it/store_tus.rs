//! Resumable uploads into an object store: on several instances, over restarts, with parts of any size.

use std::time::Duration;

use crate::support::{Person, Store, TestApp, content::bytes};

const MIB: usize = 1 << 20;

async fn has(person: &Person, file: &str, bytes: &[u8]) {
    let ticket = person.ticket(file).await;
    assert!(person.get(&ticket).await.bytes == bytes, "other bytes came");
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_of_any_size_become_the_file() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |_| {}).await;
    let alice = server.person("alice").await;
    let cases = [
        (1, 1),
        (40_000, 7_001),
        (3 * MIB, MIB),
        (9 * MIB, 9 * MIB),
        (8 * MIB, 3 * MIB),
    ];
    let more = [
        (17 * MIB + 5, 6 * MIB),
        (33 * MIB, 8 * MIB),
        (20 * MIB, 2 * MIB),
    ];
    for (size, piece) in cases.iter().chain(&more) {
        let bytes = bytes(*size);
        let file = alice.tus_upload("a.bin", &bytes, *piece).await;
        has(&alice, &file, &bytes).await;
    }
    let empty = alice.tus_create("empty.txt", 0).await;
    let empty = alice.tus_head(&empty).await.expect(200);
    has(&alice, empty.header("cloakroom-file"), b"").await;
    server.only_files_stay(cases.len() + more.len() + 1).await;
}

/// Each piece by another instance.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_at_any_instance() {
    let store = Store::create().await;
    let first = TestApp::on(&store, |_| {}).await;
    let second = first.another().await;
    let alice = first.person("alice").await;
    let people = [alice.clone(), alice.at(&second.base)];
    let bytes = bytes(22 * MIB + 7);
    let url = alice.tus_create("a.bin", bytes.len()).await;
    let mut offset = 0;
    let mut turn = 0;
    while offset < bytes.len() {
        let person = &people[turn % 2];
        let end = bytes.len().min(offset + 3 * MIB + turn);
        let url = person.at_base(&url);
        let answer = person.tus_patch(&url, offset, &bytes[offset..end]).await;
        offset = answer.expect(204).offset();
        assert_eq!(offset, end);
        turn += 1;
    }
    let done = people[1]
        .tus_head(&people[1].at_base(&url))
        .await
        .expect(200);
    has(&alice, done.header("cloakroom-file"), &bytes).await;
    first.only_files_stay(1).await;
}

/// What an older request still sends after a newer one began is never part of the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_request_at_another_instance_wins() {
    let store = Store::create().await;
    let first = TestApp::on(&store, |_| {}).await;
    let second = first.another().await;
    let alice = first.person("alice").await;
    let there = alice.at(&second.base);
    let bytes = bytes(12 * MIB);
    let url = alice.tus_create("a.bin", bytes.len()).await;
    let old = alice.tus_slow_part(&url, 0, bytes.len()).await;
    let other = vec![0x55; 9 * MIB];
    assert!(old.send(&other).await);

    let url = there.at_base(&url);
    let offset = there.tus_head(&url).await.expect(200).offset();
    // Whatever of the older one's was kept, it is acknowledged and the same for all.
    assert!(offset <= other.len());
    old.send(&other[..MIB]).await;
    assert_eq!(old.finish().await.status, 409);
    let again = there.tus_head(&url).await.expect(200).offset();
    assert_eq!(again, offset);
    let rest = there
        .tus_patch(&url, offset, &bytes[offset..])
        .await
        .expect(204);
    assert_eq!(rest.offset(), bytes.len());
    let done = there.tus_head(&url).await.expect(200);
    let expected = [&other[..offset], &bytes[offset..]].concat();
    has(&alice, done.header("cloakroom-file"), &expected).await;
    first.only_files_stay(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_there_after_a_restart() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |_| {}).await;
    let alice = server.person("alice").await;
    let bytes = bytes(14 * MIB);
    let url = alice.tus_create("a.bin", bytes.len()).await;
    alice
        .tus_patch(&url, 0, &bytes[..10 * MIB])
        .await
        .expect(204);
    alice
        .tus_patch(&url, 10 * MIB, &bytes[10 * MIB..11 * MIB])
        .await
        .expect(204);
    let server = server.restart_with(|_| {}).await;
    let alice = alice.at(&server.base);
    let url = alice.at_base(&url);
    assert_eq!(alice.tus_head(&url).await.expect(200).offset(), 11 * MIB);
    alice
        .tus_patch(&url, 11 * MIB, &bytes[11 * MIB..])
        .await
        .expect(204);
    let done = alice.tus_head(&url).await.expect(200);
    has(&alice, done.header("cloakroom-file"), &bytes).await;
    server.only_files_stay(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_ends_or_expires_leaves_nothing() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |options| {
        options.clock_grace = "0s".to_owned();
        options.resumable_ttl = "1h".to_owned();
    })
    .await;
    let alice = server.person("alice").await;
    let bytes = bytes(12 * MIB);
    let url = alice.tus_create("a.bin", bytes.len()).await;
    alice
        .tus_patch(&url, 0, &bytes[..9 * MIB])
        .await
        .expect(204);
    alice.tus_delete(&url).await.expect(204);
    alice.tus_head(&url).await.expect(404);
    server.nothing_stays().await;

    let url = alice.tus_create("a.bin", bytes.len()).await;
    alice
        .tus_patch(&url, 0, &bytes[..9 * MIB])
        .await
        .expect(204);
    server.all_let_go().await;
    server.advance(Duration::from_secs(2 * 3600));
    server.sweep().await;
    server.nothing_stays().await;
    server.advance(Duration::from_secs(2 * 3600));
    server.sweep().await;
    assert_eq!(server.rows("discarded_content").await, 0);
    assert_eq!(
        (
            server.rows("upload_part").await,
            server.rows("upload_tail").await
        ),
        (0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_with_another_checksum_is_as_if_it_had_never_come() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |_| {}).await;
    let alice = server.person("alice").await;
    let bytes = bytes(18 * MIB);
    let url = alice.tus_create("a.bin", bytes.len()).await;
    alice
        .tus_patch(&url, 0, &bytes[..7 * MIB])
        .await
        .expect(204);
    let wrong = alice
        .tus_part(&url, 7 * MIB)
        .header("upload-checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=")
        .body(vec![1; 10 * MIB]);
    assert_eq!(wrong.send().await.unwrap().status(), 460);
    assert_eq!(alice.tus_head(&url).await.expect(200).offset(), 7 * MIB);
    alice
        .tus_patch(&url, 7 * MIB, &bytes[7 * MIB..])
        .await
        .expect(204);
    let done = alice.tus_head(&url).await.expect(200);
    has(&alice, done.header("cloakroom-file"), &bytes).await;
}

/// A crash takes back no more than the last of it: some 32 MiB, and the parts that are on their way.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_piece_is_acknowledged_on_its_way() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |_| {}).await;
    let alice = server.person("alice").await;
    let bytes = bytes(100 * MIB);
    let url = alice.tus_create("a.bin", bytes.len()).await;
    alice
        .tus_patch(&url, 0, &bytes[..3 * MIB])
        .await
        .expect(204);
    let piece = alice.tus_slow_part(&url, 3 * MIB, 97 * MIB).await;
    assert!(piece.send(&bytes[3 * MIB..96 * MIB]).await);
    server
        .eventually("most of it is acknowledged", async |_| {
            alice.upload_offset(&url).await >= 35 << 20
        })
        .await;
    assert!(server.rows("upload_part").await >= 4);
    assert_eq!(
        server.rows("upload_tail").await,
        0,
        "a part has taken it up"
    );

    piece.hang_up().await;
    let offset = alice.tus_head(&url).await.expect(200).offset();
    assert!((35 * MIB..=96 * MIB).contains(&offset), "{offset}");
    alice
        .tus_patch(&url, offset, &bytes[offset..])
        .await
        .expect(204);
    let done = alice.tus_head(&url).await.expect(200);
    has(&alice, done.header("cloakroom-file"), &bytes).await;
    server.only_files_stay(1).await;
}
