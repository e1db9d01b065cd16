//! A clock that was wrong for a moment: nobody is locked out by it, and no session lives longer for it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Person, TestApp, person::PASSWORD};

const WRONG: &str = "a password made up";
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A server on which an account may be tried five times in ten minutes, an address ten times, and accounts are made.
async fn server() -> TestApp {
    TestApp::start_with(|options| {
        options.sign_in_tries = "5".into();
        options.sign_in_tries_per_address = "10".into();
        options.sign_ups_per_address = "5".into();
    })
    .await
}

async fn change_password(person: &Person, current: &str) -> String {
    let query =
        "mutation($c: String!) { changePassword(current: $c, new: \"a new one, please\") { id } }";
    let answer = person.ask_with(query, json!({ "c": current })).await;
    answer.code().to_owned()
}

/// Uses up all that can be: the account's tries, the address's, the session's, and its sign-ups.
async fn use_up(server: &TestApp, alice: &Person) {
    let visitor = server.anonymous().from("203.0.113.5");
    for n in 0..12 {
        visitor.sign_in("alice", WRONG).await;
        visitor.sign_in(&format!("name{n}"), WRONG).await;
        change_password(alice, WRONG).await;
        let query =
            "mutation($u: String!, $p: String!) { signUp(username: $u, password: $p) { id } }";
        let taken = json!({ "u": "alice", "p": PASSWORD });
        visitor.ask_with(query, taken).await;
    }
    assert_eq!(change_password(alice, PASSWORD).await, "RATE_LIMITED");
    let refused = visitor.sign_in("alice", PASSWORD).await;
    assert_eq!(refused.code(), "RATE_LIMITED");
}

/// Nothing that was used up is refused any more.
async fn all_is_well(server: &TestApp, alice: &Person) {
    let visitor = server.anonymous().from("203.0.113.5");
    visitor.sign_in("alice", PASSWORD).await.data("/signIn");
    visitor.sign_up("bob").await;
    assert_eq!(change_password(alice, PASSWORD).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_lock_out_outlives_a_clock_that_was_ahead() {
    // At once, and at a time that the lock-out would have ended by a clock that is right.
    for later in [Duration::ZERO, 61 * MINUTE] {
        let server = server().await;
        server.advance(YEAR);
        let alice = server.person("alice").await;
        use_up(&server, &alice).await;
        server.set_back(YEAR);
        let server = server.restart_with(|_| {}).await;
        server.advance(later);

        let elsewhere = server.anonymous().from("203.0.113.77");
        elsewhere.sign_in("alice", PASSWORD).await.data("/signIn");
        all_is_well(&server, &elsewhere).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_ahead_for_minutes_locks_out_for_a_window_at_most() {
    for ahead in [MINUTE / 2, 5 * MINUTE, 30 * MINUTE, DAY] {
        let server = server().await;
        let alice = server.person("alice").await;
        server.advance(ahead);
        use_up(&server, &alice).await;
        server.set_back(ahead);
        let visitor = server.anonymous().from("203.0.113.5");
        let answer = visitor.sign_in("alice", PASSWORD).await;
        if answer.code() == "RATE_LIMITED" {
            let seconds = &answer.body["errors"][0]["extensions"]["retryAfterSeconds"];
            assert!(seconds.as_u64().unwrap() <= 600, "{ahead:?}: {seconds}");
        }
        server.sweep().await;
        server.advance(61 * MINUTE);
        all_is_well(&server, &alice).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_ahead_wins_hardly_a_guess() {
    let server = server().await;
    server.person("alice").await;
    server.advance(YEAR);
    let guess = async |n: usize| {
        let stranger = server.anonymous().from(&format!("198.51.100.{n}"));
        stranger.sign_in("alice", WRONG).await.code().to_owned()
    };
    for n in 0..5 {
        assert_eq!(guess(n).await, "UNAUTHENTICATED");
    }
    server.set_back(YEAR);
    let mut checked = 0;
    for n in 5..30 {
        checked += usize::from(guess(n).await == "UNAUTHENTICATED");
    }
    assert_eq!(checked, 1, "so many guesses were checked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_wrong_clock_set_is_swept_and_known_addresses_stay() {
    let server = server().await;
    server.person("alice").await;
    server.advance(YEAR);
    let visitor = server.anonymous().from("203.0.113.5");
    visitor.sign_in("nobody", WRONG).await;
    visitor.sign_up("bob").await;
    server.set_back(YEAR);
    server.sweep().await;
    let limits = "SELECT COUNT(*) AS number FROM throttle WHERE subject NOT LIKE 'known:%' \
                  AND subject NOT LIKE 'sign-up:127%'";
    assert_eq!(server.number(limits).await, 0);
    let known = "SELECT COUNT(*) AS number FROM throttle WHERE subject LIKE 'known:%'";
    assert_eq!(server.number(known).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_known_by_a_clock_that_was_ahead_is_not_known_for_longer() {
    let server = server().await;
    server.advance(YEAR);
    server.person("alice").await;
    server.set_back(YEAR);
    for n in 0..20 {
        let stranger = server.anonymous().from(&format!("198.51.100.{n}"));
        stranger.sign_in("alice", WRONG).await;
    }
    let alice = server.anonymous();
    let answer = alice.sign_in("alice", PASSWORD).await;
    assert_eq!(answer.code(), "RATE_LIMITED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_a_clock_ahead_began_ends_with_it() {
    for ahead in [3 * MINUTE, DAY, YEAR] {
        let server = server().await;
        server.advance(ahead);
        let alice = server.person("alice").await;
        assert_eq!(alice.me().await, json!("alice"));
        server.set_back(ahead);
        assert_eq!(alice.me().await, Value::Null, "{ahead:?}");
        alice.sign_in("alice", PASSWORD).await.data("/signIn");
        assert_eq!(alice.me().await, json!("alice"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_a_clock_ahead_prolonged_ends_when_nobody_uses_it() {
    let server = TestApp::start_with(|options| options.session_idle = "2d".into()).await;
    let alice = server.person("alice").await;
    server.advance(DAY);
    assert_eq!(alice.me().await, json!("alice"));
    server.set_back(DAY);
    // The next request, by a clock that is right, says until when.
    assert_eq!(alice.me().await, json!("alice"));
    server.advance(2 * DAY);
    assert_eq!(alice.me().await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_whose_clocks_differ_by_seconds_share_sessions_and_limits() {
    let server = server().await;
    let ahead = server.another().await;
    ahead.advance(30 * Duration::from_secs(1));
    let alice = ahead.person("alice").await.at(&server.base);
    assert_eq!(alice.me().await, json!("alice"));
    let mut checked = 0;
    for n in 0..20 {
        let instance = [&ahead, &server][n % 2];
        let stranger = instance.anonymous().from(&format!("198.51.100.{n}"));
        let answer = stranger.sign_in("alice", WRONG).await;
        checked += usize::from(answer.code() == "UNAUTHENTICATED");
    }
    assert_eq!(checked, 5);
    ahead.stop().await;
}
