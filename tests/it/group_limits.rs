//! The limits of groups, and what comes at the same time.

use std::collections::BTreeSet;

use entity::{Timestamp, file, share, share::Audience};
use futures_util::future::join_all;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, Person, TestApp, rows};

/// How many answers have this code.
fn count(answers: &[Answer], code: &str) -> usize {
    let codes = answers.iter().filter(|answer| answer.code() == code);
    codes.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_groups_made_at_once_as_many_are_made_as_one_may_own() {
    let here = TestApp::start_with(|options| options.max_groups_per_user = "3".into()).await;
    let there = here.another().await;
    let (alice, bob) = (here.person("alice").await, here.person("bob").await);
    let at = [alice.clone(), alice.at(&there.base)];
    // More than once: at first, those who come at the same time wait for connections one after the other.
    for _ in 0..4 {
        let made = join_all((0..12).map(|n| at[n % 2].ask_group("Friends"))).await;
        assert_eq!((count(&made, ""), count(&made, "QUOTA_EXCEEDED")), (3, 9));
        for made in made.iter().filter(|answer| answer.code().is_empty()) {
            let deleted = alice.delete_group(&made.text("/made/id")).await;
            deleted.data("/deleteGroup");
        }
    }
    for _ in 0..3 {
        alice.group_of(&[]).await;
    }
    let groups = alice.list("groups").await;
    assert_eq!(groups.as_array().unwrap().len(), 3);
    // Others' groups are not counted, and a deleted one makes room.
    bob.group_of(&["alice"]).await;
    let group = groups[0]["id"].as_str().unwrap();
    alice.delete_group(group).await.data("/deleteGroup");
    alice.group_of(&[]).await;
    assert_eq!(alice.ask_group("x").await.code(), "QUOTA_EXCEEDED");
    let limits = "{ limits { maxGroupsPerUser maxMembersPerGroup maxMembershipsPerUser } }";
    let expected =
        json!({ "maxGroupsPerUser": 3, "maxMembersPerGroup": 1000, "maxMembershipsPerUser": 200 });
    assert_eq!(alice.ask(limits).await.data("/limits"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_members_added_at_once_as_many_are_as_a_group_may_have() {
    let here = TestApp::start_with(|options| options.max_members_per_group = "4".into()).await;
    let there = here.another().await;
    let alice = here.person("alice").await;
    let names: Vec<_> = (0..10).map(|n| format!("user{n}")).collect();
    for name in &names {
        here.person(name).await;
    }
    let group = alice.group_of(&[]).await;
    let at = [alice.clone(), alice.at(&there.base)];
    let added = names.iter().enumerate();
    let added = join_all(added.map(|(n, name)| at[n % 2].add_member(&group, name))).await;
    assert_eq!((count(&added, ""), count(&added, "QUOTA_EXCEEDED")), (3, 7));
    let members = alice.members(&group).await.unwrap();
    assert_eq!(members.len(), 4, "{members:?}");
    // Who is a member already needs no place.
    alice.add_member(&group, &members[1]).await.data("/group");
    alice
        .remove_member(&group, &members[1])
        .await
        .data("/group");
    alice.add_member(&group, &members[1]).await.data("/group");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_add_somebody_at_once_as_many_succeed_as_groups_may_have_them() {
    let here = TestApp::start_with(|options| options.max_memberships_per_user = "2".into()).await;
    let there = here.another().await;
    let bob = here.person("bob").await;
    let mut owners: Vec<(Person, String)> = Vec::new();
    for n in 0..8 {
        let owner = here.person(&format!("owner{n}")).await;
        let group = owner.group_of(&[]).await;
        let at = if n % 2 == 0 { &here.base } else { &there.base };
        owners.push((owner.at(at), group));
    }
    let added = join_all(
        owners
            .iter()
            .map(|(owner, group)| owner.add_member(group, "bob")),
    )
    .await;
    assert_eq!((count(&added, ""), count(&added, "QUOTA_EXCEEDED")), (2, 6));
    let refused = added.iter().find(|answer| !answer.code().is_empty());
    assert_eq!(refused.unwrap().field(), "username");
    // What others do with Bob keeps him from nothing of his own.
    bob.group_of(&["owner0"]).await;
    bob.group_of(&[]).await;
    let groups = bob.list("groups").await;
    assert_eq!(groups.as_array().unwrap().len(), 4);
    let joined = groups[3]["id"].as_str().unwrap();
    bob.leave_group(joined).await.data("/leaveGroup");
    let (owner, group) = owners.iter().find(|(_, group)| group == joined).unwrap();
    owner.add_member(group, "bob").await.data("/group");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_groups_are_limited_and_what_takes_away_is_not() {
    let server = TestApp::start_with(|options| options.changes_per_hour = "6".into()).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let group = alice.group_of(&["bob"]).await;
    let file = alice.upload_for_group("a.txt", &group).await;
    for _ in 0..3 {
        alice
            .rename_group(&group, "Family")
            .await
            .data("/renameGroup");
    }
    for refused in [
        alice.ask_group("x").await,
        alice.rename_group(&group, "x").await,
        alice.add_member(&group, "bob").await,
        alice.ask_share_with_group(&file, &group, Value::Null).await,
    ] {
        assert_eq!(refused.code(), "RATE_LIMITED", "{refused:?}");
    }
    alice.remove_member(&group, "bob").await.data("/group");
    assert_eq!(bob.list("sharedWithMe").await, json!([]));
    alice.delete_group(&group).await.data("/deleteGroup");
}

/// A member leaves, and is taken out, and put in again, at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_being_removed_and_added_is_in_or_out() {
    let here = TestApp::start().await;
    let there = here.another().await;
    let (alice, bob) = (here.person("alice").await, here.person("bob").await);
    let group = alice.group_of(&["bob"]).await;
    let file = alice.upload_for_group("a.txt", &group).await;
    let ticket = bob.ticket(&file).await;
    let bob_there = bob.at(&there.base);
    for _ in 0..10 {
        let (left, removed) = tokio::join!(
            bob_there.leave_group(&group),
            alice.remove_member(&group, "bob")
        );
        let codes = BTreeSet::from([left.code(), removed.code()]);
        assert_eq!(
            codes,
            BTreeSet::from(["", "NOT_FOUND"]),
            "one of them has removed him"
        );
        assert_eq!(bob.get(&ticket).await.code(), "ACCESS_REVOKED");
        let again = tokio::join!(
            alice.add_member(&group, "bob"),
            alice.add_member(&group, "bob")
        );
        again.0.data("/group");
        again.1.data("/group");
        assert_eq!(bob.get(&ticket).await.status, 200);
    }
    assert_eq!(here.rows("group_member").await, 2);
}

/// While a group is deleted, its members share with it, the owner adds others, and tickets are redeemed.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_a_group_is_deleted_is_done_before_or_refused() {
    let here = TestApp::start().await;
    let there = here.another().await;
    let (alice, bob) = (here.person("alice").await, here.person("bob").await);
    here.person("carol").await;
    let mut files = Vec::new();
    for n in 0..6 {
        files.push(bob.upload(&n.to_string(), b"x").await);
    }
    let bob_there = bob.at(&there.base);
    for round in 0..8 {
        let group = alice.group_of(&["bob"]).await;
        bob.share_with_group(&files[0], &group).await;
        let file = alice.upload_for_group("a.txt", &group).await;
        let ticket = bob.ticket(&file).await;
        let shared = join_all(
            files
                .iter()
                .map(|file| bob_there.ask_share_with_group(file, &group, Value::Null)),
        );
        let (shared, added, deleted, redeemed) = tokio::join!(
            shared,
            alice.add_member(&group, "carol"),
            alice.delete_group(&group),
            bob.get(&ticket),
        );
        assert_eq!(deleted.code(), "", "round {round}: {deleted:?}");
        for answer in shared.iter().chain([&added]) {
            assert!(["", "NOT_FOUND"].contains(&answer.code()), "{answer:?}");
        }
        assert!(["", "ACCESS_REVOKED"].contains(&redeemed.code().as_str()));
        assert_eq!(bob.get(&ticket).await.code(), "ACCESS_REVOKED");
        for table in ["share", "group", "group_member"] {
            assert_eq!(here.rows(table).await, 0, "round {round}: {table}");
        }
    }
}

/// More shares than go in one transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_with_very_many_shares_grants_nothing_at_once_and_goes_by_and_by() {
    const FILES: usize = 2500;
    let server = TestApp::start_with(|options| options.max_files_per_user = "10000".into()).await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let (group, small) = (
        alice.group_of(&["bob"]).await,
        alice.group_of(&["bob"]).await,
    );
    let file = alice.upload_for_group("a.txt", &group).await;
    alice.share_with_group(&file, &small).await;
    let ticket = bob.ticket(&file).await;
    share_many(&server, &file, &group, FILES).await;
    assert_eq!(server.rows("share").await, 2 + FILES as i64);

    alice.delete_group(&group).await.data("/deleteGroup");
    alice.delete_group(&small).await.data("/deleteGroup");

    assert_eq!(bob.get(&ticket).await.code(), "ACCESS_REVOKED");
    assert_eq!(bob.list("sharedWithMe").await, json!([]));
    for person in [&alice, &bob] {
        assert_eq!(person.list("groups").await, json!([]));
        assert_eq!(person.members(&group).await.unwrap_err(), "NOT_FOUND");
    }
    let refused = alice.ask_share_with_group(&file, &group, Value::Null).await;
    assert_eq!(refused.code(), "NOT_FOUND");
    assert_eq!(server.rows("share").await, 1 + FILES as i64 - 1000);
    tokio::join!(server.sweep(), server.sweep());
    for table in ["share", "group", "group_member"] {
        assert_eq!(server.rows(table).await, 0, "{table}");
    }
    let revoked = "SELECT COUNT(DISTINCT detail) AS number FROM event WHERE kind = 'SHARE_REVOKED'";
    assert_eq!(server.number(revoked).await, 2 + FILES as i64);
}

/// Makes `number` files like `file`, each shared with `group`.
async fn share_many(server: &TestApp, file: &str, group: &str, number: usize) {
    let (file, group): (Uuid, Uuid) = (file.parse().unwrap(), group.parse().unwrap());
    let like = server.app.db.one(file::Entity::find_by_id(file));
    let like = like.await.unwrap().unwrap();
    let now = server.app.clock.now();
    let files: Vec<_> = (0..number)
        .map(|n| file::Model {
            id: cloakroom::random::id(Timestamp(now.0 - n as i64)),
            content_key: format!("{n:032x}"),
            ..like.clone()
        })
        .collect();
    let shares = files.iter().map(|file| share::Model {
        id: cloakroom::random::id(now),
        file_id: file.id,
        audience: Audience::Group,
        audience_id: group,
        created_at: now,
        expires_at: None,
    });
    let shares = shares.collect();
    rows::insert(&server.app.db, files).await;
    rows::insert(&server.app.db, shares).await;
}
