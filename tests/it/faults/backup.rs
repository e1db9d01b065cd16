//! Backups: made while clients are at work, by the very commands of docs/deploy.md, restored by the others there, and held
//! to the journal.

use std::{fs, path::Path, process::Command, time::SystemTime};

use super::{
    random::{Random, seed},
    site::{Site, wait_for_backends},
    traffic::Traffic,
};
use crate::support::Program;

const ACCOUNTS: usize = 4;
const BACKUPS: usize = 3;
const PAGE: &str = include_str!("../../../docs/deploy.md");
/// What the page says of PostgreSQL's address.
const URL: &str = "postgres:///cloakroom?host=/run/postgresql&user=cloakroom";

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_server_at_work_restores_what_was_acknowledged_before_it() {
    let seed = seed();
    let site = Site::new(seed, ACCOUNTS).await;
    let backups = site.program.path("backups");
    let (backup, restore) = commands(site.program.database_url().is_some());
    let server = site.serve().await;
    let traffic = Traffic::start(&server.base, &site.journal, &Random::new(seed));
    for _ in 0..BACKUPS {
        site.journal.has_acknowledged_more(25).await;
        let began = SystemTime::now();
        run(&adapted(backup, &site.program, &backups)).await;
        let ended = SystemTime::now();

        let restored = a_new_machine().await;
        // For what old tickets open; an operator need not keep it.
        let secret = |program: &Program| program.data_dir().join("secret");
        fs::copy(secret(&site.program), secret(&restored)).unwrap();
        run(&adapted(restore, &restored, &backups)).await;

        // What was asked for meanwhile is in the backup or not.
        let restored = Site::of(restored, site.journal.as_of(began, ended));
        let server = restored.serve().await;
        restored.holds_everything(&server.base).await;
    }
    traffic.stop().await;
    site.holds_everything(&server.base).await;
    eprintln!("{:?}", site.journal.counts());
}

/// How to make a backup and how to restore it, as the page has it.
fn commands(is_postgres: bool) -> (&'static str, &'static str) {
    let (_, section) = PAGE.split_once("\n## 5. Backups\n").unwrap();
    // What follows a smaller heading is about one user's files.
    let (section, _) = section.split_once("\n### ").unwrap();
    let blocks = section.split("```sh\n").skip(1);
    let blocks: Vec<_> = blocks
        .map(|block| block.split_once("```").unwrap().0)
        .collect();
    match (&blocks[..], is_postgres) {
        ([backup, _, restore, _], false) | ([_, backup, _, restore], true) => (backup, restore),
        _ => panic!("the page has {} blocks of commands", blocks.len()),
    }
}

/// `commands` for a machine with one user, no systemd, and directories of its own.
fn adapted(commands: &str, machine: &Program, backups: &Path) -> String {
    let url = machine.database_url().unwrap_or_default();
    let (server, database) = url.rsplit_once('/').unwrap_or_default();
    let maintenance = format!("--maintenance-db={server}/postgres");
    let settings = machine.settings_file().display().to_string();
    let program = concat!(env!("CARGO_BIN_EXE_cloakroom"), " --env-file");
    let changes = [
        ("sudo -u postgres ", ""),
        ("sudo ", ""),
        ("runuser -u cloakroom -- ", ""),
        ("-o cloakroom -g cloakroom ", ""),
        ("--chown=cloakroom:www-data ", ""),
        ("--owner cloakroom ", ""),
        (
            "dropdb --if-exists cloakroom",
            &format!("dropdb {maintenance} {database}"),
        ),
        ("createdb ", &format!("createdb {maintenance} ")),
        ("template0 cloakroom", &format!("template0 {database}")),
        ("cloakroom --env-file", program),
        ("/etc/cloakroom/cloakroom.env", &settings),
        (URL, url),
        (
            "/var/lib/cloakroom",
            &machine.data_dir().display().to_string(),
        ),
        ("/var/backups/cloakroom", &backups.display().to_string()),
    ];
    let lines = commands.lines().filter(|line| !line.contains("systemctl"));
    let commands: String = lines.map(|line| format!("{line}\n")).collect();
    changes
        .iter()
        .fold(commands, |commands, (from, to)| commands.replace(from, to))
}

/// One on which the server has been started once, and did not end well.
async fn a_new_machine() -> Program {
    // Tickets live as long there, or older ones would have expired.
    let machine = Program::new().await.set("TICKET_TTL", "24h");
    machine.serve().kill();
    if let Some(url) = machine.database_url() {
        wait_for_backends(url).await;
    }
    machine
}

async fn run(commands: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", commands]);
    let output = tokio::task::spawn_blocking(move || shell.output().unwrap())
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{commands}\n{}",
        String::from_utf8_lossy(&said)
    );
}
