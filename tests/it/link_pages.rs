//! The page of a link: it works without scripts, runs none, and tells nobody where it is.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    Download, TestApp,
    link::{fetch, without_ours},
};

const BROWSER: (&str, &str) = (
    "accept",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
);
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn look(url: &str) -> Download {
    fetch(Method::GET, url, &[BROWSER], "").await
}

async fn send(url: &str, form: &str) -> Download {
    fetch(Method::POST, url, &[BROWSER, FORM], form).await
}

fn text(page: &Download) -> String {
    String::from_utf8(page.bytes.clone()).unwrap()
}

/// What every page of a link promises, whatever it says.
#[track_caller]
fn is_plain(page: &Download) {
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-robots-tag", "noindex, nofollow"),
    ] {
        assert_eq!(page.header(name), value, "{page:?}");
    }
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = without_ours(&text(page)).to_lowercase();
    for active in [
        "<script",
        "<style",
        "style=",
        " on",
        "javascript:",
        "<img",
        "<link",
        "http:",
        "https:",
    ] {
        assert!(!html.contains(active), "{active}: {html}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_an_open_link_has_a_name_a_size_and_a_button() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let file = alice.upload("Grüße & <b>more.txt", &[b'a'; 1536]).await;
    let link = alice.link_with(&file, json!({ "maxDownloads": 1 })).await;

    let page = look(&link.url).await;

    assert_eq!(page.status, 200);
    is_plain(&page);
    let html = text(&page);
    assert!(html.contains("Grüße &amp; &lt;b&gt;more.txt"), "{html}");
    assert!(
        html.contains("1.5 KiB") && html.contains("<button>"),
        "{html}"
    );
    assert!(
        !html.contains(&link.token),
        "the address is nowhere in the page"
    );
    let head = fetch(Method::HEAD, &link.url, &[BROWSER], "").await;
    assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));

    let sent = send(&link.url, "").await;
    assert_eq!(sent.status, 303);
    assert_eq!(sent.header("referrer-policy"), "no-referrer");
    assert_eq!(alice.downloads(&file, &link).await, 0);
    let ticket = format!("{}{}", server.base, sent.header("location"));
    let got = fetch(Method::GET, &ticket, &[BROWSER], "").await;
    assert_eq!(got.bytes, [b'a'; 1536]);
    assert!(got.header("content-disposition").starts_with("attachment;"));

    for late in [look(&link.url).await, send(&link.url, "").await] {
        assert_eq!(late.status, 410);
        is_plain(&late);
        assert!(!text(&late).contains("<form"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_locked_link_asks_for_its_password_until_it_is_right() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let terms = json!({ "password": "a & b = é", "maxDownloads": 1 });
    let link = alice.link_with(&file, terms).await;
    let long = format!("password={}", "x".repeat(10_000));
    for (page, status) in [
        (look(&link.url).await, 200),
        (send(&link.url, "").await, 200),
        (send(&link.url, "password=").await, 200),
        (send(&link.url, "password=wrong").await, 403),
        (send(&link.url, &long).await, 403),
        (send(&link.url, "password=%ff%fe").await, 403),
    ] {
        assert_eq!(page.status, status);
        is_plain(&page);
        let html = text(&page);
        assert!(
            html.contains("type=\"password\" name=\"password\""),
            "{html}"
        );
        assert_eq!(html.contains("role=\"alert\""), status == 403, "{html}");
        assert!(
            !html.contains("wrong\"") && !html.contains("a.txt"),
            "{html}"
        );
    }

    let sent = send(&link.url, "password=a+%26+b+%3D+%C3%A9").await;
    assert_eq!(sent.status, 303);
    let ticket = format!("{}{}", server.base, sent.header("location"));
    assert_eq!(fetch(Method::GET, &ticket, &[], "").await.bytes, b"hello");
    // Who does not know the password is not told that it is used up either.
    assert_eq!(look(&link.url).await.status, 200);
    assert_eq!(
        send(&link.url, "password=a+%26+b+%3D+%C3%A9").await.status,
        410
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_too_large_is_refused() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let link = alice.link(&alice.upload("a.txt", b"hello").await).await;
    let page = send(&link.url, &"x".repeat(20_000)).await;
    assert_eq!(page.status, 413);
    is_plain(&page);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_leads_nowhere_is_a_page_that_says_so() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let link = alice.link(&alice.upload("a.txt", b"hello").await).await;
    alice.revoke(&link.share).await.data("/revokeShare");
    let never = format!("{}/s/{}", server.base, "A".repeat(43));
    let (revoked, never) = (look(&link.url).await, look(&never).await);
    for page in [&revoked, &never] {
        assert_eq!(page.status, 404);
        is_plain(page);
    }
    let shown = |page: &Download| {
        let html = text(page);
        html.split("<small>").next().unwrap().to_owned()
    };
    assert_eq!(shown(&revoked), shown(&never), "nobody learns which");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_of_nginx_has_a_link_or_its_password_in_it() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let link = alice
        .link_with(&file, json!({ "password": "knockknock" }))
        .await;
    let basic = ("authorization", "Basic eDprbm9ja2tub2Nr");
    let program = fetch(Method::GET, &link.url, &[basic], "").await;
    assert_eq!(program.status, 303);
    look(&link.url).await;
    send(&link.url, "password=knockknock").await;
    let (_, ticket) = program.header("location").split_once("/download/").unwrap();
    for odd in [
        format!("{}?password=knockknock", link.url),
        format!("{}/", link.url),
        link.url.replace("/s/", "//s/"),
        link.url.replace("/s/", "/%73/"),
        format!("{}/{}", server.base, link.token),
    ] {
        fetch(Method::GET, &odd, &[("referer", &link.url)], "").await;
    }
    fetch(
        Method::GET,
        &format!("{}/download/{ticket}", server.base),
        &[],
        "",
    )
    .await;

    let log = server.nginx().log();

    assert!(log.contains("GET /s/-"), "{log}");
    for secret in [
        &link.token[..],
        &link.token[..20],
        ticket,
        "knockknock",
        "eDprbm9ja2tub2Nr",
    ] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
