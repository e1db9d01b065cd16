//! Resumable uploads by tus 1.0.0: the extensions but creation. The words before each test are the clause of the protocol that
//! it holds.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{Person, TestApp, tus::TusAnswer};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HELLO_SHA1: &str = "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=";
const HELLO_MD5: &str = "md5 XUFAKrxLKna5cZ2REBfFkg==";

async fn name_of(person: &Person, id: &str) -> String {
    let query = "query($f: ID!) { file(id: $f) { name } }";
    person
        .ask_with(query, json!({ "f": id }))
        .await
        .text("/file/name")
}

/// Expiration, Upload-Expires: "This header MUST be included in every PATCH response if the upload is going to expire. If the
/// expiration is known at the creation, the Upload-Expires header MUST be included in the response to the initial POST request.
/// Its value MAY change over time." "The value of the Upload-Expires header MUST be in RFC 9110 datetime format."
#[tokio::test(flavor = "multi_thread")]
async fn upload_expires() {
    let server = TestApp::start_with(|options| options.resumable_ttl = "7d".to_owned()).await;
    let alice = server.person("alice").await;
    let expected = |server: &TestApp| {
        let end = cloakroom::clock::to_date(server.app.clock.after(7 * DAY));
        httpdate::fmt_http_date(end.into())
    };
    let created = alice.tus_create_with(&[("upload-length", "10")]).await;
    let url = created.header("location").to_owned();
    let first = created.header("upload-expires").to_owned();
    assert_eq!(first, expected(&server));
    assert!(first.ends_with(" GMT"), "{first}");

    server.advance(DAY);

    assert_eq!(alice.tus_head(&url).await.header("upload-expires"), first);
    let patched = alice.tus_patch(&url, 0, b"0123").await.expect(204);
    assert_eq!(patched.header("upload-expires"), expected(&server));
    assert_ne!(patched.header("upload-expires"), first);
    let head = alice.tus_head(&url).await;
    assert_eq!(head.header("upload-expires"), expected(&server));
}

/// Expiration: "If a Client does attempt to resume an upload which has since been removed by the Server, the Server SHOULD respond
/// with the 404 Not Found or 410 Gone status."
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_upload_is_gone() {
    let server = TestApp::start_with(|options| {
        options.resumable_ttl = "7d".to_owned();
        options.user_quota = Some("1MiB".to_owned());
    })
    .await;
    let alice = server.person("alice").await;
    let (url, other) = (
        alice.tus_create("a.txt", 10).await,
        alice.tus_create("b.txt", 10).await,
    );
    alice.tus_patch(&url, 0, b"0123").await.expect(204);
    server.advance(6 * DAY);
    server.sweep().await;
    alice.tus_patch(&other, 0, b"01").await.expect(204);

    server.advance(DAY);

    alice.tus_head(&url).await.expect(404);
    alice.tus_patch(&url, 4, b"456789").await.expect(404);
    alice.tus_head(&other).await.expect(200);
    server.all_let_go().await;
    server.sweep().await;
    assert_eq!(server.rows("upload").await, 1);
    server.advance(7 * DAY);
    server.sweep().await;
    server.nothing_stays().await;
    assert_eq!(server.rows("resumable_upload").await, 0);
}

/// What has become of an upload can be asked for as long as it may have waited; its file stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_finished_upload_tells_its_file_for_a_while() {
    let server = TestApp::start_with(|options| options.resumable_ttl = "7d".to_owned()).await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.txt", 1).await;
    let done = alice.tus_patch(&url, 0, b"x").await.expect(204);
    let id = done.header("cloakroom-file");
    server.advance(6 * DAY);
    server.sweep().await;
    assert_eq!(alice.tus_head(&url).await.header("cloakroom-file"), id);
    server.advance(DAY);
    alice.tus_head(&url).await.expect(404);
    server.sweep().await;
    assert_eq!(server.rows("resumable_upload").await, 0);
    assert_eq!(name_of(&alice, id).await, "a.txt");

    // A file that is purged takes it along.
    let url = alice.tus_create("b.txt", 1).await;
    let done = alice.tus_patch(&url, 0, b"x").await.expect(204);
    let id = done.header("cloakroom-file");
    alice.delete(id).await.data("/deleteFile");
    let purge = "mutation($f: ID!) { purgeFile(id: $f) }";
    alice
        .ask_with(purge, json!({ "f": id }))
        .await
        .data("/purgeFile");
    alice.tus_head(&url).await.expect(404);
}

