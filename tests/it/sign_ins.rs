//! Where somebody is signed in, and how they end that from elsewhere.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Answer, Person, TestApp,
    person::{PASSWORD, USER_AGENT},
};

const SESSIONS: &str = "{ sessions { id createdAt lastUsedAt address userAgent isCurrent } }";

async fn sessions(person: &Person) -> Vec<Value> {
    let sessions = person.ask(SESSIONS).await.data("/sessions");
    sessions.as_array().unwrap().clone()
}

async fn revoke(person: &Person, id: &Value) -> Answer {
    let query = "mutation($id: ID!) { revokeSession(id: $id) }";
    person.ask_with(query, json!({ "id": id })).await
}

/// Another browser that `username` is signed in by.
async fn elsewhere(server: &TestApp, username: &str) -> Person {
    let person = server.anonymous();
    person.sign_in(username, PASSWORD).await.data("/signIn");
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sign_in_is_listed_with_where_it_came_from() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    server.advance(Duration::from_secs(60));
    let phone = elsewhere(&server, "alice").await;

    let seen = sessions(&alice).await;
    assert_eq!(seen.len(), 2);
    let current: Vec<_> = seen.iter().map(|it| it["isCurrent"] == true).collect();
    assert_eq!(current, [false, true], "the last used comes first");
    for session in &seen {
        assert_eq!(session["userAgent"], USER_AGENT);
        assert_eq!(session["address"], "127.0.0.1");
        assert_eq!(session["createdAt"], session["lastUsedAt"]);
    }
    assert_ne!(seen[0]["createdAt"], seen[1]["createdAt"]);
    let theirs = sessions(&phone).await;
    assert_eq!(theirs[0]["id"], seen[0]["id"]);
    assert_eq!(theirs[0]["isCurrent"], true);

    // In use again.
    server.advance(Duration::from_secs(301));
    assert_eq!(alice.me().await, "alice");
    let seen = sessions(&alice).await;
    assert_eq!(seen[0]["isCurrent"], true);
    assert_ne!(seen[0]["createdAt"], seen[0]["lastUsedAt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_ended_from_elsewhere_and_only_by_its_user() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let phone = elsewhere(&server, "alice").await;
    let seen = sessions(&alice).await;
    let of_phone = seen.iter().find(|it| it["isCurrent"] == false).unwrap()["id"].clone();

    assert_eq!(revoke(&bob, &of_phone).await.code(), "NOT_FOUND");
    let program = alice.with_token(&alice.token("[WRITE]").await);
    assert_eq!(revoke(&program, &of_phone).await.code(), "FORBIDDEN");
    assert_eq!(program.ask(SESSIONS).await.code(), "FORBIDDEN");
    assert_eq!(phone.me().await, "alice");

    assert_eq!(
        revoke(&alice, &of_phone).await.data("/revokeSession"),
        of_phone
    );
    assert_eq!(phone.me().await, Value::Null);
    assert_eq!(phone.ask(SESSIONS).await.code(), "UNAUTHENTICATED");
    assert_eq!(revoke(&alice, &of_phone).await.code(), "NOT_FOUND");
    assert_eq!(sessions(&alice).await.len(), 1);

    let own = sessions(&alice).await[0]["id"].clone();
    revoke(&alice, &own).await.data("/revokeSession");
    assert_eq!(alice.me().await, Value::Null);
    assert_eq!(
        revoke(&alice, &json!("no id")).await.code(),
        "UNAUTHENTICATED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_have_ended_are_not_listed() {
    let server = TestApp::start_with(|options| {
        options.session_idle = "10m".into();
        options.session_lifetime = "1h".into();
    })
    .await;
    let alice = server.person("alice").await;
    elsewhere(&server, "alice").await;
    assert_eq!(sessions(&alice).await.len(), 2);
    for _ in 0..2 {
        server.advance(Duration::from_secs(6 * 60));
        assert_eq!(alice.me().await, "alice");
    }
    assert_eq!(sessions(&alice).await.len(), 1, "the idle one has ended");

    elsewhere(&server, "alice").await;
    let change = format!(
        "mutation {{ changePassword(current: {PASSWORD:?}, new: \"another one entirely\") {{ id }} }}"
    );
    alice.ask(&change).await.data("/changePassword");
    assert_eq!(sessions(&alice).await.len(), 1, "the new password ended it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_step_of_the_schema_lists_sessions_that_are_there() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let phone = elsewhere(&server, "alice").await;
    let steps =
        "SELECT COUNT(*) AS number FROM seaql_migrations WHERE version >= 'm20261124_000021'";
    let steps = u32::try_from(server.number(steps).await).unwrap();
    server.app.db.migrate_down(steps).await.unwrap();
    server.app.db.migrate().await.unwrap();

    let seen = sessions(&alice).await;
    assert_eq!(seen.len(), 2);
    let other = seen.iter().find(|it| it["isCurrent"] == false).unwrap();
    revoke(&alice, &other["id"]).await.data("/revokeSession");
    assert_eq!(
        (phone.me().await, alice.me().await),
        (Value::Null, json!("alice"))
    );
}
