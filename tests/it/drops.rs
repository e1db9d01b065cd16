//! Drops: strangers leave files, and see none.

use std::time::Duration;

use cloakroom::domain::accounts;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Person, TestApp, Wire,
    drop::Drop,
    link::fetch,
    multipart::{CONTENT_TYPE, envelope},
    person::PASSWORD,
};

const HOUR: Duration = Duration::from_secs(3600);
const HELLO_SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_leaves_is_the_owner_s_and_knows_its_drop() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let made = alice.ask_drop("Homework", json!({})).await.data("/made");
    let url = made["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&format!("{}/drop/", server.base)), "{url}");
    let expected = json!({
        "id": made["id"], "url": url, "name": "Homework", "hasPassword": false, "maxFiles": null,
        "maxFileSize": null, "expiresAt": null, "createdAt": made["createdAt"], "closedAt": null,
    });
    assert_eq!(made, expected);
    let (_, token) = url.split_once("/drop/").unwrap();
    let visitor = server.anonymous();
    let seen = visitor.look_at_drop(token, None).await;
    let expected = json!({
        "name": "Homework", "hasPassword": false, "owner": "alice", "maxFileSize": null,
        "filesLeft": null, "expiresAt": null,
    });
    assert_eq!(seen.data("/dropTarget"), expected);

    let left = visitor
        .dropping(token, None)
        .leave("essay.txt", b"hello")
        .await;

    let expected = json!({ "name": "essay.txt", "size": 5, "sha256": HELLO_SHA256 });
    assert_eq!(left.data("/dropFile"), expected);
    let own = alice.upload("mine.txt", b"mine").await;
    let files = "{ files { nodes { id name owner { username } drop { id name } } } me { usage { usedBytes files } } }";
    let files = alice.ask(files).await;
    assert_eq!(files.data("/files/nodes/0/id"), json!(own));
    assert_eq!(files.data("/files/nodes/0/drop"), json!(null));
    assert_eq!(files.data("/files/nodes/1/name"), "essay.txt");
    assert_eq!(files.data("/files/nodes/1/owner/username"), "alice");
    let drop = json!({ "id": made["id"], "name": "Homework" });
    assert_eq!(files.data("/files/nodes/1/drop"), drop);
    assert_eq!(
        files.data("/me/usage"),
        json!({ "usedBytes": 9, "files": 2 })
    );
    let drops = alice
        .ask("{ drops { nodes { id files { nodes { name } } } } }")
        .await;
    let expected = json!([{ "id": made["id"], "files": { "nodes": [{ "name": "essay.txt" }] } }]);
    assert_eq!(drops.data("/drops/nodes"), expected);
    let file = files.text("/files/nodes/1/id");
    assert_eq!(alice.get(&alice.ticket(&file).await).await.bytes, b"hello");
    let trail = "query($f: ID!) { file(id: $f) { events(last: 1) { edges { node { kind drop { id name } share { id } user { id } } } } } }";
    let trail = alice.ask_with(trail, json!({ "f": file })).await;
    let expected = json!({ "kind": "UPLOADED", "drop": drop, "share": null, "user": null });
    assert_eq!(trail.data("/file/events/edges/0/node"), expected);

    // Whom it is shared with sees no drop.
    let bob = server.person("bob").await;
    alice.share_with(&file, "bob").await;
    let query = "query($f: ID!) { file(id: $f) { name drop { id } } }";
    let seen = bob.ask_with(query, json!({ "f": file })).await;
    assert_eq!(
        seen.data("/file"),
        json!({ "name": "essay.txt", "drop": null })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_of_a_drop_sees_no_file_not_even_the_one_just_left() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({})).await;
    let visitor = server.anonymous().dropping(&drop.token, None);
    visitor.leave("a.txt", b"hello").await.data("/dropFile");
    let file = alice.list("files").await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(visitor.me().await, Value::Null);
    for query in [
        "query($f: ID!) { file(id: $f) { name } }",
        "query($f: ID!) { downloadTicket(fileId: $f) { url } }",
        "mutation($f: ID!) { deleteFile(id: $f) }",
        "mutation($f: ID!) { shareByLink(fileId: $f) { id } }",
    ] {
        let refused = visitor.ask_with(query, json!({ "f": file })).await;
        assert_eq!(refused.code(), "UNAUTHENTICATED", "{query}");
    }
    for list in ["files", "trash", "sharedWithMe", "drops"] {
        let refused = visitor
            .ask(&format!("{{ {list} {{ nodes {{ id }} }} }}"))
            .await;
        assert_eq!(refused.code(), "UNAUTHENTICATED", "{list}");
    }
    // What comes by a drop is no upload of a user's, and the other way round.
    let upload = "mutation($file: Upload!) { uploadFile(file: $file) { id } }";
    let refused = visitor.upload_with(upload, json!({}), "b.txt", b"b").await;
    assert_eq!(refused.code(), "UNAUTHENTICATED");
    for person in [
        alice.clone(),
        alice.with_token(&alice.token("[WRITE]").await),
    ] {
        assert_eq!(person.leave("b.txt", b"b").await.code(), "UNAUTHENTICATED");
    }
    server.only_files_stay(1).await;
}

