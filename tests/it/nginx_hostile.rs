//! What a hostile client sends to nginx: nothing of it steers what is served.

use reqwest::Client;

use crate::support::{Download, TestApp, Wire};

#[tokio::test(flavor = "multi_thread")]
async fn no_request_header_changes_what_is_served() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let (file, other) = (
        alice.upload("a.txt", b"mine").await,
        alice.upload("b.txt", b"other").await,
    );
    let (ticket, _) = (alice.ticket(&file).await, alice.ticket(&other).await);
    let other_path = server
        .stored()
        .into_iter()
        .find(|path| std::fs::read(path).unwrap() == b"other");
    let key = other_path
        .unwrap()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let internal = format!("/_content/{}/{}/{key}", &key[..2], &key[2..4]);

    for header in [
        "X-Accel-Redirect",
        "X-Accel-Mapping",
        "X-Sendfile",
        "X-Sendfile-Type",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Forwarded-Host",
        "X-Forwarded-For",
        "X-Forwarded-Prefix",
        "Forwarded",
        "X-HTTP-Method-Override",
        "X-Accel-Buffering",
        "Referer",
    ] {
        let request = Client::new().get(&ticket).header(header, &internal);
        let download = Download::of(request.send().await.unwrap()).await;
        assert_eq!(
            (download.status.as_u16(), download.bytes.as_slice()),
            (200, &b"mine"[..]),
            "{header}"
        );
    }
    let ranges = (0..1000)
        .map(|n| format!("{n}-{n}"))
        .collect::<Vec<_>>()
        .join(",");
    let many = Client::new()
        .get(&ticket)
        .header("range", format!("bytes={ranges}"));
    let many = Download::of(many.send().await.unwrap()).await;
    assert!([200, 206, 416].contains(&many.status.as_u16()), "{many:?}");
    assert!(
        many.bytes.len() < 4096,
        "1,000 ranges of 4 bytes gave {} bytes",
        many.bytes.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_path_reaches_the_internal_location() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    alice.upload("a.txt", b"mine").await;
    let path = server.stored().pop().unwrap();
    let key = path.file_name().unwrap().to_str().unwrap().to_owned();
    let inside = format!("{}/{}/{key}", &key[..2], &key[2..4]);

    for path in [
        format!("/_content/{inside}"),
        format!("//_content/{inside}"),
        format!("/_content//{inside}"),
        format!("/%5fcontent/{inside}"),
        format!("/_content%2f{inside}"),
        format!("/./_content/{inside}"),
        format!("/download/../_content/{inside}"),
        format!("/download/%2e%2e/_content/{inside}"),
        format!("/download/..%2f_content/{inside}"),
        format!("/graphiql/../_content/{inside}"),
        format!("/graphiql/..%2f..%2f_content/{inside}"),
        "/_content../cloakroom.sqlite3".to_owned(),
        "/_content/../secret".to_owned(),
        "/_content/..%2fsecret".to_owned(),
        "/download/%00".to_owned(),
        "/download/x%0d%0aX-Accel-Redirect:%20/_content/".to_owned(),
        "/_problem".to_owned(),
    ] {
        let first = format!("GET {path} HTTP/1.1");
        let answer = Wire::begin(&server.base, &first, &["Connection: close"])
            .await
            .answer()
            .await;
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
        assert!(!answer.body.contains("mine"), "{path}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_nobody_declared_and_conflicting_lengths_are_refused() {
    let server = TestApp::behind_nginx(|_| {}).await;
    for (first, headers) in [
        ("TRACE / HTTP/1.1", &[][..]),
        ("TRACE /graphql HTTP/1.1", &[]),
        ("CONNECT /graphql HTTP/1.1", &[]),
        ("BREW /graphql HTTP/1.1", &[]),
        ("DELETE /graphql HTTP/1.1", &[]),
        ("PUT /download/x HTTP/1.1", &["Content-Length: 0"]),
        (
            "POST /graphql HTTP/1.1",
            &["Content-Length: 5", "Content-Length: 6"],
        ),
        (
            "POST /graphql HTTP/1.1",
            &["Content-Length: 5", "Transfer-Encoding: chunked"],
        ),
        (
            "POST /graphql HTTP/1.1",
            &["Transfer-Encoding: gzip, chunked"],
        ),
    ] {
        let mut lines = headers.to_vec();
        lines.push("Connection: close");
        let answer = Wire::begin(&server.base, first, &lines)
            .await
            .answer()
            .await;
        assert!(
            [400, 405, 501].contains(&answer.status),
            "{first} {headers:?}: {answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_bad_tickets_open_nothing() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"mine").await;
    let (good, other) = (alice.ticket(&file).await, alice.ticket(&file).await);
    let (base, ticket) = good.rsplit_once('/').unwrap();
    let (_, other) = other.rsplit_once('/').unwrap();
    let client = Client::new();
    let forged = |n: usize| {
        let mut bytes = ticket.as_bytes().to_vec();
        let at = n % bytes.len();
        match n % 4 {
            0 => bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' },
            1 => bytes.truncate(at),
            2 => bytes.insert(at, b'A'),
            // The claims of one and the signature of another.
            _ => bytes[84 + n % 40..].copy_from_slice(&other.as_bytes()[84 + n % 40..]),
        }
        format!("{base}/{}", String::from_utf8(bytes).unwrap())
    };

    let mut running = tokio::task::JoinSet::new();
    for n in 0..10_000 {
        if running.len() >= 64 {
            let status: u16 = running.join_next().await.unwrap().unwrap();
            assert!([403, 404, 410].contains(&status), "{status}");
        }
        let request = client.get(forged(n));
        running.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    while let Some(status) = running.join_next().await {
        assert!([403, 404, 410].contains(&status.unwrap()));
    }
    assert_eq!(
        alice.get(&good).await.status,
        200,
        "good tickets are not throttled"
    );
}
