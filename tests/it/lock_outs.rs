//! Limits on guessing keep guessers out, and not those whom they guess at, nor the guessers' neighbours.

use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, Person, TestApp, person::PASSWORD};

const WRONG: &str = "a password made up";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A server on which an account may be tried five times in ten minutes.
async fn five_tries() -> TestApp {
    TestApp::start_with(|options| options.sign_in_tries = "5".into()).await
}

/// A server on which an address may try five times in ten minutes.
async fn five_tries_an_address() -> TestApp {
    TestApp::start_with(|options| options.sign_in_tries_per_address = "5".into()).await
}

/// Strangers use up what an account may be tried, from everywhere.
async fn strangers_guess_at(server: &TestApp, username: &str) {
    for n in 0..20 {
        let stranger = server.anonymous().from(&format!("198.51.100.{n}"));
        stranger.sign_in(username, WRONG).await;
    }
    let stranger = server.anonymous().from("198.51.100.99");
    let answer = stranger.sign_in(username, PASSWORD).await;
    assert_eq!(answer.code(), "RATE_LIMITED");
}

async fn change_password(person: &Person, current: &str) -> Answer {
    let query =
        "mutation($c: String!) { changePassword(current: $c, new: \"a new one, please\") { id } }";
    person.ask_with(query, json!({ "c": current })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_guessed_at_can_change_the_password_in_a_session() {
    let server = five_tries().await;
    let alice = server.person("alice").await;
    strangers_guess_at(&server, "alice").await;
    // Wherever the session has got to since.
    let alice = alice.from("203.0.113.80");

    change_password(&alice, PASSWORD)
        .await
        .data("/changePassword");

    assert_eq!(alice.me().await, json!("alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_in_a_session_are_counted_by_user_and_apart() {
    let server = five_tries().await;
    let alice = server.person("alice").await;
    let elsewhere = server.anonymous().from("203.0.113.6");
    elsewhere.sign_in("alice", PASSWORD).await.data("/signIn");
    // Whichever session asks, and from wherever.
    for n in 0..5 {
        let session = [&alice, &elsewhere][n % 2].from(&format!("198.51.100.{n}"));
        let answer = change_password(&session, WRONG).await;
        assert_eq!(answer.field(), "current", "{answer:?}");
    }
    for session in [&alice, &elsewhere] {
        let answer = change_password(session, PASSWORD).await;
        assert_eq!(answer.code(), "RATE_LIMITED");
    }
    let visitor = server.anonymous().from("203.0.113.9");
    visitor.sign_in("alice", PASSWORD).await.data("/signIn");

    server.advance(Duration::from_secs(121));
    let answer = change_password(&alice, PASSWORD).await;
    answer.data("/changePassword");
    for _ in 0..4 {
        assert_eq!(change_password(&alice, WRONG).await.field(), "current");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_guessed_at_signs_in_where_they_did_before() {
    let server = five_tries().await;
    let alice = server.person("alice").await;
    let at_work = server.anonymous().from("203.0.113.7");
    at_work.sign_in("alice", PASSWORD).await.data("/signIn");
    strangers_guess_at(&server, "alice").await;

    for person in [&alice, &at_work] {
        person.sign_in("ALICE", PASSWORD).await.data("/signIn");
    }

    // The account knows a network, not the whole world; and what it knows survives a restart.
    let abroad = server.anonymous().from("203.0.113.8");
    let answer = abroad.sign_in("alice", PASSWORD).await;
    assert_eq!(answer.code(), "RATE_LIMITED");
    let server = server.restart_with(|_| {}).await;
    let answer = server.anonymous().sign_in("alice", PASSWORD).await;
    answer.data("/signIn");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_address_may_guess_as_often_as_any_and_no_more() {
    let server = five_tries().await;
    server.person("alice").await;
    let thief = server.anonymous();
    for _ in 0..5 {
        assert_eq!(
            thief.sign_in("alice", WRONG).await.code(),
            "UNAUTHENTICATED"
        );
    }
    let answer = thief.sign_in("alice", PASSWORD).await;
    assert_eq!(answer.code(), "RATE_LIMITED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_knows_an_address_for_its_time_only() {
    let server = TestApp::start_with(|options| {
        options.sign_in_tries = "5".into();
        options.known_address_ttl = "2d".into();
    })
    .await;
    let alice = server.person("alice").await;
    // Each sign-in makes it known anew; the janitor leaves it alone as long.
    for _ in 0..3 {
        server.advance(DAY);
        server.sweep().await;
        alice.sign_in("alice", PASSWORD).await.data("/signIn");
    }
    strangers_guess_at(&server, "alice").await;
    alice.sign_in("alice", PASSWORD).await.data("/signIn");

    server.advance(2 * DAY);
    server.sweep().await;
    strangers_guess_at(&server, "alice").await;
    let answer = alice.sign_in("alice", PASSWORD).await;
    assert_eq!(answer.code(), "RATE_LIMITED");
    server.advance(DAY);
    server.sweep().await;
    assert_eq!(server.rows("throttle").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_who_guess_do_not_keep_out_who_signed_in_before() {
    let server = five_tries_an_address().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    let bob = server.anonymous().from("203.0.113.5");
    let (alice, neighbour) = (
        alice.from("203.0.113.5"),
        server.anonymous().from("203.0.113.5"),
    );
    alice.sign_in("alice", PASSWORD).await.data("/signIn");
    for n in 0..6 {
        neighbour.sign_in(&format!("name{n}"), WRONG).await;
    }

    alice.sign_in("alice", PASSWORD).await.data("/signIn");

    // Whom nobody knows here waits with the guesser: the address alone cannot tell them apart.
    let answer = bob.sign_in("bob", PASSWORD).await;
    assert_eq!(answer.code(), "RATE_LIMITED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_gives_the_address_its_try_back() {
    let server = five_tries_an_address().await;
    for n in 0..8 {
        server.person(&format!("user{n}")).await;
    }
    // An office, each of whom signs in there for the first time; some mistype.
    let office = || server.anonymous().from("203.0.113.5");
    for n in 0..8 {
        if n % 2 == 0 {
            office().sign_in(&format!("user{n}"), WRONG).await;
        }
        let answer = office().sign_in(&format!("user{n}"), PASSWORD).await;
        assert_eq!(answer.code(), "", "user{n}");
    }
    // Four were wrong, and one is left.
    assert_eq!(
        office().sign_in("nobody", WRONG).await.code(),
        "UNAUTHENTICATED"
    );
    assert_eq!(
        office().sign_in("nobody", WRONG).await.code(),
        "RATE_LIMITED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn right_passwords_in_between_win_no_guesses() {
    let server = TestApp::start_with(|options| {
        options.sign_in_tries_per_address = "5".into();
        options.known_address_ttl = "0".into();
    })
    .await;
    server.person("alice").await;
    server.person("mallory").await;
    let mallory = server.anonymous().from("203.0.113.5");
    let mut wrong = 0;
    for _ in 0..12 {
        let guess = mallory.sign_in("alice", WRONG).await;
        wrong += usize::from(guess.code() == "UNAUTHENTICATED");
        mallory.sign_in("mallory", PASSWORD).await;
    }
    assert_eq!(wrong, 5, "so many guesses were checked");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_account_signs_in_without_end() {
    let server = TestApp::start_with(|options| options.sign_ins_per_account = "5".into()).await;
    server.person("alice").await;
    let sign_in = async |n: usize| {
        // From ever other addresses, each of which would be known from now on.
        let alice = server.anonymous().from(&format!("203.0.113.{n}"));
        let answer = alice.sign_in("alice", PASSWORD).await;
        answer.code().to_owned()
    };
    for n in 0..5 {
        assert_eq!(sign_in(n).await, "");
    }
    let rows = server.rows("session").await;
    for n in 5..10 {
        assert_eq!(sign_in(n).await, "RATE_LIMITED");
    }
    assert_eq!(server.rows("session").await, rows);
    server.advance(Duration::from_secs(121));
    assert_eq!(sign_in(10).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_networks_of_one_ipv6_site_guess_ten_times_as_often_together() {
    let server =
        TestApp::start_with(|options| options.sign_in_tries_per_address = "1".into()).await;
    for n in 0..10 {
        let person = server.anonymous().from(&format!("2001:db8:1:{n}::1"));
        let answer = person.sign_in(&format!("name{n}"), WRONG).await;
        assert_eq!(answer.code(), "UNAUTHENTICATED");
    }
    let rows = server.rows("throttle").await;
    for n in 10..20 {
        let person = server.anonymous().from(&format!("2001:db8:1:{n}::1"));
        let answer = person.sign_in(&format!("name{n}"), WRONG).await;
        assert_eq!(answer.code(), "RATE_LIMITED");
    }
    let left = server.rows("throttle").await;
    assert_eq!(left, rows, "what is refused leaves rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_without_an_account_write_nothing() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let token = alice.token("[READ]").await;
    let tables = ["event", "session", "throttle", "api_token"];
    let mut before = Vec::new();
    for table in tables {
        before.push(server.rows(table).await);
    }
    for n in 0..5 {
        let visitor = server.anonymous();
        let wrong = visitor.with_token(&format!("{token}{n}"));
        assert_eq!(wrong.ask("{ me { id } }").await.code(), "UNAUTHENTICATED");
        let made_up = visitor
            .post()
            .header("cookie", format!("cloakroom=AAAAAAAAAAAAAAAAAAAA{n}A"));
        let body = json!({ "query": "mutation { a: signOut b: signOut }" });
        let answer = Answer::of(made_up.json(&body).send().await.unwrap()).await;
        assert_eq!(answer.data("/a"), json!(true));
    }
    // Longer than events wait.
    let server = server.restart_with(|_| {}).await;
    for (table, before) in tables.iter().zip(before) {
        assert_eq!(server.rows(table).await, before, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_changes_without_end() {
    let server = TestApp::start_with(|options| options.sign_ins_per_account = "4".into()).await;
    let alice = server.person("alice").await;
    let passwords = [PASSWORD, "a second password"];
    let change = async |n: usize| {
        let answer = alice
            .ask_with(
                "mutation($c: String!, $n: String!) { changePassword(current: $c, new: $n) { id } }",
                json!({ "c": passwords[n % 2], "n": passwords[(n + 1) % 2] }),
            )
            .await;
        answer.code().to_owned()
    };
    for n in 0..4 {
        assert_eq!(change(n).await, "", "{n}");
    }
    let rows = server.rows("event").await;
    for _ in 0..5 {
        assert_eq!(change(4).await, "RATE_LIMITED");
    }
    assert_eq!(server.rows("event").await, rows);
    server.advance(Duration::from_secs(151));
    assert_eq!(change(4).await, "");
}
