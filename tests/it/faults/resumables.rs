//! Resumable uploads, while the server is killed at any moment and at any system call, and while syncs fail: an acknowledged
//! offset is never taken back, and the file has the hash of what was sent.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    random::{Random, seed},
    site::{Site, long},
    strace::{Strace, now},
};
use crate::support::{
    Person,
    tus::{TusAnswer, metadata},
};

/// How many faults the short form has.
const FAULTS: u64 = 40;
const SIZE: u64 = 600_000;
const PART: u64 = 150_000;
/// How long a server may work before it is killed at a random moment, and until it comes to a chosen call.
const MOMENTS: Duration = Duration::from_millis(150);
const PATIENCE: Duration = Duration::from_millis(1500);
/// System calls with how many of them may come first, and what becomes of them.
const CALLS: [(&str, u64, &str); 9] = [
    ("write", 100, "signal=KILL"),
    ("pwrite64", 200, "signal=KILL"),
    ("openat", 30, "signal=KILL"),
    ("fsync", 15, "signal=KILL"),
    ("fdatasync", 15, "signal=KILL"),
    ("/^rename", 4, "signal=KILL"),
    ("ftruncate", 4, "signal=KILL"),
    ("fdatasync", 15, "error=EIO"),
    ("fsync", 15, "error=EIO"),
];

/// The connection was cut: the server has gone.
struct Cut;

/// An upload, as its client knows it.
struct Upload {
    url: String,
    bytes: Vec<u8>,
    acknowledged: usize,
}

struct Client {
    person: Person,
    random: Random,
    seed: u64,
    upload: Option<Upload>,
    finished: u64,
}

impl Client {
    async fn send(request: reqwest::RequestBuilder) -> Result<TusAnswer, Cut> {
        let response = request.send().await.map_err(|_| Cut)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.text().await.map_err(|_| Cut)?;
        Ok(TusAnswer {
            status,
            headers,
            body,
        })
    }

    /// Does what comes next: begins an upload, or asks how far it is and sends a part.
    async fn act(&mut self) -> Result<(), Cut> {
        let Some(upload) = &mut self.upload else {
            let size = self.random.below(SIZE) as usize + 1;
            let bytes = Random::bytes(self.random.next(), size);
            let url = format!("{}/uploads", self.person.base);
            let name = metadata(&[("filename", &self.random.next().to_string())]);
            let request = self.person.tus(Method::POST, &url);
            let request = request.header("upload-metadata", name);
            let created = Self::send(request.header("upload-length", size)).await?;
            if created.status == 201 {
                let url = created.header("location").to_owned();
                self.upload = Some(Upload {
                    url,
                    bytes,
                    acknowledged: 0,
                });
            }
            return Ok(());
        };
        let url = self.person.at_base(&upload.url);
        let head = Self::send(self.person.tus(Method::HEAD, &url)).await?;
        if head.status >= 500 {
            return Ok(());
        }
        assert_eq!(head.status, 200, "{head:?}; seed {}", self.seed);
        let offset = head.offset();
        let before = upload.acknowledged;
        assert!(
            offset >= before,
            "{offset} after {before}; seed {}",
            self.seed
        );
        let file = head.header("cloakroom-file").to_owned();
        if file.is_empty() {
            let end = offset + self.random.below(PART) as usize;
            let end = end.min(upload.bytes.len());
            let part = self.person.tus_part(&url, offset);
            let part = part.body(upload.bytes[offset..end].to_vec());
            let sent = Self::send(part).await?;
            if sent.status == 204 {
                assert_eq!(sent.offset(), end, "seed {}", self.seed);
                upload.acknowledged = end;
            }
            return Ok(());
        }
        assert_eq!(offset, upload.bytes.len(), "seed {}", self.seed);
        let query = "query($f: ID!) { file(id: $f) { sha256 } }";
        let body = json!({ "query": query, "variables": { "f": file } });
        let answer = Self::send(self.person.post().json(&body)).await?;
        let answer: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let Some(sha256) = answer.pointer("/data/file/sha256") else {
            return Ok(());
        };
        let expected = cloakroom::hex::encode(&Sha256::digest(&upload.bytes));
        assert_eq!(*sha256, json!(expected), "seed {}", self.seed);
        self.upload = None;
        self.finished += 1;
        Ok(())
    }

    async fn work(&mut self, until: impl Fn() -> bool) {
        while !until() && self.act().await.is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_offset_outlives_kills_and_failed_syncs() {
    let seed = seed();
    let site = Site::new(seed, 1).await;
    let secret = site.journal.accounts[0].secret.clone();
    let mut client = Client {
        person: Person::anonymous("").with_token(&secret),
        random: Random::new(seed),
        seed,
        upload: None,
        finished: 0,
    };
    for number in 0..long().unwrap_or(FAULTS) {
        if number % 4 == 0 {
            let server = site.serve().await;
            client.person = client.person.at(&server.base);
            let moment = Duration::from_micros(client.random.below(MOMENTS.as_micros() as u64));
            let _ = tokio::time::timeout(moment, client.work(|| false)).await;
            server.kill();
            continue;
        }
        let (name, limit, what) = *client.random.pick(&CALLS).unwrap();
        let count = 1 + client.random.below(limit) as usize;
        let strace = Strace::watching(&site).inject(name, what, count);
        // What ends a start tells nothing of uploads.
        if let Ok(mut server) = strace.serve(&site).await {
            client.person = client.person.at(&server.base);
            let began = Instant::now();
            client.work(|| began.elapsed() > PATIENCE).await;
            match server.has_ended() {
                true => drop(server),
                false => server.kill(),
            }
        }
    }
    let server = site.serve().await;
    client.person = client.person.at(&server.base);
    let finished = client.finished;
    let began = Instant::now();
    while client.finished <= finished && began.elapsed() < Duration::from_secs(60) {
        assert!(client.act().await.is_ok(), "it is cut; seed {seed}");
    }
    assert!(client.finished > finished, "nothing goes on; seed {seed}");
    // What a client never heard of, and what it was at, ends.
    let list = client
        .person
        .ask("{ uploads(first: 100) { nodes { id } } }")
        .await;
    for upload in list.data("/uploads/nodes").as_array().unwrap() {
        let cancel = "mutation($u: ID!) { cancelUpload(id: $u) }";
        let cancelled = client.person.ask_with(cancel, json!({ "u": upload["id"] }));
        cancelled.await.data("/cancelUpload");
    }
    site.is_sound().await;
    eprintln!("{} files; seed {seed}", client.finished);
}

/// What gets through a bad network at a time is little: the disk waits no more than three times for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_small_part_takes_three_syncs_at_most() {
    let site = Site::new(seed(), 1).await;
    let secret = site.journal.accounts[0].secret.clone();
    let strace = Strace::watching(&site);
    let server = strace.serve(&site).await.unwrap();
    let person = Person::anonymous(&server.base).with_token(&secret);
    let url = person.tus_create("a.bin", 1 << 20).await;
    for number in 0..3 {
        let began = now();
        let offset = number << 16;
        person
            .tus_patch(&url, offset, &[1; 1 << 16])
            .await
            .expect(204);
        let ended = now();
        let calls = strace.calls().into_iter();
        let syncs = calls.filter(|call| call.name.ends_with("sync") && call.is_on("/data/"));
        let syncs: Vec<_> = syncs
            .filter(|call| (began..ended).contains(&call.began))
            .collect();
        assert!(
            (1..=3).contains(&syncs.len()),
            "part {number} took {syncs:#?}"
        );
    }
}
