//! Signing in for a token: what phones and programs do that have a name and a password, and keep no cookies.

use std::time::Duration;

use cloakroom::domain::accounts;
use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp, person::PASSWORD};

const HOUR: Duration = Duration::from_secs(3600);
const WRONG: &str = "a password made up";
const SIGN_IN: &str = "mutation($u: String!, $p: String!, $e: DateTime) {
    signInForToken(username: $u, password: $p, name: \"phone\", scopes: [WRITE], expiresAt: $e) {
        secret apiToken { id name scopes expiresAt } } }";

async fn sign_in(person: &Person, username: &str, password: &str) -> Answer {
    let variables = json!({ "u": username, "p": password });
    person.ask_with(SIGN_IN, variables).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_a_password_are_good_for_a_token_and_no_cookie_comes_with_it() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let sessions = server.rows("session").await;

    let answer = sign_in(&server.anonymous(), "alice", PASSWORD).await;

    assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
    assert_eq!(server.rows("session").await, sessions);
    let phone = alice.with_token(&answer.text("/signInForToken/secret"));
    assert_eq!(phone.me().await, "alice");
    let file = phone.upload("a.txt", b"a").await;
    assert_eq!(phone.get(&phone.ticket(&file).await).await.bytes, b"a");
    let listed = alice
        .ask("{ apiTokens { id name scopes expiresAt } }")
        .await;
    assert_eq!(
        listed.data("/apiTokens"),
        json!([answer.data("/signInForToken/apiToken")])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_sign_in_ends_when_it_was_to_end() {
    let server = TestApp::start().await;
    server.person("alice").await;
    let end = server.date_in(HOUR);
    let variables = json!({ "u": "alice", "p": PASSWORD, "e": end });
    let answer = server.anonymous().ask_with(SIGN_IN, variables).await;
    let phone = server
        .anonymous()
        .with_token(&answer.text("/signInForToken/secret"));
    assert_eq!(phone.me().await, "alice");

    server.advance(HOUR);

    assert_eq!(phone.ask("{ me { id } }").await.code(), "UNAUTHENTICATED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_token_of_a_sign_in() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let answer = sign_in(&server.anonymous(), "alice", PASSWORD).await;
    let phone = alice.with_token(&answer.text("/signInForToken/secret"));

    let change =
        "mutation($c: String!) { changePassword(current: $c, new: \"another password\") { id } }";
    let changed = alice.ask_with(change, json!({ "c": PASSWORD })).await;
    changed.data("/changePassword");

    assert_eq!(phone.ask("{ me { id } }").await.code(), "UNAUTHENTICATED");
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_for_a_token_count_with_tries_for_a_session() {
    let server = TestApp::start_with(|options| options.sign_in_tries = "5".into()).await;
    server.person("alice").await;
    let mallory = server.anonymous();
    for n in 0..5 {
        let refused = match n % 2 {
            0 => sign_in(&mallory, "alice", WRONG).await,
            _ => mallory.sign_in("alice", WRONG).await,
        };
        assert_eq!(refused.code(), "UNAUTHENTICATED");
    }

    let limited = sign_in(&mallory, "alice", PASSWORD).await;
    assert_eq!(limited.code(), "RATE_LIMITED");
    assert!(limited.headers.contains_key("retry-after"));
    assert_eq!(
        mallory.sign_in("alice", PASSWORD).await.code(),
        "RATE_LIMITED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_for_a_token_by_alias_count_each() {
    let server = TestApp::start_with(|options| options.sign_in_tries = "5".into()).await;
    server.person("alice").await;
    let mallory = server.anonymous();
    let guess = |n: usize, password: &str| {
        format!(
            "g{n}: signInForToken(username: \"alice\", password: \"{password}\", name: \"x\", scopes: [READ]) {{
                secret }} "
        )
    };
    let mut guesses: String = (0..8).map(|n| guess(n, WRONG)).collect();
    guesses.push_str(&guess(8, PASSWORD));

    // A mutation ends at its first failure, so each document checks one.
    let mut checked = 0;
    for _ in 0..9 {
        let answer = mallory.ask(&format!("mutation {{ {guesses} }}")).await;
        let errors = answer.body["errors"].as_array().cloned();
        let errors = errors.unwrap_or_default().into_iter();
        checked += errors
            .filter(|error| error["extensions"]["code"] == "UNAUTHENTICATED")
            .count();
    }
    assert_eq!(checked, 5);
    assert_eq!(server.rows("api_token").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_exist_is_refused_as_who_does_and_so_is_a_disabled_user() {
    let server = TestApp::start().await;
    server.person("alice").await;
    server.person("bob").await;
    accounts::set_disabled(&server.app, "bob", true)
        .await
        .unwrap();
    let anonymous = server.anonymous();

    let wrong = sign_in(&anonymous, "alice", WRONG).await;
    let nobody = sign_in(&anonymous, "nobody", PASSWORD).await;
    let disabled = sign_in(&anonymous, "bob", PASSWORD).await;

    assert_eq!(wrong.code(), "UNAUTHENTICATED");
    assert_eq!(wrong.body, nobody.body);
    assert_eq!(wrong.body, disabled.body);
    assert_eq!(server.rows("api_token").await, 0);
}

/// Arguments are looked at before the password: a mistake of the program costs its user no try.
#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_make_no_token_cost_no_try() {
    let server = TestApp::start_with(|options| options.sign_in_tries = "1".into()).await;
    server.person("alice").await;
    let past = server.date_in(Duration::ZERO);
    let anonymous = server.anonymous();
    for (arguments, field) in [
        (r#"name: "", scopes: [READ]"#.to_owned(), "name"),
        (r#"name: "x", scopes: []"#.to_owned(), "scopes"),
        (
            format!(r#"name: "x", scopes: [READ], expiresAt: "{past}""#),
            "expiresAt",
        ),
    ] {
        let query = format!(
            "mutation {{ signInForToken(username: \"alice\", password: \"{WRONG}\", {arguments}) {{ secret }} }}"
        );
        let refused = anonymous.ask(&query).await;
        assert_eq!(
            (refused.code(), refused.field()),
            ("BAD_USER_INPUT", field),
            "{arguments}"
        );
    }
    sign_in(&anonymous, "alice", PASSWORD)
        .await
        .data("/signInForToken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_signs_nobody_in_for_a_token() {
    let server = TestApp::start().await;
    server.person("alice").await;
    for (header, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let request = server.anonymous().post().header(header, value);
        let body = json!({ "query": SIGN_IN, "variables": { "u": "alice", "p": PASSWORD } });
        let refused = Answer::of(request.json(&body).send().await.unwrap()).await;
        assert_eq!(refused.code(), "CSRF_REFUSED", "{header}: {value}");
    }
    assert_eq!(server.rows("api_token").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_for_a_token_is_in_the_trail_as_both() {
    let server = TestApp::start().await;
    server.person("alice").await;
    sign_in(&server.anonymous(), "alice", WRONG).await;
    sign_in(&server.anonymous(), "alice", PASSWORD)
        .await
        .data("/signInForToken");

    server
        .eventually("the trail has it", async |server| {
            let mut found = Vec::new();
            for kind in ["SIGN_IN_REFUSED", "SIGNED_IN", "API_TOKEN_CREATED"] {
                let query = format!(
                    "SELECT COUNT(*) AS number FROM event WHERE kind = '{kind}' AND address = '127.0.0.1'"
                );
                found.push(server.number(&query).await);
            }
            found == [1, 1, 1]
        })
        .await;
}

/// Whoever is signed in stays signed in as before: the answer's token is its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_for_a_token_leaves_the_session_as_it_is() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);

    let answer = sign_in(&alice, "bob", PASSWORD).await;

    assert_eq!(alice.me().await, "alice");
    assert_eq!(bob.me().await, "bob");
    let phone = bob.with_token(&answer.text("/signInForToken/secret"));
    assert_eq!(phone.me().await, "bob");
    let refused = alice.ask("{ apiTokens { id } }").await;
    assert_eq!(refused.data("/apiTokens"), Value::Array(Vec::new()));
}
