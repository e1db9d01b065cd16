//! Uploads that are refused: to whom, past which size, and how early.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::support::{
    Answer, Parts, Person, TestApp, Wire,
    multipart::{CONTENT_TYPE, UPLOAD_FILE, envelope},
};

/// Sends a body without an end, slowly, and returns the status and the code of the answer, and how much of the body had
/// been sent by then.
async fn trickle(server: &TestApp, credentials: &[&str]) -> (u16, String, usize) {
    let content_type = format!("Content-Type: {CONTENT_TYPE}");
    let mut headers = vec![content_type.as_str(), "Content-Length: 1000000000"];
    headers.extend(credentials);
    let mut wire = Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await;
    let body = envelope().0.into_iter().chain(std::iter::repeat(b'x'));
    let (answer, sent) = wire.answer_during(body).await;
    (answer.status, answer.code(), sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_upload_is_refused_before_its_body_is_read() {
    let server = TestApp::start().await;
    for credentials in [
        &[][..],
        &["Authorization: Bearer crm_nonsense"],
        &["Cookie: cloakroom=nonsense"],
    ] {
        let (status, code, sent) = trickle(&server, credentials).await;
        assert_eq!((status, code.as_str()), (401, "UNAUTHENTICATED"));
        assert!(sent <= 64 * 1024, "after {sent} bytes");
    }
    server.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_token_uploads_nothing() {
    let server = TestApp::start().await;
    let secret = server.person("alice").await.token("[READ]").await;
    let bearer = format!("Authorization: Bearer {secret}");

    let (status, code, sent) = trickle(&server, &[&bearer]).await;

    assert_eq!((status, code.as_str()), (403, "FORBIDDEN"));
    assert!(sent <= 64 * 1024, "after {sent} bytes");
    server.nothing_stays().await;
}

/// A client that sends all of its body before it looks at the answer finds the answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = TestApp::start_with(|options| options.max_file_size = "1MiB".to_owned()).await;
    let alice = server.person("alice").await;
    let large = vec![0; 20 << 20];
    for _ in 0..5 {
        let answer = server
            .anonymous()
            .upload_with(UPLOAD_FILE, json!({}), "a", &large)
            .await;
        assert_eq!(answer.code(), "UNAUTHENTICATED");
        let answer = alice.upload_with(UPLOAD_FILE, json!({}), "a", &large).await;
        assert_eq!(answer.code(), "FILE_TOO_LARGE");
    }
    server.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_may_have_its_limit_and_not_a_byte_more() {
    let server = TestApp::start_with(|options| options.max_file_size = "1000".to_owned()).await;
    let alice = server.person("alice").await;
    let upload = async |bytes: &[u8]| alice.upload_with(UPLOAD_FILE, json!({}), "a", bytes).await;

    assert_eq!(upload(&[0; 1000]).await.data("/uploadFile/size"), 1000);
    let refused = upload(&[0; 1001]).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (413, "FILE_TOO_LARGE")
    );
    assert_eq!(
        refused.body["errors"][0]["extensions"]["limitBytes"],
        json!(1000)
    );
    server.only_files_stay(1).await;
}

/// A chunked body announces no length: what arrives is counted, and the answer does not wait for the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_an_end_is_refused_at_its_limit() {
    let server = TestApp::start_with(|options| options.max_file_size = "1MiB".to_owned()).await;
    let upload = server.person("alice").await.slow_upload().await;
    let mut sent = 0_u64;
    while !upload.is_answered() && upload.send(vec![0; 64 * 1024]).await {
        sent += 64 * 1024;
        assert!(sent < 1 << 30, "no answer yet");
    }
    assert_eq!(upload.answer().await.code(), "FILE_TOO_LARGE");
    server.nothing_stays().await;
}

async fn upload_many(alice: &Person, files: usize) -> (u16, String) {
    let variables = json!({ "files": vec![Value::Null; files] });
    let query = "mutation($files: [Upload!]!) { uploadFiles(files: $files) { id } }";
    let names: Vec<_> = (0..files)
        .map(|at| (format!("variables.files.{at}"), at.to_string()))
        .collect();
    let files: Vec<_> = names
        .iter()
        .map(|(path, name)| (path.as_str(), name.as_str(), &b"x"[..]))
        .collect();
    let answer = alice.upload_all(query, variables, &files).await;
    (answer.status.as_u16(), answer.code().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_brings_as_many_files_as_allowed() {
    let server =
        TestApp::start_with(|options| options.max_files_per_request = "3".to_owned()).await;
    let alice = server.person("alice").await;
    assert_eq!(upload_many(&alice, 3).await, (200, String::new()));
    assert_eq!(
        upload_many(&alice, 4).await,
        (413, "PAYLOAD_TOO_LARGE".to_owned())
    );
    server.only_files_stay(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parts_before_the_files_have_a_limit() {
    let server = TestApp::start_with(|options| options.max_body_bytes = "10KiB".to_owned()).await;
    let alice = server.person("alice").await;
    let long = " ".repeat(10 * 1024);
    let operations = json!({ "query": UPLOAD_FILE, "variables": { "file": null } }).to_string();
    let map = r#"{"0":["variables.file"]}"#;
    for (operations, map) in [
        (format!("{operations}{long}"), map.to_owned()),
        (operations, format!("{map}{long}")),
    ] {
        let parts = Parts::new()
            .text("operations", &operations)
            .text("map", &map);
        let answer = alice
            .post_body(CONTENT_TYPE, parts.file("0", b"x").end())
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (413, "PAYLOAD_TOO_LARGE")
        );
    }
    server.nothing_stays().await;
}

/// With the length announced nothing is read; without it, what was reserved is given back.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_the_quota_is_refused_and_holds_nothing_back() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1MiB".to_owned())).await;
    let alice = server.person("alice").await;
    alice.upload("half", &vec![0; 512 * 1024]).await;
    let large = vec![0; 600 * 1024];

    let announced = alice.upload_with(UPLOAD_FILE, json!({}), "a", &large).await;
    assert_eq!(announced.code(), "QUOTA_EXCEEDED");
    let slow = alice.slow_upload().await;
    slow.send(large).await;
    assert_eq!(slow.finish().await.code(), "QUOTA_EXCEEDED");
    server.only_files_stay(1).await;

    alice.upload("other half", &vec![0; 512 * 1024]).await;
    server.only_files_stay(2).await;
}

/// What an upload holds back from the others is about as much as it has, and not a large file's worth.
#[tokio::test(flavor = "multi_thread")]
async fn small_uploads_side_by_side_fit_in_a_small_quota() {
    let server =
        TestApp::start_with(|options| options.user_quota = Some("100000".to_owned())).await;
    let alice = server.person("alice").await;
    let uploads = (0..30).map(|_| alice.upload_with(UPLOAD_FILE, json!({}), "a.bin", b"small"));
    let answers = futures_util::future::join_all(uploads).await;
    for answer in answers {
        assert_eq!(answer.code(), "", "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_side_by_side_do_not_exceed_the_quota_together() {
    let server =
        TestApp::start_with(|options| options.user_quota = Some("100000".to_owned())).await;
    let alice = server.person("alice").await;
    // While the database's writer is held, all of them arrive, and whatever they read of the quota is the same.
    let (release, released) = oneshot::channel::<()>();
    let app = server.app.clone();
    let held = tokio::spawn(async move {
        let hold = app.db.write(|_| {
            Box::pin(async move {
                let _ = released.await;
                Ok(())
            })
        });
        hold.await
    });
    let uploads = (0..30).map(|_| {
        let alice = alice.clone();
        tokio::spawn(async move {
            let answer = alice.upload_with(UPLOAD_FILE, json!({}), "a.bin", &[7; 9_000]);
            answer.await
        })
    });
    let uploads: Vec<_> = uploads.collect();
    // Fewer would have arrived on a slow machine, which makes the test weaker and not red.
    tokio::time::sleep(Duration::from_millis(300)).await;
    release.send(()).unwrap();
    held.await.unwrap().unwrap();
    let answers = futures_util::future::try_join_all(uploads).await.unwrap();

    let codes: Vec<_> = answers.iter().map(Answer::code).collect();
    let kept = codes.iter().filter(|code| code.is_empty()).count();
    assert!(
        (1..=11).contains(&kept),
        "{kept} of 9,000 bytes each fit in 100,000"
    );
    assert!(
        codes
            .iter()
            .all(|code| ["", "QUOTA_EXCEEDED"].contains(code)),
        "{codes:?}"
    );
    let used = alice
        .ask("{ me { usage { usedBytes } } }")
        .await
        .data("/me/usage/usedBytes");
    assert_eq!(used, kept * 9_000);
    server.only_files_stay(kept).await;
}
