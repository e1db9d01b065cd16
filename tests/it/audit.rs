//! The audit trail: what happened is told once, to the file's owner and the operator, and tells no secret.

use std::time::Duration;

use cloakroom::domain::{
    accounts,
    events::{self, Event},
};
use entity::event::Kind;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::support::{Person, TestApp, person::PASSWORD};

const EVENTS: &str = "query($f: ID!, $first: Int, $after: String) { file(id: $f) { \
    events(first: $first, after: $after) { \
    edges { cursor node { at kind detail user { username } } } pageInfo { hasNextPage } } } }";

/// What happened to `file`, in the order it did: the kind, who, and the detail.
async fn trail(owner: &Person, file: &str) -> Vec<(String, String, String)> {
    let answer = owner
        .ask_with(EVENTS, json!({ "f": file, "first": 100 }))
        .await;
    let edges = answer.data("/file/events/edges");
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let events = edges.as_array().unwrap().iter().rev().map(|edge| {
        let node = &edge["node"];
        (
            text(&node["kind"]),
            text(&node["user"]["username"]),
            text(&node["detail"]),
        )
    });
    events.collect()
}

/// Waits until the trail of `file` has so many events.
pub async fn trail_of(
    server: &TestApp,
    owner: &Person,
    file: &str,
    length: usize,
) -> Vec<(String, String, String)> {
    server
        .eventually("its events are written", async |_| {
            trail(owner, file).await.len() >= length
        })
        .await;
    trail(owner, file).await
}

/// How often something happened: what happened again within a minute is counted by one event.
pub async fn count(server: &TestApp, kind: &str) -> i64 {
    let query = format!(
        "SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) AS number FROM event WHERE kind = '{kind}'"
    );
    server.number(&query).await
}

/// How many events tell of it.
pub async fn events_of(server: &TestApp, kind: &str) -> i64 {
    let query = format!("SELECT COUNT(*) AS number FROM event WHERE kind = '{kind}'");
    server.number(&query).await
}

