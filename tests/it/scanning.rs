//! Scanning: what a scanner finds is not kept, and one that is away is no hole.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use cloakroom::{
    config::{Listen, Scan},
    scanner::{self, Fault, Line},
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};
use uuid::Uuid;

use crate::support::{
    Answer, Parts, Person, Program, TestApp,
    clamd::{Clamd, FOUND, eicar},
    multipart::{CONTENT_TYPE, envelope},
};

const UPLOAD: &str = "mutation($file: Upload!) { uploadFile(file: $file) { id } }";
const MEBIBYTE: usize = 1 << 20;

/// A server whose files `scan` looks at.
async fn scanned_by(scan: &str) -> TestApp {
    TestApp::start_with(|options| options.scan = Some(scan.to_owned())).await
}

async fn upload(person: &Person, name: &str, bytes: &[u8]) -> Answer {
    person.upload_with(UPLOAD, json!({}), name, bytes).await
}

/// What an answer says was found.
fn found(answer: &Answer) -> Value {
    let found = answer.body.pointer("/errors/0/extensions/found");
    found.cloned().unwrap_or_default()
}

/// The EICAR file behind so many bytes that no protocol holds it in memory. ClamAV looks for it anywhere.
fn hidden(before: usize) -> Vec<u8> {
    [vec![b'.'; before], eicar()].concat()
}

