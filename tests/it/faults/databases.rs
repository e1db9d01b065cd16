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

/// How long anybody may wait for a refusal: ten seconds in all, whatever they are waited for, and some for a slow machine.
const BOUND: Duration = Duration::from_secs(15);

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

/// Keeps everybody else from writing files, until what this returns rolls back.
async fn lock(program: &Program) -> DatabaseConnection {
    match program.database_url() {
        Some(url) => {
            let holder = one_connection(url).await;
            let lock = "BEGIN; LOCK TABLE file IN ACCESS EXCLUSIVE MODE";
            holder.execute_unprepared(lock).await.unwrap();
            holder
        }
        None => {
            let path = program.data_dir().join("cloakroom.sqlite3");
            let holder = one_connection(&format!("sqlite:{}", path.display())).await;
            holder.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
            holder
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_request_waits_for_does_not_add_up() {
    let program = Program::new().await;
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let file = alice.upload("kept.txt", b"hello").await;
    let holder = lock(&program).await;

    let rename = |number| format!("a{number}: renameFile(id: \"{file}\", name: \"n\") {{ id }}");
    let renames = (0..30).map(rename).collect::<Vec<_>>().join(" ");
    let began = Instant::now();
    let answer = alice.ask(&format!("mutation {{ {renames} }}")).await;

    assert_eq!(answer.code(), "UNAVAILABLE", "{answer:?}");
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    assert!(began.elapsed() > Duration::from_secs(9), "nobody waited");

    holder.execute_unprepared("ROLLBACK").await.unwrap();
    let name = alice
        .ask(&format!("{{ file(id: \"{file}\") {{ name }} }}"))
        .await;
    assert_eq!(name.text("/file/name"), "kept.txt", "refused, and yet done");
    let renamed = alice.ask(&format!("mutation {{ {} }}", rename(0))).await;
    renamed.data("/a0/id");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_who_wait_for_a_lock_are_refused_in_time_and_nothing_is_done_behind_their_backs()
{
    let program = Program::new().await;
    let server = program.serve();
    let alice = Person::anonymous(&server.base);
    alice.sign_up("alice").await;
    let file = alice.upload("kept.txt", b"hello").await;
    let token = alice.token("[READ, WRITE]").await;
    let program_of_alice = alice.with_token(&token);
    let holder = lock(&program).await;

    let began = Instant::now();
    let refused = (0..100).map(async |number| {
        let query = "mutation($f: ID!) { renameFile(id: $f, name: \"other.txt\") { id } }";
        let answer = match number % 4 {
            0 => program_of_alice.delete(&file).await,
            1 => {
                let query = "mutation($file: Upload!) { uploadFile(file: $file) { id } }";
                let upload = program_of_alice.upload_with(query, json!({}), "a.txt", b"a");
                upload.await
            }
            _ => program_of_alice.ask_with(query, json!({ "f": file })).await,
        };
        assert_eq!(answer.code(), "UNAVAILABLE", "{answer:?}");
        assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    });
    join_all(refused).await;

    holder.execute_unprepared("ROLLBACK").await.unwrap();
    let files = alice.ask("{ files { nodes { name } } }").await;
    let names = files.data("/files/nodes");
    assert_eq!(names, json!([{ "name": "kept.txt" }]));
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
