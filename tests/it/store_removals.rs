//! What an object store does not let go of: it holds up nothing else, and goes later.

use std::{collections::BTreeSet, time::Duration};

use cloakroom::storage::ContentKey;

use crate::support::{
    content::{LARGE, SETTLED, bytes},
    store_engine::Kind,
    store_proxy::{Act, Call, StoreProxy},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_cannot_be_removed_holds_up_no_other() {
    let (proxy, server) = StoreProxy::with_server().await;
    let alice = server.person("alice").await;
    let denied = Act::Answer(403, "<Error><Code>AccessDenied</Code></Error>");
    proxy.fault(Call::Delete, denied.clone(), 3);
    for n in 0..3 {
        let file = alice.upload("a.txt", &bytes(n)).await;
        alice.delete(&file).await.data("/deleteFile");
        let purge = format!("mutation {{ purgeFile(id: \"{file}\") }}");
        alice.ask(&purge).await.data("/purgeFile");
    }
    assert_eq!(server.contents().await, 3);
    proxy.mend();

    server.advance(SETTLED);
    proxy.fault(Call::Delete, denied, 1);
    server.sweep().await;
    assert_eq!(server.rows("discarded_content").await, 1);
    assert_eq!(server.contents().await, 1);
    server.advance(SETTLED);
    server.sweep().await;
    server.nothing_stays().await;
}

/// More of them than a sweep takes at once, and older.
#[tokio::test(flavor = "multi_thread")]
async fn many_objects_that_can_never_be_removed_hold_up_no_other() {
    let (proxy, server) = StoreProxy::with_server().await;
    let stuck: Vec<_> = (0..100).map(|_| ContentKey::random()).collect();
    let names = stuck.iter().map(|key| key.to_string()).collect();
    let denied = Act::Answer(403, "<Error><Code>AccessDenied</Code></Error>");
    proxy.fault_on(names, Call::Delete, denied);
    server
        .note_discarded(&stuck, Duration::from_secs(3600))
        .await;
    let other = ContentKey::random();
    server
        .note_discarded(std::slice::from_ref(&other), Duration::ZERO)
        .await;

    server.sweep().await;
    server.sweep().await;

    assert_eq!(server.rows("discarded_content").await, 100);
    let tries = proxy.count(Call::Delete);
    server.sweep().await;
    assert_eq!(
        proxy.count(Call::Delete),
        tries,
        "tried again without a pause"
    );
    proxy.mend();
    server.advance(Duration::from_secs(3600));
    server.sweep().await;
    assert_eq!(server.rows("discarded_content").await, 0);
}

/// The answers that named them were lost.
#[tokio::test(flavor = "multi_thread")]
async fn an_unrecorded_upload_that_cannot_be_ended_holds_up_no_other() {
    if Kind::chosen().0 == Kind::Garage {
        // It forgets what was begun before another upload became the object.
        return;
    }
    let (proxy, server) = StoreProxy::with_server().await;
    let alice = server.person("alice").await;
    for _ in 0..3 {
        proxy.fault(Call::Begin, Act::LoseAnswer, 1);
        alice.upload("a.bin", &bytes(LARGE)).await;
        proxy.mend();
    }
    let begun = async || {
        let (begun, _) = server.app.storage.begun(&Default::default()).await.unwrap();
        let keys = begun.into_iter().map(|it| it.key.to_string());
        keys.collect::<BTreeSet<_>>()
    };
    let unrecorded = begun().await;
    assert_eq!(unrecorded.len(), 3);
    let denied = || Act::Answer(403, "<Error><Code>AccessDenied</Code></Error>");
    let day = Duration::from_secs(24 * 3600);

    // A look that fails is made again soon.
    server.advance(2 * day);
    proxy.fault(Call::ListUploads, denied(), 1);
    server.sweep().await;
    assert_eq!(begun().await, unrecorded);
    let stuck = BTreeSet::from_iter(unrecorded.first().cloned());
    proxy.fault_on(stuck.iter().cloned().collect(), Call::Abort, denied());
    server.sweep().await;
    assert_eq!(begun().await, stuck);

    proxy.mend();
    server.advance(day);
    server.sweep().await;
    assert_eq!(begun().await, BTreeSet::new());
    server.only_files_stay(3).await;
}
