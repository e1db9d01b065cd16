//! Kills at every system call of an upload, of a deletion, and of the sweep after one.

use std::{collections::BTreeMap, path::PathBuf};

use reqwest::Client;

use super::{
    hold::Scope,
    journal::Life,
    random::{Random, seed},
    scribe::Scribe,
    site::{Site, long},
    strace::{Call, Strace, now},
};

/// Uploads before the one that is killed: the thread that writes bytes has then made more calls than any other, so that
/// counts tell its calls apart.
const BEFORE: usize = 3;
const SIZE: usize = 150_000;
/// How many of a database's many writes are tried for each operation.
const SAMPLE: usize = 10;
/// How often a place may be missed.
const TRIES: usize = 10;

#[derive(Clone, Copy, Debug)]
enum Operation {
    Upload,
    Deletion,
    /// Waiting for what the server does by itself.
    Nothing,
}

/// A call at which to kill.
#[derive(Clone, Debug)]
struct Point {
    name: String,
    count: usize,
    /// Whether only calls on the database's files are counted.
    of_database: bool,
    /// The name and what the call was on.
    place: String,
}

struct Killing {
    site: Site,
    random: Random,
    client: Client,
    /// How often at which kind of call.
    killed_at: BTreeMap<String, usize>,
}

impl Killing {
    async fn new() -> Self {
        let seed = seed();
        Self {
            site: Site::new(seed, 1).await,
            random: Random::new(seed),
            client: Client::builder().no_proxy().build().unwrap(),
            killed_at: BTreeMap::new(),
        }
    }

    fn database_files(&self) -> Vec<PathBuf> {
        let files = ["cloakroom.sqlite3", "cloakroom.sqlite3-wal"];
        files
            .map(|file| self.site.program.data_dir().join(file))
            .into()
    }

    fn strace(&self, of_database: bool) -> Strace {
        let strace = Strace::watching(&self.site);
        match of_database {
            true => strace.only_on(&self.database_files()),
            false => strace,
        }
    }

    /// Does the operation, and what it needs; when it began, unless the server was killed before it was done.
    async fn operate(&mut self, base: &str, operation: Operation) -> Option<u64> {
        if let Operation::Nothing = operation {
            return None;
        }
        let scribe = Scribe::new(&self.client, base, &self.site.journal, 0);
        let before = match operation {
            Operation::Upload => BEFORE,
            Operation::Deletion | Operation::Nothing => 0,
        };
        for _ in 0..before {
            scribe.upload(self.random.next(), SIZE).await.ok()?;
        }
        let mut began = now();
        let number = scribe.upload(self.random.next(), SIZE).await.ok()?;
        if let Operation::Deletion = operation {
            began = now();
            scribe.change(number, Life::Trashed).await.ok()?;
            scribe.change(number, Life::Purged).await.ok()?;
        }
        Some(began)
    }

    /// Where to kill: every rare call of the operation, and some of the many. A call is a place where its thread is the
    /// first to have made that many, since strace counts by thread.
    async fn points(&mut self, operation: Operation, of_database: bool) -> Vec<Point> {
        let strace = self.strace(of_database);
        let server = strace.serve(&self.site).await.unwrap();
        let began = self.operate(&server.base, operation).await.unwrap();
        server.kill();
        let mut calls = strace.calls();
        calls.sort_by_key(|call| call.began);
        let mut first = BTreeMap::new();
        for call in calls {
            first.entry((call.name.clone(), call.count)).or_insert(call);
        }
        let mut rare = Vec::new();
        let mut frequent: BTreeMap<String, Vec<Point>> = BTreeMap::new();
        for ((name, count), call) in first {
            let is_database = place(&call) == "database";
            if call.began < began || place(&call) == "nowhere" || is_database != of_database {
                continue;
            }
            let point = Point {
                place: format!("{name} {}", place(&call)),
                name,
                count,
                of_database,
            };
            match point.name.as_str() {
                "write" | "pwrite64" | "writev" | "sendto" => {
                    frequent.entry(point.name.clone()).or_default().push(point);
                }
                _ => rare.push(point),
            }
        }
        for mut points in frequent.into_values() {
            while points.len() > SAMPLE && long().is_none() {
                points.swap_remove(self.random.below(points.len() as u64) as usize);
            }
            rare.extend(points);
        }
        rare
    }

