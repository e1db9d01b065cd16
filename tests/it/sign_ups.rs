//! Sign-ups are limited by the address they come from, whatever comes of them.

use std::time::Duration;

use cloakroom::domain::accounts;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp, person::PASSWORD};

const SIGN_UP: &str =
    "mutation($u: String!, $p: String!) { signUp(username: $u, password: $p) { username } }";

/// A server that makes five accounts an hour for one address.
async fn five_sign_ups() -> TestApp {
    TestApp::start_with(|options| options.sign_ups_per_address = "5".into()).await
}

async fn sign_up(person: &Person, username: &str) -> Answer {
    let variables = json!({ "u": username, "p": PASSWORD });
    person.ask_with(SIGN_UP, variables).await
}

/// The codes of all errors in an answer.
fn codes(answer: &Answer) -> Vec<&str> {
    let errors = answer.body["errors"].as_array().into_iter().flatten();
    errors
        .map(|error| error["extensions"]["code"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_makes_so_many_accounts_and_no_more() {
    let server = five_sign_ups().await;
    for n in 0..5 {
        let answer = sign_up(&server.anonymous(), &format!("user{n}")).await;
        assert_eq!(answer.code(), "", "{answer:?}");
    }
    let refused = sign_up(&server.anonymous(), "user5").await;
    assert_eq!(refused.code(), "RATE_LIMITED");
    let seconds = refused.body["errors"][0]["extensions"]["retryAfterSeconds"].clone();
    assert!((1..=721).contains(&seconds.as_u64().unwrap()), "{seconds}");
    assert_eq!(refused.headers["retry-after"], seconds.to_string());
    // Signing in is another matter, and so is another address.
    let user = server.anonymous().sign_in("user0", PASSWORD).await;
    assert_eq!(user.text("/signIn/username"), "user0");
    let elsewhere = server.anonymous().from("203.0.113.5");
    assert_eq!(sign_up(&elsewhere, "user5").await.code(), "");

    let server = server.restart_with(|_| {}).await;
    let refused = sign_up(&server.anonymous(), "user6").await;
    assert_eq!(refused.code(), "RATE_LIMITED", "a restart gave them back");
    server.advance(Duration::from_secs(721));
    assert_eq!(sign_up(&server.anonymous(), "user6").await.code(), "");
    assert_eq!(
        sign_up(&server.anonymous(), "user7").await.code(),
        "RATE_LIMITED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ups_by_alias_in_one_document_count_each() {
    let server = five_sign_ups().await;
    let field = |n: usize| {
        format!("a{n}: signUp(username: \"user{n}\", password: \"{PASSWORD}\") {{ id }} ")
    };
    for documents in 0..3 {
        // The first that is refused ends its document, the others make documents of their own.
        let fields: String = (0..20).map(|n| field(documents * 20 + n)).collect();
        let answer = server
            .anonymous()
            .ask(&format!("mutation {{ {fields} }}"))
            .await;
        assert!(codes(&answer).contains(&"RATE_LIMITED"), "{answer:?}");
    }
    assert_eq!(server.rows("user").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ups_side_by_side_count_each() {
    let server = five_sign_ups().await;
    let asked = (0..30).map(|n| {
        let person = server.anonymous();
        async move {
            sign_up(&person, &format!("user{n}"))
                .await
                .code()
                .to_owned()
        }
    });
    let codes = join_all(asked).await;
    let made = codes.iter().filter(|code| code.is_empty()).count();
    let refused = codes.iter().filter(|code| *code == "RATE_LIMITED").count();
    assert_eq!((made, refused), (5, 25), "{codes:?}");
    assert_eq!(server.rows("user").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ups_for_taken_names_count_as_well() {
    let server = five_sign_ups().await;
    let visitor = server.anonymous().from("203.0.113.5");
    server.person("alice").await;
    for _ in 0..5 {
        assert_eq!(sign_up(&visitor, "Alice").await.code(), "CONFLICT");
    }
    for name in ["alice", "free"] {
        assert_eq!(sign_up(&visitor, name).await.code(), "RATE_LIMITED");
    }
    assert_eq!(visitor.me().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_networks_of_one_ipv6_site_make_ten_times_as_many_accounts_together() {
    let server = TestApp::start_with(|options| options.sign_ups_per_address = "1".into()).await;
    for n in 0..10 {
        let person = server.anonymous().from(&format!("2001:db8:1:{n}::1"));
        assert_eq!(sign_up(&person, &format!("user{n}")).await.code(), "");
    }
    let same_site = server.anonymous().from("2001:db8:1:ffff::1");
    assert_eq!(sign_up(&same_site, "one-more").await.code(), "RATE_LIMITED");
    let another = server.anonymous().from("2001:db8:2:1::1");
    assert_eq!(sign_up(&another, "one-more").await.code(), "");
    // What was refused left no row: a site cannot fill the table.
    let rows = "SELECT COUNT(*) AS number FROM throttle WHERE subject LIKE '%:ffff::'";
    assert_eq!(server.number(rows).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_makes_as_many_accounts_as_they_like() {
    let server = TestApp::start_with(|options| options.sign_ups_per_address = "1".into()).await;
    for n in 0..5 {
        let username = format!("user{n}");
        let made = accounts::create(&server.app, &username, PASSWORD.to_owned().into());
        made.await.unwrap();
    }
    assert_eq!(sign_up(&server.anonymous(), "alice").await.code(), "");
}
