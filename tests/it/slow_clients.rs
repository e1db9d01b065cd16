//! Clients that hold connections without using them, and requests whose end is in doubt.

use std::time::{Duration, Instant};

use cloakroom::config::Options;
use tokio::task::JoinSet;

use crate::support::{Person, TestApp, Wire, multipart::envelope};

/// Between two bytes of a client that is slow on purpose.
const DRIBBLE: Duration = Duration::from_millis(100);

/// A server that waits a second for a head, and wants a kibibyte of body in each.
fn impatient(options: &mut Options) {
    options.client_timeout = "1s".to_owned();
    options.min_body_rate = "1KiB".to_owned();
}

/// Sends `byte` again and again, until the server does not listen any more, and how long that took.
async fn dribble(wire: &mut Wire, byte: u8, pause: Duration) -> Duration {
    let began = Instant::now();
    let Wire { write, read } = wire;
    let sending = async {
        while tokio::io::AsyncWriteExt::write_all(write, &[byte])
            .await
            .is_ok()
        {
            tokio::time::sleep(pause).await;
        }
    };
    let mut rest = Vec::new();
    let closed = tokio::io::AsyncReadExt::read_to_end(read, &mut rest);
    tokio::select! {
        () = sending => {}
        _ = closed => {}
        () = tokio::time::sleep(Duration::from_secs(30)) => panic!("the connection stays open"),
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_dribbles_in_is_not_waited_for() {
    let server = TestApp::start_with(impatient).await;
    for beginning in [
        "",
        "GET /healthz HTTP/1.1\r\nHost: ",
        "POST /graphql HTTP/1.1\r\nX: ",
    ] {
        let mut wire = Wire::connect(&server.base).await;
        wire.send(beginning.as_bytes()).await.unwrap();
        let took = dribble(&mut wire, b'x', DRIBBLE).await;
        assert!(
            took < Duration::from_secs(4),
            "{beginning:?} was waited for, {took:?} long"
        );
    }
}

/// A connection between two requests does not count as a head that dribbles, but it does not stay for ever either.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed() {
    let server = TestApp::start_with(impatient).await;
    let mut wire = Wire::begin(&server.base, "GET /healthz HTTP/1.1", &[]).await;
    assert_eq!(wire.answer().await.status, 200);
    assert!(wire.is_closed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_below_the_least_rate_is_given_up() {
    let server = TestApp::start_with(impatient).await;
    let alice = server.person("alice").await;
    let cookie = format!("Cookie: {}", alice.cookie());
    for (headers, body) in [
        ("Content-Type: application/json", b"{\"query\": \"".to_vec()),
        (
            "Content-Type: multipart/form-data; boundary=frontier",
            envelope().0,
        ),
    ] {
        let headers = [headers, "Content-Length: 1000000", cookie.as_str()];
        let mut wire = Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await;
        wire.send(&body).await.unwrap();
        let began = Instant::now();
        let (answer, sent) = wire.answer_during(std::iter::repeat_n(b' ', 20)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "BAD_USER_INPUT"),
            "{answer:?}"
        );
        assert!(
            began.elapsed() < Duration::from_secs(6) && sent <= 20,
            "{:?}",
            began.elapsed()
        );
    }
    server.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_above_the_least_rate_may_take_its_time() {
    let server = TestApp::start_with(impatient).await;
    let upload = server.person("alice").await.slow_upload().await;
    // Four windows long, at four times the rate.
    for _ in 0..40 {
        assert!(upload.send(vec![b'a'; 400]).await, "it was given up");
        tokio::time::sleep(DRIBBLE).await;
    }
    assert_eq!(upload.finish().await.data("/uploadFile/size"), 16_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nginx_slow_heads_and_slow_bodies_end_as_well() {
    let server = TestApp::behind_nginx(impatient).await;
    let alice = server.person("alice").await;
    let mut head = Wire::connect(&server.base).await;
    head.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ")
        .await
        .unwrap();
    let cookie = format!("Cookie: {}", alice.cookie());
    let headers = [
        "Content-Type: multipart/form-data; boundary=frontier",
        "Content-Length: 1000000",
        cookie.as_str(),
    ];
    let mut body = Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await;
    body.send(&envelope().0).await.unwrap();
    // nginx's own deadline for a head is fifteen seconds.
    let (head, answer) = tokio::join!(dribble(&mut head, b'x', DRIBBLE * 5), body.answer());
    assert!(
        head < Duration::from_secs(20),
        "a head was waited for, {head:?} long"
    );
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "BAD_USER_INPUT"),
        "{answer:?}"
    );
    server.nothing_stays().await;
}

/// How long the slowest of a hundred requests takes.
async fn slowest_of_a_hundred(person: &Person) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..100 {
        let began = Instant::now();
        person
            .ask("{ limits { maxFileSize } }")
            .await
            .data("/limits/maxFileSize");
        slowest = slowest.max(began.elapsed());
    }
    slowest
}

/// The best of five times, so that somebody else's work on this machine does not count.
async fn typical_of_the_slowest(person: &Person) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        best = best.min(slowest_of_a_hundred(person).await);
    }
    best
}

