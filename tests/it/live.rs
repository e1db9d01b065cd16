//! The live feed: each event once, and none missed.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    Cluster, Database, Person, TestApp,
    live::{BEGINNING, Live},
};

/// A file's new name; what clients see of it as an event's detail.
pub async fn rename(person: &Person, file: &str, name: &str) {
    let query = "mutation($f: ID!, $n: String!) { renameFile(id: $f, name: $n) { name } }";
    let answer = person
        .ask_with(query, json!({ "f": file, "n": name }))
        .await;
    answer.data("/renameFile");
}

/// The next event of this kind.
pub async fn event_of(live: &mut Live, kind: &str) -> Value {
    loop {
        let event = live.event().await;
        if event["kind"] == kind {
            return event;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_as_they_happen_to_whom_they_concern() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let group = alice.group_of(&["carol"]).await;
    let file = alice.upload("a.txt", b"x").await;
    let fields = "kind detail fileId file { name } user { username }";
    let mut lives = Vec::new();
    for person in [&alice, &bob, &carol] {
        let mut live = Live::open(person).await;
        live.follow(None, fields).await;
        lives.push(live);
    }
    // Subscribed for certain.
    for live in &mut lives {
        live.say(json!({ "type": "ping" })).await;
        while live.hear().await["type"] != "pong" {}
    }
    let [of_alice, of_bob, of_carol] = &mut lives[..] else {
        unreachable!()
    };

    let share = alice.share_with(&file, "bob").await;
    let seen = event_of(of_alice, "SHARED").await;
    let expected = json!({ "kind": "SHARED", "detail": "user:bob", "fileId": file, "file": { "name": "a.txt" },
        "user": { "username": "alice" } });
    assert_eq!(seen, expected);
    assert_eq!(event_of(of_bob, "SHARED").await, expected);

    alice.revoke(&share).await.data("/revokeShare");
    let seen = event_of(of_bob, "SHARE_REVOKED").await;
    assert_eq!(
        (&seen["fileId"], &seen["file"]),
        (&json!(file), &Value::Null)
    );
    event_of(of_alice, "SHARE_REVOKED").await;

    let with_group = alice.ask_share_with_group(&file, &group, Value::Null).await;
    with_group.text("/share/id");
    let seen = event_of(of_carol, "SHARED").await;
    assert_eq!(
        (&seen["detail"], &seen["file"]["name"]),
        (&json!("group:Friends"), &json!("a.txt"))
    );

    // What goes to the trash is taken from them.
    alice.delete(&file).await.data("/deleteFile");
    let seen = event_of(of_carol, "TRASHED").await;
    assert_eq!(
        (&seen["fileId"], &seen["file"]),
        (&json!(file), &Value::Null)
    );
    let restore = "mutation($f: ID!) { restoreFile(id: $f) { id } }";
    let restored = alice.ask_with(restore, json!({ "f": file })).await;
    restored.data("/restoreFile");
    let seen = event_of(of_carol, "RESTORED").await;
    assert_eq!(seen["file"]["name"], "a.txt");

    // What everyone may see tells its owner alone.
    alice.share_with_everyone(&file).await;
    event_of(of_alice, "SHARED").await;
    let seen = event_of(of_alice, "SHARED").await;
    assert_eq!(seen["detail"], "AUTHENTICATED");

    // What carol does with it concerns its owner, and not bob.
    let url = carol.ticket(&file).await;
    carol.get(&url).await;
    let seen = event_of(of_alice, "DOWNLOADED").await;
    assert_eq!(seen["user"]["username"], "carol");
    event_of(of_carol, "DOWNLOADED").await;
    let delete = "mutation($g: ID!) { deleteGroup(id: $g) }";
    alice
        .ask_with(delete, json!({ "g": group }))
        .await
        .data("/deleteGroup");
    event_of(of_carol, "GROUP_DELETED").await;
    assert!(of_bob.is_silent(Duration::from_millis(300)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_goes_on_where_it_was_left() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"x").await;
    for name in ["1", "2", "3"] {
        rename(&alice, &file, name).await;
    }
    let mut live = Live::open(&alice).await;
    live.follow(Some(BEGINNING), "kind detail cursor").await;
    let mut cursors = BTreeMap::new();
    for expected in ["SIGNED_UP", "UPLOADED", "RENAMED", "RENAMED", "RENAMED"] {
        let event = live.event().await;
        assert_eq!(event["kind"], expected);
        cursors.insert(event["detail"].to_string(), event["cursor"].clone());
    }
    rename(&alice, &file, "4").await;
    assert_eq!(live.event().await["detail"], "4");

    // The cursor of an edge of the query, of the file's own trail, and of an event are the same.
    let query = "query($f: ID!) { events(first: 3) { edges { cursor node { cursor detail } } }
        file(id: $f) { events(first: 3) { edges { cursor node { detail } } } } }";
    let lists = alice.ask_with(query, json!({ "f": file })).await;
    for at in 0..3 {
        let edge = lists.data(&format!("/events/edges/{at}"));
        assert_eq!(edge["cursor"], edge["node"]["cursor"]);
        let of_file = lists.data(&format!("/file/events/edges/{at}"));
        assert_eq!(
            (&of_file["cursor"], &of_file["node"]["detail"]),
            (&edge["cursor"], &edge["node"]["detail"])
        );
    }
    let after = cursors[&json!("2").to_string()].as_str().unwrap();
    let mut again = Live::open(&alice).await;
    again.follow(Some(after), "detail").await;
    assert_eq!(again.event().await["detail"], "3");
    assert_eq!(again.event().await["detail"], "4");
    assert!(again.is_silent(Duration::from_millis(300)).await);

    again.say(json!({ "id": "1", "type": "complete" })).await;
    again.follow(Some("no cursor"), "detail").await;
    let error = again.hear().await;
    assert_eq!(
        (&error["type"], &error["id"]),
        (&json!("error"), &json!("1"))
    );
    assert_eq!(error["payload"][0]["extensions"]["code"], "BAD_USER_INPUT");
}

/// Two instances write at once, and the client comes back to the one or the other, in the middle of it all.
#[tokio::test(flavor = "multi_thread")]
async fn each_event_comes_once_and_none_is_missed_whatever_happens() {
    let server = TestApp::start_with(|options| options.changes_per_hour = "1000000".into()).await;
    let other = server.another_direct().await;
    let alice = server.person("alice").await;
    let mut files = Vec::new();
    for at in 0..6 {
        files.push(alice.upload(&format!("{at}"), b"x").await);
    }
    let renames = files.iter().enumerate().map(|(writer, file)| {
        let at = if writer % 2 == 0 {
            &server.base
        } else {
            &other.base
        };
        let (person, file) = (alice.at(at), file.clone());
        tokio::spawn(async move {
            for number in 0..30 {
                rename(&person, &file, &format!("w{writer} n{number}")).await;
            }
        })
    });
    let writers: Vec<_> = renames.collect();
    let (mut seen, mut last) = (Vec::new(), BEGINNING.to_owned());
    let mut connections = 0;
    while seen
        .iter()
        .filter(|detail: &&String| detail.starts_with('w'))
        .count()
        < 180
    {
        let at = if connections % 2 == 0 {
            &other.base
        } else {
            &server.base
        };
        connections += 1;
        let mut live = Live::open(&alice.at(at)).await;
        live.follow(Some(&last), "detail cursor").await;
        for _ in 0..23 {
            let event = live.event().await;
            seen.push(event["detail"].as_str().unwrap_or_default().to_owned());
            last = event["cursor"].as_str().unwrap().to_owned();
            if seen.iter().filter(|detail| detail.starts_with('w')).count() == 180 {
                break;
            }
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let mut renamed: Vec<_> = seen.iter().filter(|it| it.starts_with('w')).collect();
    renamed.sort();
    renamed.dedup();
    assert_eq!(renamed.len(), 180, "an event came twice");
    // Each writer's own come in its order.
    for writer in 0..6 {
        let of_writer: Vec<_> = seen
            .iter()
            .filter_map(|it| {
                it.strip_prefix(&format!("w{writer} n"))?
                    .parse::<u32>()
                    .ok()
            })
            .collect();
        assert_eq!(of_writer, (0..30).collect::<Vec<_>>(), "writer {writer}");
    }
    let mut live = Live::open(&alice).await;
    live.follow(Some(&last), "detail").await;
    assert!(live.is_silent(Duration::from_millis(700)).await);
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_sends_clients_away_to_come_back() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let mut live = Live::open(&alice).await;
    live.follow(None, "cursor detail").await;
    let file = alice.upload("a", b"x").await;
    // On PostgreSQL, what came before may get its place only now.
    let last = loop {
        let event = live.event().await;
        if event["detail"] == "a" {
            break event["cursor"].as_str().unwrap().to_owned();
        }
    };
    let began = Instant::now();
    let (closed, server) = tokio::join!(live.closed(), server.restart_with(|_| {}));
    assert_eq!(closed, 1012);
    assert!(began.elapsed() < Duration::from_secs(10));
    let alice = alice.at(&server.base);
    rename(&alice, &file, "b").await;
    let mut live = Live::open(&alice).await;
    live.follow(Some(&last), "detail").await;
    assert_eq!(live.event().await["detail"], "b");
}

/// On PostgreSQL: nothing is missed while the database is away.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_comes_back_brings_what_happened() {
    if matches!(Database::chosen(), Database::Sqlite) {
        return;
    }
    let cluster = Cluster::start();
    let url = cluster.create().await;
    let server = TestApp::start_with(|options| options.database_url = Some(url)).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a", b"x").await;
    let mut live = Live::open(&alice).await;
    live.follow(None, "detail").await;
    rename(&alice, &file, "1").await;
    while live.event().await["detail"] != "1" {}
    tokio::task::block_in_place(|| {
        cluster.stop();
        cluster.resume();
    });
    let renamed = async {
        loop {
            let query = "mutation($f: ID!) { renameFile(id: $f, name: \"2\") { name } }";
            let answer = alice.ask_with(query, json!({ "f": file })).await;
            if answer.code().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), renamed)
        .await
        .unwrap();
    assert_eq!(live.event().await["detail"], "2");
}
