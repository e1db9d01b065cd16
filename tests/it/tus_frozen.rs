//! Resumable uploads, while the process that takes in a part stands still: neither its connection nor its hold of the bytes keeps
//! the client out, and nothing that it does when it goes on counts.

use std::{
    fs::File,
    path::PathBuf,
    time::{Duration, Instant},
};

use sea_orm::ConnectionTrait;
use sha2::{Digest, Sha256};

use super::store_turns::{holder, waiting};
use crate::support::{
    Person, Program, TestApp, Wire,
    program::{Serving, signal},
    tus::{half_open, metadata, staged},
};

/// How long a client may wait until it is let in.
const SOON: Duration = Duration::from_secs(8);
const ACKNOWLEDGED: usize = 1000;
const PART: usize = 1 << 20;
const SIZE: usize = ACKNOWLEDGED + 2 * PART;

/// What the client has, of which no byte is this.
const WRONG: u8 = 0xEE;

fn bytes() -> Vec<u8> {
    (0..SIZE).map(|at| (at % 233) as u8).collect()
}

/// An upload of which a process has some bytes acknowledged, and takes in more, other ones, when it is made to stand still.
struct Frozen {
    process: Serving,
    url: String,
    /// The connection of the older request, on which the last of `part` bytes has not been sent.
    old: Wire,
}

impl Frozen {
    async fn new(server: &TestApp, alice: &Person, part: usize) -> Self {
        let url = alice.tus_create("a.bin", SIZE).await;
        Self::of(server, alice, url, part).await
    }

    async fn of(server: &TestApp, alice: &Person, url: String, part: usize) -> Self {
        let process = Program::of(server).serve();
        let first = &bytes()[..ACKNOWLEDGED];
        alice.tus_patch(&url, 0, first).await.expect(204);
        let sent = vec![WRONG; part - 1];
        let old = half_open(alice, &process.base, &url, ACKNOWLEDGED, &sent, 1).await;
        staged(server, ACKNOWLEDGED + part / 2).await;
        assert!(signal(process.pid, "-STOP").success());
        Self { process, url, old }
    }

    /// The answer to the older request, whose body is whole when its process goes on.
    async fn go_on(&mut self) -> u16 {
        self.old.send(&[WRONG]).await.unwrap();
        assert!(signal(self.process.pid, "-CONT").success());
        self.old.answer().await.status
    }
}

async fn is_whole(alice: &Person, file: &str) {
    assert!(alice.get(&alice.ticket(file).await).await.bytes == bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stands_still_keeps_nobody_out() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let mut frozen = Frozen::new(&server, &alice, PART).await;
    let url = frozen.url.clone();

    let began = Instant::now();
    let head = alice.tus_head(&url).await.expect(200);
    assert_eq!(head.offset(), ACKNOWLEDGED);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let (before, began) = (server.stored(), Instant::now());
    let newer = alice.tus_slow_part(&url, ACKNOWLEDGED, 2 * PART).await;
    newer.send(&bytes()[ACKNOWLEDGED..][..PART]).await;
    server
        .eventually("the newer request goes on with a copy", async |server| {
            let now = server.stored();
            let grown = |path: &PathBuf| path.metadata().is_ok_and(|it| it.len() > 500_000);
            now.len() == 1 && now != before && now.iter().all(grown)
        })
        .await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());

    let old = frozen.go_on().await;

    assert!([404, 409].contains(&old), "{old}");
    newer.send(&bytes()[ACKNOWLEDGED + PART..]).await;
    let done = newer.finish().await.expect(204);
    is_whole(&alice, done.header("cloakroom-file")).await;
    server.only_files_stay(1).await;
    drop(frozen);
    let verified = Program::of(&server).run(&["verify", "--deep"]);
    assert_eq!(verified.status, Some(0), "{verified:?}");
}

/// Its bytes are still there, since a backup is being made, and they are as many as the file is to have.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_goes_on_makes_no_file_of_what_it_has() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.bin", SIZE).await;
    let backup = server.app.config.storage.data_dir.join("purge.lock");
    let backup = File::open(backup).unwrap();
    backup.lock().unwrap();
    goes_on_in_vain(&server, &alice, url).await;
    drop(backup);
    server.sweep().await;
    server.only_files_stay(1).await;
}

