//! A sync that fails: what it was to make durable is never acknowledged, and never synced again.

use reqwest::Client;

use super::{
    caller::Refusal,
    hold::Scope,
    journal::Life,
    random::{Random, seed},
    scribe::Scribe,
    site::Site,
    strace::{Call, Strace},
};

/// One after the other.
const UPLOADS: usize = 6;

/// Has the `count`th sync of each thread fail while uploads go on, and returns which those were.
async fn fail(site: &Site, random: &mut Random, count: usize) -> Vec<Call> {
    let seed = site.journal.seed;
    let strace = Strace::watching(site).inject("fsync,fdatasync", "error=EIO", count);
    let mut refused = Vec::new();
    let Ok(server) = strace.serve(site).await else {
        // The first sync of all is that of the data directory, at the start.
        assert_eq!(count, 1, "it does not start; seed {seed}");
        return failed(&strace);
    };
    let client = Client::builder().no_proxy().build().unwrap();
    let scribe = Scribe::new(&client, &server.base, &site.journal, 0);
    for _ in 0..UPLOADS {
        match scribe.upload(random.next(), 10_000).await {
            Ok(_) => {}
            Err(Refusal::Code(_)) => {
                refused.push(*site.journal.entries().last_key_value().unwrap().0);
            }
            Err(Refusal::Cut) => panic!("it broke off; seed {seed}"),
        }
    }
    server.terminate();
    server.ended().await;

    let failed = failed(&strace);
    // Each failure costs the upload it is about, and no other. One of the database may be about something else.
    let of_bytes = failed.iter().filter(|call| is_of_bytes(call)).count();
    let expected = of_bytes..=failed.len();
    assert!(
        expected.contains(&refused.len()),
        "{refused:?} {failed:?}; seed {seed}"
    );
    for call in failed.iter().filter(|call| call.is_on("/staging/")) {
        let (path, _) = call.arguments.split_once(')').unwrap();
        let calls = strace.calls().into_iter();
        let syncs = calls.filter(|call| call.name.ends_with("sync") && call.is_on(path));
        assert_eq!(syncs.count(), 1, "{path} is synced again; seed {seed}");
    }
    let server = site.serve().await;
    // Refused for its bytes or their name, an upload is no file. Refused for its row, it may be one: wholly, or not.
    if failed.iter().all(is_of_bytes) {
        for number in refused {
            site.journal.expect(number, Life::Absent);
        }
    }
    site.journal.hold(&server.base, Scope::Fresh).await;
    failed
}

fn is_of_bytes(call: &Call) -> bool {
    call.is_on("/data/staging/") || call.is_on("/data/content")
}

fn failed(strace: &Strace) -> Vec<Call> {
    let mut calls = strace.calls();
    calls.retain(|call| call.is_on("EIO"));
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_synced_is_refused_and_leaves_nothing() {
    let seed = seed();
    let mut random = Random::new(seed);
    let site = Site::new(seed, 1).await;
    let mut seen = String::new();
    for count in 1..=8 {
        for call in fail(&site, &mut random, count).await {
            seen += &call.arguments;
        }
    }
    let server = site.serve().await;
    site.journal.hold(&server.base, Scope::Everything).await;
    site.is_sound().await;
    let mut places = vec![
        "/data>",
        "/data/staging/",
        "/data/content/",
        "/data/content>",
    ];
    if site.program.database_url().is_none() {
        places.push("/cloakroom.sqlite3-wal>");
    }
    for place in places {
        assert!(
            seen.contains(place),
            "no failure on {place}: {seen}; seed {seed}"
        );
    }
}
