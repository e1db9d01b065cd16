//! Guessing: every wrong password counts, however it is sent and from wherever, and nobody learns anything from it.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use cloakroom::auth::client::ClientAddress;
use futures_util::future::join_all;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};

use crate::support::{Answer, Download, Person, TestApp, person::PASSWORD, program::Program};

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

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
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

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    let server = TestApp::start_with(|options| {
        options.sign_in_tries = "1000".into();
        options.sign_in_tries_per_address = "1000".into();
    })
    .await;
    let alice = server.person("alice").await;
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..15 {
        for (times, username) in times.iter_mut().zip(["alice", "nobody", "no name at all"]) {
            let began = Instant::now();
            alice.sign_in(username, WRONG).await;
            times.push(began.elapsed());
        }
    }
    let [known, unknown, impossible] = times.map(median);
    for other in [unknown, impossible] {
        assert!(
            other < known * 2 && known < other * 2,
            "{known:?} against {other:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sign_ins_at_once_are_all_answered_and_hold_up_nobody_else() {
    let program = Program::new()
        .await
        .set("HASHING_THREADS", "2")
        .set("SIGN_IN_TRIES", "1000")
        .set("SIGN_IN_TRIES_PER_ADDRESS", "1000");
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let before = server.peak_memory();

    let crowd = tokio::spawn(join_all((0..64).map(|n| {
        let person = Person::anonymous(&server.base);
        async move {
            let password = if n % 2 == 0 { PASSWORD } else { WRONG };
            person.sign_in("alice", password).await.code().to_owned()
        }
    })));
    let mut times = Vec::new();
    while !crowd.is_finished() {
        let began = Instant::now();
        let answer = alice.ask("{ limits { maxFileSize } }").await;
        answer.data("/limits/maxFileSize");
        times.push(began.elapsed());
    }
    let codes = crowd.await.unwrap();

    let right = codes.iter().filter(|code| code.is_empty()).count();
    let wrong = codes
        .iter()
        .filter(|code| *code == "UNAUTHENTICATED")
        .count();
    assert_eq!((right, wrong), (32, 32), "{codes:?}");
    let requests = times.len();
    assert!(
        requests >= 5,
        "only {requests} requests were answered meanwhile"
    );
    let typical = median(times);
    assert!(
        typical < Duration::from_millis(150),
        "others waited {typical:?}"
    );
    let growth = (server.peak_memory() - before) >> 20;
    assert!(growth < 2 * 19 + 32, "it grew by {growth} MiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weaker_hash_is_renewed_at_the_next_sign_in() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let params = Params::new(8 * 1024, 1, 1, None).unwrap();
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(PASSWORD.as_bytes())
        .unwrap()
        .to_string();
    set_hash(&server, weak.clone()).await;

    assert_eq!(
        alice.sign_in("alice", WRONG).await.code(),
        "UNAUTHENTICATED"
    );
    assert_eq!(hash(&server).await, weak, "nobody knew the password yet");
    alice.sign_in("alice", PASSWORD).await.data("/signIn");

    let renewed = hash(&server).await;
    assert!(
        renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{renewed}"
    );
    alice.sign_in("alice", PASSWORD).await.data("/signIn");
    assert_eq!(hash(&server).await, renewed, "it is strong enough now");
}

async fn hash(server: &TestApp) -> String {
    let user = entity::user::Entity::find().one(server.app.db.read()).await;
    user.unwrap().unwrap().password_hash
}

async fn set_hash(server: &TestApp, hash: String) {
    let change = server.app.db.write(move |transaction| {
        Box::pin(async move {
            entity::user::Entity::update_many()
                .col_expr(entity::user::Column::PasswordHash, Expr::value(hash))
                .filter(entity::user::Column::Username.eq("alice"))
                .exec(transaction)
                .await?;
            Ok(())
        })
    });
    change.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_taken_as_they_are_written() {
    let server = TestApp::start().await;
    let sign_up =
        "mutation($u: String!, $p: String!) { signUp(username: $u, password: $p) { username } }";
    let emoji = "👩‍👧 ключ "; // 8 characters with what joins them, and a space at the end
    let longest: String = "pass phrase ☂ ".chars().cycle().take(128).collect();
    for (n, password) in [" 8 chars", emoji, "e\u{301}te\u{301} 1789", &longest]
        .into_iter()
        .enumerate()
    {
        let username = format!("user{n}");
        let new = server.anonymous();
        let answer = new
            .ask_with(sign_up, json!({ "u": username, "p": password }))
            .await;
        assert_eq!(answer.code(), "", "{password:?}: {answer:?}");
        new.sign_in(&username, password).await.data("/signIn");
        for other in [
            password.trim().to_owned(),
            password.to_uppercase(),
            password.chars().take(127).skip(1).collect(),
            password.replace("e\u{301}", "é"),
        ] {
            if other != password {
                let answer = new.sign_in(&username, &other).await;
                assert_eq!(
                    answer.code(),
                    "UNAUTHENTICATED",
                    "{other:?} for {password:?}"
                );
            }
        }
    }
    let too_long = format!("{longest}x");
    for password in [
        "7 chars",
        "👩👩👩👩👩👩👩",
        &too_long,
        "password1",
        "PASSWORD1",
        "Qwerty123",
    ] {
        let new = server.anonymous();
        let answer = new
            .ask_with(sign_up, json!({ "u": "eve", "p": password }))
            .await;
        assert_eq!(
            (answer.code(), answer.field()),
            ("BAD_USER_INPUT", "password"),
            "{password}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_tickets_are_answered_at_a_pace_and_good_ones_at_once() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let good = alice.ticket(&alice.upload("a.txt", b"a").await).await;
    let timed = async |url: String| {
        let began = Instant::now();
        let answer = Download::of(alice.client.get(url).send().await.unwrap()).await;
        (answer.status.as_u16(), began.elapsed())
    };

    let began = Instant::now();
    let mut bad_times = Vec::new();
    let mut good_times = Vec::new();
    for _ in 0..6 {
        let bad = join_all((0..50).map(|n| timed(format!("{good}{n}"))));
        let (bad, good) = tokio::join!(bad, timed(good.clone()));
        assert!(bad.iter().all(|(status, _)| *status == 404), "{bad:?}");
        assert_eq!(good.0, 200);
        bad_times.extend(bad.into_iter().map(|(_, time)| time));
        good_times.push(good.1);
    }

    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(2) * 250,
        "300 guesses in {took:?}"
    );
    let (bad, good) = (median(bad_times), good_times.into_iter().min().unwrap());
    assert!(
        good * 2 < bad,
        "a good ticket takes {good:?}, a bad one {bad:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_bad_tickets_is_refused_for_its_network_alone() {
    let server = TestApp::start().await;
    let guesses = &server.app.ticket_guesses;
    let address = |text: &str| ClientAddress(text.parse().ok());
    let flood = join_all((0..1500).map(|n| {
        let client = address(&format!("2001:db8::{n:x}"));
        async move { guesses.wait(&client).await.err() }
    }));
    let refused: Vec<_> = flood.await.into_iter().flatten().collect();
    assert!(
        (400..600).contains(&refused.len()),
        "{} were refused",
        refused.len()
    );
    assert!(refused.iter().all(|error| {
        error.code.as_str() == "RATE_LIMITED" && error.facts["retryAfterSeconds"] == 3
    }));
    guesses.wait(&address("2001:db8:0:1::1")).await.unwrap();
    guesses.wait(&address("192.0.2.1")).await.unwrap();
}
