//! What a password check costs, whom it holds up, and which hashes and passwords it takes.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use futures_util::future::join_all;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::json;

use crate::support::{Person, TestApp, person::PASSWORD, program::Program};

const WRONG: &str = "a password made up";

pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    let server = TestApp::start_with(|options| {
        options.sign_in_tries = "1000".into();
        options.sign_in_tries_per_address = "1000".into();
    })
    .await;
    let alice = server.person("alice").await;
    // One that is tried once, and one that is tried as it was typed as well.
    for password in [WRONG, "e\u{301} password made up"] {
        take_as_long(&alice, password).await;
    }
}

async fn take_as_long(alice: &Person, password: &str) {
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..15 {
        for (times, username) in times.iter_mut().zip(["alice", "nobody", "no name at all"]) {
            let began = Instant::now();
            alice.sign_in(username, password).await;
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
    let user = server.app.db.one(entity::user::Entity::find()).await;
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
async fn passwords_are_taken_as_they_are_written_however_they_are_composed() {
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
    for (username, other) in [
        ("user2", "été 1789"),
        ("user2", "e\u{301}té\u{3000}1789"),
        ("user0", "\u{a0}8 chars"),
    ] {
        let answer = server.anonymous().sign_in(username, other).await;
        assert_eq!(answer.text("/signIn/username"), username, "{other:?}");
    }
    let too_long = format!("{longest}x");
    for password in [
        "7 chars",
        "👩👩👩👩👩👩👩",
        &too_long,
        "password1",
        "PASSWORD1",
        "Qwerty123",
        // What is counted is what is hashed.
        &"e\u{301}".repeat(7),
        &"e\u{301}".repeat(129),
        &"\u{1f82}".repeat(10_000),
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
async fn a_hash_of_a_password_as_it_was_typed_is_renewed_at_the_next_sign_in() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for (typed, composed) in [
        ("e\u{301}te\u{301} 1789", "été 1789"),
        ("8\u{a0}narrow\u{2009}ones", "8 narrow ones"),
    ] {
        let old = Argon2::default().hash_password(typed.as_bytes()).unwrap();
        set_hash(&server, old.to_string()).await;
        // Only as it was typed, for nobody knows the other form's hash yet.
        assert_eq!(
            alice.sign_in("alice", composed).await.code(),
            "UNAUTHENTICATED"
        );
        alice.sign_in("alice", typed).await.data("/signIn");

        let renewed = hash(&server).await;
        assert_ne!(renewed, old.to_string());
        for password in [composed, typed] {
            alice.sign_in("alice", password).await.data("/signIn");
        }
        assert_eq!(hash(&server).await, renewed, "it is as it should be now");
    }
}
