//! `cloakroom doctor`: it finds what is wrong, and says what to do.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use serde_json::Value;

use crate::support::{
    Store, TestApp,
    clamd::Clamd,
    person::PASSWORD,
    program::{Printed, Program},
    store_engine::SECRET,
};

/// What was found about `what`, as its states and texts.
fn found(printed: &Printed, what: &str) -> Vec<(String, String)> {
    let findings = printed
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{printed:?}")));
    let of_it = findings.filter(|finding| finding["what"] == what);
    of_it
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap().to_owned();
            (text("state"), text("said"))
        })
        .collect()
}

#[track_caller]
fn expect(printed: &Printed, what: &str, state: &str, said: &str) {
    let found = found(printed, what);
    assert!(
        found
            .iter()
            .any(|(is, text)| is == state && text.contains(said)),
        "no {state} {said:?} about {what}: {printed:#?}"
    );
}

/// What is bad, as the names of things.
fn bad(printed: &Printed) -> Vec<String> {
    let lines = printed
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let bad = lines.filter(|finding| finding["state"] == "bad");
    bad.map(|finding| finding["what"].as_str().unwrap().to_owned())
        .collect()
}

const DOCTOR: [&str; 2] = ["doctor", "--json"];

#[tokio::test(flavor = "multi_thread")]
async fn all_is_good_behind_nginx() {
    let server = TestApp::behind_nginx(|_| {}).await;
    let program = Program::of(&server)
        .set("DELIVERY", "x-accel")
        .set("PUBLIC_URL", &server.base);

    let printed = tokio::task::block_in_place(|| program.run(&DOCTOR));

    assert_eq!(bad(&printed), ["nginx's group"; 0], "{printed:#?}");
    assert_eq!(printed.status, Some(0), "{printed:#?}");
    for said in [
        "leads to Cloakroom",
        "it is ready",
        "it hides internal locations",
        "it passes uploads",
    ] {
        expect(&printed, "site", "good", said);
    }
    expect(&printed, "database", "good", "can be written");
    expect(&printed, "integrity", "good", "no damage");
    expect(&printed, "clock", "good", "agrees");
    expect(&printed, "storage", "good", "one file system");
    let text = tokio::task::block_in_place(|| program.run(&["doctor"])).out;
    assert!(text.contains("good     site: it is ready\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_yet_is_said_with_the_way_to_it() {
    let program = Program::new().await;
    let printed = program.run(&DOCTOR);
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert_eq!(bad(&printed), ["database"]);
    assert!(!program.data_dir().exists(), "it makes nothing");

    let program = program.migrated();
    let printed = program.run(&DOCTOR);
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert_eq!(bad(&printed), ["storage"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_leads_elsewhere_or_nowhere_is_bad() {
    let server = TestApp::start().await;
    let program = Program::of(&server);
    let nowhere = program.set("PUBLIC_URL", "http://127.0.0.1:9");
    let printed = tokio::task::block_in_place(|| nowhere.run(&DOCTOR));
    assert_eq!(printed.status, Some(1), "{printed:?}");
    assert_eq!(bad(&printed), ["site"]);
    expect(&printed, "site", "bad", "does not answer");

    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = elsewhere.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = elsewhere.accept().await.unwrap();
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                let mut request = [0; 4096];
                let _ = client.read(&mut request).await;
                let answer =
                    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
                let _ = client.write_all(answer).await;
            });
        }
    });
    let program = nowhere.set("PUBLIC_URL", &format!("http://{address}"));
    let printed = tokio::task::block_in_place(|| program.run(&DOCTOR));
    assert_eq!(bad(&printed), ["site"]);
    expect(
        &printed,
        "site",
        "bad",
        "see whether CLOAKROOM_PUBLIC_URL is right",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_mark_and_a_clock_that_was_set_back_are_bad() {
    let server = TestApp::start().await;
    server.person("alice").await;
    server.advance(Duration::from_secs(2 * 60 * 60));
    server.sweep().await;
    let program = Program::of(&server).set("PUBLIC_URL", &server.base);

    let printed = tokio::task::block_in_place(|| program.run(&DOCTOR));

    // The test's clock is two hours ahead, and what it has seen pass is in the database.
    assert_eq!(bad(&printed), ["clock"], "{printed:#?}");
    expect(&printed, "clock", "bad", "timedatectl");
    fs::remove_file(program.data_dir().join("content/installation")).unwrap();
    let printed = tokio::task::block_in_place(|| program.run(&DOCTOR));
    assert_eq!(bad(&printed), ["storage"], "{printed:#?}");
    expect(&printed, "storage", "bad", "mark");
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_nginx_cannot_read_is_bad() {
    let program = Program::new().await.set("DELIVERY", "x-accel").migrated();
    let server = program.serve();
    let program = program.set("PUBLIC_URL", &server.base);
    let content = program.data_dir().join("content");
    fs::set_permissions(&content, fs::Permissions::from_mode(0o700)).unwrap();

    let printed = program.run_with(&DOCTOR, PASSWORD);

    assert_eq!(bad(&printed), ["nginx's group"], "{printed:#?}");
    expect(&printed, "nginx's group", "bad", "chmod 2750");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_store_is_looked_at_like_a_disk() {
    let store = Store::create().await;
    let server = TestApp::behind_nginx_on(&store, |_| {}).await;
    let program = store
        .configure_program(Program::of(&server))
        .set("DELIVERY", "x-accel")
        .set("PUBLIC_URL", &server.base);
    let run = |program: &Program| tokio::task::block_in_place(|| program.run(&DOCTOR));

    let printed = run(&program);
    assert_eq!(bad(&printed), [""; 0], "{printed:#?}");
    assert_eq!(printed.status, Some(0), "{printed:#?}");
    expect(&printed, "storage", "good", "is this installation's");
    expect(&printed, "storage", "good", "check-store");
    expect(&printed, "clock", "good", "the object store's");
    assert!(!format!("{printed:?}").contains(SECRET), "{printed:?}");

    let mark = store.get("installation").await.unwrap();
    store.delete("installation").await;
    let printed = run(&program);
    assert_eq!(bad(&printed), ["storage"]);
    store.put("installation", &mark).await;
    let printed = run(&program.set("S3_ENDPOINT", "http://127.0.0.1:9"));
    assert_eq!(bad(&printed), ["storage"]);
    expect(&printed, "storage", "bad", "cannot be reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_is_asked_and_one_that_is_away_or_finds_something_everywhere_is_bad() {
    let clamd = Clamd::start(1 << 20).await;
    let program = Program::new().await;
    let of = |scan: &str| program.clone().set("SCAN", scan).run(&DOCTOR);
    expect(&of(&clamd.setting()), "scanner", "good", "it answers");
    expect(&of("command:/bin/cat"), "scanner", "good", "it answers");
    let setting = clamd.setting();
    drop(clamd);
    for (scan, said) in [
        (&*setting, "clamav-daemon"),
        ("clamd:127.0.0.1:9", "UNAVAILABLE"),
        ("command:/no/such/program", "run the program of SCAN"),
        ("command:/bin/false", "a line of plain text"),
    ] {
        expect(&of(scan), "scanner", "bad", said);
    }
    let passing = program.set("SCAN_AWAY", "pass").set("SCAN", &setting);
    let printed = passing.run(&DOCTOR);
    expect(&printed, "scanner", "bad", "kept without a look");
    assert!(found(&passing.without("SCAN").run(&DOCTOR), "scanner").is_empty());
}
