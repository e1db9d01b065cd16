//! Resumable uploads: bad input, limits, and whose they are.

use reqwest::Method;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{
    Person, TestApp, Wire,
    tus::{PART, TusAnswer, metadata},
};

/// The bytes of the user's quota that are held for uploads.
async fn reserved(person: &Person) -> u64 {
    let answer = person.ask("{ me { usage { reservedBytes } } }").await;
    answer.data("/me/usage/reservedBytes").as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_are_none_are_refused() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for number in ["-1", "+1", "1.0", "0x1", "ten", " ", "1 0", "1e3"] {
        let refused = alice.tus_create_with(&[("upload-length", number)]).await;
        assert_eq!(refused.expect(400).code(), "BAD_USER_INPUT", "{number:?}");
    }
    let url = alice.tus_create("a.txt", 10).await;
    for number in ["-1", "0x0", ""] {
        let request = alice
            .tus(Method::PATCH, &url)
            .header("content-type", PART)
            .header("upload-offset", number);
        let refused = request.body("0").send().await.unwrap();
        TusAnswer::of(refused).await.expect(400);
    }
    let request = alice.tus(Method::PATCH, &url).header("content-type", PART);
    let refused = request.body("0").send().await.unwrap();
    TusAnswer::of(refused).await.expect(400);
    assert_eq!(alice.tus_head(&url).await.offset(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_come_twice_are_refused() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let name = metadata(&[("filename", "a.txt")]);
    for (header, value) in [("upload-length", "10"), ("upload-metadata", &*name)] {
        let headers = [("upload-length", "10"), (header, value), (header, value)];
        alice.tus_create_with(&headers).await.expect(400);
    }
    let url = alice.tus_create("a.txt", 10).await;
    for (header, value) in [("upload-offset", "0"), ("content-type", PART)] {
        let request = alice.tus_part(&url, 0).header(header, value);
        let refused = request.body("0").send().await.unwrap();
        TusAnswer::of(refused).await.expect(400);
    }
    assert_eq!(alice.tus_head(&url).await.offset(), 0);
    assert_eq!(server.rows("upload").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_metadata_is_refused() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let (long_name, much) = (
        metadata(&[("filename", &"x".repeat(256))]),
        format!("a {}", "A".repeat(10_000)),
    );
    for (metadata, status) in [
        ("filename a.txt", 400),
        ("filename YS50eHQ=,filename YS50eHQ=", 400),
        ("a YS50eHQ=,,b YS50eHQ=", 400),
        ("sha256 YS50eHQ=", 400),
        (&long_name, 400),
        (&much, 413),
    ] {
        let headers = [("upload-length", "10"), ("upload-metadata", metadata)];
        alice.tus_create_with(&headers).await.expect(status);
    }
    server.nothing_stays().await;
}

/// What was acknowledged stays, and the client can go on with what fits.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_longer_than_announced_is_refused() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.txt", 10).await;
    alice.tus_patch(&url, 0, b"0123").await.expect(204);
    let refused = alice.tus_patch(&url, 4, b"4567890").await.expect(413);
    assert_eq!(refused.code(), "PAYLOAD_TOO_LARGE");
    // The same where the body does not say how long it is.
    let cookie = format!("Cookie: {}", alice.cookie());
    let media_type = format!("Content-Type: {PART}");
    let headers = [
        &*cookie,
        &media_type,
        "Tus-Resumable: 1.0.0",
        "Upload-Offset: 4",
        "Transfer-Encoding: chunked",
    ];
    let path = url.strip_prefix(&server.base).unwrap();
    let first = format!("PATCH {path} HTTP/1.1");
    let mut wire = Wire::begin(&server.base, &first, &headers).await;
    wire.send(b"7\r\n4567890\r\n0\r\n\r\n").await.unwrap();
    assert_eq!(wire.answer().await.status, 413);

    assert_eq!(alice.tus_head(&url).await.offset(), 4);
    alice.tus_patch(&url, 4, b"456789").await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_than_announced_end_the_upload() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1MiB".to_owned())).await;
    let alice = server.person("alice").await;
    let digits = cloakroom::hex::encode(&Sha256::digest("hello"));
    let sent = metadata(&[("filename", "a.txt"), ("sha256", &digits)]);
    let headers = [("upload-length", "5"), ("upload-metadata", &*sent)];
    let created = alice.tus_create_with(&headers).await.expect(201);
    let url = created.header("location");
    alice.tus_patch(url, 0, b"he").await.expect(204);
    let mismatch = alice.tus_patch(url, 2, b"llu").await.expect(460);
    assert_eq!(mismatch.code(), "CHECKSUM_MISMATCH");
    alice.tus_head(url).await.expect(404);
    server.nothing_stays().await;

    let created = alice.tus_create_with(&headers).await.expect(201);
    let url = created.header("location");
    alice.tus_patch(url, 0, b"he").await.expect(204);
    alice.tus_patch(url, 2, b"llo").await.expect(204);
    server.only_files_stay(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_is_reserved_at_the_creation_and_given_back() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1000".to_owned())).await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.bin", 600).await;
    assert_eq!(reserved(&alice).await, 600);
    let refused = alice.tus_create_with(&[("upload-length", "401")]).await;
    assert_eq!(refused.expect(507).code(), "QUOTA_EXCEEDED");
    let other = alice.tus_create("b.bin", 400).await;
    assert_eq!(reserved(&alice).await, 1000);
    alice.tus_patch(&url, 0, &[1; 100]).await.expect(204);
    assert_eq!(reserved(&alice).await, 1000);
    alice.tus_delete(&other).await.expect(204);
    assert_eq!(reserved(&alice).await, 600);
    alice.tus_patch(&url, 100, &[1; 500]).await.expect(204);
    assert_eq!(reserved(&alice).await, 0);
    server.only_files_stay(1).await;
    assert_eq!(
        alice
            .tus_create_with(&[("upload-length", "401")])
            .await
            .status,
        507
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_length_reserves_what_has_come() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1000".to_owned())).await;
    let alice = server.person("alice").await;
    let created = alice.tus_create_with(&[("upload-defer-length", "1")]).await;
    let url = created.expect(201).header("location").to_owned();
    assert_eq!(reserved(&alice).await, 0);
    alice.tus_patch(&url, 0, &[1; 100]).await.expect(204);
    assert_eq!(reserved(&alice).await, 100);
    let refused = alice.tus_patch(&url, 100, &[1; 901]).await.expect(507);
    assert_eq!(refused.code(), "QUOTA_EXCEEDED");
    assert_eq!(alice.tus_head(&url).await.offset(), 100);
    let telling = alice.tus_part(&url, 100).header("upload-length", "300");
    let told = TusAnswer::of(telling.body(vec![1; 50]).send().await.unwrap()).await;
    told.expect(204);
    assert_eq!(reserved(&alice).await, 300);
    alice.tus_patch(&url, 150, &[1; 150]).await.expect(204);
    server.only_files_stay(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_too_many_unfinished_uploads() {
    let server = TestApp::start_with(|options| {
        options.max_uploads_per_user = "2".to_owned();
        options.drop_percent_per_address = "100".to_owned();
    })
    .await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let drop = alice.drop_with(json!({})).await;
    let visitor = server.anonymous().dropping(&drop.token, None);
    for person in [&alice, &bob, &visitor] {
        let urls = [
            person.tus_create("a.txt", 1).await,
            person.tus_create("b.txt", 1).await,
        ];
        let refused = person.tus_create_with(&[("upload-length", "1")]).await;
        assert_eq!(refused.expect(507).code(), "QUOTA_EXCEEDED");
        person.tus_patch(&urls[0], 0, b"x").await.expect(204);
        let url = person.tus_create("c.txt", 1).await;
        person
            .tus_create_with(&[("upload-length", "1")])
            .await
            .expect(507);
        person.tus_delete(&url).await.expect(204);
        person.tus_create("d.txt", 1).await;
    }
}

/// Side by side, too.
#[tokio::test(flavor = "multi_thread")]
async fn no_race_passes_the_limit_of_unfinished_uploads() {
    let server = TestApp::start_with(|options| options.max_uploads_per_user = "5".to_owned()).await;
    let alice = server.person("alice").await;
    let tries = (0..20).map(|_| alice.tus_create_with(&[("upload-length", "1")]));
    let answers = futures_util::future::join_all(tries).await;
    let begun = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(begun.count(), 5);
    assert_eq!(server.rows("upload").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_only_reads_uploads_nothing() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.txt", 1).await;
    let reader = alice.with_token(&alice.token("[READ]").await);
    reader
        .tus_create_with(&[("upload-length", "1")])
        .await
        .expect(403);
    reader.tus_head(&url).await.expect(403);
    reader.tus_patch(&url, 0, b"x").await.expect(403);
    reader.tus_delete(&url).await.expect(403);
    let writer = alice.with_token(&alice.token("[WRITE]").await);
    writer.tus_patch(&url, 0, b"x").await.expect(204);
    server.only_files_stay(1).await;
}

/// The visitor of a drop learns no id of what they left, and nobody else touches it.
#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_leaves_a_file_in_parts() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1MiB".to_owned())).await;
    let alice = server.person("alice").await;
    let drop = alice
        .drop_with(json!({ "maxFiles": 1, "maxFileSize": 10 }))
        .await;
    let other = alice.drop_with(json!({})).await;
    let visitor = server.anonymous().dropping(&drop.token, None);
    let too_large = visitor.tus_create_with(&[("upload-length", "11")]).await;
    too_large.expect(413);
    let url = visitor.tus_create("a.txt", 10).await;
    // Nobody's word counts for somebody else's quota.
    assert_eq!(reserved(&alice).await, 0);
    visitor.tus_patch(&url, 0, b"0123").await.expect(204);
    assert_eq!(reserved(&alice).await, 4);
    let elsewhere = server.anonymous().dropping(&other.token, None);
    for stranger in [&alice, &elsewhere] {
        stranger.tus_head(&url).await.expect(404);
        stranger.tus_patch(&url, 4, b"x").await.expect(404);
        stranger.tus_delete(&url).await.expect(404);
    }

    let done = visitor.tus_patch(&url, 4, b"456789").await.expect(204);

    assert_eq!(done.header("cloakroom-file"), "");
    let head = visitor.tus_head(&url).await.expect(200);
    assert_eq!((head.offset(), head.header("cloakroom-file")), (10, ""));
    let files = alice
        .ask("{ files { nodes { name size drop { id } } } }")
        .await;
    let expected = json!([{ "name": "a.txt", "size": 10, "drop": { "id": drop.id } }]);
    assert_eq!(files.data("/files/nodes"), expected);
    let full = visitor.tus_create_with(&[("upload-length", "1")]).await;
    assert_eq!(full.expect(507).code(), "QUOTA_EXCEEDED");
    server.only_files_stay(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_drop_takes_no_rest_of_an_upload() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1MiB".to_owned())).await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({})).await;
    let visitor = server.anonymous().dropping(&drop.token, None);
    let url = visitor.tus_create("a.txt", 2 << 16).await;
    let part = visitor.tus_slow_part(&url, 0, 2 << 16).await;
    part.send(&[1; 1 << 16]).await;
    alice.close_drop(&drop).await.data("/closeDrop");
    part.send(&[1; 1 << 16]).await;
    assert_eq!(part.finish().await.expect(404).code(), "NOT_FOUND");
    visitor.tus_head(&url).await.expect(404);
    server.all_let_go().await;
    server.advance(std::time::Duration::from_secs(8 * 24 * 60 * 60));
    server.sweep().await;
    server.nothing_stays().await;
}
