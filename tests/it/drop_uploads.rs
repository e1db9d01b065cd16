//! What visitors of drops have under way and have not finished: its owner sees it and ends it, and no visitor takes all the
//! room.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Person, TestApp,
    drop::Drop,
    multipart::{SlowUpload, UPLOAD_FILE},
};

const ELSEWHERE: &str = "203.0.113.7";

async fn uploads(owner: &Person) -> Value {
    let query =
        "{ uploads { nodes { id name offset drop { id } } } me { usage { reservedBytes } } }";
    owner.ask(query).await.data("")
}

async fn cancel(person: &Person, url: &str) -> String {
    let id = url.rsplit('/').next();
    let query = "mutation($u: ID!) { cancelUpload(id: $u) }";
    person
        .ask_with(query, json!({ "u": id }))
        .await
        .code()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_sees_what_visitors_have_not_finished_and_can_end_it() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1MiB".into())).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let drop = alice.drop_with(json!({})).await;
    let visitor = server.anonymous().dropping(&drop.token, None);
    let url = visitor.tus_create("essay.txt", 1 << 30).await;
    visitor.tus_patch(&url, 0, &[1; 900_000]).await.expect(204);
    let (_, id) = url.rsplit_once('/').unwrap();

    // Nothing else of the owner's fits meanwhile, and the owner sees why.
    let refused = alice
        .upload_with(UPLOAD_FILE, json!({}), "a", &[1; 500_000])
        .await;
    assert_eq!(refused.code(), "QUOTA_EXCEEDED");
    let expected = json!({
        "uploads": { "nodes": [{ "id": id, "name": "essay.txt", "offset": 900_000, "drop": { "id": drop.id } }] },
        "me": { "usage": { "reservedBytes": 900_000 } },
    });
    assert_eq!(uploads(&alice).await, expected);
    let own = alice.create_upload("mine.txt", Some(1)).await;
    let own = own.text("/createUpload/id");
    assert_eq!(uploads(&alice).await["uploads"]["nodes"][0]["id"], own);
    // It is the visitor's to go on with, and the owner's to end; to others it does not exist.
    alice.tus_head(&alice.at_base(&url)).await.expect(404);
    alice.tus_patch(&url, 900_000, b"more").await.expect(404);
    assert_eq!(cancel(&bob, &url).await, "NOT_FOUND");
    assert_eq!(uploads(&bob).await["uploads"]["nodes"], json!([]));
    let reading = alice.with_token(&alice.token("[READ]").await);
    assert_eq!(cancel(&reading, &url).await, "FORBIDDEN");

    assert_eq!(cancel(&alice, &url).await, "");

    visitor.tus_head(&url).await.expect(404);
    assert_eq!(cancel(&alice, &own).await, "");
    assert_eq!(uploads(&alice).await["me"]["usage"]["reservedBytes"], 0);
    alice.upload("a.bin", &[1; 500_000]).await;
    server.only_files_stay(1).await;
}

/// A request that is adding bytes meanwhile ends.
#[tokio::test(flavor = "multi_thread")]
async fn the_owner_ends_an_upload_to_which_bytes_are_coming() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({})).await;
    let visitor = server.anonymous().dropping(&drop.token, None);
    let url = visitor.tus_create("a.txt", 1 << 20).await;
    let part = visitor.tus_slow_part(&url, 0, 1 << 20).await;
    part.send(&[1; 1 << 16]).await;
    assert_eq!(cancel(&alice, &url).await, "");
    let refused = part.answer().await;
    assert!([404, 409].contains(&refused.status), "{refused:?}");
    server.nothing_stays().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_drop_takes_no_more_bytes_of_what_was_begun() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let drop = alice.drop_with(json!({ "maxFiles": 1 })).await;
    let visitor = server.anonymous().dropping(&drop.token, None);
    let late = visitor.tus_create("late.txt", 10).await;
    let first = visitor.tus_create("first.txt", 5).await;
    visitor.tus_patch(&first, 0, b"hello").await.expect(204);

    let refused = visitor.tus_patch(&late, 0, b"01234").await;

    assert_eq!(refused.expect(507).code(), "QUOTA_EXCEEDED");
    assert_eq!(visitor.tus_head(&late).await.expect(200).offset(), 0);
    // Whoever sends the end once more learns that it has arrived.
    visitor.tus_patch(&first, 5, b"").await.expect(410);
    assert_eq!(cancel(&alice, &late).await, "");
    server.only_files_stay(1).await;
}

