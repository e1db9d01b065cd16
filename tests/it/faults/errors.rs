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

/// How often it starts and has syncs fail later: so often that those of bytes and of rows are of different uploads.
const STARTS: usize = 10;

/// Has the `count`th sync of each thread fail while uploads go on. Returns which those were, and whether it started.
async fn fail(site: &Site, random: &mut Random, count: usize) -> (Vec<Call>, bool) {
    let seed = site.journal.seed;
    let strace = Strace::watching(site).inject("fsync,fdatasync", "error=EIO", count);
    let mut refused = Vec::new();
    let Ok(server) = strace.serve(site).await else {
        // The first syncs of all are those of the data directory and what is above it, at the start.
        let failed = failed(&strace);
        let is_of_start = failed.iter().any(|call| !is_of_bytes(call));
        assert!(is_of_start, "it does not start: {failed:?}; seed {seed}");
        return (failed, false);
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
    let keys = site.content_keys().await;
    for call in &failed {
        let unsynced = keys.values().find(|key| call.is_on(key));
        assert_eq!(unsynced, None, "a file is not durable; seed {seed}");
    }
    (failed, true)
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
    let (mut count, mut starts) = (0, 0);
    while starts < STARTS {
        count += 1;
        let (failed, has_started) = fail(&site, &mut random, count).await;
        failed.iter().for_each(|call| seen += &call.arguments);
        starts += usize::from(has_started);
    }
    let server = site.serve().await;
    site.holds_everything(&server.base).await;
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

/// The disk is told to begin before all bytes of a large upload are there. The kernel reports what went wrong then, and
/// only then.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_disk_could_not_begin_with_is_refused_at_the_end() {
    let seed = seed();
    let mut random = Random::new(seed);
    let site = Site::new(seed, 1).await;
    let strace = Strace::watching(&site)
        .inject("fdatasync", "error=EIO", 1)
        .with(["-e", "trace=fsync,fdatasync"]);
    let server = strace.serve(&site).await.unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let scribe = Scribe::new(&client, &server.base, &site.journal, 0);

    let large = scribe.upload(random.next(), 20 << 20).await;

    assert!(
        matches!(large, Err(Refusal::Code(_))),
        "{large:?}; seed {seed}"
    );
    scribe.upload(random.next(), 1000).await.unwrap();
    server.terminate();
    server.ended().await;
    let failed = failed(&strace).pop().expect("an early sync failed");
    let (path, _) = failed.arguments.split_once(')').unwrap();
    let syncs = strace.calls().into_iter().filter(|call| call.is_on(path));
    assert_eq!(syncs.count(), 1, "{path} is synced again; seed {seed}");
    let refused = *site.journal.entries().first_key_value().unwrap().0;
    site.journal.expect(refused, Life::Absent);
    let server = site.serve().await;
    site.holds_everything(&server.base).await;
}
