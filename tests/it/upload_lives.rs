//! Uploads that end otherwise than planned: the client hangs up, the server stops or is killed, the janitor comes by.

use std::time::Duration;

use cloakroom::domain::accounts;
use serde_json::json;

use crate::support::{
    Person, Program, TestApp, Wire,
    multipart::{SlowUpload, envelope},
    person::PASSWORD,
};

const HOURS: Duration = Duration::from_secs(2 * 60 * 60);

/// Waits until the server has bytes of an upload on its disk.
async fn staged(server: &TestApp) {
    server
        .eventually("bytes are staged", async |server| {
            server.rows("upload").await == 1
                && server
                    .stored()
                    .iter()
                    .any(|path| path.metadata().is_ok_and(|staged| staged.len() > 0))
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_client_hangs_up_leaves_nothing() {
    let server =
        TestApp::start_with(|options| options.user_quota = Some("100MiB".to_owned())).await;
    let alice = server.person("alice").await;
    let upload = alice.slow_upload().await;
    upload.send(vec![1; 1 << 20]).await;
    staged(&server).await;

    upload.hang_up().await;

    server.nothing_stays().await;
}

/// The last boundary is what makes a file whole; its absence is not its end.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_stops_short_of_its_end_is_no_file() {
    let server = TestApp::start().await;
    let upload = server.person("alice").await.slow_upload().await;
    upload.send(vec![1; 1 << 20]).await;
    staged(&server).await;

    let answer = upload.answer().await;

    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (400, "BAD_USER_INPUT")
    );
    server.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_falls_silent_is_given_up() {
    let server = TestApp::start_with(|options| options.client_timeout = "1s".to_owned()).await;
    let upload = server.person("alice").await.slow_upload().await;
    upload.send(vec![1; 1 << 20]).await;
    staged(&server).await;

    // Nothing is sent, and the connection stays open.
    server.nothing_stays().await;
    assert_eq!(upload.answer().await.code(), "BAD_USER_INPUT");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_janitor_leaves_live_uploads_alone_however_slow() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let upload = alice.slow_upload().await;
    upload.send(vec![1; 1 << 20]).await;
    staged(&server).await;

    server.advance(HOURS);
    server.sweep().await;
    let other = server.another().await;
    other.sweep().await;
    upload.send(vec![2; 1 << 20]).await;
    let answer = upload.finish().await;

    assert_eq!(answer.data("/uploadFile/size"), 2 << 20);
    server.sweep().await;
    server.only_files_stay(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_janitor_sweeps_what_a_killed_server_left() {
    let server =
        TestApp::start_with(|options| options.user_quota = Some("100MiB".to_owned())).await;
    let alice = server.person("alice").await;
    let process = Program::of(&server).serve();
    let upload = alice.at(&process.base).slow_upload().await;
    upload.send(vec![1; 1 << 20]).await;
    staged(&server).await;

    process.kill();
    upload.hang_up().await;
    server.sweep().await;
    assert_eq!(server.rows("upload").await, 1, "it may be alive elsewhere");
    server.advance(HOURS);
    server.sweep().await;

    server.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_under_way_outlives_the_signal_to_stop() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let upload = alice.slow_upload().await;
    upload.send(vec![1; 1 << 20]).await;
    staged(&server).await;
    let base = server.base.clone();

    let restart = tokio::spawn(server.restart_with(|_| {}));
    while Wire::try_connect(&base).await.is_ok() {
        tokio::task::yield_now().await;
    }
    upload.send(vec![2; 1 << 20]).await;
    let answer = upload.finish().await;

    assert_eq!(answer.data("/uploadFile/size"), 2 << 20);
    let server = restart.await.unwrap();
    let alice = alice.at(&server.base);
    let ticket = alice.ticket(&answer.text("/uploadFile/id")).await;
    assert_eq!(alice.get(&ticket).await.bytes.len(), 2 << 20);
}

/// Every moment at which a client can break off, byte by byte of what surrounds the file.
#[tokio::test(flavor = "multi_thread")]
async fn breaking_off_anywhere_leaves_nothing() {
    let server = TestApp::start().await;
    let secret = server.person("alice").await.token("[WRITE]").await;
    let (before, after) = envelope();
    let whole = [&before[..], b"hello", &after[..]].concat();
    let headers = [
        format!("Authorization: Bearer {secret}"),
        "Content-Type: multipart/form-data; boundary=frontier".to_owned(),
        format!("Content-Length: {}", whole.len()),
    ];
    let headers = headers.each_ref().map(String::as_str);
    // Without its last line break the body is complete.
    for end in (0..whole.len() - 2).rev() {
        let mut wire = Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await;
        wire.send(&whole[..end]).await.unwrap();
        let answer = wire.end().await;
        assert!(!answer.body.contains("data"), "at {end}: {answer:?}");
    }
    server.nothing_stays().await;
}

/// Uploads of alice's that are under way: one of one file, and one of two.
async fn under_way(server: &TestApp, alice: &Person) -> Vec<SlowUpload> {
    let uploads = vec![
        alice.slow_upload().await,
        alice.slow_uploads(&["0", "1"]).await,
    ];
    for upload in &uploads {
        assert!(upload.send(vec![1; 1 << 20]).await);
    }
    server
        .eventually("all have begun", async |server| {
            server.rows("upload").await == 3
        })
        .await;
    uploads
}

async fn are_refused(uploads: Vec<SlowUpload>) {
    for upload in uploads {
        let answer = upload.finish().await;
        assert_eq!(answer.code(), "UNAUTHENTICATED", "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_during_an_upload_gets_no_file() {
    let server =
        TestApp::start_with(|options| options.user_quota = Some("100MiB".to_owned())).await;
    let alice = server.person("alice").await;
    let uploads = under_way(&server, &alice).await;

    accounts::set_disabled(&server.app, "alice", true)
        .await
        .unwrap();

    are_refused(uploads).await;
    server.nothing_stays().await;
    accounts::set_disabled(&server.app, "alice", false)
        .await
        .unwrap();
    alice.sign_in("alice", PASSWORD).await.data("/signIn");
    alice.upload("a.txt", b"hello").await;
    server.only_files_stay(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_uploads_of_whoever_had_the_old_one() {
    let server =
        TestApp::start_with(|options| options.user_quota = Some("100MiB".to_owned())).await;
    let alice = server.person("alice").await;
    let thief = alice.double();
    let uploads = under_way(&server, &thief).await;
    let change =
        "mutation($c: String!, $n: String!) { changePassword(current: $c, new: $n) { id } }";

    let passwords = json!({ "c": PASSWORD, "n": "a new password" });
    alice
        .ask_with(change, passwords)
        .await
        .data("/changePassword");
    // Of the same moment, and of the new session.
    let new = alice.slow_upload().await;

    are_refused(uploads).await;
    new.finish().await.data("/uploadFile");
    server.only_files_stay(1).await;
}
