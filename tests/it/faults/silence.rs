//! Connections to PostgreSQL that fall silent: no packet comes through any more, and none says so.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;

use crate::support::{Answer, Database, Person, Program, cluster::Cluster, relay::Relay};

/// Twice as many as there are connections.
const CROWD: usize = 40;
/// How long a silent transaction has its connection.
const LIMIT: Duration = Duration::from_secs(30);
/// What a machine that has much else to do may add.
const SLOWNESS: Duration = Duration::from_secs(15);

/// A server whose database is behind a network, and a crowd of programs of one user who has a file.
struct Site {
    _cluster: Cluster,
    relay: Relay,
    _program: Program,
    _server: crate::support::program::Serving,
    crowd: Vec<Person>,
    file: String,
}

impl Site {
    async fn new() -> Self {
        let cluster = Cluster::start();
        let url = cluster.create().await;
        let (relay, url) = Relay::before(url.expose()).await;
        let program = Program::new().await.set("DATABASE_URL", &url);
        let server = program.serve();
        let alice = Person::anonymous(&server.base);
        alice.sign_up("alice").await;
        let file = alice.upload("kept.txt", b"hello").await;
        let token = alice.token("[READ, WRITE]").await;
        let crowd = (0..CROWD).map(|_| alice.with_token(&token)).collect();
        Self {
            _cluster: cluster,
            relay,
            _program: program,
            _server: server,
            crowd,
            file,
        }
    }

    /// The `number`th of the crowd writes, or reads.
    async fn ask(&self, number: usize) -> Answer {
        let (person, file) = (&self.crowd[number], &self.file);
        match number % 2 {
            0 => {
                let rename = format!(
                    "mutation {{ renameFile(id: \"{file}\", name: \"{number}.txt\") {{ id }} }}"
                );
                person.ask(&rename).await
            }
            _ => person.ask("{ files { nodes { name } } }").await,
        }
    }

    /// Whether the whole crowd is served at once.
    async fn serves(&self) -> bool {
        let answers = join_all((0..CROWD).map(|number| self.ask(number))).await;
        answers.iter().all(|answer| answer.code().is_empty())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_fell_silent_are_given_up_and_all_is_served_again() {
    if let Database::Sqlite = Database::chosen() {
        return;
    }
    let site = Site::new().await;
    assert!(site.serves().await);

    let ended = AtomicBool::new(false);
    let load = (0..CROWD).map(async |number| {
        while !ended.load(Ordering::Relaxed) {
            let asked = Instant::now();
            let answer = site.ask(number).await;
            let took = asked.elapsed();
            assert!(took < LIMIT + SLOWNESS, "{number}: {took:?}");
            assert!(matches!(answer.code(), "" | "UNAVAILABLE"), "{answer:?}");
        }
    });
    let silence = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        site.relay.fall_silent();
        // Longer than any of the crowd waits for its answer: what it began nobody waits for any more.
        tokio::time::sleep(Duration::from_secs(13)).await;
        site.relay.come_back();
        ended.store(true, Ordering::Relaxed);
        Instant::now()
    };
    let (_, back) = futures_util::join!(join_all(load), silence);

    while !site.serves().await {
        let silent = back.elapsed();
        assert!(silent < LIMIT + SLOWNESS, "not served after {silent:?}");
    }
    assert!(site.serves().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_fell_silent_while_nobody_asked_cost_a_moment_each() {
    if let Database::Sqlite = Database::chosen() {
        return;
    }
    let site = Site::new().await;
    assert!(site.serves().await);
    // What was in use this very moment is not looked at again.
    tokio::time::sleep(Duration::from_secs(1)).await;
    site.relay.fall_silent();
    site.relay.come_back();

    assert!(site.serves().await);
}
