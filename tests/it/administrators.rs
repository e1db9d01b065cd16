//! Administrators: what they see of accounts, and what they change.

use std::time::Duration;

use entity::event::{self, ActorKind, Kind};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::support::{Answer, Person, TestApp, multipart::UPLOAD_FILE, person::PASSWORD};

pub const DISABLE: &str = "mutation($id: ID!, $to: Boolean!) {
    done: setUserDisabled(id: $id, disabled: $to) { disabled } }";
pub const QUOTA: &str = "mutation($id: ID!, $to: Int64) {
    done: setUserQuota(id: $id, bytes: $to) { usage { quotaBytes ownQuotaBytes } } }";
pub const ROLE: &str =
    "mutation($id: ID!, $to: Role!) { done: setUserRole(id: $id, role: $to) { role } }";

pub async fn id_of(person: &Person) -> String {
    person.ask("{ me { id } }").await.text("/me/id")
}

pub async fn change(by: &Person, mutation: &str, id: &str, to: Value) -> Answer {
    by.ask_with(mutation, json!({ "id": id, "to": to })).await
}

/// The names on a page of `users` with these arguments.
pub async fn names(person: &Person, arguments: &str) -> Vec<String> {
    let query = format!("{{ users(last: null {arguments}) {{ nodes {{ username }} }} }}");
    let nodes = person.ask(&query).await.data("/users/nodes");
    let names = nodes.as_array().unwrap().iter();
    names
        .map(|node| node["username"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_lists_all_accounts_with_what_they_keep() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1000".into())).await;
    let ada = server.administrator("ada").await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    alice.upload("a.txt", b"hello").await;
    change(&ada, DISABLE, &id_of(&bob).await, json!(true))
        .await
        .data("/done");

    let query =
        "{ users { nodes { username role disabled usage { usedBytes files quotaBytes } } } }";
    let users = ada.ask(query).await.data("/users/nodes");

    let account = |name: &str, role: &str, disabled: bool, bytes: i64| {
        json!({ "username": name, "role": role, "disabled": disabled, "usage": {
            "usedBytes": bytes, "files": bytes.min(1), "quotaBytes": 1000 } })
    };
    assert_eq!(
        users,
        json!([
            account("bob", "USER", true, 0),
            account("alice", "USER", false, 5),
            account("ada", "ADMIN", false, 0),
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_found_by_any_part_of_their_names_page_by_page() {
    let server = TestApp::start().await;
    let ada = server.administrator("ada").await;
    for name in ["Anna.Lee", "a_b", "a-b", "bert"] {
        server.person(name).await;
    }
    assert_eq!(
        names(&ada, "").await,
        ["bert", "a-b", "a_b", "Anna.Lee", "ada"]
    );
    for (search, found) in [
        ("A.L", &["Anna.Lee"][..]),
        ("  LEE ", &["Anna.Lee"]),
        // Neither is a pattern.
        ("_", &["a_b"]),
        ("%", &[]),
        ("\\", &[]),
        ("", &["bert", "a-b", "a_b", "Anna.Lee", "ada"]),
        ("é", &[]),
    ] {
        let arguments = format!("search: {}", json!(search));
        assert_eq!(names(&ada, &arguments).await, found, "{search}");
    }
    let page = "{ users(first: 2, search: \"a\") { nodes { username } pageInfo { endCursor hasNextPage } } }";
    let page = ada.ask(page).await;
    assert_eq!(page.text("/users/nodes/1/username"), "a_b");
    assert_eq!(page.data("/users/pageInfo/hasNextPage"), true);
    let after = page.text("/users/pageInfo/endCursor");
    let arguments = format!("search: \"a\", after: \"{after}\"");
    assert_eq!(names(&ada, &arguments).await, ["Anna.Lee", "ada"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_no_file_and_no_name_of_one() {
    let server = TestApp::start().await;
    let (ada, alice) = (
        server.administrator("ada").await,
        server.person("alice").await,
    );
    let file = alice.upload("secret name.txt", b"hello").await;

    assert_eq!(ada.ask_ticket(&file).await.code(), "NOT_FOUND");
    for query in [
        "query($f: ID!) { file(id: $f) { name } }",
        "mutation($f: ID!) { deleteFile(id: $f) }",
        "mutation($f: ID!) { shareWithUser(fileId: $f, username: \"ada\") { id } }",
    ] {
        assert_eq!(
            ada.ask_with(query, json!({ "f": file })).await.code(),
            "NOT_FOUND"
        );
    }
    assert_eq!(
        ada.ask_with(
            "query($f: ID!) { node(id: $f) { id } }",
            json!({ "f": file })
        )
        .await
        .data("/node"),
        Value::Null
    );
    assert_eq!(ada.list("files").await, json!([]));
    assert_eq!(ada.list("sharedWithMe").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_account_has_no_session_and_comes_back_as_it_was() {
    let server = TestApp::start().await;
    let (ada, alice) = (
        server.administrator("ada").await,
        server.person("alice").await,
    );
    let (id, token) = (id_of(&alice).await, alice.token("[READ]").await);
    let program = alice.with_token(&token);
    let file = alice.upload("a.txt", b"a").await;
    let ticket = alice.ticket(&file).await;

    let stopped = change(&ada, DISABLE, &id, json!(true)).await;

    assert_eq!(stopped.data("/done/disabled"), true);
    assert_eq!(alice.me().await, Value::Null);
    assert_eq!(program.ask("{ me { id } }").await.code(), "UNAUTHENTICATED");
    assert_eq!(alice.get(&ticket).await.code(), "ACCESS_REVOKED");
    assert_eq!(
        alice.sign_in("alice", PASSWORD).await.code(),
        "UNAUTHENTICATED"
    );
    let again = change(&ada, DISABLE, &id, json!(true)).await;
    assert_eq!(again.data("/done/disabled"), true);
    let back = change(&ada, DISABLE, &id, json!(false)).await;
    assert_eq!(back.data("/done/disabled"), false);
    alice.sign_in("alice", PASSWORD).await.data("/signIn");
    alice.ticket(&file).await;
    // Nothing was done twice.
    let events = server.app.db.all(event::Entity::find()).await.unwrap();
    let of = |kind| events.iter().filter(|event| event.kind == kind).count();
    assert_eq!(
        (of(Kind::AccountDisabled), of(Kind::AccountEnabled)),
        (1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_of_one_s_own_holds_instead_of_everybody_s() {
    let server = TestApp::start_with(|options| options.user_quota = Some("10".into())).await;
    let (ada, alice) = (
        server.administrator("ada").await,
        server.person("alice").await,
    );
    let id = id_of(&alice).await;
    let upload = async |bytes: &[u8]| {
        let answer = alice.upload_with(UPLOAD_FILE, json!({}), "a", bytes).await;
        answer.code().to_owned()
    };
    assert_eq!(upload(&[0; 11]).await, "QUOTA_EXCEEDED");

    let set = change(&ada, QUOTA, &id, json!(100)).await;
    assert_eq!(
        set.data("/done/usage"),
        json!({ "quotaBytes": 100, "ownQuotaBytes": 100 })
    );
    assert_eq!(upload(&[0; 11]).await, "");
    assert_eq!(upload(&[0; 90]).await, "QUOTA_EXCEEDED");
    server
        .eventually("what it reserved is given back", async |server| {
            server.rows("upload").await == 0
        })
        .await;
    // What a resumable upload announces is held, too.
    let begin = async |size: i64| {
        let query = "mutation($s: Int64) { createUpload(name: \"x\", size: $s) { id } }";
        alice
            .ask_with(query, json!({ "s": size }))
            .await
            .code()
            .to_owned()
    };
    assert_eq!(begin(90).await, "QUOTA_EXCEEDED");
    assert_eq!(begin(80).await, "");
    assert_eq!(upload(&[0; 10]).await, "QUOTA_EXCEEDED");

    let none = change(&ada, QUOTA, &id, Value::Null).await;
    assert_eq!(
        none.data("/done/usage"),
        json!({ "quotaBytes": 10, "ownQuotaBytes": null })
    );
    assert_eq!(upload(&[0; 1]).await, "QUOTA_EXCEEDED");
    for bytes in [-1, (1_i64 << 60) + 1] {
        let refused = change(&ada, QUOTA, &id, json!(bytes)).await;
        assert_eq!(
            (refused.code(), refused.field()),
            ("BAD_USER_INPUT", "bytes")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_has_a_quota_one_may_have_one() {
    let server = TestApp::start().await;
    let (ada, alice) = (
        server.administrator("ada").await,
        server.person("alice").await,
    );
    let set = change(&ada, QUOTA, &id_of(&alice).await, json!(10)).await;
    set.data("/done");

    let upload = async |person: &Person, bytes: &[u8]| {
        let answer = person.upload_with(UPLOAD_FILE, json!({}), "a", bytes).await;
        answer.code().to_owned()
    };
    assert_eq!(upload(&alice, &[0; 10]).await, "");
    assert_eq!(upload(&alice, &[0; 1]).await, "QUOTA_EXCEEDED");
    assert_eq!(upload(&ada, &[0; 11]).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_account_is_not_found() {
    let server = TestApp::start().await;
    let ada = server.administrator("ada").await;
    let file = ada.upload("a.txt", b"a").await;
    for id in [file.as_str(), "nonsense"] {
        for (mutation, to) in [
            (DISABLE, json!(true)),
            (QUOTA, json!(1)),
            (ROLE, json!("ADMIN")),
        ] {
            assert_eq!(change(&ada, mutation, id, to).await.code(), "NOT_FOUND");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_administrator_does_is_in_the_trail_with_their_name() {
    let server = TestApp::start().await;
    let (ada, alice) = (
        server.administrator("ada").await,
        server.person("alice").await,
    );
    let ids = (id_of(&ada).await, id_of(&alice).await);
    for (mutation, to) in [
        (ROLE, json!("ADMIN")),
        (QUOTA, json!(1000)),
        (QUOTA, Value::Null),
        (DISABLE, json!(true)),
    ] {
        change(&ada, mutation, &ids.1, to).await.data("/done");
    }

    let events = server.app.db.all(event::Entity::find()).await.unwrap();
    let of_alice = events.iter().filter(|event| {
        event.object_id.map(|id| id.to_string()).as_deref() == Some(&ids.1)
            && event.kind != Kind::SignedUp
    });
    let mut said = Vec::new();
    for event in of_alice {
        assert_eq!(event.actor_kind, ActorKind::User);
        assert_eq!(event.actor_id.unwrap().to_string(), ids.0);
        assert_eq!(event.address.as_deref(), Some("127.0.0.1"));
        said.push((event.kind, event.detail.as_deref().unwrap()));
    }
    assert_eq!(
        said,
        [
            (Kind::RoleChanged, "user:alice ADMIN"),
            (Kind::QuotaChanged, "user:alice 1000"),
            (Kind::QuotaChanged, "user:alice none"),
            (Kind::AccountDisabled, "user:alice"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_count_what_is_there() {
    let server = TestApp::start_with(|options| options.user_quota = Some("1000".into())).await;
    let (ada, alice) = (
        server.administrator("ada").await,
        server.person("alice").await,
    );
    let bob = server.person("bob").await;
    let file = alice.upload("a.txt", b"hello").await;
    let old = alice.upload("b.txt", b"bye").await;
    alice.delete(&old).await.data("/deleteFile");
    alice
        .ask("mutation { createUpload(name: \"x\", size: 10) { id } }")
        .await
        .data("/createUpload");
    change(&ada, DISABLE, &id_of(&bob).await, json!(true))
        .await
        .data("/done");
    for _ in 0..2 {
        let ticket = alice.ticket(&file).await;
        assert_eq!(alice.get(&ticket).await.status, 200);
    }
    let statistics = async || {
        let query = "{ statistics { users disabledUsers administrators files bytes trashedBytes
            reservedBytes uploads discardedContents downloadsToday } }";
        ada.ask(query).await.data("/statistics")
    };
    server
        .eventually("the downloads are recorded", async |_| {
            statistics().await["downloadsToday"] == 2
        })
        .await;

    assert_eq!(
        statistics().await,
        json!({
            "users": 3, "disabledUsers": 1, "administrators": 1, "files": 2, "bytes": 8,
            "trashedBytes": 3, "reservedBytes": 10, "uploads": 1, "discardedContents": 0,
            "downloadsToday": 2,
        })
    );
    server.advance(Duration::from_secs(24 * 60 * 60));
    ada.sign_in("ada", PASSWORD).await.data("/signIn");
    assert_eq!(statistics().await["downloadsToday"], 0);
}
