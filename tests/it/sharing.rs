//! The main job: a file is left, shared, and fetched with a ticket, as long as its owner wants.

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_downloads_what_was_shared_with_them() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("notes.txt", b"hello").await;
    assert_eq!(bob.ask_ticket(&file).await.code(), "NOT_FOUND");

    alice.share_with(&file, "bob").await;

    let download = bob.get(&bob.ticket(&file).await).await;
    assert_eq!(download.status, 200);
    assert_eq!(download.bytes, b"hello");
    let shared = bob.ask("{ sharedWithMe { nodes { id name } } }").await;
    assert_eq!(shared.text("/sharedWithMe/nodes/0/id"), file);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_share_kills_an_earlier_ticket() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("notes.txt", b"hello").await;
    let share = alice.share_with(&file, "bob").await;
    let ticket = bob.ticket(&file).await;
    assert_eq!(bob.get(&ticket).await.status, 200);

    alice.revoke(&share).await.data("/revokeShare");

    let refused = bob.get(&ticket).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (403, "ACCESS_REVOKED")
    );
    assert_eq!(bob.ask_ticket(&file).await.code(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_with_everyone_reaches_users_of_the_future() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("notes.txt", b"hello").await;
    alice.share_with_everyone(&file).await;

    let newcomer = server.person("newcomer").await;

    let download = newcomer.get(&newcomer.ticket(&file).await).await;
    assert_eq!(download.bytes, b"hello");
    let nobody = server.anonymous().ask_ticket(&file).await;
    assert_eq!(nobody.code(), "UNAUTHENTICATED");
}
