//! Kills under concurrent load: at random moments, and at system calls that the seed chooses.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    hold::Scope,
    random::{Random, seed},
    site::{Site, long},
    strace::Strace,
    traffic::Traffic,
};
use crate::support::program::Serving;

const ACCOUNTS: usize = 4;
/// How many kills the short form has.
const KILLS: u64 = 50;
/// One in so many kills is at a system call; these take longer.
const AT_A_CALL: u64 = 8;
/// How long a server may work before it is killed at a random moment, and at a call that it does not come to.
const MOMENTS: Duration = Duration::from_millis(60);
const PATIENCE: Duration = Duration::from_millis(500);
/// System calls with how many of them may come first.
const CALLS: [(&str, u64); 11] = [
    ("recvfrom", 100),
    ("write", 200),
    ("pwrite64", 500),
    ("writev", 30),
    ("sendto", 100),
    ("openat", 40),
    ("fsync", 40),
    ("/^mkdir", 8),
    ("/^rename", 8),
    ("/^unlink", 8),
    ("ftruncate", 3),
];

struct Load {
    site: Site,
    random: Random,
    /// How many kills there were, by where.
    killed: BTreeMap<&'static str, u64>,
}

impl Load {
    async fn at_a_moment(&mut self) {
        let server = self.site.serve().await;
        self.site.journal.hold(&server.base, Scope::Fresh).await;
        let traffic = self.traffic(&server);
        let moment = self.random.below(MOMENTS.as_micros() as u64);
        tokio::time::sleep(Duration::from_micros(moment)).await;
        server.kill();
        traffic.ended().await;
        *self.killed.entry("at a moment").or_default() += 1;
    }

    async fn at_a_call(&mut self) {
        // What the last kill left is looked at by a server that lives.
        let server = self.site.serve().await;
        self.site.journal.hold(&server.base, Scope::Fresh).await;
        server.kill();
        let (name, limit) = *self.random.pick(&CALLS).unwrap();
        let count = 1 + self.random.below(limit) as usize;
        let strace = Strace::watching(&self.site).inject(name, "signal=KILL", count);
        let mut reached = name;
        if let Ok(mut server) = strace.serve(&self.site).await {
            let traffic = self.traffic(&server);
            let began = Instant::now();
            while !server.has_ended() {
                if began.elapsed() > PATIENCE {
                    reached = "at a moment";
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            server.kill();
            traffic.ended().await;
        }
        *self.killed.entry(reached).or_default() += 1;
    }

    fn traffic(&mut self, server: &Serving) -> Traffic {
        let number = self.random.next();
        Traffic::start(&server.base, &self.site.journal, &self.random.fork(number))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_under_load() {
    let (seed, kills) = (seed(), long().unwrap_or(KILLS));
    let mut load = Load {
        site: Site::new(seed, ACCOUNTS).await,
        random: Random::new(seed),
        killed: BTreeMap::new(),
    };
    let began = Instant::now();
    for kill in 1..=kills {
        match load.random.below(AT_A_CALL) {
            0 => load.at_a_call().await,
            _ => load.at_a_moment().await,
        }
        if kill % 250 == 0 {
            let seconds = began.elapsed().as_secs();
            eprintln!(
                "{kill} kills in {seconds} s: {:?}",
                load.site.journal.counts()
            );
        }
    }
    let server = load.site.serve().await;
    load.site.journal.hold(&server.base, Scope::Fresh).await;
    // It is as good as new.
    let traffic = load.traffic(&server);
    tokio::time::sleep(Duration::from_millis(100)).await;
    traffic.stop().await;
    load.site.holds_everything(&server.base).await;
    eprintln!("kills: {:?}", load.killed);
    eprintln!("{:?}; seed {seed}", load.site.journal.counts());
}