/// An upload by `drop` that is under way, or was refused.
async fn begin(server: &TestApp, drop: &Drop, address: &str) -> SlowUpload {
    let visitor = server.anonymous().dropping(&drop.token, None);
    let upload = visitor.from(address).leave_slowly().await;
    upload.send(b"a".to_vec()).await;
    upload
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_leaves_others_room_for_uploads_under_way() {
    let here = TestApp::start_with(|options| options.max_uploads_per_drop = "8".into()).await;
    let there = here.another().await;
    let alice = here.person("alice").await;
    let drop = alice.drop_with(json!({})).await;
    // All of one network, on two instances.
    let mut greedy = Vec::new();
    for n in 0..6 {
        let server = if n % 2 == 0 { &here } else { &there };
        greedy.push(begin(server, &drop, &format!("2001:db8::{n}")).await);
    }
    here.eventually(
        "all but a quarter of the places are refused",
        async |server| {
            let refused = greedy.iter().filter(|upload| upload.is_answered()).count();
            (refused, server.rows("upload").await) == (4, 2)
        },
    )
    .await;

    let other = here.anonymous().dropping(&drop.token, None).from(ELSEWHERE);
    other.leave("a.txt", b"a").await.data("/dropFile");

    let (refused, under_way): (Vec<_>, Vec<_>) =
        greedy.into_iter().partition(SlowUpload::is_answered);
    for upload in refused {
        assert_eq!(upload.answer().await.code(), "RATE_LIMITED");
    }
    // A place that is free again is the next one's, of the same network as well.
    let mut under_way = under_way.into_iter();
    under_way.next().unwrap().finish().await.data("/dropFile");
    let next = begin(&here, &drop, "2001:db8::7").await;
    next.finish().await.data("/dropFile");
    under_way.next().unwrap().finish().await.data("/dropFile");
    here.only_files_stay(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_leaves_others_room_for_uploads_that_are_not_finished() {
    let server = TestApp::start_with(|options| options.max_uploads_per_user = "8".into()).await;
    let alice = server.person("alice").await;
    let [drop, other_drop] = [
        alice.drop_with(json!({})).await,
        alice.drop_with(json!({})).await,
    ];
    let greedy = server.anonymous().dropping(&drop.token, None);
    let first = greedy.tus_create("1", 10).await;
    greedy.tus_create("2", 10).await;

    let refused = greedy.tus_create_with(&[("upload-length", "10")]).await;

    assert_eq!(refused.expect(429).code(), "RATE_LIMITED");
    // Neither another network, nor another drop, nor the owner is concerned.
    greedy.from(ELSEWHERE).tus_create("3", 10).await;
    let elsewhere = server.anonymous().dropping(&other_drop.token, None);
    elsewhere.tus_create("4", 10).await;
    for n in 0..3 {
        alice.tus_create(&n.to_string(), 1).await;
    }
    // Ending one, or finishing one, makes room.
    let delete = greedy.tus(Method::DELETE, &first).send().await.unwrap();
    assert_eq!(delete.status(), 204);
    let again = greedy.tus_create("5", 1).await;
    greedy.tus_patch(&again, 0, b"a").await.expect(204);
    greedy.tus_create("6", 10).await;
    let refused = greedy.tus_create_with(&[("upload-length", "10")]).await;
    refused.expect(429);
}
