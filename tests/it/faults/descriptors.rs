//! A server that has run out of descriptors: it waits for some to be free again, and loses nothing meanwhile.

use std::{fs, process::Command, time::Duration};

use tokio::net::TcpStream;

use super::{
    hold::Scope,
    random::{Random, seed},
    site::Site,
    traffic::Traffic,
};
use crate::support::program::Serving;

/// More than the server is left with, and no more than wait for it in the kernel.
const CROWD: usize = 100;
/// What it is left with beyond what it has open.
const LEFT: usize = 24;

fn open_by(server: &Serving) -> usize {
    let open = fs::read_dir(format!("/proc/{}/fd", server.pid)).unwrap();
    open.count()
}

fn limit(server: &Serving, descriptors: usize) {
    let (pid, soft) = (server.pid.to_string(), format!("--nofile={descriptors}:"));
    let limited = Command::new("prlimit")
        .args(["--pid", &pid, &soft])
        .status();
    assert!(limited.unwrap().success());
}

/// The processor time it has had, in clock ticks, of which a second has a hundred.
fn ticks(server: &Serving) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid)).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<_> = after_name.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// More clients than the server can have, who send nothing.
async fn crowd(server: &Serving) -> Vec<TcpStream> {
    let address = server.base.strip_prefix("http://").unwrap();
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(TcpStream::connect(address).await.unwrap());
    }
    crowd
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_descriptors_run_out_under_load() {
    let seed = seed();
    let random = Random::new(seed);
    let site = Site::new(seed, 4).await;
    let mut server = site.serve().await;
    let all = open_by(&server) + LEFT;
    limit(&server, all);
    for round in 0..3 {
        let traffic = Traffic::start(&server.base, &site.journal, &random.fork(round));
        tokio::time::sleep(Duration::from_millis(100)).await;
        let crowd = crowd(&server).await;
        let exhausted = async {
            while open_by(&server) < all {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), exhausted)
            .await
            .expect("it has descriptors enough");
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(crowd);
        site.recovers_within(Duration::from_secs(20)).await;
        traffic.stop().await;
        site.journal.hold(&server.base, Scope::Fresh).await;
    }
    assert!(!server.has_ended());
    site.holds_everything(&server.base).await;
    let counts = site.journal.counts().clone();
    eprintln!("{counts:?}");
    let mut codes = counts.refused.keys();
    assert!(codes.all(|code| code == "UNAVAILABLE"), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_descriptors_waits_and_does_not_spin() {
    let site = Site::new(seed(), 1).await;
    let server = site.serve().await;
    let all = open_by(&server) + LEFT;
    limit(&server, all);
    let crowd = crowd(&server).await;
    while open_by(&server) < all {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    let before = ticks(&server);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let spent = ticks(&server) - before;

    assert!(spent < 60, "{spent} of 200 ticks");
    drop(crowd);
    site.journal.hold(&server.base, Scope::Everything).await;
}
