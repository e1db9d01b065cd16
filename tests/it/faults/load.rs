//! Kills at random moments, under concurrent load.

use std::time::Duration;

use super::{
    hold::Scope,
    random::{Random, seed},
    site::Site,
    traffic::Traffic,
};

const ACCOUNTS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_under_load() {
    let seed = seed();
    let mut random = Random::new(seed);
    let site = Site::new(seed, ACCOUNTS).await;
    for round in 0..12 {
        let server = site.serve().await;
        site.journal.hold(&server.base, Scope::Fresh).await;
        let traffic = Traffic::start(&server.base, &site.journal, &random.fork(round));
        tokio::time::sleep(Duration::from_micros(random.below(300_000))).await;
        server.kill();
        traffic.ended().await;
    }
    let server = site.serve().await;
    site.journal.hold(&server.base, Scope::Fresh).await;
    let traffic = Traffic::start(&server.base, &site.journal, &random);
    tokio::time::sleep(Duration::from_millis(100)).await;
    traffic.stop().await;
    site.journal.hold(&server.base, Scope::Everything).await;
    site.is_sound().await;
    eprintln!("{:?}", site.journal.counts());
}
