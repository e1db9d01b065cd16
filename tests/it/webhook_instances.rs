//! Webhooks of several instances: each event is told once and in order, by one of them at a time.

use std::{collections::BTreeMap, time::Duration};

use cloakroom::{domain::webhooks, random};
use entity::{Timestamp, concern, event};
use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    Database, TestApp,
    receiver::{Delivery, Receiver, Reply},
    rows,
};

const ROUNDS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn instances_tell_each_event_once_in_order_and_one_at_a_time() {
    let receiver = Receiver::start().await;
    let first = TestApp::start_with(|options| {
        options.webhook_networks = "127.0.0.1".to_owned();
    })
    .await;
    let others = [first.another().await, first.another().await];
    let kinds = ["UPLOADED", "RENAMED", "TRASHED"].map(str::to_owned);
    webhooks::add(&first.app, &receiver.url(), &kinds)
        .await
        .unwrap();
    receiver.answer(Reply::Slowly);
    let alice = first.person("alice").await;
    let servers = [&first, &others[0], &others[1]];
    let work = (0..ROUNDS).map(async |round| {
        let at = |step: usize| alice.at(&servers[(round + step) % servers.len()].base);
        let file = at(0).upload("a.txt", b"x").await;
        let rename = "mutation($f: ID!) { renameFile(id: $f, name: \"b.txt\") { id } }";
        let renamed = at(1).ask_with(rename, json!({ "f": file })).await;
        renamed.data("/renameFile");
        at(2).delete(&file).await.data("/deleteFile");
        file
    });
    let files = join_all(work).await;

    let came = receiver.wait_for(3 * ROUNDS).await;
    let mut of_file: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for delivery in &came {
        let file = delivery.event["object"]["id"].as_str().unwrap();
        of_file.entry(file).or_default().push(delivery.kind());
    }
    assert_eq!(of_file.len(), files.len());
    for (file, kinds) in of_file {
        assert_eq!(kinds, ["UPLOADED", "RENAMED", "TRASHED"], "{file}");
    }
    let places: Vec<_> = came.iter().map(Delivery::place).collect();
    assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
    assert_eq!(receiver.most_at_once(), 1);
}

/// On PostgreSQL, where an event gets its place after its commit.
#[tokio::test(flavor = "multi_thread")]
async fn events_have_their_places_in_the_order_of_writing_whatever_clocks_say() {
    if let Database::Sqlite = Database::chosen() {
        return;
    }
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let me = alice.ask("{ me { id } }").await.text("/me/id");
    let me: Uuid = me.parse().unwrap();
    let now = server.app.clock.now();
    let before: Vec<_> = std::iter::repeat_with(|| {
        let at = Timestamp(now.0 - 1000);
        (at, random::id(at))
    })
    .take(5)
    .collect();
    // Whoever wrote first has a clock that is ahead.
    let ahead = (Timestamp(now.0 + 5000), random::id(Timestamp(now.0 + 5000)));
    let written: Vec<_> = [ahead]
        .into_iter()
        .chain(before.into_iter().rev())
        .collect();
    let events = written.iter().map(|(at, id)| event::Model {
        id: *id,
        at: *at,
        kind: event::Kind::Renamed,
        actor_kind: event::ActorKind::User,
        actor_id: Some(me),
        object_kind: None,
        object_id: None,
        audience: None,
        audience_id: None,
        address: None,
        detail: None,
        count: 1,
        owner_id: None,
    });
    rows::insert(&server.app.db, events.collect()).await;
    let concerns = written.iter().zip(1_000_000..);
    let concerns = concerns.map(|((_, event_id), id)| concern::Model {
        id,
        seq: None,
        reader: concern::Reader::User,
        reader_id: me,
        event_id: *event_id,
    });
    rows::insert(&server.app.db, concerns.collect()).await;

    let waiting = "SELECT count(*) AS number FROM concern WHERE seq IS NULL";
    server
        .eventually("all have places", async |server| {
            rows::number(&server.app.db, waiting).await == 0
        })
        .await;
    let order = "SELECT CAST(event_id AS TEXT), kind FROM concern JOIN event ON event.id = event_id \
         WHERE kind = 'RENAMED' ORDER BY seq";
    let placed = rows::pairs(&server.app.db, order).await;
    let placed: Vec<_> = placed.into_iter().map(|(id, _)| id).collect();
    let expected: Vec<_> = written.iter().map(|(_, id)| id.to_string()).collect();
    assert_eq!(placed, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_instance_that_has_died_held_another_goes_on_with() {
    let receiver = Receiver::start().await;
    let first = TestApp::start_with(|options| {
        options.webhook_networks = "127.0.0.1".to_owned();
    })
    .await;
    let kinds = ["UPLOADED".to_owned()];
    webhooks::add(&first.app, &receiver.url(), &kinds)
        .await
        .unwrap();
    // As one leaves it that was killed.
    let held = format!(
        "UPDATE webhook SET holder = {}, held_until = {}",
        match Database::chosen() {
            Database::Sqlite => "x'000102030405060708090a0b0c0d0e0f'",
            Database::Postgres(_) => "'00010203-0405-0607-0809-0a0b0c0d0e0f'",
        },
        first.app.clock.now().0 + 25_000
    );
    rows::run(&first.app.db, &held).await;
    // Nobody holds the second one, which is looked for together with the first.
    let free = Receiver::start().await;
    webhooks::add(&first.app, &free.url(), &kinds)
        .await
        .unwrap();
    let alice = first.person("alice").await;
    first.advance(Duration::from_secs(24));
    for number in 1..=3 {
        alice.upload("a.txt", b"x").await;
        free.wait_for(number).await;
    }
    assert!(receiver.came().is_empty(), "somebody else sends");

    first.advance(Duration::from_secs(2));
    receiver.wait_for(3).await;
}
