//! Guessing: every wrong password counts, however it is sent and from wherever, and nobody learns anything from it.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, TestApp, person::PASSWORD};

const WRONG: &str = "a password made up";
const SIGN_IN: &str =
    "mutation($u: String!, $p: String!) { signIn(username: $u, password: $p) { username } }";

/// A server on which an account may be tried five times in ten minutes.
async fn five_tries() -> TestApp {
    TestApp::start_with(|options| options.sign_in_tries = "5".into()).await
}

/// A wrong password for `username`, said to come from `forwarded`.
async fn guess_from(server: &TestApp, forwarded: &str, username: &str) -> String {
    let body = json!({ "query": SIGN_IN, "variables": { "u": username, "p": WRONG } });
    let person = server.anonymous();
    let request = person.post().header("x-forwarded-for", forwarded);
    let answer = Answer::of(request.json(&body).send().await.unwrap()).await;
    answer.code().to_owned()
}

/// How often each code is among `answers`: wrong, and limited.
fn counted<'a>(codes: impl IntoIterator<Item = &'a str>) -> (usize, usize) {
    codes
        .into_iter()
        .fold((0, 0), |(wrong, limited), code| match code {
            "UNAUTHENTICATED" => (wrong + 1, limited),
            "RATE_LIMITED" => (wrong, limited + 1),
            other => panic!("a guess was answered {other:?}"),
        })
}

