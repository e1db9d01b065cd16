//! Databases that are locked, cut off, stopped and started again: meanwhile the server says that it cannot, and then it
//! goes on by itself.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use sea_orm::{ConnectOptions, ConnectionTrait, Database as Connect, DatabaseConnection};
use serde_json::json;

use super::{
    hold::Scope,
    random::{Random, seed},
    site::Site,
    traffic::Traffic,
};
use crate::support::{Database, Person, Program, cluster::Cluster};

/// How long a writer may wait for its refusal: the database's patience for a place in the queue, for the group before,
/// and for its own.
const BOUND: Duration = Duration::from_secs(35);

async fn one_connection(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1);
    Connect::connect(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_database_refuses_writers_in_time_and_nobody_else() {
    if let Database::Postgres(_) = Database::chosen() {
        return;
    }
    let program = Program::new().await;
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let file = alice.upload("kept.txt", b"hello").await;
    let token = alice.token("[READ, WRITE]").await;
    let people: Vec<_> = (0..40).map(|_| alice.with_token(&token)).collect();
    let path = program.data_dir().join("cloakroom.sqlite3");
    let holder = one_connection(&format!("sqlite:{}", path.display())).await;
    holder.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();

    let began = Instant::now();
    let writes = people.iter().enumerate().map(|(number, person)| {
        let file = &file;
        async move {
            let query = "mutation($file: Upload!) { uploadFile(file: $file) { id } }";
            let answer = match number % 2 {
                0 => person.upload_with(query, json!({}), "a.txt", b"a").await,
                _ => person.delete(file).await,
            };
            assert_eq!(answer.code(), "UNAVAILABLE", "{answer:?}");
            assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
        }
    });
    let reads = async {
        while began.elapsed() < Duration::from_secs(12) {
            let asked = Instant::now();
            assert_eq!(alice.me().await, "alice");
            let ticket = alice.ticket(&file).await;
            assert_eq!(alice.get(&ticket).await.bytes, b"hello");
            assert!(asked.elapsed() < Duration::from_secs(2), "reading waits");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    futures_util::join!(join_all(writes), reads);

    holder.execute_unprepared("ROLLBACK").await.unwrap();
    alice.upload("new.txt", b"new").await;
    assert_eq!(alice.delete(&file).await.text("/deleteFile"), file);
}

/// What happens to PostgreSQL in the middle of traffic.
enum Blow {
    Restart,
    CutConnections,
}

async fn cut_connections(cluster: &Cluster) {
    let operator = one_connection(&cluster.url()).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname <> current_database() AND pid <> pg_backend_pid()";
    operator.execute_unprepared(cut).await.unwrap();
    operator.close().await.unwrap();
}

/// Lets clients work while `blow` falls; nothing acknowledged may be lost, and the server has to recover by itself.
async fn strike(blow: Blow, rounds: u64) {
    if let Database::Sqlite = Database::chosen() {
        return;
    }
    let cluster = Arc::new(Cluster::start());
    let url = cluster.create().await;
    let program = Program::new().await.set("DATABASE_URL", url.expose());
    let seed = seed();
    let mut random = Random::new(seed);
    let site = Site::on(program, seed, 4).await;
    let server = site.serve().await;
    for round in 0..rounds {
        let traffic = Traffic::start(&server.base, &site.journal, &random.fork(round));
        tokio::time::sleep(Duration::from_micros(random.below(400_000))).await;
        let cluster = Arc::clone(&cluster);
        match blow {
            Blow::Restart => {
                let restart = move || {
                    cluster.stop();
                    std::thread::sleep(Duration::from_millis(300));
                    cluster.resume();
                };
                tokio::task::spawn_blocking(restart).await.unwrap();
            }
            Blow::CutConnections => cut_connections(&cluster).await,
        }
        site.recovers_within(Duration::from_secs(30)).await;
        traffic.stop().await;
        // From the very first request on, nothing of what happened is left.
        site.journal.hold(&server.base, Scope::Fresh).await;
    }
    site.holds_everything(&server.base).await;
    let counts = site.journal.counts().clone();
    eprintln!("{counts:?}");
    let codes: Vec<_> = counts.refused.keys().collect();
    assert_eq!(codes, ["UNAVAILABLE"], "seed {seed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_postgresql_is_restarted_under_load() {
    strike(Blow::Restart, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_postgresql_cuts_every_connection_under_load() {
    strike(Blow::CutConnections, 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_went_stale_while_nobody_asked_cost_no_request() {
    if let Database::Sqlite = Database::chosen() {
        return;
    }
    let cluster = Cluster::start();
    let url = cluster.create().await;
    let program = Program::new().await.set("DATABASE_URL", url.expose());
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let file = alice.upload("kept.txt", b"hello").await;
    for _ in 0..3 {
        // As many connections as the server may have.
        join_all((0..64).map(|_| alice.ticket(&file))).await;
        cut_connections(&cluster).await;
        // What was in use this very moment is not looked at again.
        tokio::time::sleep(Duration::from_secs(1)).await;

        for _ in 0..8 {
            let ticket = alice.ticket(&file).await;
            assert_eq!(alice.get(&ticket).await.bytes, b"hello");
            alice.upload("new.txt", b"new").await;
        }
    }
}