/// The code of the refusal of a file left by `visitor`.
async fn refusal(visitor: &Person) -> String {
    visitor.leave("a.txt", b"hello").await.code().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_open_drop_takes_nothing() {
    let (server, elsewhere) = tokio::join!(TestApp::start(), TestApp::start());
    let (alice, anna) = (server.person("alice").await, elsewhere.person("anna").await);
    let drop = alice.drop_with(json!({})).await;
    let link = alice.link(&alice.upload("a.txt", b"a").await).await;
    let (closed, foreign) = (
        alice.drop_with(json!({})).await,
        anna.drop_with(json!({})).await,
    );
    alice.close_drop(&closed).await.data("/closeDrop");
    assert_eq!(alice.close_drop(&closed).await.code(), "NOT_FOUND");
    let ended = json!({ "expiresAt": server.date_in(HOUR) });
    let ended = alice.drop_with(ended).await;
    server.advance(HOUR);
    let other = if drop.token.ends_with('A') { "E" } else { "A" };
    let changed = format!("{}{other}", &drop.token[..42]);
    let cut = &drop.token[..42];
    let visitor = server.anonymous();
    for bad in [
        &changed,
        cut,
        "",
        &link.token,
        &foreign.token,
        &closed.token,
        &ended.token,
        &drop.id,
    ] {
        assert_eq!(
            visitor.look_at_drop(bad, None).await.code(),
            "NOT_FOUND",
            "{bad}"
        );
        assert_eq!(
            refusal(&visitor.dropping(bad, None)).await,
            "NOT_FOUND",
            "{bad}"
        );
        let url = format!("{}/drop/{bad}", server.base);
        for method in [Method::GET, Method::POST] {
            let page = fetch(method, &url, &[], "").await;
            assert_eq!(page.status, 404, "{bad}");
        }
    }
    // A drop's token opens no link.
    assert_eq!(visitor.visit(&drop.token, None).await.code(), "NOT_FOUND");
    server.only_files_stay(1).await;

    accounts::set_disabled(&server.app, "alice", true)
        .await
        .unwrap();
    assert_eq!(
        visitor.look_at_drop(&drop.token, None).await.code(),
        "NOT_FOUND"
    );
    assert_eq!(
        refusal(&visitor.dropping(&drop.token, None)).await,
        "NOT_FOUND"
    );
    accounts::set_disabled(&server.app, "alice", false)
        .await
        .unwrap();
    let left = visitor
        .dropping(&drop.token, None)
        .leave("b.txt", b"b")
        .await;
    left.data("/dropFile");

    let server = server
        .restart_with(|options| options.drops = "off".into())
        .await;
    let visitor = server.anonymous();
    assert_eq!(
        visitor.look_at_drop(&drop.token, None).await.code(),
        "NOT_FOUND"
    );
    assert_eq!(
        refusal(&visitor.dropping(&drop.token, None)).await,
        "NOT_FOUND"
    );
    let alice = server.anonymous();
    alice.sign_in("alice", PASSWORD).await.data("/signIn");
    assert_eq!(alice.ask_drop("x", json!({})).await.code(), "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_with_a_password_tells_and_takes_nothing_without_it() {
    let server = TestApp::start_with(|options| options.sign_in_tries = "4".into()).await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({ "password": "knöck: knock" })).await;
    let visitor = server.anonymous();
    let seen = visitor.look_at_drop(&drop.token, None).await;
    let closed = json!({
        "name": "Homework", "hasPassword": true, "owner": null, "maxFileSize": null,
        "filesLeft": null, "expiresAt": null,
    });
    assert_eq!(seen.data("/dropTarget"), closed);
    assert_eq!(
        visitor.look_at_drop(&drop.token, Some("x")).await.code(),
        "FORBIDDEN"
    );
    assert_eq!(
        refusal(&visitor.dropping(&drop.token, None)).await,
        "FORBIDDEN"
    );
    let not_base64url = visitor.with_authorization(&format!("Drop {}:???", drop.token));
    assert_eq!(refusal(&not_base64url).await, "FORBIDDEN");
    for _ in 0..2 {
        assert_eq!(
            refusal(&visitor.dropping(&drop.token, Some("x"))).await,
            "FORBIDDEN"
        );
    }
    let right = visitor.dropping(&drop.token, Some("knöck: knock"));
    right.leave("a.txt", b"hello").await.data("/dropFile");
    let seen = visitor
        .look_at_drop(&drop.token, Some("knöck: knock"))
        .await;
    assert_eq!(seen.text("/dropTarget/owner"), "alice");

    let mallory = visitor
        .dropping(&drop.token, Some("y"))
        .from("198.51.100.1");
    assert_eq!(refusal(&mallory).await, "FORBIDDEN");
    assert_eq!(refusal(&mallory).await, "RATE_LIMITED");
    server.only_files_stay(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_leave_a_file_is_refused_before_the_body_is_read() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let full = alice.drop_with(json!({ "maxFiles": 1 })).await;
    let visitor = server.anonymous();
    visitor
        .dropping(&full.token, None)
        .leave("a.txt", b"a")
        .await
        .data("/dropFile");
    let locked = alice.drop_with(json!({ "password": "x" })).await;
    for (token, status, code) in [
        (&"A".repeat(43), 404, "NOT_FOUND"),
        (&locked.token, 403, "FORBIDDEN"),
        (&full.token, 507, "QUOTA_EXCEEDED"),
    ] {
        let content_type = format!("Content-Type: {CONTENT_TYPE}");
        let authorization = format!("Authorization: Drop {token}");
        let headers = [
            &content_type[..],
            "Content-Length: 1000000000",
            &authorization,
        ];
        let mut wire = Wire::begin(&server.base, "POST /graphql HTTP/1.1", &headers).await;
        let body = envelope().0.into_iter().chain(std::iter::repeat(b'x'));
        let (answer, sent) = wire.answer_during(body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        assert!(sent <= 64 * 1024, "after {sent} bytes");
    }
    server.only_files_stay(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_owner_sees_and_closes_a_drop() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let drop = alice.drop_with(json!({})).await;
    assert_eq!(bob.list("drops").await, json!([]));
    assert_eq!(bob.close_drop(&drop).await.code(), "NOT_FOUND");
    assert_eq!(
        server.anonymous().close_drop(&drop).await.code(),
        "UNAUTHENTICATED"
    );
    let visitor = server.anonymous().dropping(&drop.token, None);
    visitor.leave("a.txt", b"hello").await.data("/dropFile");

    alice.close_drop(&drop).await.data("/closeDrop");

    let drops = "{ drops { nodes { id closedAt files { nodes { name } } } } }";
    let drops = alice.ask(drops).await.data("/drops/nodes");
    assert_eq!(drops[0]["id"], json!(drop.id));
    assert_ne!(drops[0]["closedAt"], Value::Null);
    assert_eq!(drops[0]["files"]["nodes"], json!([{ "name": "a.txt" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn drops_page_as_other_lists_do() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let mut made: Vec<Drop> = Vec::new();
    for _ in 0..3 {
        made.push(alice.drop_with(json!({})).await);
    }
    let page = alice
        .ask("{ drops(first: 2) { nodes { id } pageInfo { hasNextPage endCursor } } }")
        .await;
    let ids = json!([{ "id": made[2].id }, { "id": made[1].id }]);
    assert_eq!(page.data("/drops/nodes"), ids);
    let rest = format!(
        "{{ drops(first: 2, after: {}) {{ nodes {{ id }} pageInfo {{ hasNextPage }} }} }}",
        page.data("/drops/pageInfo/endCursor")
    );
    let rest = alice.ask(&rest).await;
    assert_eq!(rest.data("/drops/nodes"), json!([{ "id": made[0].id }]));
    assert_eq!(rest.data("/drops/pageInfo/hasNextPage"), false);
}

/// What has ended needs not be closed to make room.
#[tokio::test(flavor = "multi_thread")]
async fn drops_that_have_ended_are_not_open() {
    let server = TestApp::start_with(|options| options.max_drops_per_user = "1".into()).await;
    let alice = server.person("alice").await;
    let end = server.date_in(HOUR);
    alice.drop_with(json!({ "expiresAt": end })).await;
    let refused = alice.ask_drop("x", json!({})).await;
    assert_eq!(refused.code(), "QUOTA_EXCEEDED");
    server.advance(HOUR);
    alice.ask_drop("x", json!({})).await.data("/made");
    let refused = alice.ask_drop("x", json!({})).await;
    assert_eq!(refused.code(), "QUOTA_EXCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_of_a_drop_that_cannot_be_are_refused_and_nothing_is_made() {
    let server = TestApp::start_with(|options| options.max_drops_per_user = "2".into()).await;
    let alice = server.person("alice").await;
    for (name, terms, field) in [
        ("", json!({}), "name"),
        ("\u{3164}\u{200b}", json!({}), "name"),
        ("a\nb", json!({}), "name"),
        // What would have the page read otherwise than it is written.
        ("Bills for \u{202e}ecila", json!({}), "name"),
        ("\u{2066}a\u{2069}", json!({}), "name"),
        ("a\u{200f}b", json!({}), "name"),
        ("a\u{2028}b", json!({}), "name"),
        (&"x".repeat(101)[..], json!({}), "name"),
        ("x", json!({ "password": "" }), "password"),
        ("x", json!({ "password": "x".repeat(10_000) }), "password"),
        ("x", json!({ "maxFiles": 0 }), "maxFiles"),
        ("x", json!({ "maxFiles": -1 }), "maxFiles"),
        ("x", json!({ "maxFiles": 1_i64 << 31 }), "variables.f"),
        ("x", json!({ "maxFileSize": 0 }), "maxFileSize"),
        ("x", json!({ "maxFileSize": -1 }), "maxFileSize"),
        (
            "x",
            json!({ "expiresAt": "2001-01-01T00:00:00Z" }),
            "expiresAt",
        ),
    ] {
        let refused = alice.ask_drop(name, terms.clone()).await;
        assert_eq!(
            (refused.code(), refused.field()),
            ("BAD_USER_INPUT", field),
            "{name} {terms}"
        );
    }
    assert_eq!(server.rows("drop").await, 0);
    let first = alice
        .drop_with(json!({ "maxFileSize": i64::MAX, "maxFiles": i32::MAX }))
        .await;
    alice
        .drop_with(json!({ "expiresAt": "9999-12-31T23:59:59Z" }))
        .await;
    assert_eq!(
        alice.ask_drop("x", json!({})).await.code(),
        "QUOTA_EXCEEDED"
    );
    alice.close_drop(&first).await.data("/closeDrop");
    alice.drop_with(json!({})).await;
}
