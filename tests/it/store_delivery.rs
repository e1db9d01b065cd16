//! Content of an object store and content of a disk, as clients get them: alike, header by header.

use std::{collections::BTreeMap, fmt, time::UNIX_EPOCH};

use reqwest::{
    Client, Method,
    header::{HeaderMap, HeaderValue},
};
use serde_json::Value;

use crate::support::{Person, Store, TestApp, content::bytes, store_engine::Engine};

const MIB: usize = 1 << 20;

/// What a client gets: the status, the headers that do not differ between any two servers, and the bytes.
#[derive(PartialEq, Eq)]
struct Got {
    status: u16,
    headers: BTreeMap<String, String>,
    bytes: Vec<u8>,
}

impl fmt::Debug for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.len();
        let start = String::from_utf8_lossy(&self.bytes[..bytes.min(200)]);
        write!(f, "{} {:?} {bytes} {start:?}", self.status, self.headers)
    }
}

fn seconds(date: &HeaderValue) -> u64 {
    let date = httpdate::parse_http_date(date.to_str().unwrap()).unwrap();
    date.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

async fn get(url: &str, method: &str, headers: &[(&str, &str)]) -> (Got, HeaderMap) {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = headers.iter().fold(
        Client::new().request(method, url),
        |request, (name, value)| request.header(*name, *value),
    );
    let answer = request.send().await.unwrap();
    let all = answer.headers().clone();
    let headers = all.iter().map(|(name, value)| {
        let value = match name.as_str() {
            // Of a form, whose value is another for each server.
            "date" | "last-modified" => {
                seconds(value);
                "a date".to_owned()
            }
            "etag" => {
                let tag = value.to_str().unwrap();
                let (time, size) = tag.split_once('-').unwrap();
                if let Some(modified) = all.get("last-modified") {
                    assert_eq!(time, format!("\"{:x}", seconds(modified)));
                }
                format!("its time-{size}")
            }
            "x-request-id" => "an id".to_owned(),
            _ => value.to_str().unwrap().to_owned(),
        };
        (name.to_string(), value)
    });
    let mut every = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in headers {
        every.entry(name).or_default().push(value);
    }
    let got = Got {
        status: answer.status().as_u16(),
        // One that comes twice is seen.
        headers: every
            .into_iter()
            .map(|(name, values)| (name, values.join(" and ")))
            .collect(),
        bytes: match answer.headers().get("content-type") {
            // Whoever wrote it, in whatever order.
            Some(kind) if kind.as_bytes().starts_with(b"application/problem+json") => {
                let problem: BTreeMap<String, Value> = answer.json().await.unwrap_or_default();
                serde_json::to_vec(&problem).unwrap()
            }
            _ => answer.bytes().await.unwrap().to_vec(),
        },
    };
    (got, all)
}

async fn ticket_of(person: &Person, name: &str, bytes: &[u8]) -> String {
    person.ticket(&person.upload(name, bytes).await).await
}

/// Each request by each of the two, and then one more that names the content by its validators.
#[tokio::test(flavor = "multi_thread")]
async fn both_storages_answer_alike_header_by_header() {
    const ORIGIN: &str = "https://app.example";
    let store = Store::create().await;
    let of_store = TestApp::behind_nginx_on(&store, |options| {
        options.allowed_origins = ORIGIN.to_owned();
    });
    let of_disk = TestApp::behind_nginx(|options| {
        options.storage = "local".to_owned();
        options.allowed_origins = ORIGIN.to_owned();
    });
    let servers = [of_store.await, of_disk.await];
    let [theirs, ours] = [&servers[0], &servers[1]];
    let people = [theirs.person("alice").await, ours.person("alice").await];
    let large = bytes(9 * MIB + 3);
    let mut different = Vec::new();
    let files = [
        ("naïve \"名\".txt", &b"hello"[..]),
        ("a.bin", &large),
        ("empty.txt", b""),
    ];
    for (name, bytes) in files {
        let urls = [
            ticket_of(&people[0], name, bytes).await,
            ticket_of(&people[1], name, bytes).await,
        ];
        let end = format!("bytes={}-", bytes.len());
        let known = [
            get(&urls[0], "HEAD", &[]).await.1,
            get(&urls[1], "HEAD", &[]).await.1,
        ];
        let value = |of: usize, name: &str| known[of][name].to_str().unwrap().to_owned();
        let plain: &[(&str, &[(&str, &str)])] = &[
            ("GET", &[]),
            ("HEAD", &[]),
            ("GET", &[("range", "bytes=1-3")]),
            ("GET", &[("range", "bytes=2-")]),
            ("GET", &[("range", "bytes=-2")]),
            ("GET", &[("range", &end)]),
            ("GET", &[("range", "bytes=99999999-")]),
            ("GET", &[("range", "lines=1-2")]),
            (
                "GET",
                &[("range", "bytes=1-2"), ("if-range", "\"another\"")],
            ),
            (
                "GET",
                &[
                    ("range", "bytes=1-2"),
                    ("if-range", "Thu, 01 Jan 1970 00:00:00 GMT"),
                ],
            ),
            ("GET", &[("if-match", "\"another\"")]),
            ("GET", &[("if-none-match", "\"another\"")]),
            ("GET", &[("if-none-match", "*")]),
            (
                "GET",
                &[("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT")],
            ),
            ("GET", &[("origin", ORIGIN)]),
            ("GET", &[("origin", "https://other.example")]),
            (
                "GET",
                &[
                    ("authorization", "Basic eDp5"),
                    ("cookie", "a=b"),
                    ("x-amz-acl", "public-read"),
                ],
            ),
            ("GET", &[("accept-encoding", "gzip")]),
        ];
        for (method, headers) in plain {
            let (of_store, _) = get(&urls[0], method, headers).await;
            let (of_disk, _) = get(&urls[1], method, headers).await;
            if of_store != of_disk {
                different.push(format!(
                    "{name} {method} {headers:?}\n{of_store:?}\n{of_disk:?}"
                ));
            }
        }
        for (header, validator) in [
            ("if-none-match", "etag"),
            ("if-match", "etag"),
            ("if-range", "etag"),
            ("if-range", "last-modified"),
            ("if-modified-since", "last-modified"),
        ] {
            let range = ("range", "bytes=1-2");
            let (of_store, _) =
                get(&urls[0], "GET", &[(header, &value(0, validator)), range]).await;
            let (of_disk, _) = get(&urls[1], "GET", &[(header, &value(1, validator)), range]).await;
            if of_store != of_disk {
                different.push(format!(
                    "{name} {header}: {validator}\n{of_store:?}\n{of_disk:?}"
                ));
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// Where RFC 9110 (14.2) leaves a choice, and nginx reads a file's ranges in ways that no store does: then all of it comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_range_that_a_store_may_not_understand_is_not_asked_of_it() {
    let store = Store::create().await;
    let server = TestApp::behind_nginx_on(&store, |_| {}).await;
    let alice = server.person("alice").await;
    let url = ticket_of(&alice, "a.txt", b"hello").await;
    for (method, range) in [
        ("GET", "bytes=abc"),
        ("GET", "bytes=0-1,3-4"),
        ("GET", "bytes=99999999999999999999-"),
        ("HEAD", "bytes=1-3"),
    ] {
        let (got, _) = get(&url, method, &[("range", range)]).await;
        assert_eq!(
            (got.status, &*got.headers["content-length"]),
            (200, "5"),
            "{range}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_come_from_the_store_directly() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |_| {}).await;
    let alice = server.person("alice").await;
    let all = bytes(9 * MIB + 3);
    let url = ticket_of(&alice, "a.bin", &all).await;
    for (range, expected) in [
        ("bytes=0-0", &all[..1]),
        ("bytes=8388600-8388700", &all[8_388_600..8_388_701]),
        ("bytes=9000000-", &all[9_000_000..]),
        ("bytes=-5", &all[all.len() - 5..]),
    ] {
        let (got, _) = get(&url, "GET", &[("range", range)]).await;
        assert_eq!(got.status, 206, "{range}");
        assert!(got.bytes == expected, "{range}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reaches_the_store_by_nginx_without_a_ticket_and_no_log_has_a_signature() {
    let store = Store::create().await;
    let server = TestApp::behind_nginx_on(&store, |_| {}).await;
    let alice = server.person("alice").await;
    let url = ticket_of(&alice, "a.txt", b"hers").await;
    assert_eq!(alice.get(&url).await.bytes, b"hers");
    let key = server.text("SELECT content_key AS text FROM file").await;
    let path = format!("{}/{}/{key}", &key[..2], &key[2..4]);
    for path in [
        format!("/_store/{path}"),
        format!("/_store/{path}?X-Amz-Signature=x"),
        "/_store/".to_owned(),
        "/_store/../installation".to_owned(),
    ] {
        let (got, _) = get(&format!("{}{path}", server.base), "GET", &[]).await;
        assert_eq!(got.status, 404, "{path}");
    }
    store.delete(&format!("content/{path}")).await;
    let gone = alice.get(&url).await;
    assert_eq!((gone.status.as_u16(), &*gone.code()), (404, "FILE_GONE"));
    let log = server.nginx().log();
    assert!(!log.contains("X-Amz-") && !log.contains(&key), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_is_503_by_nginx_and_what_is_revoked_stays_refused() {
    let engine = Engine::start().await;
    let store = Store::at(&engine.endpoint()).await;
    let server = TestApp::behind_nginx_on(&store, |_| {}).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"hers").await;
    let share = alice.share_with(&file, "bob").await;
    let (ours, theirs) = (alice.ticket(&file).await, bob.ticket(&file).await);
    assert_eq!(bob.get(&theirs).await.bytes, b"hers");

    engine.stop();
    alice.revoke(&share).await;
    let away = alice.get(&ours).await;
    assert_eq!((away.status.as_u16(), &*away.code()), (503, "UNAVAILABLE"));
    let revoked = bob.get(&theirs).await;
    assert_eq!(
        (revoked.status.as_u16(), &*revoked.code()),
        (403, "ACCESS_REVOKED")
    );

    engine.resume().await;
    // nginx tries a node that failed again after ten seconds.
    server
        .eventually("nginx finds the store again", async |_| {
            alice.get(&ours).await.bytes == b"hers"
        })
        .await;
    assert_eq!(bob.get(&theirs).await.status, 403);
}