/// The events that tell of refused files, as their owner reads them.
async fn refusals(person: &Person) -> Vec<Value> {
    let query = "{ events(first: 50) { edges { node { kind detail drop { id } } } } }";
    let events = person.ask(query).await.data("/events/edges");
    let events = events.as_array().unwrap().iter().map(|edge| &edge["node"]);
    let refused = events.filter(|event| event["kind"] == "UPLOAD_REFUSED");
    refused.cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clamd_s_finds_are_refused_by_every_way_in_and_nothing_of_them_stays() {
    let clamd = Clamd::start(64 * MEBIBYTE).await;
    let server = scanned_by(&clamd.setting()).await;
    let alice = server.person("alice").await;
    let clean = alice.upload("clean.txt", b"nothing to see").await;

    for bytes in [eicar(), hidden(3 * MEBIBYTE)] {
        let refused = upload(&alice, "innocent.txt", &bytes).await;
        assert_eq!(refused.code(), "FILE_REFUSED", "{refused:?}");
        assert_eq!(found(&refused), FOUND);
        server.only_files_stay(1).await;

        // In parts: none of them is anything by itself.
        let url = alice.tus_create("innocent.bin", bytes.len()).await;
        let half = bytes.len() - 30;
        alice.tus_patch(&url, 0, &bytes[..half]).await.expect(204);
        let refused = alice.tus_patch(&url, half, &bytes[half..]).await;
        assert_eq!(refused.code(), "FILE_REFUSED", "{refused:?}");
        assert_eq!(refused.status, 422);
        alice.tus_head(&url).await.expect(404);
        server.only_files_stay(1).await;
    }

    let drop = alice.drop_with(json!({})).await;
    let visitor = server.anonymous().dropping(&drop.token, None);
    let refused = visitor.leave("homework.txt", &eicar()).await;
    assert_eq!(refused.code(), "FILE_REFUSED", "{refused:?}");
    let url = visitor.tus_create("homework.bin", eicar().len()).await;
    let refused = visitor.tus_patch(&url, 0, &eicar()).await;
    assert_eq!(refused.code(), "FILE_REFUSED", "{refused:?}");
    let form = reqwest::multipart::Part::bytes(eicar()).file_name("form.txt");
    let form = reqwest::multipart::Form::new().part("file", form);
    let answer = reqwest::Client::new().post(&drop.url).multipart(form);
    assert_eq!(answer.send().await.unwrap().status(), 422);

    server.only_files_stay(1).await;
    assert_eq!(alice.list("files").await, json!([{ "id": clean }]));
    server
        .eventually("the trail has it", async |_| {
            refusals(&alice).await.len() >= 2
        })
        .await;
    let events = refusals(&alice).await;
    assert!(
        events.iter().all(|event| event["detail"] == FOUND),
        "{events:?}"
    );
    let by_drop = events.iter().filter(|it| it["drop"]["id"] == *drop.id);
    assert_eq!(by_drop.count(), 1, "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_files_one_that_is_refused_takes_the_others_with_it() {
    let clamd = Clamd::start(MEBIBYTE).await;
    let server = scanned_by(&clamd.setting()).await;
    let alice = server.person("alice").await;
    let query = "mutation($files: [Upload!]!) { uploadFiles(files: $files) { id } }";
    let operations = json!({ "query": query, "variables": { "files": [null, null] } });
    let body = Parts::new()
        .text("operations", &operations.to_string())
        .text(
            "map",
            r#"{"0":["variables.files.0"],"1":["variables.files.1"]}"#,
        )
        .file("0", b"clean")
        .file("1", &eicar())
        .end();
    let answer = alice.post_body(CONTENT_TYPE, body).await;
    assert_eq!(answer.code(), "FILE_REFUSED", "{answer:?}");
    server.nothing_stays().await;
}

/// What clamd does not take, nobody has looked at.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_larger_than_the_scanner_takes_is_refused_or_passes_as_configured() {
    let clamd = Clamd::start(MEBIBYTE).await;
    let server = scanned_by(&clamd.setting()).await;
    let alice = server.person("alice").await;
    let refused = upload(&alice, "large.bin", &vec![0; 4 * MEBIBYTE]).await;
    assert_eq!(refused.code(), "FILE_REFUSED", "{refused:?}");
    assert_eq!(found(&refused), Value::Null);
    server.nothing_stays().await;

    let server = server
        .restart_with(|it| it.scan_away = "pass".to_owned())
        .await;
    let alice = alice.at(&server.base);
    upload(&alice, "large.bin", &vec![0; 4 * MEBIBYTE])
        .await
        .data("/uploadFile");
    let refused = upload(&alice, "small.bin", &eicar()).await;
    assert_eq!(refused.code(), "FILE_REFUSED", "it is there, and looks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_that_is_away_refuses_or_lets_pass_as_configured() {
    let clamd = Clamd::start(MEBIBYTE).await;
    let server = scanned_by(&clamd.setting()).await;
    let alice = server.person("alice").await;
    drop(clamd);

    let refused = upload(&alice, "a.txt", b"a").await;
    assert_eq!(refused.code(), "UNAVAILABLE", "{refused:?}");
    let url = alice.tus_create("b.bin", 100_000).await;
    alice.tus_patch(&url, 0, &[1; 60_000]).await.expect(204);
    let refused = alice.tus_patch(&url, 60_000, &[1; 40_000]).await;
    assert_eq!(refused.code(), "UNAVAILABLE", "{refused:?}");

    // The upload waits for the scanner to come back.
    let clamd = Clamd::start(MEBIBYTE).await;
    let server = server
        .restart_with(|it| it.scan = Some(clamd.setting()))
        .await;
    let alice = alice.at(&server.base);
    let url = alice.at_base(&url);
    let offset = alice.tus_head(&url).await.expect(200).offset();
    assert_eq!(offset, 60_000, "what was acknowledged stays");
    let done = alice
        .tus_patch(&url, offset, &[1; 40_000])
        .await
        .expect(204);
    assert!(!done.header("cloakroom-file").is_empty(), "{done:?}");
    server.only_files_stay(1).await;

    drop(clamd);
    let server = server
        .restart_with(|it| it.scan_away = "pass".to_owned())
        .await;
    let alice = alice.at(&server.base);
    upload(&alice, "a.txt", &eicar()).await.data("/uploadFile");
}

/// A scanner that answers whatever comes to its mind, or nothing.
async fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                let _ = stream.read(&mut bytes).await;
                let _ = stream.write_all(answer).await;
                if answer.is_empty() {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    format!("clamd:{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_of_a_scanner_lets_nothing_pass() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\n\r\n"[..],
        b"stream: OK\0stream: OK\0",
        b"\xff\xff",
        b"stream: O",
        b"OK\0",
        b"",
    ] {
        let scan = answering(answer).await;
        let server = TestApp::start_with(|options| {
            options.scan = Some(scan);
            options.scan_timeout = "1s".to_owned();
        })
        .await;
        let alice = server.person("alice").await;
        let refused = upload(&alice, "a.txt", b"a").await;
        assert_eq!(refused.code(), "UNAVAILABLE", "{answer:?}: {refused:?}");
        server.nothing_stays().await;
    }
}

/// It has looked at a few bytes of many.
#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_that_calls_clean_what_it_has_not_read_lets_nothing_pass() {
    let scan = answering(b"stream: OK\0").await;
    let server = scanned_by(&scan).await;
    let alice = server.person("alice").await;
    let refused = upload(&alice, "a.bin", &vec![0; 48 * MEBIBYTE]).await;
    assert_eq!(refused.code(), "UNAVAILABLE", "{refused:?}");
    server.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_at_the_scanner_is_waited_for_as_long_as_a_scan_may_take() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scan = Scan::Clamd(Listen::Tcp(silent.local_addr().unwrap()));
    let judge = |account, within| {
        let (scan, line) = (scan.clone(), Line::Account(Uuid::from_u128(account)));
        tokio::spawn(async move { scanner::judge(&scan, within, line, stream::empty()).await })
    };
    let mut turns = Vec::new();
    for at in 0..8 {
        let judged = judge(at / 2, Duration::from_secs(600));
        turns.push((judged, silent.accept().await.unwrap()));
    }
    // Of an account that has its share, and of one that has none.
    for account in [0, 9] {
        let late = judge(account, Duration::from_millis(100));
        let late = timeout(Duration::from_secs(30), late).await;
        let late = late.expect("it waits on").unwrap();
        assert!(matches!(late, Err(Fault::Busy)), "{late:?}");
    }
    for (judged, _) in turns {
        judged.abort();
    }
}

/// Or whoever keeps the scanner busy could have anything kept.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_busy_scanner_in_vain_does_not_pass() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let server = TestApp::start_with(|options| {
        options.scan = Some(format!("clamd:{address}"));
        options.scan_timeout = "1s".to_owned();
        options.scan_away = "pass".to_owned();
    })
    .await;
    let alice = server.person("alice").await;
    let id: Uuid = alice
        .ask("{ me { id } }")
        .await
        .text("/me/id")
        .parse()
        .unwrap();
    let mut turns = Vec::new();
    for _ in 0..2 {
        let scan = Scan::Clamd(Listen::Tcp(address));
        let judged = tokio::spawn(async move {
            let long = Duration::from_secs(600);
            scanner::judge(&scan, long, Line::Account(id), stream::empty()).await
        });
        turns.push((judged, silent.accept().await.unwrap()));
    }
    let refused = upload(&alice, "a.txt", &eicar()).await;
    assert_eq!(refused.code(), "UNAVAILABLE", "{refused:?}");
    server.nothing_stays().await;
    // Nobody else is held up, and a scanner that says nothing in time is one that is away.
    let bob = server.person("bob").await;
    upload(&bob, "b.txt", b"b").await.data("/uploadFile");
    for (judged, _) in turns {
        judged.abort();
    }
}

