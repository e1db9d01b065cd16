//! The WebSocket itself: who may open one, what may be said by it, and how much.

use std::time::Duration;

use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    TestApp,
    live::{BEGINNING, Live},
};

const EVENTS: &str = "subscription { events { id } }";

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_of_ours_and_of_allowed_origins_open_a_socket() {
    let server = TestApp::start_with(|options| {
        options.allowed_origins = "https://app.example, capacitor://localhost".into();
    })
    .await;
    let alice = server.person("alice").await;
    let cookie = alice.cookie();
    for (origin, status) in [
        ("", None),
        (server.base.as_str(), None),
        ("https://app.example", None),
        ("capacitor://localhost", None),
        ("https://evil.example", Some(403)),
        ("https://app.example.evil.example", Some(403)),
        ("http://127.0.0.1", Some(403)),
        ("null", Some(403)),
    ] {
        let headers = [("origin", origin), ("cookie", &cookie)];
        let opened = Live::connect(&server.base, &headers).await;
        assert_eq!(opened.err(), status, "{origin}");
    }
    for (headers, status) in [
        (&[("sec-websocket-protocol", "graphql-ws")][..], 400),
        (&[("sec-websocket-protocol", "")], 400),
        (&[("sec-websocket-version", "7")], 426),
        (&[("authorization", "Bearer crm_no-such-token")], 401),
    ] {
        let refused = Live::connect(&server.base, headers).await;
        assert_eq!(refused.err(), Some(status), "{headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_comes_with_the_handshake_or_with_the_first_message() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let token = alice.token("[READ]").await;
    let mut live = Live::open(&server.anonymous().with_token(&token)).await;
    live.follow(Some(BEGINNING), "kind").await;
    assert_eq!(live.event().await["kind"], "SIGNED_UP");
    for name in ["Authorization", "authorization"] {
        let mut live = Live::of(&server.anonymous()).await;
        live.init(json!({ name: format!("Bearer {token}") })).await;
        live.follow(Some(BEGINNING), "kind").await;
        assert_eq!(live.event().await["kind"], "SIGNED_UP");
    }
    for payload in [
        json!(null),
        json!({}),
        json!({ "Authorization": "Bearer crm_nope" }),
    ] {
        let mut live = Live::of(&server.anonymous()).await;
        live.say(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(live.closed().await, 4401, "{payload}");
    }
    // A token that is sent has to be good, whatever the session.
    let mut live = Live::of(&alice).await;
    let payload = json!({ "Authorization": "Bearer crm_nope" });
    live.say(json!({ "type": "connection_init", "payload": payload }))
        .await;
    assert_eq!(live.closed().await, 4401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_the_protocol_closes_the_socket_with_its_code() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let subscribe = json!({ "id": "1", "type": "subscribe", "payload": { "query": EVENTS } });
    for (messages, code) in [
        (vec![json!("hello")], 4400),
        (vec![json!({ "type": "start", "id": "1" })], 4400),
        (vec![json!({ "type": "subscribe", "payload": {} })], 4400),
        (vec![json!([])], 4400),
        (vec![json!({ "type": "connection_init" })], 4429),
        (vec![subscribe.clone(), subscribe.clone()], 4409),
        (
            vec![
                json!({ "id": "x".repeat(200), "type": "subscribe", "payload": { "query": EVENTS } }),
            ],
            4400,
        ),
    ] {
        let mut live = Live::open(&alice).await;
        for message in &messages {
            live.say(message.clone()).await;
        }
        assert_eq!(live.closed().await, code, "{messages:?}");
    }
    let mut live = Live::of(&alice).await;
    live.say(subscribe).await;
    assert_eq!(live.closed().await, 4401);
    let mut live = Live::open(&alice).await;
    live.stream
        .send(Message::binary(vec![1, 2, 3]))
        .await
        .unwrap();
    assert_eq!(live.closed().await, 4400);
    let mut live = Live::open(&alice).await;
    live.say(json!({ "type": "ping", "payload": { "a": 1 } }))
        .await;
    assert_eq!(live.hear().await, json!({ "type": "pong" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_checked_and_limited_as_by_post() {
    let server = TestApp::start_with(|options| {
        options.max_query_depth = "6".into();
        options.max_answer_values = "50".into();
    })
    .await;
    let alice = server.person("alice").await;
    for _ in 0..30 {
        alice.upload("a", b"x").await;
    }
    let deep = "subscription { events { file { owner { usage { usedBytes } } shares { nodes { id } } } } }";
    for (query, code) in [
        ("{ me { id } }", "BAD_USER_INPUT"),
        ("mutation { signOut }", "BAD_USER_INPUT"),
        ("subscription { events { nothing } }", "BAD_USER_INPUT"),
        (
            "subscription { events { id } more: events { id } }",
            "BAD_USER_INPUT",
        ),
        ("subscription { events(after: 7) { id } }", "BAD_USER_INPUT"),
        ("subscription {", "BAD_USER_INPUT"),
        (deep, ""),
        (
            "subscription { events { file { shares { nodes { file { shares { nodes { file { id } } } } } } } } }",
            "QUERY_TOO_COMPLEX",
        ),
    ] {
        let mut live = Live::open(&alice).await;
        live.subscribe("7", query, json!({})).await;
        live.say(json!({ "type": "ping" })).await;
        let answer = live.hear().await;
        match code {
            "" => assert_eq!(answer["type"], "pong", "{query} {answer}"),
            code => {
                assert_eq!(
                    (&answer["type"], &answer["id"]),
                    (&json!("error"), &json!("7")),
                    "{query}"
                );
                assert_eq!(
                    answer["payload"][0]["extensions"]["code"], code,
                    "{query} {answer}"
                );
                // The socket goes on.
                assert_eq!(live.hear().await["type"], "pong");
            }
        }
    }
    // Each event has a budget of its own; one that passes it ends the subscription, and not the socket.
    let mut live = Live::open(&alice).await;
    live.follow(Some(BEGINNING), "id kind at count").await;
    for _ in 0..31 {
        live.event().await;
    }
    let mut live = Live::open(&alice).await;
    live.follow(Some(BEGINNING), "kind file { events(first: 100) { edges { node { id at kind detail count } } } owner { id } } user { username }").await;
    live.event().await;
    let file = alice.upload("many", b"x").await;
    for name in [
        "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12",
    ] {
        let query = "mutation($f: ID!, $n: String!) { renameFile(id: $f, name: $n) { name } }";
        alice
            .ask_with(query, json!({ "f": file, "n": name }))
            .await
            .data("/renameFile");
    }
    let failed = loop {
        let message = live.hear().await;
        if message["type"] == "error" {
            break message;
        }
    };
    assert_eq!(
        failed["payload"][0]["extensions"]["code"],
        "QUERY_TOO_COMPLEX"
    );
    live.follow(Some(BEGINNING), "kind").await;
    assert_eq!(live.event().await["kind"], "SIGNED_UP");

    let by_post = alice.ask(EVENTS).await;
    assert_eq!(
        (by_post.code(), by_post.field()),
        ("BAD_USER_INPUT", "query")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_subscriptions_and_messages_have_limits() {
    let server = TestApp::start_with(|options| {
        options.max_sockets_per_user = "2".into();
        options.max_subscriptions_per_socket = "2".into();
        options.max_subscription_bytes_per_socket = "1KiB".into();
        options.socket_messages_per_minute = "20".into();
        options.max_body_bytes = "64KiB".into();
    })
    .await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let mut first = Live::open(&alice).await;
    let second = Live::open(&alice).await;
    let mut third = Live::of(&alice).await;
    third.say(json!({ "type": "connection_init" })).await;
    assert_eq!(third.closed().await, 4429);
    Live::open(&bob).await;
    drop(second);
    server
        .eventually("the place is free again", async |_| {
            let mut live = Live::of(&alice).await;
            live.say(json!({ "type": "connection_init" })).await;
            live.frame().await == Ok(json!({ "type": "connection_ack" }))
        })
        .await;

    for id in ["a", "b", "c"] {
        first.subscribe(id, EVENTS, json!({})).await;
    }
    let refused = first.hear().await;
    assert_eq!(
        (&refused["type"], &refused["id"]),
        (&json!("error"), &json!("c"))
    );
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    first.say(json!({ "id": "a", "type": "complete" })).await;
    first.subscribe("c", EVENTS, json!({})).await;
    first.say(json!({ "type": "ping" })).await;
    assert_eq!(first.hear().await["type"], "pong");

    for _ in 0..25 {
        first.say(json!({ "type": "ping" })).await;
    }
    assert_eq!(first.closed().await, 1008);

    // What two have together is bounded, and free again with the first of them.
    let mut live = Live::open(&bob).await;
    let half = json!({ "x": "y".repeat(600) });
    live.subscribe("a", EVENTS, half.clone()).await;
    live.subscribe("b", EVENTS, half.clone()).await;
    let refused = live.hear().await;
    assert_eq!(
        (&refused["type"], &refused["id"]),
        (&json!("error"), &json!("b"))
    );
    let told = &refused["payload"][0]["extensions"];
    assert_eq!(
        (&told["code"], &told["limitBytes"]),
        (&json!("RATE_LIMITED"), &json!(1024))
    );
    live.say(json!({ "id": "a", "type": "complete" })).await;
    live.subscribe("b", EVENTS, half).await;
    live.say(json!({ "type": "ping" })).await;
    assert_eq!(live.hear().await["type"], "pong");

    let mut live = Live::open(&bob).await;
    live.say(json!({ "type": "ping", "payload": "x".repeat(70_000) }))
        .await;
    assert_eq!(live.closed().await, 1006);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_gone_silently_is_let_go() {
    let server = TestApp::start_with(|options| {
        options.socket_ping = "1s".into();
        options.max_sockets_per_user = "1".into();
    })
    .await;
    let alice = server.person("alice").await;
    // It answers no ping, since nobody reads.
    let silent = Live::open(&alice).await;
    server
        .eventually("the silent one is gone", async |_| {
            let mut live = Live::of(&alice).await;
            live.say(json!({ "type": "connection_init" })).await;
            live.frame().await == Ok(json!({ "type": "connection_ack" }))
        })
        .await;
    drop(silent);
    // Who reads answers pings, and stays.
    let mut live = Live::open(&server.person("bob").await).await;
    assert!(live.is_silent(Duration::from_secs(4)).await);
    live.say(json!({ "type": "ping" })).await;
    assert_eq!(live.hear().await, json!({ "type": "pong" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_passes_the_socket_and_its_origin() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let cookie = alice.cookie();
    let evil = [
        ("origin", "https://evil.example"),
        ("cookie", cookie.as_str()),
    ];
    assert_eq!(Live::connect(&server.base, &evil).await.err(), Some(403));
    let own = [
        ("origin", server.base.as_str()),
        ("cookie", cookie.as_str()),
    ];
    let mut live = Live::connect(&server.base, &own).await.unwrap();
    live.init(Value::Null).await;
    live.follow(None, "kind").await;
    live.say(json!({ "type": "ping" })).await;
    assert_eq!(live.hear().await["type"], "pong");
    alice.upload("a", b"x").await;
    assert_eq!(live.event().await["kind"], "UPLOADED");
    let session = alice.ask("{ sessions { address } }").await;
    assert_eq!(session.text("/sessions/0/address"), "127.0.0.1");
}