/// They are other ones than announced, which ends an upload: not this one, whose bytes are elsewhere now.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_goes_on_ends_nothing() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let digits = cloakroom::hex::encode(&Sha256::digest(bytes()));
    let sent = metadata(&[("sha256", &digits)]);
    let length = SIZE.to_string();
    let headers = [("upload-length", &*length), ("upload-metadata", &sent)];
    let created = alice.tus_create_with(&headers).await.expect(201);
    let url = created.header("location").to_owned();
    goes_on_in_vain(&server, &alice, url).await;
    server.only_files_stay(1).await;
}

async fn goes_on_in_vain(server: &TestApp, alice: &Person, url: String) {
    let mut frozen = Frozen::of(server, alice, url, 2 * PART).await;
    let url = frozen.url.clone();
    let rest = &bytes()[ACKNOWLEDGED..];
    let half = alice.tus_patch(&url, ACKNOWLEDGED, &rest[..PART]).await;
    assert_eq!(half.expect(204).offset(), ACKNOWLEDGED + PART);

    let old = frozen.go_on().await;

    assert_ne!(old, 204);
    assert_eq!(server.rows("file").await, 0);
    let head = alice.tus_head(&url).await.expect(200);
    assert_eq!(head.offset(), ACKNOWLEDGED + PART);
    let done = alice.tus_patch(&url, head.offset(), &rest[PART..]).await;
    is_whole(alice, done.expect(204).header("cloakroom-file")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stands_still_keeps_no_upload_from_its_end() {
    let server = TestApp::start_with(|options| options.user_quota = Some("10MiB".to_owned())).await;
    let alice = server.person("alice").await;
    let mut frozen = Frozen::new(&server, &alice, 2 * PART).await;
    let began = Instant::now();
    alice.tus_delete(&frozen.url).await.expect(204);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());

    let old = frozen.go_on().await;

    assert_ne!(old, 204);
    alice.tus_head(&frozen.url).await.expect(404);
    server.nothing_stays().await;
    let usage = alice
        .ask("{ me { usage { usedBytes reservedBytes } } }")
        .await;
    let nothing = serde_json::json!({ "usedBytes": 0, "reservedBytes": 0 });
    assert_eq!(usage.data("/me/usage"), nothing);
}

/// It was taken for dead, goes on after all, and has more acknowledged while the newer request puts its copy in the place of the
/// bytes. The copy is too short then, and does not count.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_overtaken_takes_no_place() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let mut frozen = Frozen::new(&server, &alice, PART).await;
    let url = frozen.url.clone();
    let lock = "SELECT id FROM upload FOR UPDATE";
    let Some(holder) = holder(&server, lock).await else {
        return;
    };
    let newer = tokio::spawn({
        let (alice, url) = (alice.clone(), url.clone());
        async move { alice.tus_patch(&url, ACKNOWLEDGED, &[1; 1000]).await.status }
    });
    server
        .eventually("the copy waits for its place", async |server| {
            server.rows("upload").await == 2 && waiting(server).await >= 1
        })
        .await;

    let old = frozen.go_on().await;
    // By its last byte, or by what it had before it saw the newer one.
    assert!([204, 409].contains(&old), "{old}");
    holder.execute_unprepared("COMMIT").await.unwrap();

    assert_eq!(newer.await.unwrap(), 409);
    let offset = alice.tus_head(&url).await.expect(200).offset();
    assert!(offset >= ACKNOWLEDGED + PART - 1, "{offset}");
    let rest = alice.tus_patch(&url, offset, &bytes()[offset..]).await;
    let file = rest.expect(204).header("cloakroom-file").to_owned();
    let mut expected = bytes();
    expected[ACKNOWLEDGED..offset].fill(WRONG);
    assert!(alice.get(&alice.ticket(&file).await).await.bytes == expected);
    server.only_files_stay(1).await;
}
