//! Power loss: the server works under `strace`, and is started again on the disks that a power loss may have left of what
//! it did, at many moments of its work and in several ways each.
//!
//! `CLOAKROOM_FAULTS_CRASHES` is how many disks to try.

mod disk;
mod past;
mod trace;

use std::{collections::BTreeSet, fs, time::Duration};

use cloakroom::verify::{self, Options};

use self::{
    disk::{Disk, Fate},
    past::{Moment, Past},
};
use super::{
    hold::Scope,
    random::{Random, seed},
    site::{HOURS, is_swept},
};
use crate::support::{Database, Program, TestApp};

/// Disks in all, unless the environment says otherwise. One takes longer where it takes a copy of a database.
const DISKS_WITH_SQLITE: usize = 100;
const DISKS_WITH_POSTGRES: usize = 16;
/// Those that are made of one past.
const DISKS_OF_ONE_PAST: usize = 100;

/// What was tried.
#[derive(Debug, Default)]
struct Tally {
    pasts: usize,
    calls: usize,
    acknowledged: u64,
    disks: usize,
    changes_not_synced: usize,
    files_held: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_power_fails() {
    let seed = seed();
    let wanted = std::env::var("CLOAKROOM_FAULTS_CRASHES");
    let wanted = match (wanted, Database::chosen()) {
        (Ok(count), _) => count.parse().unwrap(),
        (Err(_), Database::Sqlite) => DISKS_WITH_SQLITE,
        (Err(_), Database::Postgres(_)) => DISKS_WITH_POSTGRES,
    };
    let mut tally = Tally::default();
    while tally.disks < wanted {
        let mut random = Random::new(seed).fork(tally.pasts as u64);
        let past = Past::new(seed, &mut random).await;
        let count = DISKS_OF_ONE_PAST.min(wanted - tally.disks);
        crash(&past, count, &mut random, &mut tally).await;
        for life in &past.lives {
            tally.calls += life.calls.len();
            if let Some(url) = &life.database {
                Database::remove(url.expose()).await;
            }
        }
        tally.pasts += 1;
        tally.acknowledged += past.journal.counts().acknowledged.values().sum::<u64>();
        eprintln!("{tally:?}");
    }
}

/// Tries `count` disks.
async fn crash(past: &Past, count: usize, random: &mut Random, tally: &mut Tally) {
    let mut moments = past.moments(random, count).into_iter().peekable();
    let mut disk = Disk::new();
    for (number, life) in past.lives.iter().enumerate() {
        disk.restart();
        for calls in 0..=life.calls.len() {
            let now = Moment {
                life: number,
                calls,
            };
            while moments.next_if_eq(&now).is_some() {
                let is_worst = random.below(2) == 0;
                let mut chance = random.fork(tally.disks as u64);
                let mut fate = if is_worst {
                    Fate::Lost
                } else {
                    Fate::Drawn(&mut chance)
                };
                let context = Context {
                    seed: past.journal.seed,
                    pasts: tally.pasts,
                    now,
                    is_worst,
                };
                tally.files_held += restart(past, now, &disk, &mut fate).await;
                drop(context);
                tally.disks += 1;
                tally.changes_not_synced += disk.pending();
            }
            if let Some(call) = life.calls.get(calls) {
                disk.take(call);
            }
        }
    }
}

/// Starts the server on what is left of `disk`, and holds it to the journal. Returns how many files were looked at.
async fn restart(past: &Past, now: Moment, disk: &Disk, fate: &mut Fate<'_>) -> u64 {
    let seed = past.journal.seed;
    let database = match &past.lives[now.life].database {
        Some(url) => Some(Database::copy(url.expose()).await),
        None => None,
    };
    let machine = Program::with(database);
    disk.write_to(machine.directory().path(), fate);
    let journal = past.told(now);
    let has_begun = past.has_begun(now);
    if has_begun {
        let secret = fs::read(machine.data_dir().join("secret")).unwrap();
        assert!(secret == past.secret, "tickets become void; seed {seed}");
    }
    let server = TestApp::beside(&machine, HOURS).await;
    if has_begun {
        journal.hold(&server.base, Scope::Everything).await;
    }
    let owned = is_swept(&server, seed).await;
    // By the key alone: where a rename is two changes, finished content may keep the name it had while it arrived.
    let stored = server.stored().into_iter();
    let stored = stored.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    assert_eq!(stored.collect::<BTreeSet<_>>(), owned, "seed {seed}");
    let options = Options {
        hash: true,
        repair: false,
        settled_after: Duration::ZERO,
    };
    let report = verify::run(&server.app, options, |_| {}).await.unwrap();
    assert!(report.is_clean(), "seed {seed}: {report:?}");
    server.stop().await;
    if let Some(url) = machine.database_url() {
        Database::remove(url).await;
    }
    journal.counts().held
}

/// Says what was tried, when it fails.
struct Context {
    seed: u64,
    pasts: usize,
    now: Moment,
    is_worst: bool,
}

impl Drop for Context {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self {
                seed,
                pasts,
                now,
                is_worst,
            } = self;
            eprintln!(
                "CLOAKROOM_FAULTS_SEED={seed}, past {pasts}, {now:?}, nothing unsynced survives: {is_worst}"
            );
        }
    }
}
