//! `events`: what concerns somebody, newest first.

use std::time::{Duration, Instant};

use cloakroom::random;
use entity::{concern, event, feed_position, group_member, user};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Person, TestApp, rows};

async fn kinds(person: &Person, arguments: &str) -> Vec<String> {
    let query = format!("{{ events({arguments}) {{ edges {{ node {{ kind }} }} }} }}");
    let edges = person.ask(&query).await.data("/events/edges");
    let edges = edges.as_array().unwrap().iter();
    edges
        .map(|edge| edge["node"]["kind"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_has_what_one_did_and_what_happened_to_one() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let file = alice.upload("a.txt", b"x").await;
    let share = alice.share_with(&file, "bob").await;
    let rename = "mutation($f: ID!) { renameFile(id: $f, name: \"b.txt\") { id } }";
    alice
        .ask_with(rename, json!({ "f": file }))
        .await
        .data("/renameFile");
    alice.revoke(&share).await.data("/revokeShare");
    let drop = alice.drop_with(json!({})).await;
    let visitor = server.anonymous().dropping(&drop.token, None);
    visitor.leave("left.txt", b"hello").await.data("/dropFile");

    // Newest first; on PostgreSQL an event is there a moment after it happened.
    let all = [
        "UPLOADED",
        "DROP_CREATED",
        "SHARE_REVOKED",
        "RENAMED",
        "SHARED",
        "UPLOADED",
        "SIGNED_UP",
    ];
    server
        .eventually("all is there", async |_| {
            kinds(&alice, "first: 100").await == all
        })
        .await;
    assert_eq!(
        kinds(&bob, "first: 20").await,
        ["SHARE_REVOKED", "SHARED", "SIGNED_UP"]
    );
    assert_eq!(kinds(&carol, "first: 20").await, ["SIGNED_UP"]);

    // By pages, from either end.
    for (size, bound, at, steps) in [
        (
            "first",
            "after",
            "endCursor",
            [&all[..3], &all[3..6], &all[6..]],
        ),
        (
            "last",
            "before",
            "startCursor",
            [&all[4..], &all[1..4], &all[..1]],
        ),
    ] {
        let mut arguments = format!("{size}: 3");
        for expected in steps {
            assert_eq!(kinds(&alice, &arguments).await, expected, "{arguments}");
            let query = format!(
                "{{ events({arguments}) {{ pageInfo {{ {at} hasNextPage hasPreviousPage }} }} }}"
            );
            let info = alice.ask(&query).await.data("/events/pageInfo");
            arguments = format!("{size}: 3, {bound}: {}", info[at]);
            let ahead = if size == "first" {
                "hasNextPage"
            } else {
                "hasPreviousPage"
            };
            assert_eq!(info[ahead], json!(expected.len() == 3), "{arguments}");
        }
    }

    // What one may not see any more is an id; and what is another's alone is not told.
    let query = "{ events { edges { node { id kind fileId detail file { name } share { id } drop { id } } } } }";
    let seen = bob.ask(query).await;
    for at in [0, 1] {
        let node = seen.data(&format!("/events/edges/{at}/node"));
        assert_eq!(
            (
                &node["fileId"],
                &node["file"],
                &node["share"],
                &node["drop"]
            ),
            (&json!(file), &Value::Null, &Value::Null, &Value::Null)
        );
        let again = "query($id: ID!) { node(id: $id) { ... on Event { kind } } }";
        let variables = json!({ "id": node["id"] });
        assert_eq!(
            bob.ask_with(again, variables.clone())
                .await
                .data("/node/kind"),
            node["kind"]
        );
        assert_eq!(
            carol.ask_with(again, variables).await.data("/node"),
            Value::Null
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_step_of_the_schema_finds_whom_events_concern() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"x").await;
    alice.share_with(&file, "bob").await;
    alice.share_with_everyone(&file).await;
    let url = bob.ticket(&file).await;
    bob.get(&url).await;
    let expected = ["DOWNLOADED", "SHARED", "SHARED", "UPLOADED", "SIGNED_UP"];
    server
        .eventually("the download is there", async |_| {
            kinds(&alice, "first: 20").await == expected
        })
        .await;
    let bobs = kinds(&bob, "first: 20").await;
    let steps =
        "SELECT COUNT(*) AS number FROM seaql_migrations WHERE version >= 'm20261124_000022'";
    let steps = u32::try_from(server.number(steps).await).unwrap();
    server.app.db.migrate_down(steps).await.unwrap();
    server.app.db.migrate().await.unwrap();
    assert_eq!(kinds(&alice, "first: 20").await, expected);
    assert_eq!(kinds(&bob, "first: 20").await, bobs);
    alice.upload("b.txt", b"x").await;
    server
        .eventually("it goes on", async |_| {
            kinds(&alice, "first: 1").await == ["UPLOADED"]
        })
        .await;
}

/// An event has a row for each whom it concerns: nobody writes many of them by few changes.
#[tokio::test(flavor = "multi_thread")]
async fn what_many_hear_of_counts_as_more_than_one_change() {
    let server = TestApp::start_with(|options| options.changes_per_hour = "40".into()).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"x").await;
    for n in 0..20 {
        let name = format!("user{n}");
        server.person(&name).await;
        alice.share_with(&file, &name).await;
    }
    let restore = "mutation($f: ID!) { restoreFile(id: $f) { id } }";
    let mut restored = 0;
    loop {
        alice.delete(&file).await.data("/deleteFile");
        let answer = alice.ask_with(restore, json!({ "f": file })).await;
        if answer.code() == "RATE_LIMITED" {
            break;
        }
        answer.data("/restoreFile");
        restored += 1;
    }
    // Three changes each, of the twenty that were left; some come back meanwhile.
    assert!((6..=8).contains(&restored), "{restored}");
}

/// Of a group, too, whatever it is that its members hear of.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_large_group_hears_of_counts_as_more_than_one_change() {
    let server = TestApp::start_with(|options| options.changes_per_hour = "20".into()).await;
    let (alice, db) = (server.person("alice").await, &server.app.db);
    let file = alice.upload("a.txt", b"x").await;
    let group = alice.group_of(&[]).await;
    let like = db.one(user::Entity::find()).await.unwrap().unwrap();
    let users = (0..500).map(|n| user::Model {
        id: random::id(server.app.clock.now()),
        username: format!("user{n}"),
        username_key: format!("user{n}"),
        ..like.clone()
    });
    let users: Vec<_> = users.collect();
    let members = users.iter().map(|user| group_member::Model {
        group_id: group.parse().unwrap(),
        user_id: user.id,
        joined_after: 0,
    });
    let members = members.collect();
    rows::insert(db, users).await;
    rows::insert(db, members).await;

    let mut heard = 0;
    for n in 0.. {
        let query = "mutation($g: ID!, $n: String!) { made: renameGroup(id: $g, name: $n) { id } }";
        let name = json!({ "g": group, "n": format!("name {}", n / 2) });
        let renamed = alice.ask_with(query, name).await;
        let shared = alice.ask_share_with_group(&file, &group, Value::Null).await;
        heard += usize::from(shared.code().is_empty());
        if renamed.code() == "RATE_LIMITED" && shared.code() == "RATE_LIMITED" {
            break;
        }
    }
    // A share costs three of the nineteen that are left, a new name as well, and the same name one.
    assert!((3..=5).contains(&heard), "{heard}");
}

/// A page is as quick whether ten events lie behind it or forty thousand do; on this machine, whatever it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_feed_takes_no_longer_for_the_events_behind_it() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    for at in 0..10 {
        alice.group_of(&[]).await;
        alice.upload(&at.to_string(), b"x").await;
    }
    server
        .eventually("all is there", async |_| {
            kinds(&alice, "first: 100").await.len() == 21
        })
        .await;
    let quickest = async || {
        let mut quickest = Duration::MAX;
        for _ in 0..10 {
            let began = Instant::now();
            kinds(&alice, "first: 10").await;
            kinds(&alice, "last: 10").await;
            quickest = quickest.min(began.elapsed());
        }
        quickest
    };
    let few = quickest().await;

    let database = &server.app.db;
    let like = database.one(event::Entity::find()).await.unwrap().unwrap();
    let newest = database
        .one(feed_position::Entity::find())
        .await
        .unwrap()
        .unwrap();
    let owner_id = like.actor_id.unwrap();
    let (mut events, mut concerns) = (Vec::new(), Vec::new());
    for at in 0..40_000 {
        let event = event::Model {
            id: random::id(server.app.clock.now()),
            ..like.clone()
        };
        // Half of them are others'.
        let reader_id = if at % 2 == 0 {
            owner_id
        } else {
            Uuid::from_u128(7)
        };
        concerns.push(concern::Model {
            id: 1_000_000 + at,
            seq: Some(newest.last + at),
            reader: concern::Reader::User,
            reader_id,
            event_id: event.id,
        });
        events.push(event);
    }
    rows::insert(database, events).await;
    rows::insert(database, concerns).await;

    let many = quickest().await;
    assert!(many < few * 4, "{few:?} before, {many:?} after");
}
