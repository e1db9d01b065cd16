//! A clock that jumps by hours, ahead and back, under a running server.

use std::{fs, path::PathBuf, time::Duration};

use reqwest::Client;
use serde_json::json;

use super::{
    journal::Life,
    random::{Random, seed},
    scribe::Scribe,
    site::Site,
};
use crate::support::{
    Database, Person, Program, multipart::envelope, person::PASSWORD, program::Serving,
};

/// The library that answers for the clock, where Debian has it.
fn library() -> PathBuf {
    let mut directories = fs::read_dir("/usr/lib").unwrap().flatten();
    let library = directories.find_map(|directory| {
        let library = directory.path().join("faketime/libfaketimeMT.so.1");
        library.exists().then_some(library)
    });
    library.expect("libfaketime is not installed")
}

/// The clock of one server.
pub struct Clock(PathBuf);

impl Clock {
    /// That of a server of `program`.
    pub fn of(program: &Program) -> Self {
        Self(program.path("clock"))
    }

    /// Starts a server of `program` that has this clock.
    pub fn serve(&self, program: &Program) -> Serving {
        self.try_serve(program, "+0").unwrap()
    }

    /// The same with the clock so far ahead; the log, where it does not start.
    pub fn try_serve(&self, program: &Program, ahead: &str) -> Result<Serving, String> {
        self.set(ahead);
        let under = [
            "env".to_owned(),
            format!("LD_PRELOAD={}", library().display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", self.0.display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            // What measures durations is not set by anybody.
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        ];
        let under: Vec<_> = under.iter().map(String::as_str).collect();
        program.try_serve(&under)
    }

    pub fn set(&self, ahead: &str) {
        // At once, or the server might read half of it.
        let new = self.0.with_extension("new");
        fs::write(&new, ahead).unwrap();
        fs::rename(new, &self.0).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_loses_nothing_and_sweeps_nothing_alive() {
    let seed = seed();
    let mut random = Random::new(seed);
    let site = Site::new(seed, 2)
        .await
        .set("TRASH_TTL", "1h")
        .set("TICKET_TTL", "5m")
        // So that the clock is believed while the test runs.
        .set("CLOCK_GRACE", "2s");
    let clock = Clock::of(&site.program);
    let server = clock.serve(&site.program);
    let client = Client::builder().no_proxy().build().unwrap();
    let scribe = Scribe::new(&client, &server.base, &site.journal, 0);
    let person = Person::anonymous(&server.base).with_token(&site.journal.accounts[0].secret);
    let kept = scribe.upload(random.next(), 1000).await.unwrap();
    scribe.share(kept, 1).await.unwrap();
    let id = site.journal.entry(kept).id.unwrap();

    for (jump, ahead) in [("+2h", true), ("+0", false), ("-2h", false), ("+0", true)] {
        let trashed = scribe.upload(random.next(), 1000).await.unwrap();
        scribe.change(trashed, Life::Trashed).await.unwrap();
        let upload = person.slow_upload().await;
        assert!(upload.send(vec![1; 200_000]).await);
        let ticket = person.ticket(&id).await;
        assert_eq!(person.get(&ticket).await.status, 200);

        clock.set(jump);

        if ahead {
            // By a sweep after the jump, which must leave the upload alone.
            purged(&person, trashed, &site).await;
        }
        // Its time is over; or it would live for hours by a clock that was set back.
        let old = person.get(&ticket).await;
        assert_eq!(old.code(), "TICKET_EXPIRED", "seed {seed}");
        assert_eq!(person.get(&person.ticket(&id).await).await.status, 200);
        upload.send(envelope().1).await;
        let answer = upload.answer().await;
        assert_eq!(answer.data("/uploadFile/size"), 200_000, "seed {seed}");
        let id = answer.text("/uploadFile/id");
        assert_eq!(
            person.get(&person.ticket(&id).await).await.bytes.len(),
            200_000
        );
        person.delete(&id).await.data("/deleteFile");
        let purge = format!("mutation {{ purgeFile(id: \"{id}\") }}");
        person.ask(&purge).await.data("/purgeFile");
    }
    server.terminate();
    server.ended().await;
    let site = site.set("TRASH_TTL", "30d").set("TICKET_TTL", "24h");
    let server = site.serve().await;
    site.holds_everything(&server.base).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seconds_of_a_clock_that_is_a_year_ahead_destroy_nothing() {
    let seed = seed();
    let mut random = Random::new(seed);
    let site = Site::new(seed, 2).await.set("TICKET_TTL", "5m");
    let clock = Clock::of(&site.program);
    let server = clock.serve(&site.program);
    let client = Client::builder().no_proxy().build().unwrap();
    let scribe = Scribe::new(&client, &server.base, &site.journal, 0);
    let account = &site.journal.accounts[0];
    let program = Person::anonymous(&server.base).with_token(&account.secret);
    let browser = Person::anonymous(&server.base);
    browser
        .sign_in(&account.username, PASSWORD)
        .await
        .data("/signIn");
    let kept = scribe.upload(random.next(), 1000).await.unwrap();
    scribe.share(kept, 1).await.unwrap();
    let trashed = scribe.upload(random.next(), 1000).await.unwrap();
    scribe.change(trashed, Life::Trashed).await.unwrap();
    let id = site.journal.entry(kept).id.unwrap();
    // The oldest two of the file's events.
    let query = "query($f: ID!) { file(id: $f) { events(last: 2) { edges { node { kind } } } } }";
    let trail = async || {
        let answer = program.ask_with(query, json!({ "f": id })).await;
        answer.data("/file/events/edges")
    };
    let before = json!([{ "node": { "kind": "SHARED" } }, { "node": { "kind": "UPLOADED" } }]);
    assert_eq!(trail().await, before, "seed {seed}");

    for _ in 0..2 {
        clock.set("+400d");
        assert_eq!(browser.me().await, json!(null), "seed {seed}");
        let ticket = program.ticket(&id).await;
        // For sweeps: fewer of them on a slow machine make the test weaker and not red.
        tokio::time::sleep(Duration::from_secs(3)).await;
        clock.set("+0");

        assert_eq!(trail().await, before, "seed {seed}");
        assert_eq!(browser.me().await, json!(account.username), "seed {seed}");
        let refused = program.get(&ticket).await;
        assert_eq!(refused.code(), "TICKET_EXPIRED", "seed {seed}");
    }
    server.terminate();
    server.ended().await;
    let site = site.set("TICKET_TTL", "24h");
    let server = site.serve().await;
    site.holds_everything(&server.base).await;
}

/// On SQLite, all instances are on one machine and have one clock.
#[tokio::test(flavor = "multi_thread")]
async fn instances_whose_clocks_are_far_apart_lock_out_alike_and_as_long_as_configured() {
    if let Database::Sqlite = Database::chosen() {
        return;
    }
    for apart in ["+2m", "+3h", "-2m", "-3h"] {
        let program = Program::new().await;
        let program = program
            .set("SIGN_IN_TRIES", "5")
            .set("SIGN_IN_WINDOW", "10h")
            .set("SIGN_UP_WINDOW", "1h")
            // So that the clock is believed, and the janitor goes by it, while the test runs.
            .set("CLOCK_GRACE", "1s")
            .set("JANITOR_INTERVAL", "1s");
        let clock = Clock::of(&program);
        let (right, wrong) = (program.serve(), clock.serve(&program));
        clock.set(apart);
        Person::anonymous(&right.base).sign_up("alice").await;
        let guess = async |n: usize, password: &str| {
            let stranger = Person::anonymous([&wrong.base, &right.base][n % 2]);
            let stranger = stranger.from(&format!("198.51.100.{n}"));
            stranger.sign_in("alice", password).await
        };
        let mut checked = 0;
        for n in 0..24 {
            checked +=
                usize::from(guess(n, "a password made up").await.code() == "UNAUTHENTICATED");
        }
        assert_eq!(checked, 5, "{apart}");
        // For sweeps: fewer of them on a slow machine make the test weaker and not red.
        tokio::time::sleep(Duration::from_secs(3)).await;
        for n in 24..28 {
            let answer = guess(n, PASSWORD).await;
            assert_eq!(answer.code(), "RATE_LIMITED", "{apart}");
            let seconds = &answer.body["errors"][0]["extensions"]["retryAfterSeconds"];
            // One of five tries in ten hours.
            assert!(
                seconds.as_u64().unwrap() <= 2 * 60 * 60 + 1,
                "{apart}: {seconds}"
            );
        }
    }
}

/// Waits until the janitor has ended a file that has been in the trash for its time.
async fn purged(person: &Person, number: usize, site: &Site) {
    let id = site.journal.entry(number).id.unwrap();
    for _ in 0..200 {
        let trash = person.list("trash").await;
        if !trash.to_string().contains(&id) {
            return site.journal.expect(number, Life::Purged);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing is swept; seed {}", site.journal.seed);
}