#[tokio::test(flavor = "multi_thread")]
async fn after_too_many_wrong_passwords_the_right_one_has_to_wait_as_well() {
    let server = five_tries().await;
    server.person("alice").await;
    let mallory = server.anonymous();
    for _ in 0..5 {
        assert_eq!(
            mallory.sign_in("alice", WRONG).await.code(),
            "UNAUTHENTICATED"
        );
    }
    for username in ["alice", "ALICE"] {
        let answer = mallory.sign_in(username, PASSWORD).await;
        assert_eq!(answer.code(), "RATE_LIMITED", "{answer:?}");
        let seconds = answer.body["errors"][0]["extensions"]["retryAfterSeconds"].clone();
        let header = answer.headers["retry-after"].to_str().unwrap();
        assert_eq!(header, seconds.to_string());
        assert!((1..=121).contains(&seconds.as_u64().unwrap()), "{seconds}");
    }
    assert_eq!(mallory.me().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_by_alias_in_one_document_count_each() {
    let server = five_tries().await;
    server.person("alice").await;
    let mallory = server.anonymous();
    let guesses: String = (0..20)
        .map(|n| format!("g{n}: signIn(username: \"alice\", password: \"{WRONG} {n}\") {{ id }} "))
        .collect();
    let document = format!(
        "mutation {{ {guesses} last: signIn(username: \"alice\", password: \"{PASSWORD}\") {{ id }} }}"
    );
    let mut wrong = 0;
    for _ in 0..20 {
        let answer = mallory.ask(&document).await;
        let errors = answer.body["errors"].as_array().unwrap();
        let codes = errors
            .iter()
            .map(|error| error["extensions"]["code"].as_str().unwrap());
        wrong += counted(codes).0;
    }
    assert_eq!(wrong, 5, "so many guesses were checked");
    assert_eq!(mallory.me().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_side_by_side_count_each() {
    let server = five_tries().await;
    server.person("alice").await;
    let guesses = (0..40).map(|_| async {
        let answer = server.anonymous().sign_in("alice", WRONG).await;
        answer.code().to_owned()
    });
    let codes = join_all(guesses).await;
    assert_eq!(counted(codes.iter().map(String::as_str)), (5, 35));
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_a_change_of_password_count_as_well() {
    let server = five_tries().await;
    let alice = server.person("alice").await;
    let change =
        "mutation($c: String!) { changePassword(current: $c, new: \"a new one, please\") { id } }";
    for _ in 0..5 {
        let answer = alice.ask_with(change, json!({ "c": WRONG })).await;
        assert_eq!(
            (answer.code(), answer.field()),
            ("BAD_USER_INPUT", "current")
        );
    }
    let answer = alice.ask_with(change, json!({ "c": PASSWORD })).await;
    assert_eq!(answer.code(), "RATE_LIMITED");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_try_every_account() {
    let server =
        TestApp::start_with(|options| options.sign_in_tries_per_address = "5".into()).await;
    for n in 0..5 {
        let code = guess_from(&server, "203.0.113.5", &format!("user{n}")).await;
        assert_eq!(code, "UNAUTHENTICATED");
    }
    // What stands before the address that our proxy saw is the client's own word.
    for forwarded in [
        "203.0.113.5",
        "198.51.100.1, 203.0.113.5",
        "::ffff:203.0.113.5",
    ] {
        assert_eq!(
            guess_from(&server, forwarded, "user9").await,
            "RATE_LIMITED",
            "{forwarded}"
        );
    }
    assert_eq!(
        guess_from(&server, "203.0.113.6", "user9").await,
        "UNAUTHENTICATED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_addresses_of_one_ipv6_customer_count_together() {
    let server =
        TestApp::start_with(|options| options.sign_in_tries_per_address = "5".into()).await;
    for n in 0..5 {
        let address = format!("2001:db8:1:2:{n}::{n}");
        assert_eq!(
            guess_from(&server, &address, "alice").await,
            "UNAUTHENTICATED"
        );
    }
    assert_eq!(
        guess_from(&server, "2001:db8:1:2:ffff::1", "bob").await,
        "RATE_LIMITED"
    );
    assert_eq!(
        guess_from(&server, "2001:db8:1:3::1", "bob").await,
        "UNAUTHENTICATED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_address_is_believed_from_trusted_proxies_only() {
    let server = TestApp::start_with(|options| {
        options.sign_in_tries_per_address = "5".into();
        options.trusted_proxies = "192.0.2.0/24".into();
    })
    .await;
    for n in 0..5 {
        let code = guess_from(&server, &format!("203.0.113.{n}"), &format!("user{n}")).await;
        assert_eq!(code, "UNAUTHENTICATED");
    }
    assert_eq!(
        guess_from(&server, "203.0.113.99", "user9").await,
        "RATE_LIMITED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_gives_no_tries_back() {
    let server = five_tries().await;
    server.person("alice").await;
    for _ in 0..5 {
        server.anonymous().sign_in("alice", WRONG).await;
    }
    let server = server.restart_with(|_| {}).await;
    let answer = server.anonymous().sign_in("alice", WRONG).await;
    assert_eq!(answer.code(), "RATE_LIMITED");
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_come_back_with_time() {
    let server = five_tries().await;
    server.person("alice").await;
    let mallory = server.anonymous();
    let guess = async || mallory.sign_in("alice", WRONG).await.code().to_owned();
    for _ in 0..5 {
        assert_eq!(guess().await, "UNAUTHENTICATED");
    }
    assert_eq!(guess().await, "RATE_LIMITED");

    server.advance(Duration::from_secs(121));
    assert_eq!(guess().await, "UNAUTHENTICATED");
    assert_eq!(guess().await, "RATE_LIMITED");

    server.advance(Duration::from_secs(600));
    for _ in 0..5 {
        assert_eq!(guess().await, "UNAUTHENTICATED");
    }
    assert_eq!(guess().await, "RATE_LIMITED");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_mistypes_and_then_knows_the_password_has_every_try_again() {
    let server = five_tries().await;
    let alice = server.person("alice").await;
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(
                alice.sign_in("alice", WRONG).await.code(),
                "UNAUTHENTICATED"
            );
        }
        alice.sign_in("alice", PASSWORD).await.data("/signIn");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_do_not_exist_are_limited_as_those_that_do() {
    let server = five_tries().await;
    server.person("alice").await;
    let series = async |username: &str| {
        let mut answers = Vec::new();
        for _ in 0..7 {
            let answer = server.anonymous().sign_in(username, WRONG).await;
            answers.push((
                answer.status,
                answer.headers.get("retry-after").cloned(),
                answer.body,
            ));
        }
        answers
    };
    assert_eq!(series("alice").await, series("nobody").await);
}
