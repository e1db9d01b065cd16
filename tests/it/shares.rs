//! Shares: whom they reach, until when, and what a recipient may not do.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp};

const HOUR: Duration = Duration::from_secs(3600);
const MILLISECOND: Duration = Duration::from_millis(1);

/// Shares `file` with `username`, or with everyone, until `expires_at`.
async fn share_until(
    owner: &Person,
    file: &str,
    username: Option<&str>,
    expires_at: Value,
) -> Answer {
    let query = match username {
        Some(_) => {
            "mutation($f: ID!, $u: String!, $e: DateTime) {
                share: shareWithUser(fileId: $f, username: $u, expiresAt: $e) { id expiresAt createdAt } }"
        }
        None => {
            "mutation($f: ID!, $e: DateTime) {
                share: shareWithAuthenticated(fileId: $f, expiresAt: $e) { id expiresAt createdAt } }"
        }
    };
    let mut variables = json!({ "f": file, "e": expires_at });
    if let Some(username) = username {
        variables["u"] = username.into();
    }
    owner.ask_with(query, variables).await
}

/// The names of the files shared with `person`, as the list has them.
async fn shared(person: &Person, arguments: &str) -> Vec<String> {
    let query = format!("{{ sharedWithMe{arguments} {{ nodes {{ name }} }} }}");
    let nodes = person.ask(&query).await.data("/sharedWithMe/nodes");
    let names = nodes.as_array().unwrap().iter();
    names
        .map(|node| node["name"].as_str().unwrap().to_owned())
        .collect()
}

/// How many shares of `file` its owner sees.
async fn count(owner: &Person, file: &str) -> usize {
    let query = "query($f: ID!) { file(id: $f) { shares(first: 100) { nodes { id } } } }";
    let answer = owner.ask_with(query, json!({ "f": file })).await;
    answer.data("/file/shares/nodes").as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_says_what_it_is() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    server.person("Bob").await;
    let file = alice.upload("a.txt", b"a").await;

    let query = "mutation($f: ID!) {
        one: shareWithUser(fileId: $f, username: \"bob\") {
            audience user { username } expiresAt file { id name } }
        all: shareWithAuthenticated(fileId: $f) { audience user { username } expiresAt file { id } } }";
    let answer = alice.ask_with(query, json!({ "f": file })).await;

    let one = json!({
        "audience": "USER",
        "user": { "username": "Bob" },
        "expiresAt": null,
        "file": { "id": file, "name": "a.txt" },
    });
    let all = json!({ "audience": "AUTHENTICATED", "user": null, "expiresAt": null, "file": { "id": file } });
    assert_eq!(answer.data(""), json!({ "one": one, "all": all }));
}

