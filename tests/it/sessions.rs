//! Sessions: their cookie, how they begin, and all the ways they end.

use std::time::Duration;

use cloakroom::config::Options;
use entity::session;
use sea_orm::EntityTrait;
use serde_json::json;

use crate::support::{Answer, Person, TestApp, person::PASSWORD};

const MINUTE: Duration = Duration::from_secs(60);

async fn sign_out(person: &Person) {
    let answer = person.ask("mutation { signOut }").await;
    assert_eq!(answer.data("/signOut"), json!(true));
}

/// The whole answer to a sign-up, headers included.
async fn sign_up(person: &Person, username: &str) -> Answer {
    let query = "mutation($u: String!, $p: String!) { signUp(username: $u, password: $p) { id } }";
    let variables = json!({ "u": username, "p": PASSWORD });
    person.ask_with(query, variables).await
}

/// The `Set-Cookie` header of an answer.
fn set_cookie(answer: &Answer) -> &str {
    answer.headers["set-cookie"].to_str().unwrap()
}

fn short_sessions(options: &mut Options) {
    options.session_idle = "10m".into();
    options.session_lifetime = "1h".into();
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_changes_the_session_id() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let before = alice.double();
    assert_eq!(before.me().await, json!("alice"));

    alice.sign_in("alice", PASSWORD).await.data("/signIn");

    assert_ne!(alice.cookie(), before.cookie());
    assert_eq!(alice.me().await, json!("alice"));
    assert_eq!(
        before.me().await,
        json!(null),
        "the session before lives on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_id_that_somebody_planted_is_not_taken_over() {
    let server = TestApp::start().await;
    let thief = server.person("thief").await;
    sign_out(&thief.double()).await;
    let victim = thief.double();

    victim.sign_up("victim").await;

    assert_ne!(victim.cookie(), thief.cookie());
    assert_eq!(thief.me().await, json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_ends_copies_of_the_cookie_too() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let (thief, elsewhere) = (alice.double(), server.anonymous());
    elsewhere.sign_in("alice", PASSWORD).await.data("/signIn");
    assert_eq!(thief.me().await, json!("alice"));

    sign_out(&alice).await;

    assert_eq!(alice.me().await, json!(null));
    assert_eq!(thief.me().await, json!(null));
    assert_eq!(
        elsewhere.me().await,
        json!("alice"),
        "the other session ended too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_do_not_revive_a_session_that_signed_out() {
    let server = TestApp::start().await;
    for round in 0..10 {
        let alice = server.person(&format!("alice{round}")).await;
        // Late enough for each request to prolong the session, that is, to write it.
        server.advance(Duration::from_secs(24 * 60 * 60));
        let thief = alice.double();
        let requests: Vec<_> = (0..8)
            .map(|_| {
                let copy = alice.double();
                tokio::spawn(async move { copy.ask("{ me { id } }").await })
            })
            .collect();
        sign_out(&alice).await;
        for request in requests {
            request.await.unwrap().data("/me");
        }
        assert_eq!(thief.me().await, json!(null));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_out_of_reach_of_scripts_and_of_other_sites() {
    let server = TestApp::start().await;
    let answer = sign_up(&server.anonymous(), "alice").await;

    let cookie = set_cookie(&answer);

    assert!(cookie.starts_with("cloakroom="), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.split("; ").any(|part| part == attribute), "{cookie}");
    }
    assert!(
        !cookie.contains("Secure") && !cookie.contains("Domain"),
        "{cookie}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn https_makes_the_cookie_secure_and_bound_to_its_host() {
    let https = |options: &mut Options| options.public_url = Some("https://files.example".into());
    let server = TestApp::start_with(https).await;
    let answer = sign_up(&server.anonymous(), "alice").await;

    let cookie = set_cookie(&answer);

    assert!(cookie.starts_with("__Host-cloakroom="), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Secure"] {
        assert!(cookie.split("; ").any(|part| part == attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_get_no_cookie() {
    let server = TestApp::start().await;
    let answer = server.anonymous().ask("{ limits { maxPageSize } }").await;
    assert!(!answer.headers.contains_key("set-cookie"));
    assert_eq!(sessions(&server).await.len(), 0);
}

/// An answer that comes late would take the new session's cookie from the browser.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_with_the_session_before_takes_no_cookie_away() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let before = alice.double();
    let change =
        "mutation($c: String!) { changePassword(current: $c, new: \"another long walk\") { id } }";
    let changed = alice.ask_with(change, json!({ "c": PASSWORD })).await;
    changed.data("/changePassword/id");

    let late = before.ask("{ me { username } }").await;

    assert_eq!(late.data("/me"), json!(null));
    assert!(!late.headers.contains_key("set-cookie"), "{late:?}");
    let gone = alice.ask("mutation { signOut }").await;
    assert!(set_cookie(&gone).contains("Max-Age=0"), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_nobody_uses_it() {
    let server = TestApp::start_with(short_sessions).await;
    let (busy, idle) = (server.person("busy").await, server.person("idle").await);

    server.advance(6 * MINUTE);
    assert_eq!(busy.me().await, json!("busy"));
    server.advance(6 * MINUTE);

    assert_eq!(busy.me().await, json!("busy"));
    assert_eq!(idle.me().await, json!(null));
    server.sweep().await;
    assert_eq!(
        sessions(&server).await.len(),
        1,
        "the janitor leaves what is in use"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_at_last_however_busy() {
    let server = TestApp::start_with(short_sessions).await;
    let alice = server.person("alice").await;
    for _ in 0..11 {
        server.advance(5 * MINUTE);
        assert_eq!(alice.me().await, json!("alice"));
    }

    server.advance(5 * MINUTE);

    assert_eq!(alice.me().await, json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_session_table_opens_no_session() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let cookie = alice.cookie();
    let (_, id) = cookie.split_once('=').unwrap();

    let rows = sessions(&server).await;

    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].id_hash.len(), 32);
    assert!(!rows[0].data.contains(id));
    let hash = cloakroom::hex::encode(&rows[0].id_hash);
    for forged in [
        base64(&rows[0].id_hash[..16]),
        base64(&rows[0].id_hash),
        hash,
    ] {
        let thief = server.anonymous();
        let request = thief.post().header("cookie", format!("cloakroom={forged}"));
        let request = request.json(&json!({ "query": "{ me { id } }" }));
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.data("/me"), json!(null));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_that_are_no_session_are_nobody() {
    let server = TestApp::start().await;
    for nonsense in [
        "cloakroom=",
        "cloakroom=x",
        "cloakroom=\"",
        "cloakroom=%00",
        "=",
        "cloakroom",
    ] {
        let request = server.anonymous().post().header("cookie", nonsense);
        let request = request.json(&json!({ "query": "{ me { id } }" }));
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.data("/me"), json!(null), "{nonsense}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_survive_a_restart() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;

    let server = server.restart_with(|_| {}).await;

    assert_eq!(alice.at(&server.base).me().await, json!("alice"));
}

#[expect(clippy::disallowed_methods, reason = "the test looks into the table")]
async fn sessions(server: &TestApp) -> Vec<session::Model> {
    server.app.db.all(session::Entity::find()).await.unwrap()
}

fn base64(bytes: &[u8]) -> String {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_and_out_in_one_document_is_signed_out() {
    let server = TestApp::start().await;
    server.person("alice").await;
    let visitor = server.anonymous();
    let both = format!(
        "mutation {{ signIn(username: \"alice\", password: \"{PASSWORD}\") {{ id }} signOut }}"
    );
    assert_eq!(visitor.ask(&both).await.data("/signOut"), json!(true));
    assert_eq!(visitor.me().await, json!(null));
    assert_eq!(server.rows("session").await, 1, "alice's own");
}
