//! Links: what their owner and their visitors see of them, and when they end.

use std::time::Duration;

use serde_json::json;

use crate::support::TestApp;

const HOUR: Duration = Duration::from_secs(3600);
const MILLISECOND: Duration = Duration::from_millis(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_link_leads_anybody_to_the_file() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let made = alice.ask_link(&file, json!({})).await.data("/made");
    let url = made["link"]["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{}/s/", server.base)), "{url}");
    let expected = json!({
        "id": made["id"], "audience": "LINK", "user": null, "expiresAt": null,
        "link": { "url": url, "hasPassword": false, "maxDownloads": null, "downloads": 0 },
    });
    assert_eq!(made, expected);

    let visitor = server.anonymous();
    let (_, token) = url.split_once("/s/").unwrap();
    let seen = visitor.visit(token, None).await.data("/sharedLink");

    assert_eq!(seen["hasPassword"], false);
    assert_eq!(seen["expiresAt"], json!(null));
    assert_eq!(seen["downloadsLeft"], json!(null));
    assert_eq!(seen["file"]["name"], "a.txt");
    assert_eq!(seen["file"]["size"], 5);
    let ticket = visitor.link_ticket(token, None).await;
    let download = visitor.get(&ticket).await;
    assert_eq!(
        (download.status.as_u16(), &download.bytes[..]),
        (200, &b"hello"[..])
    );
    let again = "query($f: ID!) { file(id: $f) { shares { nodes { link { url downloads } } } } }";
    let again = alice.ask_with(again, json!({ "f": file })).await;
    let again = again.data("/file/shares/nodes/0/link");
    assert_eq!(again, json!({ "url": url, "downloads": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_link_leads_nowhere() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let end = server.date_in(HOUR);
    let link = alice.link_with(&file, json!({ "expiresAt": end })).await;
    let visitor = server.anonymous();
    server.advance(HOUR - MILLISECOND);
    let ticket = visitor.link_ticket(&link.token, None).await;
    assert_eq!(visitor.get(&ticket).await.status, 200);

    server.advance(MILLISECOND);

    assert_eq!(visitor.visit(&link.token, None).await.code(), "NOT_FOUND");
    assert_eq!(visitor.get(&link.url).await.code(), "NOT_FOUND");
    assert_eq!(visitor.get(&ticket).await.code(), "TICKET_EXPIRED");
    server.sweep().await;
    assert_eq!(server.rows("link").await, 0);
    assert_eq!(server.rows("link_download").await, 0);
}
