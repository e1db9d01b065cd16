//! An object store that refuses, alters, is slow or is none at all: at a start all that is wrong is said, and a running server
//! loses nothing and says 503.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::{
    Person, Program, Store, TestApp,
    content::{LARGE, SETTLED, bytes},
    multipart::UPLOAD_FILE,
    store_engine::{Engine, Kind, SECRET},
    store_proxy::{Act, Call, StoreProxy},
};

pub const EVERY: usize = usize::MAX;
const ALL: [Call; 11] = [
    Call::Begin,
    Call::Part,
    Call::Complete,
    Call::Abort,
    Call::ListParts,
    Call::ListUploads,
    Call::List,
    Call::Put,
    Call::Look,
    Call::Get,
    Call::Delete,
];

pub async fn refused(person: &Person, size: usize) -> String {
    let bytes = bytes(size);
    let answer = person.upload_with(UPLOAD_FILE, json!({}), "a.bin", &bytes);
    answer.await.code().to_owned()
}

/// Answers of stores, and of what may stand in their place.
fn answers() -> Vec<Act> {
    let error = |status, code: &'static str| Act::Answer(status, code);
    vec![
        error(301, "<Error><Code>PermanentRedirect</Code></Error>"),
        error(307, "<Error><Code>TemporaryRedirect</Code></Error>"),
        error(
            400,
            "<Error><Code>AuthorizationHeaderMalformed</Code></Error>",
        ),
        error(401, ""),
        error(403, "<Error><Code>AccessDenied</Code></Error>"),
        error(403, "<Error><Code>RequestTimeTooSkewed</Code></Error>"),
        error(404, "<Error><Code>NoSuchBucket</Code></Error>"),
        error(405, "<Error><Code>MethodNotAllowed</Code></Error>"),
        error(409, "<Error><Code>OperationAborted</Code></Error>"),
        error(411, "<Error><Code>MissingContentLength</Code></Error>"),
        error(412, "<Error><Code>PreconditionFailed</Code></Error>"),
        error(429, "<Error><Code>TooManyRequests</Code></Error>"),
        error(500, "<Error><Code>InternalError</Code></Error>"),
        error(502, "<html><h1>Bad Gateway</h1></html>"),
        error(503, "<Error><Code>SlowDown</Code></Error>"),
        error(507, "<Error><Code>InsufficientStorage</Code></Error>"),
        Act::LoseRequest,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_store_answers_to_a_read_is_503_and_nothing_counts_as_gone() {
    let (proxy, store) = StoreProxy::with_store().await;
    let server = TestApp::without_grace(&store).await;
    let alice = server.person("alice").await;
    let file = alice.upload("kept.txt", b"kept").await;
    let ticket = alice.ticket(&file).await;
    let strange = [
        Act::Answer(200, "<html>welcome</html>"),
        Act::Answer(200, "<Error><Code>InternalError</Code></Error>"),
        Act::Answer(200, ""),
        Act::Answer(302, "<html>over there</html>"),
        Act::CutAnswer,
    ];
    for act in answers().into_iter().chain(strange) {
        for call in [Call::Look, Call::Get] {
            // An answer to HEAD has no body: what is missing is told by other means.
            proxy.fault(call, act.clone(), EVERY);
        }
        let answer = alice.get(&ticket).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.code()),
            (503, "UNAVAILABLE"),
            "{act:?}"
        );
        proxy.mend();
    }
    assert_eq!(alice.get(&ticket).await.bytes, b"kept");
}

