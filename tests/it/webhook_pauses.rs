//! Webhooks whose receivers fail: when they are told again, when no more, and what they are never told.

use std::time::Duration;

use cloakroom::domain::webhooks::{self, Waiting};

use crate::{
    support::{
        receiver::{Receiver, Reply},
        rows,
    },
    webhooks::{kinds, nothing_waits, rename, server_telling, webhook},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_after_growing_pauses_and_nothing_overtakes_it() {
    let receiver = Receiver::start().await;
    let (server, ..) = server_telling(&receiver, &["UPLOADED", "RENAMED"]).await;
    let alice = server.person("alice").await;
    receiver.answer(Reply::Status(503));
    let file = alice.upload("a.txt", b"x").await;
    receiver.wait_for(1).await;
    rename(&alice, &file, "b.txt").await;

    for (tries, pause) in [(1, 5), (2, 10), (3, 20), (4, 40)] {
        server
            .eventually("the failure is noted", async |server| {
                let row = webhook(server).await.row;
                row.failures == tries && row.holder.is_none()
            })
            .await;
        let row = webhook(&server).await.row;
        let wait = row.due_at.0 - server.app.clock.now().0;
        assert_eq!(wait, pause * 1000, "after {tries} tries");
        assert_eq!(receiver.came().len(), usize::try_from(tries).unwrap());
        assert!(row.failure.unwrap().contains("503"));
        server.advance(Duration::from_secs(pause.unsigned_abs()));
        receiver.wait_for(usize::try_from(tries).unwrap() + 1).await;
    }
    server
        .eventually("the fifth is noted", async |server| {
            webhook(server).await.row.failures == 5
        })
        .await;
    receiver.answer(Reply::Status(200));
    server.advance(Duration::from_secs(80));

    let came = receiver.wait_for(7).await;
    assert_eq!(kinds(&came), [&["UPLOADED"; 6][..], &["RENAMED"]].concat());
    let ids: Vec<_> = came.iter().map(|it| &it.headers["webhook-id"]).collect();
    assert!(
        ids[..6].iter().all(|id| *id == ids[0]),
        "the same each time"
    );
    server.person("bob").await;
    nothing_waits(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_days_of_failure_a_webhook_is_paused_until_it_is_resumed() {
    let receiver = Receiver::start().await;
    let (server, id, _) = server_telling(&receiver, &["UPLOADED"]).await;
    let alice = server.person("alice").await;
    receiver.answer(Reply::Status(404));
    alice.upload("a.txt", b"x").await;
    receiver.wait_for(1).await;
    let failures = async |number| {
        server
            .eventually("the failure is noted", async |server| {
                webhook(server).await.row.failures == number
            })
            .await;
    };
    failures(1).await;
    server.advance(3 * DAY - Duration::from_secs(1));
    failures(2).await;
    assert_eq!(webhook(&server).await.row.paused_at, None);
    server.advance(Duration::from_secs(10));
    failures(3).await;
    let row = webhook(&server).await.row;
    assert_eq!(row.pause, Some(entity::webhook::Pause::Failing));

    // Nothing comes any more, however much happens.
    server.advance(2 * DAY);
    receiver.answer(Reply::Status(200));
    alice.upload("b.txt", b"x").await;
    assert_eq!(receiver.came().len(), 3);
    let trail = "SELECT count(*) AS number FROM event WHERE kind = 'WEBHOOK_PAUSED'";
    assert_eq!(rows::number(&server.app.db, trail).await, 1);

    webhooks::resume(&server.app, id, Waiting::Send)
        .await
        .unwrap();
    let came = receiver.wait_for(5).await;
    assert_eq!(came[3].headers["webhook-id"], came[0].headers["webhook-id"]);
    assert_ne!(came[4].headers["webhook-id"], came[0].headers["webhook-id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_that_it_is_gone_is_told_no_more_and_the_operator_may_leave_out_what_waits() {
    let receiver = Receiver::start().await;
    let (server, id, _) = server_telling(&receiver, &["UPLOADED"]).await;
    let alice = server.person("alice").await;
    receiver.answer(Reply::Status(410));
    alice.upload("a.txt", b"x").await;
    server
        .eventually("it is paused", async |server| {
            webhook(server).await.row.pause == Some(entity::webhook::Pause::Gone)
        })
        .await;
    receiver.answer(Reply::Status(200));
    alice.upload("b.txt", b"x").await;
    server
        .eventually("it waits", async |server| {
            webhook(server).await.waiting >= 3
        })
        .await;
    let waiting = webhook(&server).await.waiting;

    let resumed = webhooks::resume(&server.app, id, Waiting::Skip).await;
    let resumed = resumed.unwrap();
    assert_eq!((resumed.row.missed, resumed.row.pause), (waiting, None));
    let last = alice.upload("c.txt", b"x").await;
    let came = receiver.wait_for(2).await;
    assert_eq!(came[1].event["object"]["id"], *last);
    assert_eq!(came[1].event["missed"], waiting);

    webhooks::remove(&server.app, id).await.unwrap();
    let again = webhooks::remove(&server.app, id).await.unwrap_err();
    assert_eq!(again.code.as_str(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_trail_keeps_no_longer_is_told_as_missed() {
    let receiver = Receiver::start().await;
    let (server, ..) = server_telling(&receiver, &["UPLOADED"]).await;
    let server = server
        .restart_with(|options| {
            options.event_ttl = "1h".to_owned();
            options.clock_grace = "0s".to_owned();
        })
        .await;
    let alice = server.person("alice").await;
    receiver.answer(Reply::Status(500));
    for name in ["a.txt", "b.txt", "c.txt"] {
        alice.upload(name, b"x").await;
    }
    receiver.wait_for(1).await;
    server
        .eventually("the failure is noted", async |server| {
            webhook(server).await.row.failures == 1
        })
        .await;
    let place = webhook(&server).await.row.seq;
    server
        .eventually("all have their places", async |server| {
            let last = "SELECT last AS number FROM feed_position";
            rows::number(&server.app.db, last).await >= place + 3
        })
        .await;
    server.set_ahead(2 * Duration::from_secs(3600));
    server.sweep().await;
    server.sweep().await;
    assert_eq!(server.rows("event").await, 0, "all were swept");
    receiver.answer(Reply::Status(200));
    let last = alice.upload("d.txt", b"x").await;
    server.advance(Duration::from_secs(60));

    let came = receiver
        .wait_until(|came| came.iter().any(|it| it.event["object"]["id"] == *last))
        .await;
    let missed = came.last().unwrap().event["missed"].as_i64().unwrap();
    assert_eq!(missed, came.last().unwrap().place() - place - 1);
    assert!(missed >= 3, "{missed}");
    server
        .eventually("the operator sees it", async |server| {
            webhook(server).await.row.missed == missed
        })
        .await;
}
