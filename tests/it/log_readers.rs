//! Whoever reads the log, and whoever does not: the server answers all the same.

use std::{
    fs::File,
    io::{PipeReader, Read, pipe},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{
    Person,
    person::PASSWORD,
    program::{Program, Serving},
    volume::{Volume, with_mounts},
};

/// How long any answer may take here, on a machine that others use as well.
const PATIENCE: Duration = Duration::from_secs(20);

/// Signs in, uploads, renames, deletes, asks for tickets and downloads; and everybody is answered.
async fn everything_works(server: &Serving, username: &str) {
    let work = async {
        let alice = Person::anonymous(&server.base);
        alice.sign_up(username).await;
        let file = alice.upload("notes.txt", b"hello").await;
        let rename = "mutation($f: ID!) { renameFile(id: $f, name: \"new.txt\") { name } }";
        let renamed = alice.ask_with(rename, json!({ "f": file })).await;
        assert_eq!(renamed.text("/renameFile/name"), "new.txt");
        let again = Person::anonymous(&server.base);
        let signed_in = again.sign_in(username, PASSWORD).await;
        assert_eq!(signed_in.text("/signIn/username"), username);
        let ticket = again.ticket(&file).await;
        assert_eq!(again.get(&ticket).await.bytes, b"hello");
        assert_eq!(again.delete(&file).await.text("/deleteFile"), file);
        let ready = again.get(&format!("{}/readyz", server.base)).await;
        assert_eq!(ready.status.as_u16(), 200);
    };
    let answered = tokio::time::timeout(PATIENCE, work).await;
    answered.expect("somebody was not answered");
}

/// More lines than a pipe holds, and than wait in a small queue.
async fn log_much(server: &Serving) {
    let client = reqwest::Client::new();
    for _ in 0..2000 {
        let asked = client.get(format!("{}/healthz", server.base));
        let answer = asked.timeout(PATIENCE).send().await;
        assert!(answer.is_ok_and(|answer| answer.status() == 200));
    }
}

/// All that comes from now on, read by a thread.
fn read_all(mut log: PipeReader) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        text
    })
}

/// Ends the server, which has to end by itself and well.
async fn ends_well(server: Serving) {
    server.terminate();
    assert_eq!(server.ended().await.0.code(), Some(0));
}

/// How many lines the log says were lost, all in all.
fn lost(log: &str) -> u64 {
    let said = log.lines().filter_map(|line| {
        let said = line.strip_suffix(" log lines were lost")?;
        said.rsplit(' ').next()?.parse::<u64>().ok()
    });
    said.sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_reader_that_stands_still_holds_up_nobody_and_hears_what_it_lost() {
    let (reader, writer) = pipe().unwrap();
    let program = Program::new().await.set("LOG_BUFFER", "64KiB");
    let server = program.serve_logging_to(writer).await;

    log_much(&server).await;
    everything_works(&server, "alice").await;

    let log = read_all(reader);
    everything_works(&server, "bob").await;
    ends_well(server).await;
    let log = log.join().unwrap();
    assert!(lost(&log) > 1000, "{} lines lost", lost(&log));
    let (_, later) = log.rsplit_once("log lines were lost").unwrap();
    assert!(later.contains("kind=SignedUp"), "{later}");
    assert!(later.trim_end().ends_with("stopped"), "{later}");
    let whole = log.lines().all(|line| line.starts_with("20"));
    assert!(whole, "a line is not whole: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_reader_that_stands_still_does_not_hold_up_the_end() {
    let (_reader, writer) = pipe().unwrap();
    let server = Program::new().await.serve_logging_to(writer).await;
    log_much(&server).await;
    ends_well(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_reader_that_has_left_ends_no_task() {
    let (reader, writer) = pipe().unwrap();
    let server = Program::new().await.serve_logging_to(writer).await;
    drop(reader);
    for username in ["alice", "bob"] {
        everything_works(&server, username).await;
    }
    ends_well(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_takes_no_byte_and_no_log_at_all_are_no_reason_to_stop() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let server = Program::new().await.serve_logging_to(full).await;
    everything_works(&server, "alice").await;
    ends_well(server).await;

    let closed = ["sh", "-c", "exec \"$@\" >&- 2>&-", "sh"];
    let program = Program::new().await;
    let server = program.serve_under_logging_to(&closed, Stdio::null()).await;
    everything_works(&server, "alice").await;
    ends_well(server).await;
}

#[test]
fn a_log_on_a_full_disk_goes_on_once_there_is_room() {
    with_mounts(async || {
        let disk = Volume::of_mebibytes(1);
        let file = File::options()
            .append(true)
            .create(true)
            .open(disk.path().join("log"))
            .unwrap();
        let program = Program::new().await.set("LOG_FORMAT", "json");
        let server = program.serve_logging_to(file).await;
        disk.fill();
        everything_works(&server, "alice").await;
        log_much(&server).await;
        disk.make_room();
        everything_works(&server, "bob").await;
        ends_well(server).await;

        let log = std::fs::read_to_string(disk.path().join("log")).unwrap();
        let lines = log.lines().map(serde_json::from_str::<Value>);
        // A line that broke off where the disk was full stays so, on a line of its own.
        let lines: Vec<_> = lines.filter_map(Result::ok).collect();
        assert!(lines.len() + 1 >= log.lines().count(), "{log}");
        let lost = lines
            .iter()
            .filter_map(|line| line["fields"]["lines"].as_u64());
        assert!(lost.sum::<u64>() > 1000, "{log}");
        let last = lines.last().unwrap();
        assert_eq!(last["fields"]["message"], "stopped");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_for_a_reader_that_has_left_ends_cleanly() {
    let program = Program::new().await;
    program.serve().kill();
    let made = program.run_with(&["create-user", "alice"], "correct horse battery\n");
    assert_eq!(made.status, Some(0), "{made:?}");
    for arguments in [&["schema"][..], &["verify"], &["verify", "--json"]] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let (status, log) = program.run_to(writer, arguments);
        assert_eq!(status, Some(0), "{arguments:?}: {log}");
        assert!(!log.contains("panicked"), "{arguments:?}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_printed_is_a_failure_and_says_so() {
    let program = Program::new().await;
    program.serve().kill();
    for arguments in [&["schema"][..], &["verify"], &["verify", "--json"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (status, log) = program.run_to(full, arguments);
        assert_eq!(status, Some(1), "{arguments:?}: {log}");
        assert!(
            log.contains("cloakroom: cannot write to standard output"),
            "{arguments:?}: {log}"
        );
    }
}
