//! `node`: whatever an id names, for those who may see it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp};

/// What clients such as Relay ask to fetch one thing again, whatever it is.
const NODE: &str = "query($id: ID!) { node(id: $id) {
    __typename
    ... on File { name owner { username } }
    ... on Share { audience file { name } }
    ... on User { username }
    ... on Event { kind }
    ... on ApiToken { name }
    ... on Drop { name closedAt }
    ... on Group { name owner { username } }
    ... on ResumableUpload { name size }
    id
} }";

async fn node(person: &Person, id: &str) -> Answer {
    person.ask_with(NODE, json!({ "id": id })).await
}

/// One of everything that has an id, of Alice's, as (its type, its id).
async fn things(alice: &Person, file: &str, share: &str) -> Vec<(&'static str, String)> {
    let query = "query($f: ID!) { me { id } apiTokens { id } file(id: $f) { events(first: 1) { edges { node { id } } } } }";
    let answer = alice.ask_with(query, json!({ "f": file })).await;
    vec![
        ("File", file.to_owned()),
        ("Share", share.to_owned()),
        ("User", answer.text("/me/id")),
        ("Event", answer.text("/file/events/edges/0/node/id")),
        ("ApiToken", answer.text("/apiTokens/0/id")),
        ("Drop", alice.drop_with(json!({})).await.id),
        ("Group", alice.group_of(&["bob"]).await),
        (
            "ResumableUpload",
            alice
                .create_upload("b.txt", Some(5))
                .await
                .text("/createUpload/id"),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_any_type_is_found_again() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    let file = alice.upload("a.txt", b"x").await;
    let share = alice.share_with(&file, "bob").await;
    alice.token("[READ]").await;
    for (kind, id) in things(&alice, &file, &share).await {
        let answer = node(&alice, &id).await;
        let expected = match kind {
            "File" => json!({ "name": "a.txt", "owner": { "username": "alice" } }),
            "Share" => json!({ "audience": "USER", "file": { "name": "a.txt" } }),
            "User" => json!({ "username": "alice" }),
            "Event" => json!({ "kind": "SHARED" }),
            "Drop" => json!({ "name": "Homework", "closedAt": null }),
            "Group" => json!({ "name": "Friends", "owner": { "username": "alice" } }),
            "ResumableUpload" => json!({ "name": "b.txt", "size": 5 }),
            "ApiToken" => json!({ "name": "test" }),
            _ => unreachable!("{kind}"),
        };
        let mut expected = expected;
        expected["__typename"] = json!(kind);
        expected["id"] = json!(id);
        assert_eq!(answer.data("/node"), expected, "{kind}");
    }
    // Also what is in the trash, to its owner.
    alice.delete(&file).await.data("/deleteFile");
    assert_eq!(node(&alice, &file).await.text("/node/__typename"), "File");
    assert_eq!(node(&alice, &share).await.text("/node/__typename"), "Share");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_may_not_see_is_null_as_what_does_not_exist() {
    let server = TestApp::start().await;
    let (alice, bob, carol) = (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    );
    let file = alice.upload("a.txt", b"x").await;
    let share = alice.share_with(&file, "bob").await;
    let program = alice.with_token(&alice.token("[READ]").await);
    let things = things(&alice, &file, &share).await;
    let unknown = [
        "01900000-0000-7000-8000-000000000000".to_owned(),
        "nonsense".to_owned(),
        String::new(),
        file.to_uppercase(),
    ];
    for id in unknown {
        for person in [&alice, &bob, &carol, &program] {
            assert_eq!(
                node(person, &id).await.data(""),
                json!({ "node": null }),
                "{id}"
            );
        }
    }
    for (kind, id) in &things {
        for (who, person, visible) in [
            (
                "a recipient and member",
                &bob,
                // The event is that of the share with them.
                &["File", "Share", "User", "Event", "Group"][..],
            ),
            ("a stranger", &carol, &["User"]),
            (
                "a program",
                &program,
                &[
                    "File",
                    "Share",
                    "User",
                    "Event",
                    "Drop",
                    "Group",
                    "ResumableUpload",
                ],
            ),
        ] {
            let expected = visible.contains(kind).then_some(*kind);
            let answer = node(person, id).await.data("/node");
            assert_eq!(answer["__typename"].as_str(), expected, "{who}: {kind}");
        }
        let anonymous = node(&server.anonymous(), id).await;
        assert_eq!(anonymous.code(), "UNAUTHENTICATED", "{kind}");
        assert_eq!(anonymous.body["data"], json!({ "node": null }), "{kind}");
    }
    // What recipients see ends with the share, and in the trash.
    alice.delete(&file).await.data("/deleteFile");
    for id in [&file, &share] {
        assert_eq!(node(&bob, id).await.data("/node"), Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_has_ended_is_seen_by_its_owner_alone() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"x").await;
    let query = "mutation($f: ID!, $e: DateTime) { shareWithUser(fileId: $f, username: \"bob\", expiresAt: $e) { id } }";
    let end = server.date_in(Duration::from_secs(60));
    let share = alice.ask_with(query, json!({ "f": file, "e": end })).await;
    let share = share.text("/shareWithUser/id");
    // Another share lets Bob go on seeing the file, and not this one.
    alice.share_with_everyone(&file).await;
    assert_eq!(node(&bob, &share).await.text("/node/__typename"), "Share");
    server.advance(Duration::from_secs(61));
    assert_eq!(node(&bob, &share).await.data("/node"), Value::Null);
    assert_eq!(node(&bob, &file).await.text("/node/__typename"), "File");
    assert_eq!(node(&alice, &share).await.text("/node/__typename"), "Share");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_by_link_is_seen_by_its_owner_alone() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"x").await;
    alice.share_with(&file, "bob").await;
    let link = alice.link_with(&file, json!({})).await;
    let query = "query($id: ID!) { node(id: $id) { ... on Share { audience link { url } } } }";
    let own = alice.ask_with(query, json!({ "id": link.share })).await;
    assert_eq!(own.text("/node/audience"), "LINK");
    assert!(own.text("/node/link/url").ends_with(&link.token));
    assert_eq!(node(&bob, &link.share).await.data("/node"), Value::Null);
}

/// What Relay's compiler makes of `@refetchable` and `@connection` on a fragment on `File`.
#[tokio::test(flavor = "multi_thread")]
async fn a_fragment_is_fetched_again_and_paged_as_relay_does() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"x").await;
    alice.share_with(&file, "bob").await;
    alice.share_with_everyone(&file).await;
    // The compiler's own text, of a fragment with `@refetchable(queryName: "FileRefetchQuery")`.
    let query = "query FileRefetchQuery(\n  $count: Int = 10\n  $cursor: String\n  $id: ID!\n) {\n  node(id: $id) {\n    __typename\n    ...Files_file_1G22uz\n    id\n  }\n}\n\nfragment Files_file_1G22uz on File {\n  name\n  shares(first: $count, after: $cursor) {\n    edges {\n      node {\n        id\n        audience\n        user {\n          username\n          id\n        }\n        __typename\n      }\n      cursor\n    }\n    pageInfo {\n      endCursor\n      hasNextPage\n    }\n  }\n  id\n}\n";
    let first = alice
        .ask_with(query, json!({ "id": file, "count": 1 }))
        .await;
    assert_eq!(first.text("/node/__typename"), "File");
    assert_eq!(
        first.text("/node/shares/edges/0/node/audience"),
        "AUTHENTICATED"
    );
    assert_eq!(first.data("/node/shares/pageInfo/hasNextPage"), true);
    let cursor = first.text("/node/shares/pageInfo/endCursor");
    let second = alice
        .ask_with(query, json!({ "id": file, "cursor": cursor }))
        .await;
    assert_eq!(
        second.text("/node/shares/edges/0/node/user/username"),
        "bob"
    );
    assert_eq!(second.data("/node/shares/pageInfo/hasNextPage"), false);
    // A part that must not be null fails, and with it the nearest thing around it that may be null.
    let events = "query($id: ID!) { node(id: $id) { id ... on File { name events { edges { cursor } } } } me { username } }";
    let refused = bob.ask_with(events, json!({ "id": file })).await;
    assert_eq!(refused.code(), "FORBIDDEN");
    assert_eq!(
        refused.body["data"],
        json!({ "node": null, "me": { "username": "bob" } })
    );
    assert_eq!(refused.body["errors"][0]["path"], json!(["node", "events"]));
}
