//! An object store that loses answers, refuses, or is away: nothing acknowledged is lost, and nothing else stays.

use std::{sync::Arc, time::Duration};

use cloakroom::{
    error::Code,
    metrics,
    verify::{self, Options as Verify},
};
use serde_json::json;
use tokio::{sync::Semaphore, task::JoinHandle};

use crate::support::{
    Answer, Store, TestApp,
    content::{LARGE, SETTLED, bytes},
    multipart::UPLOAD_FILE,
    store_engine::Engine,
    store_proxy::{Act, Call, OF_PARTS, StoreProxy},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_any_call_of_an_upload_costs_nothing() {
    let (proxy, server) = StoreProxy::with_server().await;
    let alice = server.person("alice").await;
    let mut files = 0;
    for act in [
        Act::LoseAnswer,
        Act::LoseRequest,
        Act::Answer(503, ""),
        Act::Answer(500, "<html>"),
    ] {
        for (size, calls) in [(LARGE, &OF_PARTS[..]), (100_000, &[Call::Put])] {
            for call in calls {
                proxy.fault(*call, act.clone(), 1);
                let bytes = bytes(size);
                let file = alice.upload("a.bin", &bytes).await;
                proxy.mend();
                files += 1;
                let ticket = alice.ticket(&file).await;
                assert!(alice.get(&ticket).await.bytes == bytes, "{call:?} {act:?}");
            }
        }
    }
    // An upload in parts whose beginning nobody heard of is found by the look of every day.
    server.advance(2 * Duration::from_secs(24 * 3600));
    server.sweep().await;
    server.only_files_stay(files).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_the_store_refuses_is_refused_and_leaves_nothing() {
    let (proxy, server) = StoreProxy::with_server().await;
    let alice = server.person("alice").await;
    let refusals = [
        Act::Answer(400, "<Error><Code>InvalidPart</Code></Error>"),
        Act::Answer(
            403,
            "<Error><Code>AccessDenied</Code><Message>secret words</Message></Error>",
        ),
        Act::Answer(404, "<Error><Code>NoSuchBucket</Code></Error>"),
        Act::Answer(301, "<Error><Code>PermanentRedirect</Code></Error>"),
        Act::Answer(502, "<html>a proxy's words</html>"),
        Act::Answer(200, "<html>somebody else</html>"),
        Act::Answer(200, "<Error><Code>InternalError</Code></Error>"),
        Act::LoseRequest,
    ];
    for act in refusals {
        for (size, call) in [
            (LARGE, Call::Begin),
            (LARGE, Call::Part),
            (LARGE, Call::Complete),
            (100_000, Call::Put),
        ] {
            // A PUT or a part that is answered by 200 was taken, as far as anybody can tell.
            if matches!(act, Act::Answer(200, _)) && matches!(call, Call::Put | Call::Part) {
                continue;
            }
            proxy.fault(call, act.clone(), 100);
            let answer = alice
                .upload_with(UPLOAD_FILE, json!({}), "a.bin", &bytes(size))
                .await;
            assert_eq!(answer.code(), "UNAVAILABLE", "{call:?} {act:?}: {answer:?}");
            assert!(!format!("{answer:?}").contains("words"), "{answer:?}");
            proxy.mend();
            server.nothing_stays().await;
        }
    }
    proxy.fault(
        Call::Part,
        Act::Answer(507, "<Error><Code>InsufficientStorage</Code></Error>"),
        9,
    );
    let answer = alice
        .upload_with(UPLOAD_FILE, json!({}), "a.bin", &bytes(LARGE))
        .await;
    assert_eq!(answer.code(), "STORAGE_FULL");
    server.nothing_stays().await;
}

/// A store takes up an end and a completion of the same upload both: so whoever has not the row ends nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_swept_while_it_is_completed_leaves_nothing_and_is_refused() {
    let (proxy, server) = StoreProxy::with_server().await;
    let other = server.another().await;
    let alice = server.person("alice").await;
    let go = Arc::new(Semaphore::new(0));
    proxy.fault(Call::Complete, Act::Hold(Arc::clone(&go)), 1);
    let upload = tokio::spawn({
        let alice = alice.clone();
        async move {
            alice
                .upload_with(UPLOAD_FILE, json!({}), "a.bin", &bytes(LARGE))
                .await
        }
    });
    server
        .eventually("it is being completed", async |_| {
            proxy.count(Call::Complete) == 1
        })
        .await;

    // The other instance hears nothing of this one, and takes the upload back.
    other.sweep().await;
    other.advance(Duration::from_secs(2 * 3600));
    other.sweep().await;
    assert_eq!(other.rows("upload").await, 0);
    go.add_permits(1);
    let answer = upload.await.unwrap();

    assert_eq!(answer.code(), "UNAVAILABLE", "{answer:?}");
    assert_eq!(server.rows("file").await, 0);
    // What the late completion may have made is removed once nothing can come any more.
    other.advance(SETTLED);
    other.sweep().await;
    assert_eq!(other.rows("discarded_content").await, 0);
    assert_eq!(other.contents().await, 0);
}

/// An upload whose PUT is on its way, and does not arrive before there is a permit.
async fn held_put(proxy: &StoreProxy, server: &TestApp) -> (Arc<Semaphore>, JoinHandle<Answer>) {
    let alice = server.person("alice").await;
    let go = Arc::new(Semaphore::new(0));
    proxy.fault(Call::Put, Act::Hold(Arc::clone(&go)), 1);
    let before = proxy.count(Call::Put);
    let upload = tokio::spawn(async move {
        alice
            .upload_with(UPLOAD_FILE, json!({}), "a.bin", &bytes(100_000))
            .await
    });
    server
        .eventually("it is being put", async |_| proxy.count(Call::Put) > before)
        .await;
    (go, upload)
}

/// The same the other way round: what was put late, after it was removed.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_late_is_removed_once_more() {
    let (proxy, server) = StoreProxy::with_server().await;
    let other = server.another().await;
    let (go, upload) = held_put(&proxy, &server).await;
    other.sweep().await;
    other.advance(Duration::from_secs(2 * 3600));
    other.sweep().await;
    go.add_permits(1);
    assert_eq!(upload.await.unwrap().code(), "UNAVAILABLE");
    other
        .eventually("the object is there", async |other| {
            other.contents().await == 1
        })
        .await;
    other.advance(SETTLED);
    other.sweep().await;
    assert_eq!(
        (
            other.contents().await,
            other.rows("discarded_content").await
        ),
        (0, 0)
    );
}

