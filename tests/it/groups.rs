//! Groups: whom they let see what, and who manages them.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Person, TestApp, rows};

const HOUR: Duration = Duration::from_secs(3600);

/// Asked for what groups have, by their ids.
const GROUP: &str = "query($g: ID!) { group(id: $g) { id name owner { username } members { nodes { username } } } }";

pub async fn three(server: &TestApp) -> (Person, Person, Person) {
    (
        server.person("alice").await,
        server.person("bob").await,
        server.person("carol").await,
    )
}

/// The code of the refusal to `person` of a look at `group`.
pub async fn refusal(person: &Person, group: &str) -> String {
    let answer = person.ask_with(GROUP, json!({ "g": group })).await;
    answer.code().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn members_see_what_is_shared_with_their_group_as_long_as_they_belong_to_it() {
    let server = TestApp::start().await;
    let (alice, bob, carol) = three(&server).await;
    let group = alice.group_of(&["bob", "carol"]).await;
    let file = alice.upload("a.txt", b"hello").await;
    assert_eq!(bob.ask_ticket(&file).await.code(), "NOT_FOUND");
    let made = alice.ask_share_with_group(&file, &group, Value::Null).await;
    let expected = json!({
        "id": made.data("/share/id"), "audience": "GROUP", "user": null,
        "group": { "id": group, "name": "Friends" },
        "createdAt": made.data("/share/createdAt"), "expiresAt": null, "file": { "id": file },
    });
    assert_eq!(made.data("/share"), expected);
    let (bobs, carols) = (bob.ticket(&file).await, carol.ticket(&file).await);
    assert_eq!(bob.get(&bobs).await.bytes, b"hello");
    assert_eq!(bob.list("sharedWithMe").await, json!([{ "id": file }]));
    let seen = "query($f: ID!) { file(id: $f) { name shares { nodes { audience group { name members { nodes { username } } } } } } }";
    let seen = bob.ask_with(seen, json!({ "f": file })).await;
    let members = json!([{ "username": "carol" }, { "username": "bob" }, { "username": "alice" }]);
    let share = json!({ "audience": "GROUP", "group": { "name": "Friends", "members": { "nodes": members } } });
    let expected = json!({ "name": "a.txt", "shares": { "nodes": [share] } });
    assert_eq!(seen.data("/file"), expected);

    let left = alice.remove_member(&group, "BOB").await;

    let left = left.data("/group/members/nodes");
    assert_eq!(
        left,
        json!([{ "username": "carol" }, { "username": "alice" }])
    );
    assert_eq!(bob.get(&bobs).await.code(), "ACCESS_REVOKED");
    assert_eq!(bob.ask_ticket(&file).await.code(), "NOT_FOUND");
    assert_eq!(bob.list("sharedWithMe").await, json!([]));
    assert_eq!(refusal(&bob, &group).await, "NOT_FOUND");
    assert_eq!(carol.get(&carols).await.bytes, b"hello");
    // And back again: the same ticket serves.
    alice.add_member(&group, "bob").await.data("/group");
    assert_eq!(bob.get(&bobs).await.bytes, b"hello");

    carol.leave_group(&group).await.data("/leaveGroup");
    assert_eq!(carol.get(&carols).await.code(), "ACCESS_REVOKED");
    assert_eq!(carol.leave_group(&group).await.code(), "NOT_FOUND");
    assert_eq!(alice.members(&group).await.unwrap(), ["alice", "bob"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_its_owner_s_to_manage_its_members_to_see_and_nothing_to_strangers() {
    let server = TestApp::start().await;
    let (alice, bob, carol) = three(&server).await;
    let group = alice.group_of(&["bob"]).await;
    let (seen, own) = (
        bob.ask_with(GROUP, json!({ "g": group })).await,
        alice.ask_with(GROUP, json!({ "g": group })).await,
    );
    let expected = json!({
        "id": group, "name": "Friends", "owner": { "username": "alice" },
        "members": { "nodes": [{ "username": "bob" }, { "username": "alice" }] },
    });
    assert_eq!(seen.data("/group"), expected);
    assert_eq!(own.data("/group"), expected);
    let anonymous = server.anonymous();
    let unknown = Uuid::nil().to_string();
    for (person, group, code) in [
        (&bob, &group, "FORBIDDEN"),
        (&carol, &group, "NOT_FOUND"),
        (&carol, &unknown, "NOT_FOUND"),
        (&anonymous, &group, "UNAUTHENTICATED"),
    ] {
        for refused in [
            person.rename_group(group, "Mine").await,
            person.add_member(group, "carol").await,
            // Whether there is such a user is nothing to those who may not add any.
            person.add_member(group, "nobody").await,
            person.remove_member(group, "alice").await,
            person.remove_member(group, "bob").await,
            person.remove_member(group, "nobody").await,
            person.delete_group(group).await,
        ] {
            assert_eq!(refused.code(), code, "{refused:?}");
            assert_eq!(refused.field(), "", "{refused:?}");
        }
    }
    assert_eq!(carol.leave_group(&group).await.code(), "NOT_FOUND");
    assert_eq!(
        anonymous.leave_group(&group).await.code(),
        "UNAUTHENTICATED"
    );
    assert_eq!(refusal(&carol, &group).await, "NOT_FOUND");
    assert_eq!(carol.list("groups").await, json!([]));
    assert_eq!(bob.list("groups").await, json!([{ "id": group }]));
    assert_eq!(alice.members(&group).await.unwrap(), ["alice", "bob"]);
    let renamed = alice.rename_group(&group, "Family").await;
    assert_eq!(renamed.text("/renameGroup/name"), "Family");
    let seen = bob.ask_with(GROUP, json!({ "g": group })).await;
    assert_eq!(seen.text("/group/name"), "Family");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_write_manage_groups_and_tokens_that_read_look() {
    let server = TestApp::start().await;
    let (alice, bob, _) = three(&server).await;
    let group = alice.group_of(&["bob"]).await;
    let file = alice.upload("a.txt", b"a").await;
    let reader = alice.with_token(&alice.token("[READ]").await);
    assert_eq!(reader.members(&group).await.unwrap(), ["alice", "bob"]);
    for refused in [
        reader.ask_group("x").await,
        reader.add_member(&group, "carol").await,
        reader
            .ask_share_with_group(&file, &group, Value::Null)
            .await,
        reader.delete_group(&group).await,
    ] {
        assert_eq!(refused.code(), "FORBIDDEN");
    }
    let writer = alice.with_token(&alice.token("[WRITE]").await);
    writer.share_with_group(&file, &group).await;
    writer.add_member(&group, "carol").await.data("/group");
    assert_eq!(bob.list("sharedWithMe").await, json!([{ "id": file }]));
    writer.delete_group(&group).await.data("/deleteGroup");
    assert_eq!(bob.list("sharedWithMe").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_its_owner_alone_is_a_group() {
    let server = TestApp::start().await;
    let (alice, bob, _) = three(&server).await;
    let group = alice.group_of(&[]).await;
    let file = alice.upload_for_group("a.txt", &group).await;
    assert_eq!(alice.members(&group).await.unwrap(), ["alice"]);
    // One's own files are elsewhere.
    assert_eq!(alice.list("sharedWithMe").await, json!([]));
    let own = alice.get(&alice.ticket(&file).await).await;
    assert_eq!(own.bytes, b"a.txt");
    assert_eq!(bob.ask_ticket(&file).await.code(), "NOT_FOUND");
    // The owner belongs to it as long as there is one.
    for (refused, field) in [
        (alice.leave_group(&group).await, "id"),
        (alice.remove_member(&group, "alice").await, "username"),
    ] {
        let refused = (refused.code().to_owned(), refused.field().to_owned());
        assert_eq!(refused, ("BAD_USER_INPUT".to_owned(), field.to_owned()));
    }
    assert_eq!(alice.members(&group).await.unwrap(), ["alice"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_twice_changes_nothing_and_removing_nobody_is_refused() {
    let server = TestApp::start().await;
    let (alice, _, _) = three(&server).await;
    let group = alice.group_of(&["bob", "Bob", " bob "]).await;
    alice.add_member(&group, "alice").await.data("/group");
    assert_eq!(alice.members(&group).await.unwrap(), ["alice", "bob"]);
    let added = "SELECT count(*) AS number FROM event WHERE kind = 'GROUP_MEMBER_ADDED'";
    assert_eq!(rows::number(&server.app.db, added).await, 1);
    for (username, adds) in [
        ("nobody", true),
        ("", true),
        ("b ob", true),
        ("carol", false),
    ] {
        let mut refused = vec![alice.remove_member(&group, username).await];
        if adds {
            refused.push(alice.add_member(&group, username).await);
        }
        for refused in refused {
            let refused = (refused.code(), refused.field());
            assert_eq!(refused, ("NOT_FOUND", "username"), "{username}");
        }
    }
    alice.remove_member(&group, "bob").await.data("/group");
    let again = alice.remove_member(&group, "bob").await;
    assert_eq!(again.code(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_may_share_with_groups_that_one_belongs_to_and_what_was_shared_stays() {
    let server = TestApp::start().await;
    let (alice, bob, carol) = three(&server).await;
    let group = alice.group_of(&["bob", "carol"]).await;
    let other = carol.group_of(&[]).await;
    let file = bob.upload("bobs.txt", b"by bob").await;
    let (nil, user) = (
        Uuid::nil().to_string(),
        bob.ask("{ me { id } }").await.text("/me/id"),
    );
    for no_group in [&other, &nil, &user, &file, &"nonsense".to_owned()] {
        let refused = bob.ask_share_with_group(&file, no_group, Value::Null).await;
        assert_eq!(refused.code(), "NOT_FOUND", "{no_group}");
    }
    // A group's id is that of no user and no file either.
    let to_nobody = "mutation($f: ID!) { shareWithAuthenticated(fileId: $f) { id } }";
    let refused = bob.ask_with(to_nobody, json!({ "f": group })).await;
    assert_eq!(refused.code(), "NOT_FOUND");
    let past = bob
        .ask_share_with_group(&file, &group, json!("2001-01-01T00:00:00Z"))
        .await;
    assert_eq!((past.code(), past.field()), ("BAD_USER_INPUT", "expiresAt"));
    // Nor may one share what is another's.
    let alices = alice.upload("alices.txt", b"a").await;
    let refused = bob.ask_share_with_group(&alices, &group, Value::Null).await;
    assert_eq!(refused.code(), "NOT_FOUND");
    alice.share_with_group(&alices, &group).await;
    let refused = bob.ask_share_with_group(&alices, &group, Value::Null).await;
    assert_eq!(refused.code(), "FORBIDDEN");

    let share = bob.share_with_group(&file, &group).await;
    assert_eq!(alice.get(&alice.ticket(&file).await).await.bytes, b"by bob");
    assert_eq!(alice.revoke(&share).await.code(), "FORBIDDEN");
    bob.leave_group(&group).await.data("/leaveGroup");

    let ticket = carol.ticket(&file).await;
    assert_eq!(carol.get(&ticket).await.bytes, b"by bob");
    // Bob sees that he shares it, with a group that is not his any more.
    let query =
        "query($f: ID!) { file(id: $f) { shares { nodes { id audience group { name } } } } }";
    let seen = bob.ask_with(query, json!({ "f": file })).await;
    let expected = json!([{ "id": share, "audience": "GROUP", "group": null }]);
    assert_eq!(seen.data("/file/shares/nodes"), expected);
    let again = bob.upload("again.txt", b"x").await;
    let refused = bob.ask_share_with_group(&again, &group, Value::Null).await;
    assert_eq!(refused.code(), "NOT_FOUND");
    let refused = bob.ask_share_with_group(&file, &group, Value::Null).await;
    assert_eq!(refused.code(), "NOT_FOUND");
    bob.revoke(&share).await.data("/revokeShare");
    assert_eq!(carol.get(&ticket).await.code(), "ACCESS_REVOKED");
}

#[tokio::test(flavor = "multi_thread")]
async fn sharing_with_a_group_again_changes_the_expiry_and_nothing_else() {
    let server = TestApp::start().await;
    let (alice, bob, _) = three(&server).await;
    let group = alice.group_of(&["bob"]).await;
    let file = alice.upload("a.txt", b"a").await;
    let end = json!(server.date_in(HOUR));
    let first = alice.ask_share_with_group(&file, &group, end.clone()).await;
    assert_eq!(first.data("/share/expiresAt"), end);
    let (one, other) = tokio::join!(
        alice.ask_share_with_group(&file, &group, Value::Null),
        alice.ask_share_with_group(&file, &group, Value::Null),
    );
    for again in [one, other] {
        assert_eq!(again.data("/share/id"), first.data("/share/id"));
        assert_eq!(
            again.data("/share/createdAt"),
            first.data("/share/createdAt")
        );
        assert_eq!(again.data("/share/expiresAt"), Value::Null);
    }
    alice
        .ask_share_with_group(&file, &group, end)
        .await
        .data("/share");
    let ticket = bob.ticket(&file).await;
    server.advance(HOUR);
    assert_eq!(bob.get(&ticket).await.code(), "TICKET_EXPIRED");
    assert_eq!(bob.ask_ticket(&file).await.code(), "NOT_FOUND");
    assert_eq!(bob.list("sharedWithMe").await, json!([]));
    server.sweep().await;
    assert_eq!(server.rows("share").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_nobody_could_read_in_a_list_are_refused() {
    let server = TestApp::start().await;
    let alice = server.person("alice").await;
    let group = alice.group_of(&[]).await;
    let long = "x".repeat(101);
    for name in [
        "",
        " ",
        "\u{3164}\u{200b}",
        "a\nb",
        "a\u{0}b",
        "\u{1b}[2J",
        &long,
    ] {
        for refused in [
            alice.ask_group(name).await,
            alice.rename_group(&group, name).await,
        ] {
            let refused = (refused.code().to_owned(), refused.field().to_owned());
            assert_eq!(
                refused,
                ("BAD_USER_INPUT".into(), "name".into()),
                "{name:?}"
            );
        }
    }
    for name in [&"ж".repeat(100), "Ⅷ 家族 👩\u{200d}👧", "<b>AUTHENTICATED"] {
        let made = alice.ask_group(name).await;
        assert_eq!(made.text("/made/name"), name);
        let renamed = alice.rename_group(&group, name).await;
        assert_eq!(renamed.text("/renameGroup/name"), name);
    }
    let same = alice.list("groups").await;
    assert_eq!(same.as_array().unwrap().len(), 4);
}
