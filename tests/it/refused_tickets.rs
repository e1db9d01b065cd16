//! A refused ticket: a page for a browser, and a problem (RFC 9457) for everybody else; from nginx and from the process itself.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Download, TestApp,
    link::{fetch, without_ours},
};

const BROWSER: (&str, &str) = (
    "accept",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
);

/// What each such page promises.
#[track_caller]
fn is_plain(page: &Download, words: &str) {
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-robots-tag", "noindex, nofollow"),
    ] {
        let values: Vec<_> = page.headers.get_all(name).iter().collect();
        assert_eq!(values, [value], "{name}: {page:?}");
    }
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    let html = without_ours(&String::from_utf8(page.bytes.clone()).unwrap());
    assert!(html.replace("&#39;", "'").contains(words), "{html}");
    for active in ["<script", "style", "<img", "<link", "http:", "https:"] {
        assert!(!html.contains(active), "{active}: {html}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_ticket_is_a_page_for_a_browser_and_a_problem_for_a_program() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let direct = server.another_direct().await;
    let alice = server.person("alice").await;
    let bob = server.person("bob").await;
    let file = alice.upload("a.txt", b"hello").await;
    let share = alice.share_with(&file, "bob").await;
    let revoked = bob.ticket(&file).await;
    alice.revoke(&share).await.data("/revokeShare");
    let deleted = alice.upload("b.txt", b"hello").await;
    let gone = alice.ticket(&deleted).await;
    alice.delete(&deleted).await.data("/deleteFile");
    let link = alice.link_with(&file, json!({ "maxDownloads": 1 })).await;
    let visitor = server.anonymous();
    let exhausted = visitor.link_ticket(&link.token, None).await;
    let last = visitor.link_ticket(&link.token, None).await;
    assert_eq!(visitor.get(&last).await.bytes, b"hello");
    let good = alice.ticket(&file).await;
    let forged = format!("{}/download/{}", server.base, "A".repeat(80));
    let refusals = [
        (&forged, 404, "TICKET_INVALID"),
        (&revoked, 403, "ACCESS_REVOKED"),
        (&gone, 404, "FILE_GONE"),
        (&exhausted, 410, "LINK_EXHAUSTED"),
    ];
    let look = async |url: &str, status: u16, code: &str| {
        let url = url.replace(&bob.base, &server.base);
        for url in [url.clone(), url.replace(&server.base, &direct.base)] {
            let program = fetch(Method::GET, &url, &[], "").await;
            assert_eq!(
                (program.status.as_u16(), &program.code()[..]),
                (status, code)
            );
            assert_eq!(program.header("content-type"), "application/problem+json");
            let problem: Value = serde_json::from_slice(&program.bytes).unwrap();
            for accept in ["application/json, text/html", "*/*", "image/png"] {
                let other = fetch(Method::GET, &url, &[("accept", accept)], "").await;
                assert_eq!(other.code(), code, "{accept}");
            }
            let page = fetch(Method::GET, &url, &[BROWSER], "").await;
            assert_eq!(page.status, status);
            is_plain(&page, problem["title"].as_str().unwrap());
            is_plain(&page, problem["detail"].as_str().unwrap());
            let ticket = url.rsplit('/').next().unwrap();
            assert!(!String::from_utf8_lossy(&page.bytes).contains(ticket));
            let head = fetch(Method::HEAD, &url, &[BROWSER], "").await;
            assert_eq!((head.status.as_u16(), head.bytes.len()), (status, 0));
            assert_eq!(head.header("content-type"), "text/html; charset=utf-8");
        }
    };
    for (url, status, code) in refusals {
        look(url, status, code).await;
    }
    // What is not refused is the file, whatever is accepted.
    let got = fetch(Method::GET, &good, &[BROWSER], "").await;
    assert_eq!(got.bytes, b"hello");
    for server in [&server, &direct] {
        server.advance(Duration::from_secs(3600));
    }
    look(&good, 410, "TICKET_EXPIRED").await;
}
