//! nginx reloaded, and stopped and started again, in the middle of uploads and downloads.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode, header};
use tokio::time::timeout;

use super::{
    hold::Scope,
    journal::{Account, Journal},
    random::{Random, seed},
    site::Site,
    traffic::Traffic,
};
use crate::support::{Person, Program, TestApp, multipart::SlowUpload};

/// More than all buffers between nginx and a client that does not read.
const LARGE: usize = 48 << 20;

/// A server behind nginx, and somebody with a download and an upload under way there.
struct Halfway {
    server: TestApp,
    alice: Person,
    bytes: Vec<u8>,
    ticket: String,
    download: Response,
    received: Vec<u8>,
    upload: SlowUpload,
}

impl Halfway {
    async fn new() -> Self {
        let server = TestApp::behind_nginx(|options| {
            options.user_quota = Some("1GiB".to_owned());
        })
        .await;
        let alice = server.person("alice").await;
        let bytes = Random::bytes(1, LARGE);
        let file = alice.upload("large.bin", &bytes).await;
        let ticket = alice.ticket(&file).await;
        let mut download = get(&ticket, None).await;
        let mut received = Vec::new();
        while received.len() < 1 << 20 {
            received.extend(download.chunk().await.unwrap().unwrap());
        }
        let upload = alice.slow_upload().await;
        assert!(upload.send(vec![1; 1 << 20]).await);
        server
            .eventually("an upload has begun", async |server| {
                server.rows("upload").await == 1
            })
            .await;
        Self {
            server,
            alice,
            bytes,
            ticket,
            download,
            received,
            upload,
        }
    }
}

/// The whole file, or from where it was broken off, provided that it is still the same.
async fn get(ticket: &str, rest: Option<(usize, &str)>) -> Response {
    let mut request = Client::builder().no_proxy().build().unwrap().get(ticket);
    if let Some((from, etag)) = rest {
        request = request
            .header(header::RANGE, format!("bytes={from}-"))
            .header(header::IF_RANGE, etag);
    }
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_of_nginx_cuts_nobody_off() {
    let mut halfway = Halfway::new().await;

    halfway.server.nginx().reload();
    // The new workers serve others meanwhile.
    let other = halfway.server.anonymous();
    other.sign_up("bob").await;

    while let Some(chunk) = halfway.download.chunk().await.unwrap() {
        halfway.received.extend(chunk);
    }
    assert!(halfway.received == halfway.bytes, "other bytes");
    assert!(halfway.upload.send(vec![2; 1 << 20]).await);
    let answer = halfway.upload.finish().await;
    assert_eq!(answer.data("/uploadFile/size"), 2 << 20);
    halfway.server.only_files_stay(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_restart_of_nginx_cuts_off_is_resumed_or_leaves_nothing() {
    let mut halfway = Halfway::new().await;
    let etag = halfway.download.headers()[header::ETAG].clone();
    let etag = etag.to_str().unwrap();

    halfway.server.nginx().stop();
    while let Ok(Some(chunk)) = halfway.download.chunk().await {
        halfway.received.extend(chunk);
    }
    assert!(halfway.received.len() < LARGE, "it was not cut off");
    halfway.upload.hang_up().await;
    halfway.server.only_files_stay(1).await;
    halfway.server.nginx().resume().await;

    let rest = get(&halfway.ticket, Some((halfway.received.len(), etag))).await;
    assert_eq!(rest.status(), StatusCode::PARTIAL_CONTENT);
    halfway.received.extend(rest.bytes().await.unwrap());
    assert!(halfway.received == halfway.bytes, "other bytes");
    halfway.alice.upload("small.txt", b"small").await;
    halfway.server.only_files_stay(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_nginx_is_restarted_under_load() {
    let seed = seed();
    let mut random = Random::new(seed);
    let server = TestApp::behind_nginx(|options| {
        options.user_quota = Some("1GiB".to_owned());
        options.ticket_ttl = "24h".to_owned();
        options.resumable_ttl = "1h".to_owned();
    })
    .await;
    let mut accounts = Vec::new();
    for number in 0..4 {
        let username = format!("user{number}");
        let person = server.person(&username).await;
        let secret = person.token("[READ, WRITE]").await;
        accounts.push(Account { username, secret });
    }
    let site = Site::of(Program::of(&server), Journal::new(seed, accounts));
    for round in 0..10 {
        let traffic = Traffic::start(&server.base, &site.journal, &random.fork(round));
        tokio::time::sleep(Duration::from_micros(random.below(300_000))).await;
        match round % 2 {
            0 => {
                server.nginx().stop();
                timeout(Duration::from_secs(30), traffic.ended())
                    .await
                    .expect("a client waits for nobody");
                server.nginx().resume().await;
                // By a sweep: the bytes of a file whose purge nobody waited for any more. Not by a sweep: uploads.
                server
                    .eventually("what was broken off goes", async |server| {
                        server.sweep().await;
                        // Those that were cut off in parts wait to be gone on with.
                        let of_requests =
                            "SELECT COUNT(*) AS number FROM upload WHERE is_resumable = FALSE";
                        server.number(of_requests).await == 0
                            && server.rows("discarded_content").await == 0
                    })
                    .await;
            }
            _ => {
                server.nginx().reload();
                tokio::time::sleep(Duration::from_millis(100)).await;
                traffic.stop().await;
            }
        }
        site.journal.hold(&server.base, Scope::Fresh).await;
    }
    site.holds_everything(&server.base).await;
    eprintln!("{:?}", site.journal.counts());
}
