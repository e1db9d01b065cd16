//! Links: what their owner and their visitors see of them, and when they end.

use std::time::Duration;

use cloakroom::domain::accounts;
use serde_json::json;

use crate::support::{TestApp, person::PASSWORD};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_link_kills_its_tickets_and_no_other_s() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let (one, other) = (alice.link(&file).await, alice.link(&file).await);
    let visitor = server.anonymous();
    let tickets = [
        visitor.link_ticket(&one.token, None).await,
        visitor.link_ticket(&other.token, None).await,
    ];
    // One that was counted is no better.
    assert_eq!(visitor.get(&tickets[0]).await.status, 200);

    alice.revoke(&one.share).await.data("/revokeShare");

    assert_eq!(visitor.get(&tickets[0]).await.code(), "ACCESS_REVOKED");
    assert_eq!(visitor.visit(&one.token, None).await.code(), "NOT_FOUND");
    assert_eq!(visitor.get(&one.url).await.code(), "NOT_FOUND");
    assert_eq!(visitor.get(&tickets[1]).await.bytes, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_rests_while_its_file_is_in_the_trash() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let link = alice.link_with(&file, json!({ "password": "x" })).await;
    let visitor = server.anonymous();
    let ticket = visitor.link_ticket(&link.token, Some("x")).await;
    alice.delete(&file).await.data("/deleteFile");

    // Also without its password: what has gone is not asked about.
    for password in [None, Some("wrong"), Some("x")] {
        assert_eq!(
            visitor.visit(&link.token, password).await.code(),
            "NOT_FOUND"
        );
    }
    assert_eq!(visitor.get(&link.url).await.code(), "NOT_FOUND");
    assert_eq!(visitor.get(&ticket).await.code(), "FILE_GONE");
    // The share can be changed meanwhile, and its file is told as what it is.
    let change = "mutation($s: ID!) { updateShare(id: $s, expiresAt: \"2099-01-01T00:00:00Z\") {
        file { trashedAt downloadTicket { url } } } }";
    let changed = alice.ask_with(change, json!({ "s": link.share })).await;
    assert_eq!(
        changed.code(),
        "NOT_FOUND",
        "no ticket of what is in the trash"
    );

    let restore = "mutation($f: ID!) { restoreFile(id: $f) { id } }";
    alice
        .ask_with(restore, json!({ "f": file }))
        .await
        .data("/restoreFile");
    assert_eq!(visitor.get(&ticket).await.bytes, b"hello");
    alice.delete(&file).await.data("/deleteFile");
    let purge = "mutation($f: ID!) { purgeFile(id: $f) }";
    alice
        .ask_with(purge, json!({ "f": file }))
        .await
        .data("/purgeFile");
    assert_eq!(
        visitor.visit(&link.token, Some("x")).await.code(),
        "NOT_FOUND"
    );
    assert_eq!(server.rows("link").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_a_disabled_owner_rest_and_work_again_for_new_tickets() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"hello").await;
    let link = alice.link(&file).await;
    let other = bob.link(&bob.upload("b.txt", b"b").await).await;
    let visitor = server.anonymous();
    let before = visitor.link_ticket(&link.token, None).await;
    let of_bob = visitor.link_ticket(&other.token, None).await;
    assert_eq!(visitor.get(&before).await.status, 200);

    let disable = accounts::set_disabled(&server.app, "alice", true);
    disable.await.unwrap();

    assert_eq!(visitor.visit(&link.token, None).await.code(), "NOT_FOUND");
    assert_eq!(visitor.get(&link.url).await.code(), "NOT_FOUND");
    assert_eq!(visitor.get(&before).await.code(), "ACCESS_REVOKED");
    assert_eq!(visitor.get(&of_bob).await.bytes, b"b");

    let enable = accounts::set_disabled(&server.app, "alice", false);
    enable.await.unwrap();

    assert_eq!(visitor.get(&before).await.code(), "ACCESS_REVOKED");
    let after = visitor.link_ticket(&link.token, None).await;
    assert_eq!(visitor.get(&after).await.bytes, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_s_new_password_and_a_new_end_leave_tickets_of_links_alone() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let link = alice.link(&file).await;
    let visitor = server.anonymous();
    let ticket = visitor.link_ticket(&link.token, None).await;

    let change = "mutation($p: String!) { changePassword(current: $p, new: \"another horse, another battery\") { id } }";
    let changed = alice.ask_with(change, json!({ "p": PASSWORD })).await;
    changed.data("/changePassword");
    let arguments = format!("expiresAt: {:?}", server.date_in(HOUR));
    alice
        .update_share(&link.share, &arguments)
        .await
        .data("/made");

    assert_eq!(visitor.get(&ticket).await.bytes, b"hello");
    // But one that ends before the ticket ends it at once.
    let soon = format!("expiresAt: {:?}", server.date_in(Duration::from_secs(10)));
    alice.update_share(&link.share, &soon).await.data("/made");
    server.advance(Duration::from_secs(10));
    assert_eq!(visitor.get(&ticket).await.code(), "ACCESS_REVOKED");
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_learn_nothing_of_links() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"hello").await;
    let link = alice.link(&file).await;
    let query = "query($f: ID!) { file(id: $f) { shares { nodes { audience link { url } } } } }";
    assert_eq!(
        bob.ask_with(query, json!({ "f": file })).await.code(),
        "NOT_FOUND"
    );
    assert_eq!(bob.list("sharedWithMe").await, json!([]));
    assert_eq!(bob.revoke(&link.share).await.code(), "NOT_FOUND");

    alice.share_with(&file, "bob").await;

    let seen = bob.ask_with(query, json!({ "f": file })).await;
    let expected = json!([{ "audience": "USER", "link": null }]);
    assert_eq!(seen.data("/file/shares/nodes"), expected);
    assert_eq!(bob.revoke(&link.share).await.code(), "NOT_FOUND");
    assert_eq!(
        bob.update_share(&link.share, "expiresAt: null")
            .await
            .code(),
        "NOT_FOUND"
    );
    assert_eq!(bob.ask_link(&file, json!({})).await.code(), "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_count_among_the_shares_of_a_file() {
    let server = TestApp::start_with(|options| options.max_shares_per_file = "2".into()).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    alice.link(&file).await;
    let link = alice.link(&file).await;
    assert_eq!(
        alice.ask_link(&file, json!({})).await.code(),
        "QUOTA_EXCEEDED"
    );
    assert_eq!(server.rows("link").await, 2);
    alice.revoke(&link.share).await.data("/revokeShare");
    alice.link(&file).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_says_by_which_link() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let limited = alice.link_with(&file, json!({ "maxDownloads": 1 })).await;
    let locked = alice.link_with(&file, json!({ "password": "x" })).await;
    let visitor = server.anonymous();
    let [first, second] = [
        visitor.link_ticket(&limited.token, None).await,
        visitor.link_ticket(&limited.token, None).await,
    ];
    for _ in 0..3 {
        assert_eq!(visitor.get(&first).await.status, 200);
        assert_eq!(visitor.get(&second).await.code(), "LINK_EXHAUSTED");
    }
    visitor.visit(&locked.token, Some("wrong")).await;
    for _ in 0..2 {
        let ticket = visitor.link_ticket(&locked.token, Some("x")).await;
        assert_eq!(visitor.get(&ticket).await.status, 200);
        assert_eq!(visitor.get(&ticket).await.status, 200);
    }
    alice
        .update_share(&locked.share, "password: null")
        .await
        .data("/made");
    alice.revoke(&limited.share).await.data("/revokeShare");

    let query = "query($f: ID!) { file(id: $f) { events(first: 100) { edges { node {
        kind detail share { id link { hasPassword } } count user { username } } } } } }";
    let told = async || {
        let answer = alice.ask_with(query, json!({ "f": file })).await;
        let edges = answer.data("/file/events/edges");
        let nodes = edges
            .as_array()
            .unwrap()
            .iter()
            .map(|edge| edge["node"].clone());
        nodes.collect::<Vec<_>>()
    };
    let event = |kind, by: Option<&str>, link: Option<&str>, detail: Option<&str>, count| {
        let link = link.map(|id| json!({ "id": id, "link": { "hasPassword": false } }));
        json!({
            "kind": kind, "detail": detail, "share": link, "count": count,
            "user": by.map(|name| json!({ "username": name })),
        })
    };
    // The one was revoked.
    let (limited, locked) = (None, Some(&locked.share[..]));
    let alice_s = Some("alice");
    let expected = [
        event("UPLOADED", alice_s, None, Some("a.txt"), 1),
        event("SHARED", alice_s, limited, Some("LINK"), 1),
        event("SHARED", alice_s, locked, Some("LINK"), 1),
        event("DOWNLOADED", None, limited, None, 1),
        event("DOWNLOAD_REFUSED", None, limited, Some("LINK_EXHAUSTED"), 1),
        event("LINK_REFUSED", None, locked, None, 1),
        event("DOWNLOADED", None, locked, None, 2),
        event("SHARED", alice_s, locked, Some("LINK"), 1),
        event("SHARE_REVOKED", alice_s, limited, Some("LINK"), 1),
    ];
    server
        .eventually("the events are written", async |_| {
            let told = told().await;
            expected.iter().all(|event| told.contains(event))
        })
        .await;
    let told = told().await;
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}