/// A script that scans.
fn script(directory: &Path, text: &str) -> String {
    let path = directory.join("scanner");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    format!("command:{}", path.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_judges_by_its_status_and_gets_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    for (text, code, name) in [
        ("cat >/dev/null", "", Value::Null),
        (
            "cat >/dev/null; echo 'stream: Some.Virus FOUND'; exit 1",
            "FILE_REFUSED",
            json!("Some.Virus"),
        ),
        ("echo Early; exit 1", "FILE_REFUSED", json!("Early")),
        ("exit 1", "FILE_REFUSED", json!("something without a name")),
        ("yes | head -c 1000000; exit 1", "FILE_REFUSED", json!("y")),
        ("exit 0", "UNAVAILABLE", Value::Null),
        ("cat >/dev/null; exit 2", "UNAVAILABLE", Value::Null),
        ("kill -9 $$", "UNAVAILABLE", Value::Null),
        ("exec sleep 600", "UNAVAILABLE", Value::Null),
        (
            "cat >/dev/null; env | grep -q CLOAKROOM && exit 1; exit 0",
            "",
            Value::Null,
        ),
    ] {
        let scan = script(directory.path(), text);
        let server = TestApp::start_with(|options| {
            options.scan = Some(scan);
            options.scan_timeout = "2s".to_owned();
        })
        .await;
        let alice = server.person("alice").await;
        let answer = upload(&alice, "a.bin", &vec![7; 2 * MEBIBYTE]).await;
        assert_eq!(answer.code(), code, "{text}: {answer:?}");
        assert_eq!(found(&answer), name, "{text}");
        server.only_files_stay(usize::from(code.is_empty())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_scanned_in_no_more_memory_than_a_small_one() {
    let clamd = Clamd::start(300 * MEBIBYTE).await;
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let process = Program::of(&server).set("SCAN", &clamd.setting()).serve();
    let alice = alice.at(&process.base);
    let upload = async |mebibytes: usize| {
        let answer = alice.post_zeros(envelope(), mebibytes).await;
        assert_eq!(answer.data("/uploadFile/size"), mebibytes * MEBIBYTE);
        process.peak_memory()
    };
    let small = upload(8).await;
    let large = upload(256).await;
    let growth = large.saturating_sub(small) / 1024;
    assert!(growth < 32 * 1024, "it grew by {growth} KiB");
}
