//! The page of a drop: a browser without scripts leaves files by its form.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    Download, Parts, TestApp,
    link::{fetch, without_ours},
    multipart::CONTENT_TYPE,
};

/// Sends the page's form.
async fn send(url: &str, form: Vec<u8>) -> Download {
    let client = reqwest::Client::new();
    let request = client.post(url).header("content-type", CONTENT_TYPE);
    Download::of(request.body(form).send().await.unwrap()).await
}

fn text(page: &Download) -> String {
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"));
    assert!(policy.contains("form-action 'self'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = without_ours(&String::from_utf8(page.bytes.clone()).unwrap());
    assert!(
        !html.contains("<script") && !html.contains("style"),
        "{html}"
    );
    html
}

fn file(parts: Parts, name: &str, bytes: &[u8]) -> Parts {
    let disposition = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
    parts.part(&disposition, bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_leaves_its_files_and_tells_their_names_sizes_and_hashes() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({ "maxFiles": 3 })).await;
    let page = fetch(Method::GET, &drop.url, &[("accept", "text/html")], "").await;
    assert_eq!(page.status, 200);
    let html = text(&page);
    for part in [
        "Homework",
        "alice",
        "left: 3",
        "type=\"file\" name=\"file\" multiple",
        "multipart/form-data",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(
        !html.contains("type=\"password\"") && !html.contains(&drop.token),
        "{html}"
    );
    let head = fetch(Method::HEAD, &drop.url, &[], "").await;
    assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));

    let form = file(
        file(Parts::new(), "<b>.txt", b"hello"),
        "b.txt",
        &vec![b'b'; 3 << 20],
    );
    let sent = send(&drop.url, form.end()).await;

    assert_eq!(sent.status, 200);
    let html = text(&sent);
    for part in [
        "&lt;b&gt;.txt",
        "b.txt",
        "5 bytes",
        "3.0 MiB",
        "2cf24dba5fb0a30e26e83b2ac5b9e29e",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    server.only_files_stay(2).await;
    // All of them, or none.
    let form = file(file(Parts::new(), "c.txt", b"c"), "d.txt", b"d");
    let sent = send(&drop.url, form.end()).await;
    assert_eq!(sent.status, 507);
    text(&sent);
    server.only_files_stay(2).await;
    let sent = send(&drop.url, file(Parts::new(), "c.txt", b"c").end()).await;
    assert_eq!(sent.status, 200);
    let log = server.nginx().log();
    assert!(
        log.contains("POST /drop/-") && !log.contains(&drop.token[..20]),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_the_right_password_or_a_file_leaves_nothing() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({ "password": "knock" })).await;
    let page = fetch(Method::GET, &drop.url, &[], "").await;
    let html = text(&page);
    assert!(
        html.contains("type=\"password\" name=\"password\""),
        "{html}"
    );
    assert!(!html.contains("alice"), "{html}");
    let with = |password: &str| Parts::new().text("password", password);
    for (form, status) in [
        (file(Parts::new(), "a.txt", b"a"), 403),
        (file(with(""), "a.txt", b"a"), 403),
        (file(with("wrong"), "a.txt", b"a"), 403),
        // The password comes first, or it does not count.
        (
            file(Parts::new(), "a.txt", b"a").text("password", "knock"),
            403,
        ),
        (with("knock"), 400),
        (file(with("knock"), "", b""), 400),
        (file(with(&"x".repeat(10_000)), "a.txt", b"a"), 413),
    ] {
        let refused = send(&drop.url, form.end()).await;
        assert_eq!(refused.status, status);
        assert!(!text(&refused).contains("alice"));
    }
    let broken = send(&drop.url, file(with("knock"), "a.txt", b"a").so_far()).await;
    assert_eq!(broken.status, 400);
    let no_form = fetch(Method::POST, &drop.url, &[], "password=knock").await;
    assert_eq!(no_form.status, 400);
    server.nothing_stays().await;

    let sent = send(&drop.url, file(with("knock"), "a.txt", b"a").end()).await;
    assert_eq!(sent.status, 200);
    server.only_files_stay(1).await;
    alice.close_drop(&drop).await.data("/closeDrop");
    let late = send(&drop.url, file(with("knock"), "a.txt", b"a").end()).await;
    assert_eq!(late.status, 404);
}

/// A part without a name is no file, and no way around the limit either.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_has_so_many_parts_and_no_more() {
    let server = TestApp::start_with(|options| options.max_files_per_request = "3".into()).await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({})).await;
    let unnamed = |count: usize| (0..count).fold(Parts::new(), |parts, _| file(parts, "", b""));
    for (form, status) in [
        (unnamed(3), 400),
        (unnamed(4), 413),
        (unnamed(10_000), 413),
        (file(unnamed(3), "a.txt", b"a"), 413),
        (file(unnamed(2), "a.txt", b"a"), 200),
    ] {
        let sent = send(&drop.url, form.end()).await;
        assert_eq!(sent.status, status);
        text(&sent);
    }
    server.only_files_stay(1).await;
}
