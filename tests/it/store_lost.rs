//! Resumable uploads that an object store knows no more, or does not make an object of.

use serde_json::json;

use crate::support::{
    Store, TestApp,
    content::bytes,
    store_proxy::{Act, Call, StoreProxy},
};

const MIB: usize = 1 << 20;

/// Ends every upload in parts that the store of `server` has begun, as an operator's rule may do.
async fn end_parts(server: &TestApp) {
    let storage = &server.app.storage;
    let start = (String::new(), String::new());
    let (begun, _) = storage.begun(&start).await.unwrap();
    assert_eq!(begun.len(), 1);
    for begun in begun {
        storage.abort(&begun.key, &begun.id).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_the_store_knows_no_more_ends() {
    let store = Store::create().await;
    let server = TestApp::on(&store, |_| {}).await;
    let alice = server.person("alice").await;
    let bytes = bytes(20 * MIB);
    for size in [20 * MIB, 12 * MIB] {
        let url = alice.tus_create("a.bin", size).await;
        let first = alice.tus_patch(&url, 0, &bytes[..6 * MIB]).await;
        first.expect(204);
        end_parts(&server).await;
        let rest = alice.tus_patch(&url, 6 * MIB, &bytes[6 * MIB..size]);
        assert_eq!(rest.await.expect(404).code(), "NOT_FOUND");
        alice.tus_head(&url).await.expect(404);
        server.nothing_stays().await;
        assert_eq!(server.rows("upload_part").await, 0);
    }
}

/// Garage says that it has no such upload, and ends the connection while the part is still being sent.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_the_store_has_lost_ends_though_the_store_hangs_up() {
    let (proxy, server) = StoreProxy::with_server().await;
    let alice = server.person("alice").await;
    let bytes = bytes(20 * MIB);
    let url = alice.tus_create("a.bin", bytes.len()).await;
    let first = alice.tus_patch(&url, 0, &bytes[..6 * MIB]).await;
    first.expect(204);
    proxy.fault(Call::Part, Act::LoseRequest, usize::MAX);
    // As long as the store knows it, it may go on.
    let rest = alice.tus_patch(&url, 6 * MIB, &bytes[6 * MIB..]).await;
    assert_eq!(rest.expect(503).code(), "UNAVAILABLE");
    assert_eq!(alice.tus_head(&url).await.expect(200).offset(), 6 * MIB);

    end_parts(&server).await;
    let rest = alice.tus_patch(&url, 6 * MIB, &bytes[6 * MIB..]).await;
    assert_eq!(rest.expect(404).code(), "NOT_FOUND");
    alice.tus_head(&url).await.expect(404);
    server.nothing_stays().await;
}

/// All bytes are here, and the store could not be asked to make an object of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_upload_that_the_store_knows_no_more_ends() {
    let (proxy, server) = StoreProxy::with_server().await;
    let alice = server.person("alice").await;
    let url = alice.tus_create("a.bin", 12 * MIB).await;
    proxy.fault(Call::Complete, Act::Answer(503, ""), 100);
    let whole = alice.tus_patch(&url, 0, &bytes(12 * MIB)).await;
    whole.expect(503);
    proxy.mend();
    end_parts(&server).await;
    alice.tus_head(&url).await.expect(404);
    server.nothing_stays().await;
}

/// Nobody has to wait for an upload that they do not want.
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_upload_can_be_cancelled_while_the_store_does_not_complete_it() {
    let (proxy, server) = StoreProxy::with_server().await;
    let alice = server.person("alice").await;
    proxy.fault(Call::Complete, Act::Answer(503, ""), 1000);
    let urls = [
        alice.tus_create("a.bin", 12 * MIB).await,
        alice.tus_create("b.bin", 12 * MIB).await,
    ];
    for url in &urls {
        alice.tus_patch(url, 0, &bytes(12 * MIB)).await.expect(503);
    }
    alice.tus_delete(&urls[0]).await.expect(204);
    let (_, id) = urls[1].split_once("/uploads/").unwrap();
    let cancel = "mutation($u: ID!) { cancelUpload(id: $u) }";
    alice
        .ask_with(cancel, json!({ "u": id }))
        .await
        .data("/cancelUpload");
    for url in &urls {
        alice.tus_head(url).await.expect(404);
    }
    server.nothing_stays().await;
}