/// What is gone for people is gone at once; its bytes go when the store lets them.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_store_does_not_remove_is_removed_later() {
    let (proxy, store) = StoreProxy::with_store().await;
    let server = TestApp::without_grace(&store).await;
    let alice = server.person("alice").await;
    for act in answers() {
        let file = alice.upload("a.txt", b"hers").await;
        alice.delete(&file).await.data("/deleteFile");
        let url = alice.tus_create("b.bin", 2 * LARGE).await;
        alice.tus_patch(&url, 0, &bytes(LARGE)).await.expect(204);
        for call in [Call::Delete, Call::Abort, Call::ListParts] {
            proxy.fault(call, act.clone(), EVERY);
        }
        let purge = format!("mutation {{ purgeFile(id: \"{file}\") }}");
        alice.ask(&purge).await.data("/purgeFile");
        alice.tus_delete(&url).await.expect(204);
        server.sweep().await;
        let usage = alice.ask("{ me { usage { usedBytes reservedBytes } } }");
        let nothing = json!({ "usedBytes": 0, "reservedBytes": 0 });
        assert_eq!(usage.await.data("/me/usage"), nothing, "{act:?}");
        proxy.mend();
        server.advance(Duration::from_secs(3600));
        server.sweep().await;
    }
    server.nothing_stays().await;
    server.advance(SETTLED);
    server.sweep().await;
    assert_eq!(server.rows("discarded_content").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_change_on_their_way_are_sent_again_or_refused() {
    let (proxy, store) = StoreProxy::with_store().await;
    let server = TestApp::without_grace(&store).await;
    let alice = server.person("alice").await;
    for (call, size) in [(Call::Put, 100_000), (Call::Part, LARGE)] {
        proxy.fault(call, Act::Corrupt, 1);
        let file = alice.upload("a.bin", &bytes(size)).await;
        let ticket = alice.ticket(&file).await;
        assert!(alice.get(&ticket).await.bytes == bytes(size), "{call:?}");

        proxy.fault(call, Act::Corrupt, EVERY);
        assert_eq!(refused(&alice, size).await, "UNAVAILABLE", "{call:?}");
        proxy.mend();
    }
    server.only_files_stay(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_store_takes_all_bytes() {
    let (proxy, store) = StoreProxy::with_store().await;
    let server = TestApp::without_grace(&store).await;
    let alice = server.person("alice").await;
    proxy.fault(Call::Part, Act::Slow(16 << 10), EVERY);
    let large = bytes(2 * LARGE);
    let file = alice.upload("a.bin", &large).await;
    let ticket = alice.ticket(&file).await;
    assert!(alice.get(&ticket).await.bytes == large);
    server.only_files_stay(1).await;
}

/// It takes connections, and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stands_still_holds_up_nobody_for_long() {
    let engine = Engine::start().await;
    let store = Store::at(&engine.endpoint()).await;
    let server = TestApp::on(&store, |_| {}).await;
    let alice = server.person("alice").await;
    let file = alice.upload("kept.txt", b"kept").await;
    let ticket = alice.ticket(&file).await;

    engine.pause(true);
    let began = Instant::now();
    let answer = alice.get(&ticket).await;
    assert_eq!(answer.code(), "UNAVAILABLE");
    assert!(
        began.elapsed() < Duration::from_secs(40),
        "{:?}",
        began.elapsed()
    );
    // All that does not need the store works meanwhile.
    assert_eq!(alice.me().await, "alice");
    let late = tokio::spawn({
        let alice = alice.clone();
        async move { alice.upload("late.bin", &bytes(100_000)).await }
    });
    engine.pause(false);
    let late = late.await.unwrap();
    let late = alice.ticket(&late).await;
    assert!(alice.get(&late).await.bytes == bytes(100_000));
    assert_eq!(alice.get(&ticket).await.bytes, b"kept");
    server.only_files_stay(2).await;
}

/// A client gives its upload up while the store puts it together: both answers may come, and neither counts.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_and_a_completion_at_once_leave_a_file_or_nothing() {
    let (proxy, store) = StoreProxy::with_store().await;
    let server = TestApp::without_grace(&store).await;
    let other = server.another().await;
    let alice = server.person("alice").await;
    let all = bytes(LARGE);
    let mut files = 0;
    for delay in 0..6 {
        let url = alice.tus_create("a.bin", all.len()).await;
        alice
            .tus_patch(&url, 0, &all[..LARGE / 2])
            .await
            .expect(204);
        let go = Arc::new(Semaphore::new(0));
        proxy.fault(Call::Complete, Act::Hold(Arc::clone(&go)), 1);
        let before = proxy.count(Call::Complete);
        let last = tokio::spawn({
            let (alice, url, rest) = (alice.clone(), url.clone(), all[LARGE / 2..].to_vec());
            async move { alice.tus_patch(&url, LARGE / 2, &rest).await.status }
        });
        server
            .eventually("it is being completed", async |_| {
                proxy.count(Call::Complete) > before
            })
            .await;
        let there = alice.at(&other.base);
        let end = tokio::spawn({
            let url = there.at_base(&url);
            async move { there.tus_delete(&url).await.status }
        });
        // Now this one is first at the store, now that one.
        tokio::time::sleep(Duration::from_millis(900 * delay)).await;
        go.add_permits(1);
        let (last, end) = (last.await.unwrap(), end.await.unwrap());
        proxy.mend();
        // Whoever ends it is told that it is a file already, or there is none.
        match (last, end) {
            (_, 404) => files += 1,
            (204, _) => panic!("a file that has ended: {last} and {end}"),
            (_, 204) => {}
            other => panic!("{other:?}"),
        }
        let there_are = server.rows("file").await;
        assert_eq!(there_are, files, "{last} and {end}");
    }
    server.advance(SETTLED);
    server.sweep().await;
    server.advance(SETTLED);
    server.sweep().await;
    server
        .only_files_stay(usize::try_from(files).unwrap())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_says_what_stands_in_the_place_of_a_store() {
    let (proxy, store) = StoreProxy::with_store().await;
    for (act, said) in [
        (
            Act::Answer(200, "<html>welcome</html>"),
            "does not speak S3",
        ),
        (
            Act::Answer(200, "<Error><Code>InternalError</Code></Error>"),
            "does not speak S3",
        ),
        (Act::Answer(200, ""), "does not speak S3"),
        (
            Act::Answer(301, "<Error><Code>PermanentRedirect</Code></Error>"),
            "301 PermanentRedirect",
        ),
        (Act::Answer(302, ""), "302"),
        (Act::Answer(502, "<html>a proxy</html>"), "502"),
        (Act::LoseRequest, "cannot be reached"),
    ] {
        for call in ALL {
            proxy.fault(call, act.clone(), EVERY);
        }
        let program = store.configure_program(Program::new().await);
        let printed = tokio::task::block_in_place(|| program.run(&["serve"]));
        assert_ne!(printed.status, Some(0), "{act:?}: {printed:?}");
        assert!(printed.err.contains(said), "{act:?}: {printed:?}");
        assert!(!printed.err.contains(SECRET), "{printed:?}");
        assert!(!program.data_dir().join("cloakroom.sqlite3").exists());
        proxy.mend();
    }

    // One thing is wrong, and all the rest is not named.
    for (call, said) in [
        (Call::Put, "cannot write an object"),
        (Call::Begin, "cannot begin an upload in parts"),
        (Call::Abort, "cannot end an upload in parts"),
        (Call::ListParts, "cannot end an upload in parts"),
    ] {
        proxy.fault(
            call,
            Act::Answer(403, "<Error><Code>AccessDenied</Code></Error>"),
            EVERY,
        );
        let program = store.configure_program(Program::new().await);
        let printed = tokio::task::block_in_place(|| program.run(&["serve"]));
        assert_eq!(
            printed.err.matches("cannot ").count(),
            2,
            "{call:?}: {printed:?}"
        );
        assert!(printed.err.contains(said), "{call:?}: {printed:?}");
        proxy.mend();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_region_is_said_where_the_store_has_regions() {
    if Kind::chosen().0 == Kind::SeaweedFs {
        // It takes any.
        return;
    }
    let store = Store::create().await;
    let program = store.configure_program(Program::new().await);
    let program = program.set("S3_REGION", "elsewhere");
    let printed = program.run(&["serve"]);
    assert_ne!(printed.status, Some(0), "{printed:?}");
    assert!(printed.err.contains("S3_REGION"), "{printed:?}");
    assert!(printed.err.contains("400"), "{printed:?}");
}

/// Names in the bucket that are not ours are no content, and nobody's to remove.
#[tokio::test(flavor = "multi_thread")]
async fn objects_of_others_are_left_alone() {
    let store = Store::create().await;
    let others = [
        "content/readme.txt",
        "content/ab/cd/ABCD",
        "content/ab/cd/abcd0000000000000000000000000000.bak",
        "content/00/00/abcd0000000000000000000000000000",
        "contents/ab/cd/abcd0000000000000000000000000000",
        "backup.tar",
    ];
    for name in others {
        store.put(name, b"theirs").await;
    }
    // There is something below `content/`, and no mark: whose it is has to be said by an operator.
    let program = store.configure_program(Program::new().await);
    let printed = program.run(&["serve"]);
    assert_ne!(printed.status, Some(0), "{printed:?}");
    for name in &others[..4] {
        store.delete(name).await;
    }

    let server = TestApp::without_grace(&store).await;
    for name in &others[..4] {
        store.put(name, b"theirs").await;
    }
    let alice = server.person("alice").await;
    alice.upload("a.txt", b"hers").await;
    server.advance(Duration::from_secs(400 * 24 * 3600));
    server.sweep().await;
    assert_eq!(server.contents().await, 1);
    for name in others {
        assert_eq!(store.get(name).await.unwrap(), b"theirs", "{name}");
    }
}
