//! The trash: the way out for files, and back.

use serde_json::json;

use crate::support::{Answer, Person, TestApp};

/// Runs a mutation of one id, such as `purgeFile(id: $id)`.
async fn mutate(person: &Person, field: &str, id: &str) -> Answer {
    let query = format!("mutation($id: ID!) {{ {field} }}");
    person.ask_with(&query, json!({ "id": id })).await
}

async fn restore(person: &Person, id: &str) -> Answer {
    mutate(person, "restoreFile(id: $id) { id }", id).await
}

async fn purge(person: &Person, id: &str) -> Answer {
    mutate(person, "purgeFile(id: $id)", id).await
}

async fn usage(person: &Person) -> (i64, i64) {
    let answer = person
        .ask("{ me { usage { usedBytes trashedBytes } } }")
        .await;
    let bytes = |which: &str| answer.data(&format!("/me/usage/{which}")).as_i64().unwrap();
    (bytes("usedBytes"), bytes("trashedBytes"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_trash_is_gone_for_everybody() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"hello").await;
    alice.share_with(&file, "bob").await;
    let tickets = [alice.ticket(&file).await, bob.ticket(&file).await];

    assert_eq!(alice.delete(&file).await.text("/deleteFile"), file);

    for ticket in tickets {
        let gone = bob.get(&ticket).await;
        assert_eq!(
            (gone.status.as_u16(), gone.code().as_str()),
            (404, "FILE_GONE")
        );
    }
    for person in [&alice, &bob] {
        assert_eq!(person.ask_ticket(&file).await.code(), "NOT_FOUND");
        assert_eq!(person.delete(&file).await.code(), "NOT_FOUND");
        assert_eq!(rename(person, &file).await.code(), "NOT_FOUND");
        assert_eq!(person.list("files").await, json!([]));
        assert_eq!(person.list("sharedWithMe").await, json!([]));
    }
    assert_eq!(alice.list("trash").await, json!([{ "id": file }]));
    assert_eq!(bob.list("trash").await, json!([]));
    // Whom it will be shared with again if she restores it.
    let query = "{ trash { nodes { shares { nodes { user { username } } } } } }";
    assert_eq!(
        alice.ask(query).await.data("/trash/nodes/0/shares/nodes"),
        json!([{ "user": { "username": "bob" } }])
    );
    let query = "{ trash { nodes { downloadTicket { url } } } }";
    assert_eq!(alice.ask(query).await.code(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_trash_is_shared_with_nobody_else() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"hello").await;
    alice.share_with(&file, "bob").await;
    alice.delete(&file).await.data("/deleteFile");

    for person in [&alice, &bob] {
        let query = "mutation($id: ID!) { shareWithAuthenticated(fileId: $id) { id } }";
        let again = person.ask_with(query, json!({ "id": file })).await;
        assert_eq!(again.code(), "NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_shut_out_in_the_trash_stays_out_when_the_file_comes_back() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    let file = alice.upload("a.txt", b"hello").await;
    let share = alice.share_with(&file, "bob").await;
    alice.share_with(&file, "carol").await;
    let ticket = bob.ticket(&file).await;
    alice.delete(&file).await.data("/deleteFile");
    for stranger in [&bob, &carol] {
        assert_eq!(stranger.revoke(&share).await.code(), "NOT_FOUND");
    }

    assert_eq!(alice.revoke(&share).await.text("/revokeShare"), share);

    assert_eq!(alice.revoke(&share).await.code(), "NOT_FOUND", "it is over");
    restore(&alice, &file).await.data("/restoreFile");
    assert_eq!(bob.get(&ticket).await.code(), "ACCESS_REVOKED");
    assert_eq!(bob.ask_ticket(&file).await.code(), "NOT_FOUND");
    assert_eq!(bob.list("sharedWithMe").await, json!([]));
    assert_eq!(carol.list("sharedWithMe").await, json!([{ "id": file }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_file_is_shared_as_before() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"hello").await;
    alice.share_with(&file, "bob").await;
    let ticket = bob.ticket(&file).await;
    alice.delete(&file).await.data("/deleteFile");

    assert_eq!(restore(&alice, &file).await.text("/restoreFile/id"), file);

    assert_eq!(bob.get(&ticket).await.bytes, b"hello");
    assert_eq!(alice.list("files").await, json!([{ "id": file }]));
    assert_eq!(bob.list("sharedWithMe").await, json!([{ "id": file }]));
    assert_eq!(alice.list("trash").await, json!([]));
    assert_eq!(restore(&alice, &file).await.code(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_file_leaves_the_disk() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let (file, kept) = (
        alice.upload("a.txt", b"hello").await,
        alice.upload("b.txt", b"hello").await,
    );
    let ticket = alice.ticket(&file).await;
    assert_eq!(
        purge(&alice, &file).await.code(),
        "NOT_FOUND",
        "live files are deleted first"
    );
    alice.delete(&file).await.data("/deleteFile");
    assert_eq!(server.stored().len(), 2);

    assert_eq!(purge(&alice, &file).await.text("/purgeFile"), file);

    assert_eq!(server.stored().len(), 1);
    assert_eq!(alice.get(&ticket).await.code(), "FILE_GONE");
    assert_eq!(restore(&alice, &file).await.code(), "NOT_FOUND");
    assert_eq!(purge(&alice, &file).await.code(), "NOT_FOUND");
    assert_eq!(alice.get(&alice.ticket(&kept).await).await.bytes, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_during_a_backup_leaves_the_bytes_until_its_end() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let lock = std::fs::File::open(server.app.config.storage.data_dir.join("purge.lock")).unwrap();
    lock.lock().unwrap();
    // More than the janitor takes at a time.
    let purges = (0..101).map(async |_| {
        let file = alice.upload("a.txt", b"hello").await;
        alice.delete(&file).await.data("/deleteFile");
        assert_eq!(purge(&alice, &file).await.text("/purgeFile"), file);
    });
    futures_util::future::join_all(purges).await;

    server.sweep().await;
    assert_eq!((server.stored().len(), usage(&alice).await), (101, (0, 0)));

    lock.unlock().unwrap();
    server.sweep().await;
    server.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trash_empties_itself_after_its_time() {
    let server = TestApp::start_with(|options| options.trash_ttl = "1h".into()).await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    alice.delete(&file).await.data("/deleteFile");
    server.advance(std::time::Duration::from_secs(3599));
    server.sweep().await;
    assert_eq!(alice.list("trash").await, json!([{ "id": file }]));

    server.advance(std::time::Duration::from_secs(1));
    server.sweep().await;

    assert_eq!(alice.list("trash").await, json!([]));
    assert_eq!((server.stored().len(), usage(&alice).await), (0, (0, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_counts_the_trash_and_ends_with_the_purge() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;
    alice.upload("b.txt", b"abc").await;
    assert_eq!(usage(&alice).await, (8, 0));

    alice.delete(&file).await.data("/deleteFile");
    assert_eq!(usage(&alice).await, (8, 5));
    restore(&alice, &file).await.data("/restoreFile");
    assert_eq!(usage(&alice).await, (8, 0));
    alice.delete(&file).await.data("/deleteFile");
    purge(&alice, &file).await.data("/purgeFile");
    assert_eq!(usage(&alice).await, (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_deletions_at_once_one_counts() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"hello").await;

    let answers = tokio::join!(
        alice.delete(&file),
        alice.delete(&file),
        alice.delete(&file)
    );

    let mut codes = [answers.0.code(), answers.1.code(), answers.2.code()];
    codes.sort_unstable();
    assert_eq!(codes, ["", "NOT_FOUND", "NOT_FOUND"]);
    assert_eq!(usage(&alice).await, (5, 5));
}

async fn rename(person: &Person, id: &str) -> Answer {
    mutate(person, "renameFile(id: $id, name: \"b\") { id }", id).await
}
