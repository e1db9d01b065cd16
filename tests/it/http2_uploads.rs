//! Uploads by HTTP/2 from far away: a client may send megabytes before it has to wait a round trip for leave to send more,
//! and what that takes of nginx's memory is bounded.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    Parts, Person, TestApp,
    frames::Streams,
    multipart::{CONTENT_TYPE, envelope},
    nginx::{Site, free_port},
};

const PATIENCE: Duration = Duration::from_secs(30);
const MEBIBYTE: usize = 1 << 20;
/// What an upload may send at once: so much a round trip, and so much memory.
const WINDOW: i64 = 8 << 20;
/// What a stream may send before nginx knows what it is.
const AT_FIRST: i64 = 64 << 10;

/// A server behind a site that speaks HTTP/2 at a port of its own, and a token that may upload.
async fn server(instead: Vec<(&'static str, &'static str)>) -> (TestApp, Person, u16, String) {
    let port = free_port();
    let site = Site {
        directives: format!("; listen 127.0.0.1:{port} http2"),
        instead,
        ..Site::default()
    };
    let server = TestApp::behind_site(&site, |_| {}).await;
    let alice = server.person("alice").await;
    let token = alice.token("[WRITE]").await;
    (server, alice, port, token)
}

/// Reads until `stream` may send `window` bytes.
async fn wait_for(streams: &mut Streams, stream: u32, window: i64) {
    let opened = tokio::time::timeout(PATIENCE, async {
        while streams.window(stream) < window {
            streams.read().await;
        }
    });
    if opened.await.is_err() {
        panic!(
            "{} bytes and no more may be sent at once",
            streams.window(stream)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_by_http2_sends_megabytes_in_each_round_trip() {
    let (_server, _, port, token) = server(Vec::new()).await;
    let (before, after) = envelope();
    let file = 40 * MEBIBYTE;
    let body = [before, vec![b'x'; file], after].concat();
    let mut streams = Streams::connect(port).await;
    let stream = streams.post(CONTENT_TYPE, &token, body.len()).await;

    // As a client does that is so far away that it sends all it may, and only then hears again.
    let (mut sent, mut trips) = (0, 0);
    while sent < body.len() {
        let left = i64::try_from(body.len() - sent).unwrap();
        wait_for(&mut streams, stream, left.min(WINDOW)).await;
        assert!(
            streams.window(stream) <= WINDOW,
            "memory that is not promised"
        );
        let now = usize::try_from(streams.window(stream).min(left)).unwrap();
        let is_last = sent + now == body.len();
        streams.send(stream, &body[sent..sent + now], is_last).await;
        (sent, trips) = (sent + now, trips + 1);
    }

    let answer = streams.answer(stream).await;
    assert_eq!(answer["data"]["uploadFile"]["size"], file, "{answer}");
    assert!(trips <= 6, "{trips} round trips");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_of_a_drop_sends_megabytes_in_each_round_trip_as_well() {
    let (server, alice, port, token) = server(Vec::new()).await;
    let drop = alice.drop_with(json!({})).await;
    let form = Parts::new().file("file", &vec![b'x'; MEBIBYTE]).end();
    let path = format!("/drop/{}", drop.token);
    let mut streams = Streams::connect(port).await;

    let stream = streams.post_to(&path, CONTENT_TYPE, &token, form.len());
    let stream = stream.await;
    // All of it, since it is less than the window.
    let length = i64::try_from(form.len()).unwrap();
    wait_for(&mut streams, stream, length).await;
    streams.send(stream, &form, true).await;

    server
        .eventually("the file is there", async |_| {
            let files = alice.ask("{ files { nodes { size } } }").await;
            files.data("/files/nodes") == json!([{ "size": MEBIBYTE }])
        })
        .await;
}

/// Only uploads have use for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_upload_has_a_small_window() {
    let (_server, _, port, token) = server(Vec::new()).await;
    let mut streams = Streams::connect(port).await;
    for content_type in ["application/json", "text/plain", "x-multipart/form-data"] {
        let stream = streams.post(content_type, &token, 32 * MEBIBYTE).await;
        streams.settle().await;
        streams.settle().await;
        assert!(streams.window(stream) <= AT_FIRST, "{content_type}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_has_so_many_uploads_by_http2_and_no_more() {
    let (server, alice, port, token) =
        server(vec![("cloakroom_uploads 64;", "cloakroom_uploads 3;")]).await;
    let mut streams = Streams::connect(port).await;
    for _ in 0..3 {
        let held = streams.post(CONTENT_TYPE, &token, 32 * MEBIBYTE).await;
        wait_for(&mut streams, held, WINDOW).await;
    }

    let mut others = Streams::connect(port).await;
    let refused = others.post(CONTENT_TYPE, &token, 32 * MEBIBYTE).await;
    let answer = others.answer(refused).await;
    assert_eq!(answer["code"], "RATE_LIMITED", "{answer}");

    // Whatever else comes from there is served.
    let body = br#"{"query":"{ me { username } }"}"#;
    let query = others.post("application/json", &token, body.len()).await;
    others.send(query, body, true).await;
    let answer = others.answer(query).await;
    assert_eq!(answer["data"]["me"]["username"], "alice", "{answer}");
    alice.upload("a.txt", b"by HTTP/1").await;
    drop(streams);
    server
        .eventually("there is room again", async |_| {
            let mut streams = Streams::connect(port).await;
            let stream = streams.post(CONTENT_TYPE, &token, 32 * MEBIBYTE).await;
            streams.settle().await;
            streams.window(stream) == WINDOW
        })
        .await;
}
