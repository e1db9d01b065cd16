//! `/readyz`: what it asks, how long it takes, and what it costs.

use std::{
    fs,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::Client;
use sea_orm::{ConnectionTrait, Database as Connect};

use crate::support::{Database, Program, cluster::Cluster, program::Serving};

/// It says what it thinks within two seconds; the rest is for a slow machine.
const BOUND: Duration = Duration::from_secs(8);

async fn readiness(server: &Serving) -> (u16, String) {
    let asked = Instant::now();
    let answer = reqwest::get(format!("{}/readyz", server.base)).await;
    let answer = answer.unwrap();
    let said = (answer.status().as_u16(), answer.text().await.unwrap());
    assert!(asked.elapsed() < BOUND, "{:?}", asked.elapsed());
    said
}

/// Waits until `/readyz` has this status, and returns what it says.
pub async fn becomes(server: &Serving, status: u16) -> String {
    for _ in 0..50 {
        let (found, said) = readiness(server).await;
        if found == status {
            return said;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("/readyz is never {status}");
}

/// How many bytes the process has handed to the kernel, files and sockets together.
fn written(server: &Serving) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", server.pid)).unwrap();
    let bytes = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    bytes.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_very_often_costs_what_asking_once_a_second_does() {
    let server = Program::new().await.serve();
    let client = Client::new();
    let url = format!("{}/readyz", server.base);
    let (before, began) = (written(&server), Instant::now());
    for _ in 0..100 {
        let asked = join_all((0..50).map(|_| client.get(&url).send())).await;
        assert!(asked.iter().flatten().all(|answer| answer.status() == 200));
        assert_eq!(asked.len(), 50);
    }
    // A check writes twice 64 KiB, and its like to SQLite's log at most; an answer is below 1 KiB.
    let checks = began.elapsed().as_secs() + 2;
    let most = 5000 * 1024 + checks * 200 * 1024;
    let cost = written(&server) - before;
    assert!(cost < most, "{cost} bytes, {checks} seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_another_process_has_locked_is_not_ready() {
    if let Database::Postgres(_) = Database::chosen() {
        return;
    }
    let program = Program::new().await;
    let server = program.serve();
    becomes(&server, 200).await;
    let path = program.data_dir().join("cloakroom.sqlite3");
    let holder = Connect::connect(format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    holder.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();

    let said = becomes(&server, 503).await;
    assert!(said.contains("The database's writer"), "{said}");
    // However many ask.
    let all = join_all((0..50).map(|_| readiness(&server))).await;
    assert!(all.iter().all(|(status, _)| *status == 503));

    holder.execute_unprepared("ROLLBACK").await.unwrap();
    becomes(&server, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_can_only_be_read_is_not_ready() {
    if let Database::Sqlite = Database::chosen() {
        return;
    }
    let cluster = Cluster::start();
    let url = cluster.create().await;
    let program = Program::new().await.set("DATABASE_URL", url.expose());
    let server = program.serve();
    becomes(&server, 200).await;
    let operator = Connect::connect(cluster.url()).await.unwrap();
    let read_only = async |setting| {
        let set = format!("ALTER SYSTEM SET default_transaction_read_only = {setting}");
        operator.execute_unprepared(&set).await.unwrap();
        let reload = "SELECT pg_reload_conf()";
        operator.execute_unprepared(reload).await.unwrap();
    };

    read_only("on").await;
    let said = becomes(&server, 503).await;
    assert!(said.contains("The database's writer"), "{said}");

    read_only("off").await;
    becomes(&server, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drains_says_so_and_answers_all_the_same() {
    let server = Program::new().await.set("DRAIN_TIME", "30s").serve();
    let client = Client::new();
    let alive = async || client.get(format!("{}/healthz", server.base)).send().await;
    assert!(alive().await.unwrap().headers().get("connection").is_none());
    server.terminate();
    assert!(becomes(&server, 503).await.contains("about to stop"));
    // Whoever has not turned to another instance yet gets an answer, and a hint.
    let answer = alive().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["connection"], "close");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_drained_ends() {
    let server = Program::new().await.set("DRAIN_TIME", "1s").serve();
    server.terminate();
    let (status, log) = server.ended().await;
    assert!(status.success(), "{status:?}");
    assert!(log.contains("draining"), "{log}");
}