async fn five_hundred_at_a_byte_a_second(server: &TestApp) {
    let alice = server.person("alice").await;
    let before = typical_of_the_slowest(&alice).await;
    let cookie = format!("Cookie: {}", alice.cookie());
    let mut slow = JoinSet::new();
    for n in 0..500 {
        let mut wire = match n % 2 {
            0 => Wire::connect(&server.base).await,
            _ => {
                let headers = [
                    "Content-Type: multipart/form-data; boundary=frontier",
                    "Content-Length: 1000000",
                    cookie.as_str(),
                ];
                Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await
            }
        };
        slow.spawn(async move {
            for byte in b"GET /healthz HTTP/1.1\r\nHost: example.org\r\n"
                .iter()
                .cycle()
            {
                wire.send(&[*byte]).await.ok()?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Some(())
        });
    }
    let during = typical_of_the_slowest(&alice).await;
    assert_eq!(slow.len(), 500);
    assert!(
        slow.try_join_next().is_none(),
        "a slow client was let go too early to count"
    );
    let allowed = before.max(Duration::from_millis(25)) * 2;
    assert!(
        during <= allowed,
        "{during:?} with slow clients, {before:?} without"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_slow_clients_slow_nobody_else_down() {
    five_hundred_at_a_byte_a_second(&TestApp::start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_slow_clients_slow_nobody_else_down_behind_nginx() {
    five_hundred_at_a_byte_a_second(&TestApp::behind_nginx(|_| {}).await).await;
}

/// As many requests as nginx lets one address have under way, all of them waiting for more of their bodies.
#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_what_nginx_has_for_all() {
    let server =
        TestApp::behind_nginx(|options| options.max_connections = Some("2000".into())).await;
    let alice = server.person("alice").await;
    let cookie = format!("Cookie: {}", alice.cookie());
    let headers = [
        "Content-Type: multipart/form-data; boundary=frontier",
        "Content-Length: 1000000",
        cookie.as_str(),
    ];
    let begin = async || Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await;
    let mut held = Vec::new();
    for _ in 0..1000 {
        held.push(begin().await);
    }
    // On a slow machine, the first of them have ended before the last has begun.
    while alice.get(&format!("{}/healthz", server.base)).await.status != 429 {
        assert!(held.len() < 3000, "an address may have any number");
        held.push(begin().await);
    }

    let refused = begin().await.answer().await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "RATE_LIMITED")
    );
    let elsewhere = reqwest::Client::builder()
        .local_address("127.0.0.2".parse::<std::net::IpAddr>().ok())
        .no_proxy()
        .build()
        .unwrap();
    let health = elsewhere.get(format!("{}/healthz", server.base)).send();
    assert_eq!(health.await.unwrap().status(), 200);
    drop(held);
}

/// Without nginx as well: whoever could disagree about where a request ends gets no second one through.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_two_lengths_smuggles_nothing() {
    let server = TestApp::start().await;
    let smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let json = r#"{"query":"{ me { id } }"}"#;
    let chunked = format!("{:x}\r\n{json}\r\n0\r\n\r\n{smuggled}", json.len());
    let long = format!("{json}{smuggled}");
    for (headers, body, expected) in [
        // RFC 9112 §6.3: the coding counts, and the connection ends with the answer.
        (
            &["Content-Length: 5", "Transfer-Encoding: chunked"][..],
            &chunked,
            &[200, 400][..],
        ),
        (
            &["Transfer-Encoding: chunked", "Content-Length: 5"],
            &chunked,
            &[200, 400],
        ),
        (&["Content-Length: 25", "Content-Length: 26"], &long, &[400]),
        (&["Content-Length: 25, 26"], &long, &[400]),
        (&["Content-Length: +25"], &long, &[400]),
        (&["Content-Length: -1"], &long, &[400]),
        (&["Content-Length: 0x19"], &long, &[400]),
        (&["Content-Length: 99999999999999999999999"], &long, &[400]),
        (&["Transfer-Encoding: gzip"], &chunked, &[400, 501]),
        (&["Transfer-Encoding: gzip, chunked"], &chunked, &[400, 501]),
        (
            &["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
            &chunked,
            &[400],
        ),
        (
            &["Transfer-Encoding: chunked, chunked"],
            &chunked,
            &[400, 501],
        ),
        (
            &["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
            &chunked,
            &[400, 501],
        ),
        (&["Transfer-Encoding: xchunked"], &chunked, &[400]),
        (&["Transfer-Encoding : chunked"], &chunked, &[400]),
        (&[" Transfer-Encoding: chunked"], &chunked, &[400]),
    ] {
        let mut lines = headers.to_vec();
        lines.push("Content-Type: application/json");
        let mut wire = Wire::begin(&server.base, "POST /graphql HTTP/1.1", &lines).await;
        let _ = wire.send(body.as_bytes()).await;
        let answer = wire.answer().await;
        assert!(expected.contains(&answer.status), "{headers:?}: {answer:?}");
        let mut rest = Vec::new();
        let ended = tokio::io::AsyncReadExt::read_to_end(&mut wire.read, &mut rest);
        let _ = tokio::time::timeout(Duration::from_secs(20), ended)
            .await
            .expect("it stays open");
        let rest = String::from_utf8_lossy(&rest);
        assert!(
            !rest.contains("HTTP/1.1"),
            "{headers:?}: a second answer: {rest}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_nobody_declared_are_refused_without_nginx_too() {
    let server = TestApp::start().await;
    for first in [
        "TRACE / HTTP/1.1",
        "TRACE /graphql HTTP/1.1",
        "CONNECT /graphql HTTP/1.1",
        "BREW /graphql HTTP/1.1",
        "PROPFIND /download/x HTTP/1.1",
        "GET http://other.example/_content/ HTTP/1.1",
        "GET /graphql HTTP/1.0\r\nTransfer-Encoding: chunked",
        "GET /graphql HTTP/9.9",
    ] {
        let lines = ["Connection: close", "X-Secret: do not tell"];
        let answer = Wire::begin(&server.base, first, &lines)
            .await
            .answer()
            .await;
        assert!(
            [400, 404, 405, 505].contains(&answer.status),
            "{first}: {answer:?}"
        );
        assert!(!answer.body.contains("do not tell"), "{first}: {answer:?}");
    }
}
