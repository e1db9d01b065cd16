//! Passwords of links: what is told without one, and how guessing is limited.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use entity::link;
use reqwest::Method;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    link::{Link, fetch},
};

const RIGHT: &str = "knock knock";
const WRONG: &str = "who is there";

/// A server on which an account, and so a link, has three tries.
async fn three_tries() -> TestApp {
    TestApp::start_with(|options| options.sign_in_tries = "3".into()).await
}

/// A link with a password, and the server's.
async fn locked(server: &TestApp) -> Link {
    let alice = server.person("alice").await;
    let file = alice.upload("secret.txt", b"hello").await;
    alice.link_with(&file, json!({ "password": RIGHT })).await
}

fn basic(password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("x:{password}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_file_is_told_until_the_password_is_right() {
    let server = TestApp::start().await;
    let link = locked(&server).await;
    let visitor = server.anonymous();
    let closed =
        json!({ "hasPassword": true, "expiresAt": null, "downloadsLeft": null, "file": null });

    for password in [None, Some("")] {
        let seen = visitor.visit(&link.token, password).await;
        assert_eq!(seen.data("/sharedLink"), closed, "{password:?}");
    }
    let wrong = visitor.visit(&link.token, Some(WRONG)).await;
    assert_eq!(wrong.code(), "FORBIDDEN");
    assert_eq!(wrong.body.get("data"), Some(&Value::Null));
    assert_eq!(fetch(Method::GET, &link.url, &[], "").await.status, 401);
    assert_eq!(fetch(Method::HEAD, &link.url, &[], "").await.status, 401);
    for told in [
        fetch(Method::GET, &link.url, &[], "").await,
        fetch(Method::GET, &link.url, &[("accept", "text/html")], "").await,
        fetch(Method::POST, &link.url, &[], "password=x").await,
    ] {
        let text = String::from_utf8(told.bytes).unwrap();
        assert!(!text.contains("secret.txt"), "{text}");
    }

    let seen = visitor.visit(&link.token, Some(RIGHT)).await;
    assert_eq!(seen.text("/sharedLink/file/name"), "secret.txt");
    let ticket = visitor.link_ticket(&link.token, Some(RIGHT)).await;
    assert_eq!(visitor.get(&ticket).await.bytes, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_give_the_password_by_http_basic() {
    let server = TestApp::start().await;
    let link = locked(&server).await;
    let get = async |authorization: &str| {
        fetch(
            Method::GET,
            &link.url,
            &[("authorization", authorization)],
            "",
        )
        .await
    };
    let right = get(&basic(RIGHT)).await;
    assert_eq!(right.status, 303);
    assert!(right.header("location").starts_with("/download/"));
    for (authorization, code) in [
        (basic(WRONG), "FORBIDDEN"),
        (basic(&"x".repeat(10_000)), "FORBIDDEN"),
        (basic(""), "UNAUTHENTICATED"),
        ("Basic".to_owned(), "UNAUTHENTICATED"),
        ("Basic ???".to_owned(), "UNAUTHENTICATED"),
        (format!("Bearer {RIGHT}"), "UNAUTHENTICATED"),
    ] {
        let refused = get(&authorization).await;
        assert_eq!(refused.status, 401, "{authorization}");
        assert_eq!(refused.code(), code, "{authorization}");
        assert!(
            refused
                .header("www-authenticate")
                .starts_with("Basic realm=")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_too_many_wrong_passwords_a_link_has_to_wait_for_the_right_one_as_well() {
    let server = three_tries().await;
    let link = locked(&server).await;
    let mallory = server.anonymous().from("198.51.100.1");
    // By every way that a password comes.
    let wrong = mallory.visit(&link.token, Some(WRONG)).await;
    assert_eq!(wrong.code(), "FORBIDDEN");
    let forwarded = ("x-forwarded-for", "198.51.100.2");
    let authorization = basic(WRONG);
    let headers = [forwarded, ("authorization", authorization.as_str())];
    let wrong = fetch(Method::GET, &link.url, &headers, "").await;
    assert_eq!(wrong.status, 401);
    let wrong = fetch(Method::POST, &link.url, &[forwarded], "password=x").await;
    assert_eq!(wrong.status, 403);

    let bob = server.anonymous().from("203.0.113.5");
    let late = bob.visit(&link.token, Some(RIGHT)).await;

    assert_eq!(late.code(), "RATE_LIMITED");
    assert_eq!(late.headers["retry-after"], "201");
    let late = fetch(Method::POST, &link.url, &[], "password=knock+knock").await;
    assert_eq!(late.status, 429);
    assert!(late.headers.contains_key("retry-after"));
    let later = fetch(
        Method::GET,
        &link.url,
        &[("authorization", &basic(RIGHT))],
        "",
    )
    .await;
    assert_eq!(later.status, 429);
    server.advance(Duration::from_secs(201));
    bob.visit(&link.token, Some(RIGHT))
        .await
        .data("/sharedLink/file/name");
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_by_alias_at_a_link_count_each() {
    let server = three_tries().await;
    let link = locked(&server).await;
    let guesses: Vec<_> = (0..6)
        .map(|n| {
            format!(
                "g{n}: sharedLink(token: {:?}, password: \"{n}\") {{ hasPassword }}",
                link.token
            )
        })
        .collect();
    let answer = server
        .anonymous()
        .ask(&format!("{{ {} }}", guesses.join(" ")))
        .await;
    // Root fields run side by side, and the first error is told for all.
    assert_ne!(answer.code(), "");
    let right = server.anonymous().visit(&link.token, Some(RIGHT)).await;
    assert_eq!(right.code(), "RATE_LIMITED");
}

#[tokio::test(flavor = "multi_thread")]
async fn right_passwords_win_nobody_guesses_and_cost_none() {
    let server = three_tries().await;
    let link = locked(&server).await;
    let (mallory, bob) = (
        server.anonymous().from("198.51.100.1"),
        server.anonymous().from("203.0.113.5"),
    );
    for _ in 0..2 {
        let wrong = mallory.visit(&link.token, Some(WRONG)).await;
        assert_eq!(wrong.code(), "FORBIDDEN");
    }
    // As often as the link's visitors like.
    for n in 0..5 {
        let carol = server.anonymous().from(&format!("203.0.113.{}", 100 + n));
        carol
            .visit(&link.token, Some(RIGHT))
            .await
            .data("/sharedLink");
        bob.visit(&link.token, Some(RIGHT))
            .await
            .data("/sharedLink");
    }
    let codes = [
        mallory.visit(&link.token, Some(WRONG)).await,
        mallory.visit(&link.token, Some(WRONG)).await,
    ];
    assert_eq!(
        codes.each_ref().map(|answer| answer.code()),
        ["FORBIDDEN", "RATE_LIMITED"]
    );

    // Who opened it before, from there, is not kept out.
    bob.visit(&link.token, Some(RIGHT))
        .await
        .data("/sharedLink");
    let dora = server.anonymous().from("192.0.2.9");
    assert_eq!(
        dora.visit(&link.token, Some(RIGHT)).await.code(),
        "RATE_LIMITED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_guess_at_every_link_and_account() {
    let server =
        TestApp::start_with(|options| options.sign_in_tries_per_address = "4".into()).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let mallory = server.anonymous().from("198.51.100.1");
    for _ in 0..4 {
        let link = alice.link_with(&file, json!({ "password": RIGHT })).await;
        let wrong = mallory.visit(&link.token, Some(WRONG)).await;
        assert_eq!(wrong.code(), "FORBIDDEN");
    }
    let link = alice.link_with(&file, json!({ "password": RIGHT })).await;
    let late = mallory.visit(&link.token, Some(RIGHT)).await;
    assert_eq!(late.code(), "RATE_LIMITED");
    assert_eq!(mallory.sign_in("alice", WRONG).await.code(), "RATE_LIMITED");
    let bob = server.anonymous().from("203.0.113.5");
    bob.visit(&link.token, Some(RIGHT))
        .await
        .data("/sharedLink");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_s_password_is_kept_as_an_argon2id_hash_and_a_new_one_takes_its_place() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let link = alice.link_with(&file, json!({ "password": RIGHT })).await;
    let rows = server.app.db.all(link::Entity::find()).await.unwrap();
    let hash = rows[0].password_hash.as_deref().unwrap();
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );

    let visitor = server.anonymous();
    let ticket = visitor.link_ticket(&link.token, Some(RIGHT)).await;
    assert_eq!(visitor.get(&ticket).await.status, 200);
    let changed = alice
        .update_share(&link.share, "password: \"another one\"")
        .await;
    assert_eq!(changed.data("/made/link/hasPassword"), true);
    assert_eq!(visitor.get(&ticket).await.code(), "ACCESS_REVOKED");
    assert_eq!(
        visitor.visit(&link.token, Some(RIGHT)).await.code(),
        "FORBIDDEN"
    );
    visitor.link_ticket(&link.token, Some("another one")).await;

    let without = alice.update_share(&link.share, "password: null").await;
    assert_eq!(without.data("/made/link/hasPassword"), false);
    // One that is given where none is set is ignored.
    for password in [None, Some(WRONG)] {
        let seen = visitor.visit(&link.token, password).await;
        assert_eq!(seen.text("/sharedLink/file/name"), "a.txt");
    }
}