#[tokio::test(flavor = "multi_thread")]
async fn sharing_again_changes_the_expiry_and_nothing_else() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    let file = alice.upload("a.txt", b"a").await;
    for audience in [Some("bob"), None] {
        let first = share_until(&alice, &file, audience, json!(null)).await;
        server.advance(HOUR);
        let end = json!(server.date_in(HOUR));

        let second = share_until(&alice, &file, audience, end.clone()).await;
        let third = share_until(&alice, &file, audience.map(|_| "BOB"), json!(null)).await;

        for field in ["/share/id", "/share/createdAt"] {
            assert_eq!(second.data(field), first.data(field));
            assert_eq!(third.data(field), first.data(field));
        }
        assert_eq!(second.data("/share/expiresAt"), end);
        assert_eq!(third.data("/share/expiresAt"), json!(null));
    }
    assert_eq!(count(&alice, &file).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_shares_at_once_are_one() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    let file = alice.upload("a.txt", b"a").await;

    let (one, other, all, everyone) = tokio::join!(
        alice.share_with(&file, "bob"),
        alice.share_with(&file, "bob"),
        alice.share_with_everyone(&file),
        alice.share_with_everyone(&file),
    );

    assert_eq!((one, all), (other, everyone));
    assert_eq!(count(&alice, &file).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_share_gives_nothing() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    for audience in [Some("bob"), None] {
        let file = alice.upload("a.txt", b"a").await;
        let end = json!(server.date_in(HOUR));
        let share = share_until(&alice, &file, audience, end)
            .await
            .text("/share/id");
        server.advance(HOUR - MILLISECOND);
        let ticket = bob.ticket(&file).await;
        assert_eq!(bob.get(&ticket).await.status, 200);

        server.advance(MILLISECOND);

        assert_eq!(bob.ask_ticket(&file).await.code(), "NOT_FOUND");
        assert_eq!(bob.get(&ticket).await.code(), "TICKET_EXPIRED");
        assert_eq!(shared(&bob, "").await, Vec::<String>::new());
        assert_eq!(bob.revoke(&share).await.code(), "NOT_FOUND");
        assert_eq!(
            count(&alice, &file).await,
            1,
            "the owner still sees that it was there"
        );
        server.sweep().await;
        assert_eq!(count(&alice, &file).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_share_comes_back_when_it_is_shared_again() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"a").await;
    let end = json!(server.date_in(HOUR));
    share_until(&alice, &file, Some("bob"), end)
        .await
        .data("/share");
    server.advance(HOUR);

    alice.share_with(&file, "bob").await;

    assert_eq!(bob.get(&bob.ticket(&file).await).await.bytes, b"a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_share_does_not_shorten_the_other() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"a").await;
    let end = json!(server.date_in(HOUR));
    share_until(&alice, &file, None, end).await.data("/share");
    let share = alice.share_with(&file, "bob").await;

    server.advance(HOUR);
    assert_eq!(shared(&bob, "").await, ["a.txt"]);
    alice.revoke(&share).await.data("/revokeShare");
    assert_eq!(shared(&bob, "").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_that_cannot_be_are_refused() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    server.person("bob").await;
    let file = alice.upload("a.txt", b"a").await;
    let (past, present) = ("2001-01-01T00:00:00Z", server.date_in(Duration::ZERO));
    for (username, end, code, field) in [
        (Some("bob"), json!(past), "BAD_USER_INPUT", "expiresAt"),
        (None, json!(past), "BAD_USER_INPUT", "expiresAt"),
        (None, json!(present), "BAD_USER_INPUT", "expiresAt"),
        (None, json!("tomorrow"), "BAD_USER_INPUT", "variables.e"),
        (None, json!(1893456000), "BAD_USER_INPUT", "variables.e"),
        (Some("alice"), json!(null), "BAD_USER_INPUT", "username"),
        (Some("ALICE"), json!(null), "BAD_USER_INPUT", "username"),
        (Some("nobody"), json!(null), "NOT_FOUND", "username"),
        (Some(""), json!(null), "NOT_FOUND", "username"),
        (Some("bo b"), json!(null), "NOT_FOUND", "username"),
        (Some("alice "), json!(null), "BAD_USER_INPUT", "username"),
    ] {
        let refused = share_until(&alice, &file, username, end).await;
        assert_eq!(
            (refused.code(), refused.field()),
            (code, field),
            "{username:?}: {refused:?}"
        );
    }
    assert_eq!(count(&alice, &file).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_only_see_and_fetch() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let (carol, dora) = (server.person("carol").await, server.person("dora").await);
    let file = alice.upload("a.txt", b"a").await;
    let bobs = alice.share_with(&file, "bob").await;
    let doras = alice.share_with(&file, "dora").await;
    let id = json!({ "id": file });

    for change in [
        "mutation($id: ID!) { renameFile(id: $id, name: \"x\") { id } }",
        "mutation($id: ID!) { deleteFile(id: $id) }",
        "mutation($id: ID!) { shareWithUser(fileId: $id, username: \"carol\") { id } }",
        "mutation($id: ID!) { shareWithUser(fileId: $id, username: \"nobody\") { id } }",
        "mutation($id: ID!) { shareWithAuthenticated(fileId: $id) { id } }",
    ] {
        assert_eq!(
            bob.ask_with(change, id.clone()).await.code(),
            "FORBIDDEN",
            "{change}"
        );
        assert_eq!(
            carol.ask_with(change, id.clone()).await.code(),
            "NOT_FOUND",
            "{change}"
        );
    }
    assert_eq!(bob.revoke(&bobs).await.code(), "FORBIDDEN");
    assert_eq!(
        bob.revoke(&doras).await.code(),
        "NOT_FOUND",
        "bob cannot know of it"
    );
    assert_eq!(carol.revoke(&bobs).await.code(), "NOT_FOUND");

    assert_eq!(shared(&dora, "").await, ["a.txt"]);
    assert_eq!(count(&alice, &file).await, 2);
    assert_eq!(count(&bob, &file).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_one_share_leaves_the_others() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let (carol, file) = (
        server.person("carol").await,
        alice.upload("a.txt", b"a").await,
    );
    let bobs = alice.share_with(&file, "bob").await;
    alice.share_with(&file, "carol").await;

    assert_eq!(alice.revoke(&bobs).await.text("/revokeShare"), bobs);

    assert_eq!(bob.ask_ticket(&file).await.code(), "NOT_FOUND");
    assert_eq!(carol.get(&carol.ticket(&file).await).await.status, 200);
    assert_eq!(alice.revoke(&bobs).await.code(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_the_share_with_everyone_leaves_those_with_one() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let (carol, file) = (
        server.person("carol").await,
        alice.upload("a.txt", b"a").await,
    );
    alice.share_with(&file, "bob").await;
    let everyone = alice.share_with_everyone(&file).await;
    let tickets = [bob.ticket(&file).await, carol.ticket(&file).await];

    alice.revoke(&everyone).await.data("/revokeShare");

    assert_eq!(bob.get(&tickets[0]).await.status, 200);
    assert_eq!(carol.get(&tickets[1]).await.code(), "ACCESS_REVOKED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_shared_twice_is_listed_once() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let file = alice.upload("a.txt", b"a").await;
    alice.share_with(&file, "bob").await;
    alice.share_with_everyone(&file).await;
    bob.upload("mine.txt", b"b").await;

    assert_eq!(shared(&bob, "").await, ["a.txt"]);
    assert_eq!(
        shared(&alice, "").await,
        Vec::<String>::new(),
        "one's own files are elsewhere"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn both_kinds_of_shares_page_as_one_list() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let carol = server.person("carol").await;
    // Every third to bob, every third to everyone, every third to both; some by another; some not for bob at all.
    let mut expected = Vec::new();
    for number in 0..12 {
        let (name, owner) = (
            number.to_string(),
            if number % 4 == 0 { &carol } else { &alice },
        );
        let file = owner.upload(&name, b"x").await;
        if number % 3 != 0 {
            owner.share_with(&file, "bob").await;
        }
        if number % 3 != 1 {
            owner.share_with_everyone(&file).await;
        }
        owner.upload("private", b"x").await;
        expected.insert(0, name);
    }

    for (size, count) in [("first", "after"), ("last", "before")] {
        for length in [1, 2, 5, 11, 12, 20] {
            let pages = pages(&bob, size, count, length).await;
            assert_eq!(pages.concat(), expected, "{size}: {length}");
        }
    }
}

/// Every page of `sharedWithMe`, by `first`/`after` or `last`/`before`, in the order of the list.
async fn pages(person: &Person, size: &str, bound: &str, length: usize) -> Vec<Vec<String>> {
    let (more, cursor) = match size {
        "first" => ("hasNextPage", "endCursor"),
        _ => ("hasPreviousPage", "startCursor"),
    };
    let (mut pages, mut arguments) = (Vec::new(), format!("{size}: {length}"));
    loop {
        let query = format!(
            "{{ sharedWithMe({arguments}) {{ edges {{ node {{ name }} }}
                pageInfo {{ {more} {cursor} }} }} }}"
        );
        let page = person.ask(&query).await;
        let edges = page.data("/sharedWithMe/edges");
        let edges = edges.as_array().unwrap();
        assert!(edges.len() <= length && pages.len() <= 12);
        let names = edges
            .iter()
            .map(|edge| edge["node"]["name"].as_str().unwrap().to_owned());
        pages.push(names.collect::<Vec<_>>());
        if page.data(&format!("/sharedWithMe/pageInfo/{more}")) == json!(false) {
            break;
        }
        let cursor = page.text(&format!("/sharedWithMe/pageInfo/{cursor}"));
        arguments = format!("{size}: {length}, {bound}: {cursor:?}");
    }
    if size == "last" {
        pages.reverse();
    }
    pages
}
