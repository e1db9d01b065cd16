//! Collectors of traces that do not do their part: no request and no stop waits for them.

use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::net::TcpListener;

use crate::{
    support::{
        Person, Program, TestApp,
        nginx::free_port,
        receiver::{Receiver, Reply},
    },
    traces::{count, spans, traced},
};

/// How long the server waits for a collector that hangs.
const COLLECTOR_TAKES: &str = "300s";
/// How long one request may take: far less than that, and more than it takes on a machine that is busy with other tests.
const REQUEST_TAKES: Duration = Duration::from_secs(60);

/// How many spans Prometheus is told were dropped.
async fn dropped(metrics: &str) -> u64 {
    let answer = reqwest::get(format!("http://{metrics}/metrics")).await;
    let text = answer.unwrap().text().await.unwrap();
    let mut lines = text.lines();
    let line =
        lines.find_map(|line| line.strip_prefix("cloakroom_dropped_total{queue=\"traces\"} "));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_slows_no_request_and_holds_up_no_stop() {
    let receiver = Receiver::start().await;
    receiver.answer(Reply::Silence);
    let server = TestApp::start().await;
    let metrics = format!("127.0.0.1:{}", free_port());
    let serving = traced(&server, &receiver)
        .set("TRACES_TIMEOUT", COLLECTOR_TAKES)
        .set("TRACES_BUFFER", "20")
        .set("METRICS_LISTEN", &metrics)
        .serve();
    let client = Client::new();
    let ask = async || {
        let began = Instant::now();
        let answer = client.get(format!("{}/healthz", serving.base)).send();
        assert_eq!(answer.await.unwrap().status(), 200);
        assert!(began.elapsed() < REQUEST_TAKES, "{:?}", began.elapsed());
    };
    ask().await;
    receiver.wait_for(1).await;
    for _ in 0..100 {
        ask().await;
    }
    assert_eq!(dropped(&metrics).await, 80);

    serving.terminate();
    // It fails after about ten seconds, far less than the collector may take.
    let (status, log) = serving.ended().await;
    assert!(status.success(), "{log}");
    assert!(log.contains("the last spans are dropped"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_does_not_take_is_dropped_counted_and_told_in_one_line() {
    let receiver = Receiver::start().await;
    let server = TestApp::start().await;
    let metrics = format!("127.0.0.1:{}", free_port());
    let serving = traced(&server, &receiver)
        .set("METRICS_LISTEN", &metrics)
        .serve();
    let client = Client::new();
    let ask = async || {
        let answer = client.get(format!("{}/healthz", serving.base)).send();
        assert_eq!(answer.await.unwrap().status(), 200);
    };
    let wait = async |number: u64| {
        server
            .eventually("spans are dropped", async |_| {
                dropped(&metrics).await >= number
            })
            .await;
        assert_eq!(dropped(&metrics).await, number);
    };
    let partly = r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"x"}}"#;
    let partly = format!(
        "HTTP/1.1 200 x\r\nContent-Length: {}\r\n\r\n{partly}",
        partly.len()
    );
    let replies = [
        Reply::Status(503),
        Reply::Status(307),
        Reply::Close,
        Reply::Raw("no HTTP".to_owned()),
        Reply::Endless,
        Reply::Raw(partly),
    ];
    for (number, reply) in replies.into_iter().enumerate() {
        receiver.answer(reply);
        ask().await;
        wait(number as u64 + 1).await;
    }
    receiver.answer(Reply::Status(200));
    let before = receiver.came().len();
    ask().await;
    receiver.wait_for(before + 1).await;
    assert_eq!(dropped(&metrics).await, 6);
    let log = serving.log().await;
    assert_eq!(log.matches("does not take traces").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_holds_up_nobody() {
    // Nobody listens there any more.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let server = TestApp::start().await;
    let metrics = format!("127.0.0.1:{}", free_port());
    let serving = Program::of(&server)
        .set("TRACES_URL", &url)
        .set("METRICS_LISTEN", &metrics)
        .serve();
    let alice = Person::anonymous(&serving.base);
    alice.sign_up("alice").await;
    server
        .eventually("spans are dropped", async |_| dropped(&metrics).await > 0)
        .await;
    serving.terminate();
    let (status, log) = serving.ended().await;
    assert!(status.success(), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_sends_what_waits() {
    let receiver = Receiver::start().await;
    let server = TestApp::start().await;
    let serving = traced(&server, &receiver).serve();
    let answer = reqwest::get(format!("{}/readyz", serving.base)).await;
    assert_eq!(answer.unwrap().status(), 200);
    serving.log().await;
    assert_eq!(
        count(&spans(&receiver.came()), ["GET", "/readyz", "200", ""]),
        1
    );
}
