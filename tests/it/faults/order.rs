//! The order of commitment, as the kernel saw it: of everything that an upload or a deletion does, what comes before what.

use futures_util::future::join_all;
use reqwest::Client;

use super::{
    journal::Life,
    random::{Random, seed},
    scribe::Scribe,
    site::Site,
    strace::{Call, Strace, now},
};

/// Uploads at once, which may share whatever they like.
const UPLOADS: u64 = 4;

/// All calls of one run, with the questions that the order is made of.
struct Trace {
    calls: Vec<Call>,
    seed: u64,
}

impl Trace {
    fn all(&self, wanted: impl Fn(&Call) -> bool) -> Vec<&Call> {
        self.calls.iter().filter(|call| wanted(call)).collect()
    }

    /// The first call that began at `after` or later, and is wanted.
    #[track_caller]
    fn next(&self, what: &str, after: u64, wanted: impl Fn(&Call) -> bool) -> &Call {
        let mut calls = self.calls.iter().filter(|call| call.began >= after);
        let found = calls.find(|call| wanted(call));
        found.unwrap_or_else(|| panic!("{what}: not after what it must follow; seed {}", self.seed))
    }

    /// The same, for a sync of the file or directory at `path`.
    #[track_caller]
    fn sync(&self, path: &str, after: u64) -> &Call {
        let path = format!("{path}>");
        self.next(&format!("fsync of {path}"), after, |call| {
            is_sync(call) && call.is_on(&path)
        })
    }

    /// When the first transaction after `after` that writes `text` does so, and when it is durable.
    #[track_caller]
    fn commit(&self, text: &str, after: u64) -> (u64, u64) {
        let is_sqlite = self.calls.iter().any(|call| call.is_on("sqlite3-wal>"));
        if is_sqlite {
            let of_wal = |call: &Call| call.name == "pwrite64" && call.is_on("sqlite3-wal>");
            let row = self.next("the row", after, |call| of_wal(call) && call.is_on(text));
            let sync = self.sync("cloakroom.sqlite3-wal", ended(row));
            return (row.began, ended(sync));
        }
        let row = self.next("the row", after, |call| {
            call.name == "sendto" && call.is_on(text)
        });
        let (connection, _) = row.arguments.split_once(',').unwrap();
        let commit = self.next("COMMIT", row.began, |call| {
            call.name == "sendto" && call.is_on(connection) && call.is_on("COMMIT")
        });
        (commit.began, ended(commit))
    }
}

fn is_sync(call: &Call) -> bool {
    matches!(call.name.as_str(), "fsync" | "fdatasync")
}

#[track_caller]
fn ended(call: &Call) -> u64 {
    call.ended.unwrap_or_else(|| panic!("{call:?} did not end"))
}

/// Bytes, sync, name, syncs of directories, row, answer.
fn check_upload(trace: &Trace, name: &str, id: &str, key: &str) {
    let staged = format!("/staging/{key}>");
    let written = trace.all(|call| call.name.starts_with("write") && call.is_on(&staged));
    let written = written
        .into_iter()
        .map(ended)
        .max()
        .expect("bytes are written");
    let synced = trace.next("fsync of the bytes", written, |call| {
        is_sync(call) && call.is_on(key)
    });
    let named = trace.next("its name", ended(synced), |call| {
        let names = call.name.starts_with("rename") || call.name.starts_with("link");
        names && call.is_on(&format!("/{key}\""))
    });
    let (outer, inner) = (&key[..2], &key[2..4]);
    let mut durable = vec![trace.sync(&format!("/content/{outer}/{inner}"), ended(named))];
    for (made, above) in [
        (format!("/content/{outer}\""), "/content".to_owned()),
        (
            format!("/content/{outer}/{inner}\""),
            format!("/content/{outer}"),
        ),
    ] {
        let made = trace.next("a new directory", 0, |call| {
            call.name.starts_with("mkdir") && call.is_on(&made)
        });
        durable.push(trace.sync(&above, ended(made)));
    }
    let durable = durable.into_iter().map(ended).max().unwrap();
    let (first, committed) = trace.commit(name, 0);
    assert!(
        durable <= first,
        "the row of {name} is written before its bytes are durable; seed {}",
        trace.seed
    );
    let answer = trace.next("the answer", 0, |call| {
        call.is_on("HTTP/1.1 200") && call.is_on(id)
    });
    assert!(
        committed <= answer.began,
        "{name} is answered before it is durable; seed {}",
        trace.seed
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_durable_before_their_row_and_the_row_before_the_answer() {
    let seed = seed();
    let mut random = Random::new(seed);
    let site = Site::new(seed, 1).await;
    let strace = Strace::watching(&site).with(["-s", "8192"]);
    let server = strace.serve(&site).await.unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let scribe = Scribe::new(&client, &server.base, &site.journal, 0);

    let uploads = (0..UPLOADS).map(|_| scribe.upload(random.next(), 100_000));
    let uploaded = join_all(uploads).await;
    let number = *uploaded[0].as_ref().unwrap();
    let keys = site.content_keys().await;
    scribe.change(number, Life::Trashed).await.unwrap();
    let deleted = now();
    scribe.change(number, Life::Purged).await.unwrap();
    server.terminate();
    server.ended().await;

    let mut calls = strace.calls();
    calls.sort_by_key(|call| call.began);
    let trace = Trace { calls, seed };
    for number in &uploaded {
        let entry = site.journal.entry(*number.as_ref().unwrap());
        let id = entry.id.as_ref().unwrap();
        check_upload(&trace, &entry.name, id, &keys[&entry.name]);
    }
    let key = &keys[&site.journal.entry(number).name];
    let purge = trace.next("unlink", deleted, |call| {
        call.name.starts_with("unlink") && call.is_on(key)
    });
    let (_, committed) = trace.commit(key, deleted);
    assert!(
        committed <= purge.began,
        "bytes go before their row; seed {seed}"
    );
    let server = site.serve().await;
    site.holds_everything(&server.base).await;
}
