//! The audit trail: what happens again is counted once for each ticket, and merged into one event.

use std::time::Duration;

use reqwest::header::RANGE;
use serde_json::json;

use crate::support::{Download, TestApp};

use super::audit::{count, events_of};

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

/// A download manager looks first, with HEAD, and then gets.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_a_ticket_is_no_download_and_the_download_after_it_counts() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let direct = server.another_direct().await;
    let tickets = [alice.ticket(&file).await, alice.ticket(&file).await];
    let looked_at_only = alice.ticket(&file).await;
    // By nginx, which asks the application by HEAD, too; and by the process itself.
    let urls = [
        tickets[0].clone(),
        tickets[1].replace(&server.base, &direct.base),
    ];
    let look = async |url: &String| {
        let looked = alice.client.head(url).send().await.unwrap();
        assert_eq!(looked.status(), 200);
        assert_eq!(looked.headers()["content-length"], "1");
    };
    look(&looked_at_only).await;
    for url in &urls {
        look(url).await;
        assert_eq!(alice.get(url).await.bytes, b"a");
        look(url).await;
    }

    direct.stop().await;
    let server = server.restart_with(|_| {}).await;
    assert_eq!(count(&server, "DOWNLOADED").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_of_one_user_within_a_minute_are_one_event_with_a_count() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let (file, other) = (
        alice.upload("a.txt", b"a").await,
        alice.upload("b.txt", b"b").await,
    );
    for file in [&file, &other] {
        alice.share_with(file, "bob").await;
    }
    // Over several writes of what waits.
    for round in 1..=3 {
        for _ in 0..10 {
            assert_eq!(bob.get(&bob.ticket(&file).await).await.status, 200);
        }
        server
            .eventually("the downloads are written", async |server| {
                count(server, "DOWNLOADED").await == 10 * round
            })
            .await;
    }
    assert_eq!(events_of(&server, "DOWNLOADED").await, 1);
    let query =
        "query($f: ID!) { file(id: $f) { events(first: 1) { edges { node { kind count } } } } }";
    let newest = alice.ask_with(query, json!({ "f": file })).await;
    assert_eq!(
        newest.data("/file/events/edges/0/node"),
        json!({ "kind": "DOWNLOADED", "count": 30 })
    );

    // Another user, another file, another minute: other events.
    for (person, file) in [(&alice, &file), (&bob, &other)] {
        assert_eq!(person.get(&person.ticket(file).await).await.status, 200);
    }
    server.advance(Duration::from_secs(61));
    assert_eq!(bob.get(&bob.ticket(&file).await).await.status, 200);
    let server = server.restart_with(|_| {}).await;
    assert_eq!(count(&server, "DOWNLOADED").await, 33);
    assert_eq!(events_of(&server, "DOWNLOADED").await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_that_come_again_within_a_minute_are_one_event_with_a_count() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"a").await;
    let share = alice.share_with(&file, "bob").await;
    let mut tickets = Vec::new();
    for _ in 0..5 {
        tickets.push(bob.ticket(&file).await);
    }
    alice.revoke(&share).await.data("/revokeShare");
    for ticket in &tickets {
        assert_eq!(bob.get(ticket).await.code(), "ACCESS_REVOKED");
    }
    for _ in 0..5 {
        server
            .anonymous()
            .sign_in("alice", "not the password")
            .await;
    }

    let server = server.restart_with(|_| {}).await;

    for kind in ["DOWNLOAD_REFUSED", "SIGN_IN_REFUSED"] {
        assert_eq!(count(&server, kind).await, 5, "{kind}");
        assert_eq!(events_of(&server, kind).await, 1, "{kind}");
    }
}

/// Which of two instances writes first is told by the table alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_another_instance_has_recorded_takes_no_other_s_count() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let other = server.another().await;
    let (first, second) = (alice.ticket(&file).await, alice.ticket(&file).await);
    let elsewhere = first.replace(&server.base, &other.base);
    assert_eq!(alice.get(&elsewhere).await.status, 200);
    server
        .eventually("it is written", async |server| {
            count(server, "DOWNLOADED").await == 1
        })
        .await;

    for ticket in [&first, &second] {
        assert_eq!(alice.get(ticket).await.status, 200);
    }
    other.stop().await;
    let server = server.restart_with(|_| {}).await;

    assert_eq!(count(&server, "DOWNLOADED").await, 2);
}

/// The second ticket of the same file within a minute is counted by the event of the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_counts_once_whichever_instances_and_events_it_meets() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    let other = server.another().await;
    let mut tickets = Vec::new();
    for _ in 0..3 {
        tickets.push(alice.ticket(&file).await);
    }
    let here = async |ticket: &String| assert_eq!(alice.get(ticket).await.status, 200);
    let there = async |ticket: &String| here(&ticket.replace(&server.base, &other.base)).await;
    let written = async |number: i64| {
        server
            .eventually("the downloads are written", async |server| {
                count(server, "DOWNLOADED").await == number
            })
            .await;
    };
    for (n, ticket) in tickets.iter().enumerate() {
        here(ticket).await;
        // In a write of its own, so that it is added to a row.
        written(i64::try_from(n).unwrap() + 1).await;
    }

    for ticket in &tickets {
        there(ticket).await;
    }
    other.stop().await;
    // What an instance has in memory does not survive a restart.
    let port = server.base.clone();
    let server = server.restart_with(|_| {}).await;
    for ticket in &tickets {
        assert_eq!(
            alice.get(&ticket.replace(&port, &server.base)).await.status,
            200
        );
    }
    let server = server.restart_with(|_| {}).await;

    assert_eq!(count(&server, "DOWNLOADED").await, 3);
    assert_eq!(events_of(&server, "DOWNLOADED").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_fetched_all_day_fill_no_table() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    for _ in 0..60 {
        assert_eq!(alice.get(&alice.ticket(&file).await).await.status, 200);
    }
    server
        .eventually("the downloads are written", async |server| {
            count(server, "DOWNLOADED").await == 60
        })
        .await;
    assert!(server.rows("event_once").await <= 20);

    server.advance(Duration::from_secs(26 * 60 * 60));
    server.sweep().await;

    assert_eq!(server.rows("event_once").await, 0);
}
