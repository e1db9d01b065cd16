//! What a link can be given, what its operator allows, and that an invalid change changes nothing.

use std::time::Duration;

use cloakroom::domain::{events::Event, links::Download, tickets::Purpose};
use entity::event::Kind;
use serde_json::{Value, json};

use crate::support::{Person, TestApp};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// How many links there are, and how many events of shares.
async fn traces(server: &TestApp) -> [i64; 3] {
    let shared = "SELECT COUNT(*) AS number FROM event WHERE kind = 'SHARED'";
    [
        server.rows("share").await,
        server.rows("link").await,
        server.number(shared).await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_that_cannot_be_are_refused_and_nothing_is_made() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let long = "x".repeat(10_000);
    for (terms, field) in [
        (json!({ "password": "" }), "password"),
        (json!({ "password": long }), "password"),
        (json!({ "password": "x".repeat(129) }), "password"),
        (json!({ "maxDownloads": 0 }), "maxDownloads"),
        (json!({ "maxDownloads": -1 }), "maxDownloads"),
        (json!({ "maxDownloads": i32::MIN }), "maxDownloads"),
        (json!({ "maxDownloads": 1_i64 << 31 }), "variables.m"),
        (json!({ "maxDownloads": 1.5 }), "variables.m"),
        (json!({ "expiresAt": "2001-01-01T00:00:00Z" }), "expiresAt"),
        (
            json!({ "expiresAt": server.date_in(Duration::ZERO) }),
            "expiresAt",
        ),
        (
            json!({ "expiresAt": "+10000-01-01T00:00:00Z" }),
            "variables.e",
        ),
        (
            json!({ "password": "good", "maxDownloads": 0 }),
            "maxDownloads",
        ),
    ] {
        let refused = alice.ask_link(&file, terms.clone()).await;
        assert_eq!(refused.code(), "BAD_USER_INPUT", "{terms}");
        assert_eq!(refused.field(), field, "{terms}");
    }
    assert_eq!(traces(&server).await, [0, 0, 0]);
    for terms in [
        json!({ "password": "é".repeat(128) }),
        json!({ "maxDownloads": i32::MAX }),
        json!({ "expiresAt": "9999-12-31T23:59:59.999Z" }),
    ] {
        alice.ask_link(&file, terms).await.data("/made");
    }
    assert_eq!(traces(&server).await, [3, 3, 3]);
}

/// All that a share says.
async fn said(owner: &Person, file: &str) -> Value {
    let query = "query($f: ID!) { file(id: $f) { shares { nodes {
        id expiresAt audience link { hasPassword maxDownloads downloads } } } } }";
    let answer = owner.ask_with(query, json!({ "f": file })).await;
    answer.data("/file/shares/nodes")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_absent_of_a_change_stays_and_null_takes_it_away() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let end = server.date_in(HOUR);
    let terms = json!({ "password": "knock", "maxDownloads": 5, "expiresAt": end });
    let link = alice.link_with(&file, terms).await;
    let mut expected = json!({
        "id": link.share,
        "expiresAt": end,
        "link": { "hasPassword": true, "maxDownloads": 5, "downloads": 0 },
    });
    for (arguments, at, value) in [
        ("maxDownloads: 7", "/link/maxDownloads", json!(7)),
        ("expiresAt: null", "/expiresAt", json!(null)),
        ("maxDownloads: null", "/link/maxDownloads", json!(null)),
        ("password: null", "/link/hasPassword", json!(false)),
        ("password: \"again\"", "/link/hasPassword", json!(true)),
    ] {
        let changed = alice.update_share(&link.share, arguments).await;
        *expected.pointer_mut(at).unwrap() = value;
        let mut found = changed.data("/made");
        let url = found["link"].as_object_mut().unwrap().remove("url");
        assert!(
            url.unwrap().as_str().unwrap().ends_with(&link.token),
            "the URL stays"
        );
        assert_eq!(found, expected, "{arguments}");
    }
    // By variables, too, absent is not null.
    let query = "mutation($s: ID!, $p: String, $m: Int, $e: DateTime) {
        updateShare(id: $s, password: $p, maxDownloads: $m, expiresAt: $e) {
            link { hasPassword maxDownloads } } }";
    let changed = alice
        .ask_with(query, json!({ "s": link.share, "m": 3 }))
        .await;
    let expected = json!({ "hasPassword": true, "maxDownloads": 3 });
    assert_eq!(changed.data("/updateShare/link"), expected);
    let changed = alice
        .ask_with(query, json!({ "s": link.share, "p": null }))
        .await;
    let expected = json!({ "hasPassword": false, "maxDownloads": 3 });
    assert_eq!(changed.data("/updateShare/link"), expected);
    let query = "mutation($s: ID!, $p: String, $m: Int = null) {
        updateShare(id: $s, password: $p, maxDownloads: $m) { link { maxDownloads } } }";
    let changed = alice.ask_with(query, json!({ "s": link.share })).await;
    let expected = json!({ "maxDownloads": null });
    assert_eq!(
        changed.data("/updateShare/link"),
        expected,
        "a default is a value"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_there_while_it_is_changed() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let link = alice.link_with(&file, json!({})).await;
    let visitor = server.anonymous();
    for limit in 10..60 {
        let visits = async {
            for _ in 0..4 {
                let visit = visitor.visit(&link.token, None).await;
                assert_eq!(visit.text("/sharedLink/file/name"), "a.txt");
            }
        };
        let terms = format!("maxDownloads: {limit}");
        let (changed, ()) = tokio::join!(alice.update_share(&link.share, &terms), visits);
        assert_eq!(changed.data("/made/link/maxDownloads"), json!(limit));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_changes_nothing() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"a").await;
    let with_bob = alice.share_with(&file, "bob").await;
    let everyone = alice.share_with_everyone(&file).await;
    let link = alice.link_with(&file, json!({ "maxDownloads": 5 })).await;
    let ticket = server.anonymous().link_ticket(&link.token, None).await;
    let (before, traces_before) = (said(&alice, &file).await, traces(&server).await);
    let soon = format!("expiresAt: {:?}", server.date_in(HOUR));
    for (share, arguments, field) in [
        (&with_bob, format!("{soon}, password: \"x\""), "password"),
        (
            &with_bob,
            format!("{soon}, maxDownloads: 1"),
            "maxDownloads",
        ),
        (&everyone, "password: \"x\"".to_owned(), "password"),
        (&everyone, "maxDownloads: 1".to_owned(), "maxDownloads"),
        (
            &link.share,
            format!("{soon}, maxDownloads: 0"),
            "maxDownloads",
        ),
        (
            &link.share,
            format!("{soon}, maxDownloads: -5"),
            "maxDownloads",
        ),
        (&link.share, format!("{soon}, password: \"\""), "password"),
        (
            &link.share,
            "maxDownloads: 1, expiresAt: \"2001-01-01T00:00:00Z\"".to_owned(),
            "expiresAt",
        ),
        (
            &with_bob,
            "expiresAt: \"2001-01-01T00:00:00Z\"".to_owned(),
            "expiresAt",
        ),
        (&link.share, "maxDownloads: 2147483648".to_owned(), ""),
    ] {
        let refused = alice.update_share(share, &arguments).await;
        assert_eq!(refused.code(), "BAD_USER_INPUT", "{arguments}");
        assert_eq!(refused.field(), field, "{arguments}");
    }
    // Nor is it others' to change.
    assert_eq!(
        bob.update_share(&link.share, &soon).await.code(),
        "NOT_FOUND"
    );
    assert_eq!(bob.update_share(&with_bob, &soon).await.code(), "FORBIDDEN");
    assert_eq!(said(&alice, &file).await, before);
    assert_eq!(traces(&server).await, traces_before);
    assert_eq!(server.anonymous().get(&ticket).await.status, 200);

    // What every share has can be changed of every share.
    for share in [&with_bob, &everyone, &link.share] {
        let changed = alice.update_share(share, &soon).await;
        assert_ne!(changed.data("/made/expiresAt"), json!(null));
        let changed =
            alice.update_share(share, "expiresAt: null, password: null, maxDownloads: null");
        assert_eq!(changed.await.data("/made/expiresAt"), json!(null));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_are_switched_off_lead_nowhere_until_they_are_on_again() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    let link = alice.link(&file).await;
    let ticket = server.anonymous().link_ticket(&link.token, None).await;
    let old = server.base.clone();

    let server = server
        .restart_with(|options| options.links = "off".into())
        .await;
    let (alice, visitor) = (alice.at(&server.base), server.anonymous());
    let moved = |url: &str| url.replace(&old, &server.base);
    assert_eq!(alice.ask_link(&file, json!({})).await.code(), "FORBIDDEN");
    assert_eq!(visitor.visit(&link.token, None).await.code(), "NOT_FOUND");
    assert_eq!(visitor.get(&moved(&link.url)).await.code(), "NOT_FOUND");
    assert_eq!(visitor.get(&moved(&ticket)).await.code(), "ACCESS_REVOKED");
    assert_eq!(
        alice
            .ask("{ limits { linksOn } }")
            .await
            .data("/limits/linksOn"),
        false
    );

    let old = server.base.clone();
    let server = server
        .restart_with(|options| options.links = "on".into())
        .await;
    let visitor = server.anonymous();
    assert_eq!(
        visitor
            .visit(&link.token, None)
            .await
            .text("/sharedLink/file/name"),
        "a.txt"
    );
    let ticket = ticket.replace(&old, &server.base);
    let (_, path) = ticket.split_once("/download/").unwrap();
    let ticket = format!("{}/download/{path}", server.base);
    assert_eq!(visitor.get(&ticket).await.bytes, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_may_demand_passwords_and_ends() {
    let server = TestApp::start_with(|options| {
        options.link_password = "required".into();
        options.link_max_ttl = Some("1h".into());
    })
    .await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let limits = "{ limits { linksOn linkPasswordRequired linkMaxTtlSeconds } }";
    let expected =
        json!({ "linksOn": true, "linkPasswordRequired": true, "linkMaxTtlSeconds": 3600 });
    assert_eq!(alice.ask(limits).await.data("/limits"), expected);
    let refused = alice.ask_link(&file, json!({})).await;
    assert_eq!(
        (refused.code(), refused.field()),
        ("BAD_USER_INPUT", "password")
    );
    let late = json!({ "password": "x", "expiresAt": server.date_in(HOUR + SECOND) });
    let refused = alice.ask_link(&file, late).await;
    assert_eq!(
        (refused.code(), refused.field()),
        ("BAD_USER_INPUT", "expiresAt")
    );
    assert_eq!(server.rows("link").await, 0);

    let latest = server.date_in(HOUR);
    let made = alice.ask_link(&file, json!({ "password": "x" })).await;
    assert_eq!(made.text("/made/expiresAt"), latest, "the default");
    let share = made.text("/made/id");
    for (arguments, field) in [
        ("password: null".to_owned(), "password"),
        (
            format!("expiresAt: {:?}", server.date_in(HOUR + SECOND)),
            "expiresAt",
        ),
    ] {
        let refused = alice.update_share(&share, &arguments).await;
        assert_eq!((refused.code(), refused.field()), ("BAD_USER_INPUT", field));
    }
    let changed = alice.update_share(&share, "expiresAt: null").await;
    assert_eq!(
        changed.text("/made/expiresAt"),
        latest,
        "the latest there may be"
    );
    // These limits do not apply to shares with users.
    alice.share_with_everyone(&file).await;
}

/// A request that was let in before a change, and counts after it: it counts as one that comes after.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_let_in_before_a_change_takes_no_download_after_it() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let link = alice.link_with(&file, json!({ "maxDownloads": 5 })).await;
    let before = Download {
        share_id: link.share.parse().unwrap(),
        epoch: 0,
        ticket: [7; 16],
        expires_at: server.app.clock.after(Duration::from_secs(60)),
    };
    let admit = async || {
        let event = || Event::new(Kind::Downloaded);
        let admitted = before.admit(&server.app, Purpose::Download, event).await;
        admitted.map_err(|error| error.code.as_str())
    };
    let change = "mutation($s: ID!) { updateShare(id: $s, maxDownloads: 3) { id } }";
    let changed = alice.ask_with(change, json!({ "s": link.share })).await;
    changed.data("/updateShare");

    assert_eq!(admit().await, Err("ACCESS_REVOKED"));

    assert_eq!(alice.downloads(&file, &link).await, 0);
    alice.revoke(&link.share).await.data("/revokeShare");
    assert_eq!(admit().await, Err("ACCESS_REVOKED"));
    assert_eq!(server.rows("link_download").await, 0);
}