    /// Kills at the point, if the server gets there.
    async fn kill_at(&mut self, operation: Operation, point: &Point) {
        let strace = self.strace(point.of_database);
        let strace = strace.inject(&point.name, "signal=KILL", point.count);
        if let Ok(mut server) = strace.serve(&self.site).await {
            let answered = self.operate(&server.base, operation).await.is_some();
            // A server that has answered everything may only be killed by a call after its last answer.
            if answered || !server.ends().await {
                server.kill();
            }
        }
        let mut calls = strace.calls().into_iter();
        let killed = calls.rfind(|call| call.ended.is_none() && call.count == point.count);
        if let Some(call) = killed.filter(|call| call.name == point.name) {
            let what = format!("{} {}", call.name, place(&call));
            *self.killed_at.entry(what).or_default() += 1;
        }
    }

    async fn hold(&self, scope: Scope) {
        let server = self.site.serve().await;
        self.site.journal.hold(&server.base, scope).await;
    }

    /// Kills everywhere in the operation, and at each of `places` at least once.
    async fn kill_everywhere(&mut self, operation: Operation, places: &[&str]) {
        let mut points = self.points(operation, false).await;
        if self.site.program.database_url().is_none() {
            points.extend(self.points(operation, true).await);
        }
        for _ in 0..TRIES {
            for point in points {
                self.kill_at(operation, &point).await;
                self.hold(Scope::Fresh).await;
            }
            let missing = places
                .iter()
                .filter(|place| !self.killed_at.contains_key(**place));
            let missing: Vec<_> = missing.collect();
            if missing.is_empty() {
                return;
            }
            // Work goes from thread to thread as it pleases, and a place can be out of reach of counting by thread.
            points = self.points(operation, false).await;
            points.retain(|point| missing.iter().any(|place| **place == point.place));
        }
        panic!(
            "killed at {:?} only; seed {}",
            self.killed_at, self.site.journal.seed
        );
    }

    /// Holds the last server to everything.
    async fn conclude(self) {
        self.hold(Scope::Everything).await;
        self.site.is_sound().await;
        eprintln!(
            "killed at {:?}; {:?}",
            self.killed_at,
            self.site.journal.counts()
        );
    }
}

/// What a call is on.
fn place(call: &Call) -> &'static str {
    let places = [
        ("cloakroom.sqlite3", "database"),
        ("/data/content", "content"),
        ("/data/staging/", "staging"),
        ("<socket:", "socket"),
        ("<TCP:", "socket"),
    ];
    let found = places.iter().find(|(path, _)| call.is_on(path));
    // Threads wake each other, and write the log.
    found.map_or("nowhere", |(_, place)| place)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_killed_at_any_system_call_is_whole_or_not_there() {
    let mut killing = Killing::new().await;
    let places = [
        "fsync staging",
        "mkdir content",
        "rename content",
        "fsync content",
    ];
    killing.kill_everywhere(Operation::Upload, &places).await;
    killing.conclude().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_killed_at_any_system_call_is_done_or_not_and_leaves_nothing() {
    let mut killing = Killing::new().await;
    let places = ["unlink staging", "unlink content"];
    killing.kill_everywhere(Operation::Deletion, &places).await;
    killing.conclude().await;
}

/// A purge that was killed before its bytes were unlinked leaves that to the next server, which is killed as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_killed_at_any_system_call_is_done_by_the_next() {
    let mut killing = Killing::new().await;
    let mut points = vec![("unlink", 1), ("unlink", 2)];
    if killing.site.program.database_url().is_none() {
        points.extend([("pwrite64", 1), ("pwrite64", 3), ("fsync", 1)]);
    }
    for (name, count) in points {
        let point = |name: &str, count| Point {
            name: name.to_owned(),
            count,
            of_database: name != "unlink",
            place: String::new(),
        };
        killing
            .kill_at(Operation::Deletion, &point("unlink", 1))
            .await;
        killing.killed_at.clear();
        killing
            .kill_at(Operation::Nothing, &point(name, count))
            .await;
        assert_eq!(killing.killed_at.len(), 1, "{name} {count}");
        killing.hold(Scope::Fresh).await;
    }
    killing.conclude().await;
}