/// Checksum: "Once the entire request has been received, the Server MUST verify the uploaded chunk against the provided checksum
/// using the specified algorithm. […] 1) 400 Bad Request if the checksum algorithm is not supported by the server, 2) 460 Checksum
/// Mismatch if the checksums mismatch or 3) 204 No Content […]. In the first two cases the uploaded chunk MUST be discarded, and
/// the upload and its offset MUST NOT be updated."
#[tokio::test(flavor = "multi_thread")]
async fn upload_checksum() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let sha256 = BASE64_STANDARD.encode(Sha256::digest("hello"));
    let url = alice.tus_create("a.txt", 20).await;
    let checked = async |offset: usize, checksum: &str, bytes: &'static str| {
        let request = alice
            .tus_part(&url, offset)
            .header("upload-checksum", checksum);
        TusAnswer::of(request.body(bytes).send().await.unwrap()).await
    };
    let mut offset = 0;
    for checksum in [HELLO_SHA1, HELLO_MD5, &format!("sha256 {sha256}")] {
        let mismatch = checked(offset, checksum, "hellu").await.expect(460);
        assert_eq!(mismatch.code(), "CHECKSUM_MISMATCH");
        assert_eq!(alice.tus_head(&url).await.offset(), offset);
        offset = checked(offset, checksum, "hello")
            .await
            .expect(204)
            .offset();
    }
    for malformed in [
        "crc32 XUFAKg==",
        "SHA1 qvTGHdzF6KLavt4PO0gs2a6pQ00=",
        "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ0",
        "sha1 XUFAKrxLKna5cZ2REBfFkg==",
        "sha1",
        "",
    ] {
        checked(offset, malformed, "hello").await.expect(400);
        assert_eq!(alice.tus_head(&url).await.offset(), offset);
    }
    // The bytes that did not fit are not among those of the file.
    let done = checked(offset, HELLO_SHA1, "hello").await.expect(204);
    let ticket = alice.ticket(done.header("cloakroom-file")).await;
    assert_eq!(alice.get(&ticket).await.bytes, b"hellohellohellohello");
}

/// Checksum: "If the Server can handle trailers, this behavior MUST be announced by adding checksum-trailer". This one cannot, and
/// keeps no part that its client believes to be verified.
#[tokio::test(flavor = "multi_thread")]
async fn a_checksum_that_is_to_follow_the_body_is_refused() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.txt", 5).await;
    for trailer in ["Upload-Checksum", "x-other,upload-checksum"] {
        let request = alice.tus_part(&url, 0).header("trailer", trailer);
        let refused = TusAnswer::of(request.body("hello").send().await.unwrap()).await;
        assert_eq!(refused.expect(400).code(), "BAD_USER_INPUT");
    }
    assert_eq!(alice.tus_head(&url).await.offset(), 0);
    let request = alice.tus_part(&url, 0).header("trailer", "x-other");
    TusAnswer::of(request.body("hello").send().await.unwrap())
        .await
        .expect(204);
}

/// A part that breaks off cannot be verified: nothing of it is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_with_a_checksum_comes_whole_or_not_at_all() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let bytes = vec![1; 2 << 20];
    let url = alice.tus_create("a.bin", bytes.len()).await;
    let checksum = format!("sha256 {}", BASE64_STANDARD.encode(Sha256::digest(&bytes)));
    let part = alice.tus_slow_request(
        alice.tus_part(&url, 0).header("upload-checksum", &checksum),
        bytes.len(),
    );
    part.send(&bytes[..1 << 20]).await;
    part.hang_up().await;
    assert_eq!(alice.tus_head(&url).await.offset(), 0);
    let part = alice.tus_part(&url, 0).header("upload-checksum", &checksum);
    let whole = TusAnswer::of(part.body(bytes).send().await.unwrap()).await;
    assert_ne!(whole.expect(204).header("cloakroom-file"), "");
}

/// Termination, DELETE: "When receiving a DELETE request for an existing upload the Server SHOULD free associated resources and
/// MUST respond with the 204 No Content status confirming that the upload was terminated. For all future requests to this URL,
/// the Server SHOULD respond with the 404 Not Found or 410 Gone status."
#[tokio::test(flavor = "multi_thread")]
async fn termination() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1MiB".to_owned())).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    for bytes in [&b""[..], b"0123"] {
        let url = alice.tus_create("a.txt", 10).await;
        alice.tus_patch(&url, 0, bytes).await.expect(204);
        bob.tus_delete(&url).await.expect(404);
        alice.tus_delete(&url).await.expect(204);
        alice.tus_head(&url).await.expect(404);
        alice.tus_patch(&url, bytes.len(), b"4").await.expect(404);
        alice.tus_delete(&url).await.expect(404);
        server.nothing_stays().await;
    }
    assert_eq!(server.rows("resumable_upload").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_upload_takes_nothing_more_and_is_not_deleted() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.txt", 1).await;
    let done = alice.tus_patch(&url, 0, b"x").await.expect(204);
    for offset in [0, 1, 2] {
        alice.tus_patch(&url, offset, b"y").await.expect(410);
    }
    alice.tus_delete(&url).await.expect(404);
    let ticket = alice.ticket(done.header("cloakroom-file")).await;
    assert_eq!(alice.get(&ticket).await.bytes, b"x");
}
