//! The audit trail: what happened is told once, to the file's owner and the operator, and tells no secret.

use std::time::Duration;

use cloakroom::domain::events::{self, Event};
use entity::event::Kind;
use reqwest::header::RANGE;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::support::{
    Download, Parts, Person, TestApp,
    multipart::CONTENT_TYPE,
    person::PASSWORD,
    program::{Program, Serving},
};

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
async fn trail_of(
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

async fn count(server: &TestApp, kind: &str) -> i64 {
    let query = format!("SELECT COUNT(*) AS number FROM event WHERE kind = '{kind}'");
    server.number(&query).await
}

/// All that the event table holds.
async fn rows(server: &TestApp) -> String {
    let events = entity::event::Entity::find()
        .all(server.app.db.read())
        .await;
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
        ("SHARED", "alice", "bob"),
        ("SHARED", "alice", "AUTHENTICATED"),
        ("DOWNLOADED", "bob", "-"),
        ("SHARE_REVOKED", "alice", "bob"),
        ("SHARE_REVOKED", "alice", "AUTHENTICATED"),
        ("DOWNLOAD_REFUSED", "bob", "ACCESS_REVOKED"),
        ("TRASHED", "alice", "-"),
        ("RESTORED", "alice", "-"),
    ];
    let expected = expected.map(|(kind, who, detail)| (kind.into(), who.into(), detail.into()));
    assert_eq!(trail(&alice, &file).await, expected);
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
    let from = "SELECT COUNT(*) AS number FROM event WHERE address = '127.0.0.1'";
    assert_eq!(server.number(from).await, 4, "the client's address");
    let rows = rows(&server).await;
    for secret in [typed, PASSWORD] {
        assert!(!rows.contains(secret), "{secret}: {rows}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_s_download_counts_once_however_many_ranges_it_took() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", &[b'a'; 1000]).await;
    let other_instance = server.another().await;
    let (first, second) = (alice.ticket(&file).await, alice.ticket(&file).await);
    for n in 0..20 {
        let url = first.replace(&server.base, [&server.base, &other_instance.base][n % 2]);
        let part = alice
            .client
            .get(url)
            .header(RANGE, format!("bytes={n}-{n}"));
        assert_eq!(Download::of(part.send().await.unwrap()).await.status, 206);
    }
    assert_eq!(alice.get(&second).await.status, 200);
    other_instance.stop().await;
    let server = server.restart_with(|_| {}).await;
    assert_eq!(count(&server, "DOWNLOADED").await, 2);
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
    assert_eq!(names[23..], ["bob", "0.txt"]);

    let recipient = bob.ask_with(EVENTS, json!({ "f": file })).await;
    assert_eq!(recipient.code(), "FORBIDDEN");
    let stranger = server
        .person("carol")
        .await
        .ask_with(EVENTS, json!({ "f": file }))
        .await;
    assert_eq!(stranger.code(), "NOT_FOUND");
}

/// A server whose log and database are looked through: everything of value that its clients had.
async fn a_busy_day(server: &Serving) -> Vec<String> {
    let (alice, bob) = (
        Person::anonymous(&server.base),
        Person::anonymous(&server.base),
    );
    alice.sign_up("alice").await;
    bob.sign_up("bob").await;
    let typed = "typed-into-the-wrong-field";
    bob.sign_in(typed, PASSWORD).await;
    bob.sign_in("bob", typed).await;
    bob.sign_in("bob", PASSWORD).await.data("/signIn");
    let token = alice.token("[READ, WRITE]").await;
    let program = alice.with_token(&token);
    let file = program.upload("a.txt", b"a").await;
    alice.share_with(&file, "bob").await;
    let mut secrets: Vec<String> = [PASSWORD, typed, &token].map(str::to_owned).into();
    for person in [&alice, &bob, &program] {
        let ticket = person.ticket(&file).await;
        assert_eq!(person.get(&ticket).await.status, 200);
        assert_eq!(person.get(&format!("{ticket}A")).await.status, 404);
        assert_eq!(
            person.get(&format!("{ticket}?x={ticket}")).await.status,
            200
        );
        secrets.push(ticket.rsplit_once('/').unwrap().1.to_owned());
        secrets.extend(person.cookie().split_once('=').map(|(_, id)| id.to_owned()));
    }
    // A query by GET, whose address holds a variable and a bearer token that is wrong.
    let url = format!(
        "{}/graphql?query={{me{{id}}}}&variables={{\"p\":\"{typed}\"}}",
        server.base
    );
    let wrong = alice.client.get(&url).bearer_auth(format!("{token}x"));
    assert_eq!(wrong.send().await.unwrap().status(), 401);
    let new = "another long password";
    let change =
        "mutation($c: String!, $n: String!) { changePassword(current: $c, new: $n) { id } }";
    alice
        .ask_with(change, json!({ "c": PASSWORD, "n": new }))
        .await
        .data("/changePassword");
    secrets.push(new.to_owned());
    secrets.extend(alice.cookie().split_once('=').map(|(_, id)| id.to_owned()));
    secrets
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_or_in_the_database() {
    for (format, level) in [("json", "info"), ("text", "debug")] {
        let program = Program::new()
            .await
            .set("LOG_FORMAT", format)
            .set("LOG", level);
        let server = program.serve();
        let secrets = a_busy_day(&server).await;
        assert!(secrets.len() >= 9, "{secrets:?}");
        let mut log = server.log().await;
        assert!(
            log.contains("Downloaded") && log.contains("SignInRefused"),
            "{log}"
        );
        // The database, where it is a file; the secret that signs is beside it, not in it.
        let secret = std::fs::read_to_string(program.data_dir().join("secret")).unwrap();
        for entry in std::fs::read_dir(program.data_dir()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && !path.ends_with("secret") {
                log.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
            }
        }
        for secret in secrets.iter().chain([&secret]) {
            assert!(
                !log.contains(secret.as_str()),
                "{secret} can be read ({format})"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_forges_a_line_of_the_log() {
    for format in ["json", "text"] {
        let program = Program::new().await.set("LOG_FORMAT", format);
        let server = program.serve();
        let alice = Person::anonymous(&server.base);
        alice.sign_up("alice").await;
        let forged = "x%0D%0A2031-01-01T00:00:00Z  INFO audit: kind=SignedIn%1B[2J%E2%80%AE.txt";
        let headers =
            format!("Content-Disposition: form-data; name=\"0\"; filename*=UTF-8''{forged}");
        let body = Parts::upload_file().part(&headers, b"x").end();
        let file = alice
            .post_body(CONTENT_TYPE, body)
            .await
            .text("/uploadFile/id");
        let hostile = "y\r\n2031-01-01T00:00:00Z  INFO audit: kind=SignedIn \u{1b}[2J \u{2028}\u{85}\u{202e}z";
        for query in [
            "mutation($f: ID!, $n: String!) { renameFile(id: $f, name: $n) { id } }",
            "mutation($n: String!) { createApiToken(name: $n, scopes: [READ]) { secret } }",
            "mutation($n: String!) { signUp(username: $n, password: $n) { id } }",
            "mutation($n: String!) { signIn(username: $n, password: $n) { id } }",
        ] {
            let answer = alice
                .ask_with(query, json!({ "f": file, "n": hostile }))
                .await;
            assert_ne!(answer.code(), "", "{query}");
        }
        let named = "mutation { createApiToken(name: \"\\u2028 \\u202e quoted \\\" name\", scopes: [READ]) { secret } }";
        alice.ask(named).await.text("/createApiToken/secret");

        let log = server.log().await;

        assert!(
            log.contains("Uploaded") && log.contains("ApiTokenCreated"),
            "{log}"
        );
        for line in log.lines() {
            let begins = if format == "json" {
                "{\"timestamp\":\""
            } else {
                "20"
            };
            assert!(
                line.starts_with(begins) && !line.starts_with("2031"),
                "{line:?}"
            );
            assert!(
                !line.contains(|c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)),
                "{line:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_leaves_no_line_in_the_log() {
    let program = Program::new().await.set("LOG_FORMAT", "json");
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let again =
        format!("mutation {{ signUp(username: \"Alice\", password: \"{PASSWORD}\") {{ id }} }}");
    assert_eq!(alice.ask(&again).await.code(), "CONFLICT");
    let file = alice.upload("a.txt", b"a").await;
    assert_eq!(alice.delete(&file).await.code(), "");
    assert_eq!(alice.delete(&file).await.code(), "NOT_FOUND");
    let rename = "mutation($f: ID!) { renameFile(id: $f, name: \"b.txt\") { id } }";
    assert_ne!(
        alice.ask_with(rename, json!({ "f": file })).await.code(),
        ""
    );

    let log = server.log().await;

    let count = |kind: &str| log.matches(&format!("\"kind\":\"{kind}\"")).count();
    let counts = ["SignedUp", "Uploaded", "Trashed", "Renamed"].map(count);
    assert_eq!(counts, [1, 1, 1, 0], "{log}");
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
