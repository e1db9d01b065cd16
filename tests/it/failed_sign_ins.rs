//! What the server's own trouble leaves open is no wrong password: nobody is locked out by it.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait};
use serde_json::json;

use crate::support::{Answer, Person, TestApp, person::PASSWORD};

const WRONG: &str = "a password made up";

/// A server that hashes one password at a time, on which an account or an address may be tried five times in ten minutes.
async fn five_tries() -> TestApp {
    TestApp::start_with(|options| {
        options.hashing_threads = Some("1".into());
        options.sign_in_tries = "5".into();
        options.sign_in_tries_per_address = "5".into();
        // No address has tries of its own.
        options.known_address_ttl = "0".into();
    })
    .await
}

async fn change_password(person: &Person, current: &str) -> Answer {
    let query =
        "mutation($c: String!) { changePassword(current: $c, new: \"a new one, please\") { id } }";
    person.ask_with(query, json!({ "c": current })).await
}

/// Puts `hash` in place of the hash of `username`, and returns the one that was there.
async fn replace_hash(server: &TestApp, username: &str, hash: &str) -> String {
    let users = server.app.db.all(entity::user::Entity::find());
    let mut user = users.await.unwrap().into_iter();
    let user = user.find(|user| user.username == username).unwrap();
    let before = user.password_hash.clone();
    let mut row = entity::user::ActiveModel::from(user);
    row.password_hash = Set(hash.to_owned());
    let update = server
        .app
        .db
        .write(move |transaction| Box::pin(async move { Ok(row.update(transaction).await?) }));
    update.await.unwrap();
    before
}

/// A hash of `password` whose parameters have the hasher at work for a long time.
async fn slow_hash(password: &'static str) -> String {
    let hash = tokio::task::spawn_blocking(move || {
        let params = Params::new(Params::DEFAULT_M_COST, 100, 1, None).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2
            .hash_password(password.as_bytes())
            .unwrap()
            .to_string()
    });
    hash.await.unwrap()
}

/// How many accounts and addresses have at least so many tries charged to them.
async fn charged(server: &TestApp, tries: i64) -> i64 {
    let since = server.app.clock.now().0 + (tries - 1) * 120_000;
    let query = format!(
        "SELECT COUNT(*) AS number FROM throttle WHERE clear_at > {since} \
         AND (subject LIKE 'account:%' OR subject LIKE 'address:%')"
    );
    server.number(&query).await
}

/// Five wrong passwords count, and the sixth try is refused.
async fn wrong_ones_count(server: &TestApp, username: &str) {
    let mallory = server.anonymous();
    for _ in 0..5 {
        let answer = mallory.sign_in(username, WRONG).await;
        assert_eq!(answer.code(), "UNAUTHENTICATED");
    }
    let answer = mallory.sign_in(username, PASSWORD).await;
    assert_eq!(answer.code(), "RATE_LIMITED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_the_server_failed_is_no_wrong_one() {
    let server = five_tries().await;
    let alice = server.person("alice").await;
    let hash = replace_hash(&server, "alice", "damaged").await;
    for _ in 0..8 {
        let answer = alice.sign_in("alice", PASSWORD).await;
        assert_eq!(answer.code(), "INTERNAL", "{answer:?}");
        // The answer does not wait for it.
        server
            .eventually("the try is given back", async |server| {
                charged(server, 1).await == 0
            })
            .await;
        let answer = change_password(&alice, PASSWORD).await;
        assert_eq!(answer.code(), "INTERNAL", "{answer:?}");
    }
    replace_hash(&server, "alice", &hash).await;

    alice.sign_in("alice", PASSWORD).await.data("/signIn");
    let answer = change_password(&alice, WRONG).await;
    assert_eq!(answer.field(), "current", "{answer:?}");
    wrong_ones_count(&server, "alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_that_could_not_be_noted_is_no_wrong_one() {
    let server = five_tries().await;
    server.person("alice").await;
    let slow = slow_hash(PASSWORD).await;
    let hash = replace_hash(&server, "alice", &slow).await;
    let alice = server.anonymous();
    let sign_in = tokio::spawn(async move { alice.sign_in("alice", PASSWORD).await });
    server
        .eventually("it is charged", async |server| {
            charged(server, 1).await == 2
        })
        .await;

    let (release, writer) = server.hold_the_throttle().await;

    let answer = sign_in.await.unwrap();
    assert_eq!(answer.code(), "UNAVAILABLE", "{answer:?}");
    release.send(()).unwrap();
    writer.await.unwrap();
    server
        .eventually("the try is given back", async |server| {
            charged(server, 1).await == 0
        })
        .await;
    replace_hash(&server, "alice", &hash).await;
    wrong_ones_count(&server, "alice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_before_the_password_is_looked_at_has_made_no_try() {
    let server = five_tries().await;
    server.person("alice").await;
    server.person("slow").await;
    // Nobody's, that takes seconds to compare with.
    let slow = "$argon2id$v=19$m=19456,t=400,p=1$P/tQlekVDaiyJDRqur5evg$nL/qhZPOJqi0tLyFHTrSa1VvAXcGtpBoaUK0IbW6rHY";
    replace_hash(&server, "slow", slow).await;
    // The only thread is busy with it, and turns go round.
    let busy = server.anonymous().from("203.0.113.7");
    let busy = tokio::spawn(async move { busy.sign_in("slow", WRONG).await });
    server
        .eventually("it is charged", async |server| {
            charged(server, 1).await == 2
        })
        .await;
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let alice = server.anonymous().from("203.0.113.8");
            tokio::spawn(async move { alice.sign_in("alice", PASSWORD).await })
        })
        .collect();
    server
        .eventually("they are charged", async |server| {
            charged(server, 5).await == 2
        })
        .await;

    for request in &waiting {
        request.abort();
    }

    server
        .eventually("their tries are given back", async |server| {
            charged(server, 1).await <= 2
        })
        .await;
    let alice = server.anonymous().from("203.0.113.8");
    // A machine that is slow may take its time for the first of all.
    let mut answer = alice.sign_in("alice", PASSWORD).await;
    while answer.code() == "UNAVAILABLE" {
        answer = alice.sign_in("alice", PASSWORD).await;
    }
    answer.data("/signIn");
    busy.await.unwrap();
    wrong_ones_count(&server, "alice").await;
}