/// All that the event table holds.
async fn rows(server: &TestApp) -> String {
    let events = server.app.db.all(entity::event::Entity::find()).await;
    format!("{:?}", events.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_of_a_file_tells_its_owner_what_happened() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("draft.txt", b"text").await;
    let rename = "mutation($f: ID!) { renameFile(id: $f, name: \"final.txt\") { id } }";
    alice
        .ask_with(rename, json!({ "f": file }))
        .await
        .data("/renameFile");
    let share = alice.share_with(&file, "bob").await;
    let everyone = alice.share_with_everyone(&file).await;
    let ticket = bob.ticket(&file).await;
    assert_eq!(bob.get(&ticket).await.status, 200);
    trail_of(&server, &alice, &file, 5).await;
    alice.revoke(&share).await.data("/revokeShare");
    alice.revoke(&everyone).await.data("/revokeShare");
    assert_eq!(bob.get(&ticket).await.code(), "ACCESS_REVOKED");
    trail_of(&server, &alice, &file, 8).await;
    alice.delete(&file).await.data("/deleteFile");
    let restore = "mutation($f: ID!) { restoreFile(id: $f) { id } }";
    alice
        .ask_with(restore, json!({ "f": file }))
        .await
        .data("/restoreFile");

    let expected = [
        ("UPLOADED", "alice", "draft.txt"),
        ("RENAMED", "alice", "final.txt"),
        ("SHARED", "alice", "user:bob"),
        ("SHARED", "alice", "AUTHENTICATED"),
        ("DOWNLOADED", "bob", "-"),
        ("SHARE_REVOKED", "alice", "user:bob"),
        ("SHARE_REVOKED", "alice", "AUTHENTICATED"),
        ("DOWNLOAD_REFUSED", "bob", "ACCESS_REVOKED"),
        ("TRASHED", "alice", "-"),
        ("RESTORED", "alice", "-"),
    ];
    let expected = expected.map(|(kind, who, detail)| (kind.into(), who.into(), detail.into()));
    assert_eq!(trail(&alice, &file).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_no_more_is_told_by_id() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let id = bob.ask("{ me { id } }").await.text("/me/id");
    let file = alice.upload("a.txt", b"a").await;
    let share = alice.share_with(&file, "bob").await;
    assert_eq!(trail(&alice, &file).await[1].2, "user:bob");
    let gone = server.app.db.write(|transaction| {
        Box::pin(async {
            let delete = "DELETE FROM \"user\" WHERE username = 'bob'";
            transaction.execute_unprepared(delete).await?;
            Ok(())
        })
    });
    gone.await.unwrap();

    alice.revoke(&share).await.data("/revokeShare");

    let told = trail(&alice, &file).await;
    let told = told
        .iter()
        .map(|(kind, _, detail)| [&kind[..], &detail[..]]);
    assert_eq!(
        told.collect::<Vec<_>>()[1..],
        [["SHARED", &id], ["SHARE_REVOKED", &id]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_are_recorded_and_refused_ones_without_what_was_typed() {
    let server = TestApp::start().await;
    server.person("alice").await;
    let visitor = server.anonymous();
    let typed = "my-secret-passphrase";
    for (username, password) in [("alice", typed), (typed, PASSWORD), (PASSWORD, typed)] {
        visitor.sign_in(username, password).await;
    }
    visitor.sign_in("alice", PASSWORD).await.data("/signIn");

    server
        .eventually("the sign-ins are written", async |server| {
            count(server, "SIGNED_IN").await == 1 && count(server, "SIGN_IN_REFUSED").await == 3
        })
        .await;
    let named =
        "SELECT COUNT(*) AS number FROM event WHERE kind = 'SIGN_IN_REFUSED' AND detail = 'alice'";
    assert_eq!(server.number(named).await, 1, "the account that was tried");
    let from = "SELECT CAST(SUM(count) AS BIGINT) AS number FROM event WHERE address = '127.0.0.1'";
    assert_eq!(server.number(from).await, 5, "the client's address");
    let rows = rows(&server).await;
    for secret in [typed, PASSWORD] {
        assert!(!rows.contains(secret), "{secret}: {rows}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_user_s_name_reads_like_another_word_of_the_trail() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let everyone = alice.share_with_everyone(&file).await;
    alice.revoke(&everyone).await.data("/revokeShare");
    let mut others = vec!["-".to_owned()];
    others.extend(trail(&alice, &file).await.into_iter().map(|event| event.2));
    for name in [
        "AUTHENTICATED",
        "everyone",
        "user",
        "null",
        "ACCESS_REVOKED",
    ] {
        server.person(name).await;
        let share = alice.share_with(&file, name).await;
        alice.revoke(&share).await.data("/revokeShare");
        let told = trail(&alice, &file).await;
        for (kind, _, detail) in &told[told.len() - 2..] {
            assert_eq!(*detail, format!("user:{name}"), "{kind}");
            assert!(!others.contains(detail), "{kind}: {detail}");
        }
        accounts::set_disabled(&server.app, name, true)
            .await
            .unwrap();
        let named = format!(
            "SELECT COUNT(*) AS number FROM event WHERE kind = 'ACCOUNT_DISABLED' AND detail = 'user:{name}'"
        );
        assert_eq!(server.number(&named).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_in_a_session_are_in_the_trail() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let typed = "my-secret-passphrase";
    let change =
        "mutation($c: String!) { changePassword(current: $c, new: \"a new one, please\") { id } }";
    for _ in 0..3 {
        let answer = alice.ask_with(change, json!({ "c": typed })).await;
        assert_eq!(answer.field(), "current");
    }
    let id = alice.ask("{ me { id } }").await.text("/me/id");

    let server = server.restart_with(|_| {}).await;

    let events = server
        .app
        .db
        .all(entity::event::Entity::find())
        .await
        .unwrap();
    let refused: Vec<_> = events
        .iter()
        .filter(|event| event.kind == Kind::PasswordChangeRefused)
        .collect();
    assert_eq!(refused.iter().map(|event| event.count).sum::<i32>(), 3);
    for event in refused {
        assert_eq!(event.actor_id.unwrap().to_string(), id);
        assert_eq!(event.address.as_deref(), Some("127.0.0.1"));
        assert_eq!(event.detail, None);
    }
    assert!(!rows(&server).await.contains(typed));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_is_paged_and_for_the_owner_alone() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("0.txt", b"a").await;
    alice.share_with(&file, "bob").await;
    for n in 1..=23 {
        let rename =
            format!("mutation($f: ID!) {{ renameFile(id: $f, name: \"{n}.txt\") {{ id }} }}");
        alice
            .ask_with(&rename, json!({ "f": file }))
            .await
            .data("/renameFile");
    }

    let mut names = Vec::new();
    let mut after = Value::Null;
    loop {
        let variables = json!({ "f": file, "first": 10, "after": after });
        let page = alice.ask_with(EVENTS, variables).await.data("/file/events");
        for edge in page["edges"].as_array().unwrap() {
            let at = edge["node"]["at"].as_str().unwrap();
            use time::{OffsetDateTime, format_description::well_known::Rfc3339};
            assert!(
                OffsetDateTime::parse(at, &Rfc3339).is_ok() && at.ends_with('Z'),
                "{at}"
            );
            names.push(edge["node"]["detail"].as_str().unwrap().to_owned());
            after = edge["cursor"].clone();
        }
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    let newest_first: Vec<_> = (1..=23).rev().map(|n| format!("{n}.txt")).collect();
    assert_eq!(names[..23], newest_first);
    assert_eq!(names[23..], ["user:bob", "0.txt"]);

    let recipient = bob.ask_with(EVENTS, json!({ "f": file })).await;
    assert_eq!(recipient.code(), "FORBIDDEN");
    let stranger = server
        .person("carol")
        .await
        .ask_with(EVENTS, json!({ "f": file }))
        .await;
    assert_eq!(stranger.code(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_does_not_wait_for_its_event_to_be_written() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let ticket = alice.ticket(&file).await;
    let (holding, held) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    let app = server.app.clone();
    let writer = tokio::spawn(async move {
        let hold = app.db.write(move |transaction| {
            Box::pin(async move {
                if transaction.get_database_backend() == DbBackend::Postgres {
                    transaction.execute_unprepared("LOCK TABLE event").await?;
                }
                holding.send(()).unwrap();
                let _ = released.await;
                Ok(())
            })
        });
        hold.await
    });
    held.await.unwrap();

    let download = tokio::time::timeout(Duration::from_secs(5), alice.get(&ticket)).await;

    assert_eq!(
        download.expect("it waits for the database's writer").status,
        200
    );
    release.send(()).unwrap();
    writer.await.unwrap().unwrap();
    trail_of(&server, &alice, &file, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_writes_every_event_that_waits() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    for _ in 0..10_000 {
        events::enqueue(&server.app, None, || Event::new(Kind::SignedOut));
    }
    // A write of the first is under way when the last ones come.
    server
        .eventually("some are written", async |server| {
            count(server, "SIGNED_OUT").await > 0
        })
        .await;
    assert_eq!(alice.get(&alice.ticket(&file).await).await.status, 200);

    let server = server.restart_with(|_| {}).await;

    assert_eq!(count(&server, "SIGNED_OUT").await, 10_000);
    assert_eq!(count(&server, "DOWNLOADED").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_events_go_and_newer_ones_stay() {
    let server = TestApp::start_with(|options| options.event_ttl = "10d".into()).await;
    let alice = server.person("alice").await;
    let file = alice.upload("old.txt", b"a").await;
    let day = Duration::from_secs(24 * 60 * 60);
    server.advance(day * 6);
    alice.share_with_everyone(&file).await;
    server.sweep().await;
    assert_eq!(trail(&alice, &file).await.len(), 2);

    server.advance(day * 5);
    server.sweep().await;

    let kinds: Vec<_> = trail(&alice, &file)
        .await
        .into_iter()
        .map(|event| event.0)
        .collect();
    assert_eq!(kinds, ["SHARED"]);
    assert_eq!(count(&server, "SIGNED_UP").await, 0);
}
