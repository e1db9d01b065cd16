//! Guessed tickets: paced for their network, and refused at a flood, while good ones pass.

use std::time::{Duration, Instant};

use cloakroom::auth::client::ClientAddress;
use futures_util::future::join_all;

use crate::password_checks::median;
use crate::support::{Download, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn bad_tickets_are_answered_at_a_pace_and_good_ones_at_once() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let good = alice.ticket(&alice.upload("a.txt", b"a").await).await;
    let timed = async |url: String| {
        let began = Instant::now();
        let answer = Download::of(alice.client.get(url).send().await.unwrap()).await;
        (answer.status.as_u16(), began.elapsed())
    };

    let began = Instant::now();
    let mut bad_times = Vec::new();
    let mut good_times = Vec::new();
    for _ in 0..6 {
        let bad = join_all((0..50).map(|n| timed(format!("{good}{n}"))));
        let (bad, good) = tokio::join!(bad, timed(good.clone()));
        assert!(bad.iter().all(|(status, _)| *status == 404), "{bad:?}");
        assert_eq!(good.0, 200);
        bad_times.extend(bad.into_iter().map(|(_, time)| time));
        good_times.push(good.1);
    }

    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(2) * 250,
        "300 guesses in {took:?}"
    );
    let (bad, good) = (median(bad_times), good_times.into_iter().min().unwrap());
    assert!(
        good * 2 < bad,
        "a good ticket takes {good:?}, a bad one {bad:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_bad_tickets_is_refused_for_its_network_alone() {
    let server = TestApp::start().await;
    let guesses = &server.app.ticket_guesses;
    let address = |text: &str| ClientAddress(text.parse().ok());
    let flood = join_all((0..1500).map(|n| {
        let client = address(&format!("2001:db8::{n:x}"));
        async move { guesses.wait(&client).await.err() }
    }));
    let refused: Vec<_> = flood.await.into_iter().flatten().collect();
    assert!(
        (400..600).contains(&refused.len()),
        "{} were refused",
        refused.len()
    );
    assert!(refused.iter().all(|error| {
        error.code.as_str() == "RATE_LIMITED" && error.facts["retryAfterSeconds"] == 3
    }));
    guesses.wait(&address("2001:db8:0:1::1")).await.unwrap();
    guesses.wait(&address("192.0.2.1")).await.unwrap();
}