/// An instance stood still for so long that not even a note of its upload is left.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_after_its_note_is_gone_is_noted_anew() {
    let (proxy, server) = StoreProxy::with_server().await;
    let other = server.another().await;
    let (go, upload) = held_put(&proxy, &server).await;
    other.sweep().await;
    other.advance(Duration::from_secs(2 * 3600));
    other.sweep().await;
    other.advance(SETTLED);
    other.sweep().await;
    assert_eq!(other.rows("discarded_content").await, 0);

    go.add_permits(1);
    assert_eq!(upload.await.unwrap().code(), "UNAVAILABLE");
    other.nothing_stays().await;
    other.advance(SETTLED);
    other.sweep().await;
    assert_eq!(other.rows("discarded_content").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_is_503_and_loses_nothing() {
    let engine = Engine::start().await;
    let store = Store::at(&engine.endpoint()).await;
    let server = TestApp::on(&store, |_| {}).await;
    let alice = server.person("alice").await;
    let file = alice.upload("kept.txt", b"kept").await;
    let ticket = alice.ticket(&file).await;
    let ready = async || {
        let answer = reqwest::get(format!("{}/readyz", server.base))
            .await
            .unwrap();
        answer.status().as_u16()
    };
    assert_eq!(ready().await, 200);

    engine.stop();
    let refused = alice.get(&ticket).await;
    assert_eq!(
        (refused.status.as_u16(), &*refused.code()),
        (503, "UNAVAILABLE")
    );
    let answer = alice
        .upload_with(UPLOAD_FILE, json!({}), "b.bin", &bytes(100_000))
        .await;
    assert_eq!(answer.code(), "UNAVAILABLE");
    server
        .eventually("it is not ready", async |_| ready().await == 503)
        .await;

    engine.resume().await;
    server
        .eventually("it is ready", async |_| ready().await == 200)
        .await;
    assert_eq!(alice.get(&ticket).await.bytes, b"kept");
    server.sweep().await;
    server.only_files_stay(1).await;
}

/// How many troubles of the store the metrics have counted.
fn troubles() -> u64 {
    let written = metrics::written();
    let mut lines = written.lines();
    let count = lines.find_map(|line| line.strip_prefix("cloakroom_storage_errors_total "));
    count.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_breaks_off_is_the_store_s_trouble_and_no_damage() {
    metrics::turn_on("test");
    let (proxy, store) = StoreProxy::with_store().await;
    let server = TestApp::on(&store, |options| {
        options.clock_grace = "0s".to_owned();
        options.scan = Some("command:/bin/cat".to_owned());
    })
    .await;
    let alice = server.person("alice").await;
    let file = alice.upload("kept.bin", &bytes(100_000)).await;

    // An upload reads the mark in its end, renaming reads the beginning of a file, and verify reads all.
    for act in [
        Act::CutAnswer,
        Act::Answer(403, "<Error><Code>AccessDenied</Code></Error>"),
    ] {
        let before = troubles();
        proxy.fault(Call::Get, act.clone(), usize::MAX);
        let refused = alice
            .upload_with(UPLOAD_FILE, json!({}), "a.bin", &bytes(100_000))
            .await;
        assert_eq!(refused.code(), "UNAVAILABLE", "{act:?}: {refused:?}");
        let rename = format!("mutation {{ renameFile(id: \"{file}\", name: \"b\") {{ id }} }}");
        let refused = alice.ask(&rename).await;
        assert_eq!(refused.code(), "UNAVAILABLE", "{act:?}: {refused:?}");
        let deep = Verify {
            hash: true,
            repair: false,
            settled_after: Duration::ZERO,
        };
        let verified = verify::run(&server.app, deep, |_| {}).await;
        assert_eq!(verified.unwrap_err().code, Code::Unavailable, "{act:?}");
        // What is read again is told again.
        assert!(troubles() >= before + 3, "{act:?}");
        proxy.mend();
    }
    server.only_files_stay(1).await;
}
