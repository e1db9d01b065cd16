//! Disks that fill up and are emptied under load, and the journal of what was acknowledged meanwhile.

use std::time::Duration;

use super::{
    hold::Scope,
    random::{Random, seed},
    site::Site,
    traffic::Traffic,
};
use crate::support::{
    Program,
    volume::{Volume, with_mounts},
};

/// Fills `disk` again and again while clients work at a server on it.
async fn fill_under_load(program: Program, disk: Volume) {
    let seed = seed();
    let mut random = Random::new(seed);
    let site = Site::on(program, seed, 4).await;
    let server = site.serve().await;
    for round in 0..4 {
        let traffic = Traffic::start(&server.base, &site.journal, &random.fork(round));
        tokio::time::sleep(Duration::from_micros(random.below(200_000))).await;
        disk.fill();
        tokio::time::sleep(Duration::from_micros(random.below(200_000))).await;
        // What clients have purged meanwhile.
        disk.fill();
        tokio::time::sleep(Duration::from_micros(random.below(100_000))).await;
        disk.make_room();
        // The same clients go on, without a restart.
        site.recovers_within(Duration::from_secs(20)).await;
        traffic.stop().await;
        site.journal.hold(&server.base, Scope::Fresh).await;
    }
    site.holds_everything(&server.base).await;
    let counts = site.journal.counts().clone();
    eprintln!("{counts:?}");
    let codes: Vec<_> = counts.refused.keys().collect();
    assert_eq!(codes, ["STORAGE_FULL"], "seed {seed}");
}

#[test]
fn nothing_acknowledged_is_lost_when_the_content_disk_fills_up_under_load() {
    with_mounts(async || {
        let mut program = Program::new().await;
        if program.database_url().is_none() {
            let database = program.path("database");
            std::fs::create_dir_all(&database).unwrap();
            let url = format!("sqlite:{}/db.sqlite3", database.display());
            program = program.set("DATABASE_URL", &url);
        }
        let disk = Volume::at(&program.data_dir(), 16);
        fill_under_load(program, disk).await;
    });
}

#[test]
fn nothing_acknowledged_is_lost_when_the_database_disk_fills_up_under_load() {
    with_mounts(async || {
        let program = Program::new().await;
        let disk = Volume::at(&program.path("database"), 16);
        let url = format!("sqlite:{}/db.sqlite3", disk.path().display());
        fill_under_load(program.set("DATABASE_URL", &url), disk).await;
    });
}

#[test]
fn nothing_acknowledged_is_lost_when_the_one_disk_fills_up_under_load() {
    with_mounts(async || {
        let program = Program::new().await;
        let disk = Volume::at(&program.data_dir(), 24);
        let url = format!("sqlite:{}/db.sqlite3", disk.path().display());
        let program = program.set("DATABASE_URL", &url);
        fill_under_load(program, disk).await;
    });
}
