//! Keys that may read what is in a bucket, and change nothing.

use super::store_refusals::{EVERY, refused};
use crate::support::{
    Program, Store, TestApp,
    content::{LARGE, SETTLED, bytes},
    store_engine::{Engine, Kind, READER},
    store_proxy::{Act, Call, StoreProxy},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_start_names_what_the_keys_may_not_do() {
    if Kind::chosen().0 == Kind::Garage {
        // Its keys are given rights by its own program alone.
        return;
    }
    let engine = Engine::start().await;
    let store = Store::at(&engine.endpoint()).await;
    let [key, secret] = READER;
    let program = store
        .configure_program(Program::new().await)
        .set("S3_ACCESS_KEY_ID", key)
        .set("S3_SECRET_ACCESS_KEY", secret);
    let printed = tokio::task::block_in_place(|| program.run(&["serve"]));
    assert_ne!(printed.status, Some(0), "{printed:?}");
    for what in [
        "write an object",
        "remove an object",
        "begin an upload in parts",
    ] {
        let said = format!("cannot {what}: the object store answers 403");
        assert!(printed.err.contains(&said), "{what}: {printed:?}");
    }
    for what in ["read an object", "list objects", "list uploads in parts"] {
        let said = format!("cannot {what}");
        assert!(!printed.err.contains(&said), "{what}: {printed:?}");
    }
    assert!(!program.data_dir().join("cloakroom.sqlite3").exists());
}

/// The right to write is taken away from a running server, and given back.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_may_only_be_read_goes_on_being_read() {
    let (proxy, store) = StoreProxy::with_store().await;
    let server = TestApp::without_grace(&store).await;
    let alice = server.person("alice").await;
    let kept = alice.upload("kept.txt", b"kept").await;
    let gone = alice.upload("gone.txt", b"gone").await;
    let half = alice.tus_create("half.bin", 2 * LARGE).await;
    alice.tus_patch(&half, 0, &bytes(LARGE)).await.expect(204);
    for call in [
        Call::Begin,
        Call::Part,
        Call::Complete,
        Call::Abort,
        Call::Put,
        Call::Delete,
    ] {
        let denied = Act::Answer(403, "<Error><Code>AccessDenied</Code></Error>");
        proxy.fault(call, denied, EVERY);
    }

    for size in [100_000, LARGE] {
        assert_eq!(refused(&alice, size).await, "UNAVAILABLE");
    }
    let part = alice.tus_patch(&half, LARGE, &bytes(LARGE)).await;
    assert_eq!((part.status, &*part.code()), (503, "UNAVAILABLE"));
    assert_eq!(alice.get(&alice.ticket(&kept).await).await.bytes, b"kept");
    alice.delete(&gone).await.data("/deleteFile");
    let purge = format!("mutation {{ purgeFile(id: \"{gone}\") }}");
    alice.ask(&purge).await.data("/purgeFile");
    server.sweep().await;

    proxy.mend();
    let offset = alice.tus_head(&half).await.expect(200).offset();
    assert_eq!(offset, LARGE);
    let rest = alice.tus_patch(&half, offset, &bytes(LARGE)).await;
    let file = rest.expect(204).header("cloakroom-file").to_owned();
    let whole = alice.get(&alice.ticket(&file).await).await.bytes;
    assert!(whole == [bytes(LARGE), bytes(LARGE)].concat());
    server.advance(SETTLED);
    server.sweep().await;
    server.only_files_stay(2).await;
}
