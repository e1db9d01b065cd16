//! What becomes of groups and their shares when the group, its owner or a membership ends; and what the trail says of it.

use cloakroom::{
    access,
    auth::{api_token, client::ClientAddress},
    domain::{
        accounts,
        shares::{self, Grantee},
    },
};
use entity::{group, user};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    groups::{refusal, three},
    support::{TestApp, rows},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_group_takes_its_shares_along_and_leaves_a_trail() {
    let server = TestApp::start().await;
    let (alice, bob, carol) = three(&server).await;
    let (group, kept) = (
        alice.group_of(&["bob", "carol"]).await,
        alice.group_of(&["carol"]).await,
    );
    let (alices, bobs) = (
        alice.upload_for_group("a.txt", &group).await,
        bob.upload_for_group("b.txt", &group).await,
    );
    alice.share_with_group(&alices, &kept).await;
    let share = "query($f: ID!) { file(id: $f) { shares(first: 1) { nodes { id } } } }";
    let share = bob.ask_with(share, json!({ "f": bobs })).await;
    let share = share.text("/file/shares/nodes/0/id");
    let tickets = [carol.ticket(&bobs).await, bob.ticket(&alices).await];

    alice.delete_group(&group).await.data("/deleteGroup");

    assert_eq!(carol.get(&tickets[0]).await.code(), "ACCESS_REVOKED");
    assert_eq!(bob.get(&tickets[1]).await.code(), "ACCESS_REVOKED");
    for person in [&alice, &bob, &carol] {
        assert_eq!(refusal(person, &group).await, "NOT_FOUND");
        assert_eq!(person.leave_group(&group).await.code(), "NOT_FOUND");
        let node = "query($g: ID!) { node(id: $g) { id } }";
        let node = person.ask_with(node, json!({ "g": group })).await;
        assert_eq!(node.data("/node"), Value::Null);
    }
    for refused in [
        alice.delete_group(&group).await,
        alice.rename_group(&group, "x").await,
        alice.add_member(&group, "bob").await,
        alice.remove_member(&group, "bob").await,
        alice
            .ask_share_with_group(&alices, &group, Value::Null)
            .await,
        bob.revoke(&share).await,
    ] {
        assert_eq!(refused.code(), "NOT_FOUND", "{refused:?}");
    }
    assert_eq!(server.rows("share").await, 1);
    assert_eq!(server.rows("group").await, 1);
    assert_eq!(server.rows("group_member").await, 2);
    assert_eq!(carol.list("sharedWithMe").await, json!([{ "id": alices }]));
    // Bob reads in the trail of his file that Alice ended the share.
    let trail = "query($f: ID!) { file(id: $f) { events(first: 9) { edges { node { kind detail user { username } group { id } } } } } }";
    let trail = bob.ask_with(trail, json!({ "f": bobs })).await;
    let trail = trail.data("/file/events/edges");
    let mut trail = trail.as_array().unwrap().iter();
    let revoked = trail.find(|event| event["node"]["kind"] == "SHARE_REVOKED");
    let expected = json!({ "kind": "SHARE_REVOKED", "detail": group, "user": { "username": "alice" }, "group": null });
    assert_eq!(revoked.unwrap()["node"], expected);
    let ids = "SELECT detail, CAST(kind AS TEXT) FROM event WHERE kind = 'SHARE_REVOKED'";
    let ids = rows::pairs(&server.app.db, ids).await;
    assert_eq!(ids.len(), 2);
    assert!(ids.iter().any(|(id, _)| *id == share), "{ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_names_the_group_to_those_who_may_know_it() {
    let server = TestApp::start().await;
    let (alice, bob, _) = three(&server).await;
    let group = alice.group_of(&["bob"]).await;
    let file = bob.upload_for_group("b.txt", &group).await;
    // No name of a user reads like this.
    alice
        .rename_group(&group, "user:alice")
        .await
        .data("/renameGroup");
    let trail = "query($f: ID!) { file(id: $f) { events(first: 1) { edges { node { kind detail group { name } } } } } }";
    let seen = bob.ask_with(trail, json!({ "f": file })).await;
    let expected = json!({ "kind": "SHARED", "detail": "group:user:alice", "group": { "name": "user:alice" } });
    assert_eq!(seen.data("/file/events/edges/0/node"), expected);
    alice.remove_member(&group, "bob").await.data("/group");
    alice
        .rename_group(&group, "Secrets")
        .await
        .data("/renameGroup");
    let seen = bob.ask_with(trail, json!({ "f": file })).await;
    let expected = json!({ "kind": "SHARED", "detail": group, "group": null });
    assert_eq!(seen.data("/file/events/edges/0/node"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_owner_s_group_goes_on_and_a_disabled_member_can_be_removed() {
    let server = TestApp::start().await;
    let (alice, bob, carol) = three(&server).await;
    let group = alice.group_of(&["bob", "carol"]).await;
    let (alices, carols) = (
        alice.upload_for_group("a.txt", &group).await,
        carol.upload_for_group("c.txt", &group).await,
    );
    let tickets = [bob.ticket(&alices).await, bob.ticket(&carols).await];
    accounts::set_disabled(&server.app, "carol", true)
        .await
        .unwrap();
    let refused = alice.add_member(&group, "carol").await;
    assert_eq!(refused.code(), "NOT_FOUND", "as whom one shares with");
    alice.remove_member(&group, "carol").await.data("/group");
    accounts::set_disabled(&server.app, "alice", true)
        .await
        .unwrap();
    for ticket in &tickets {
        assert_eq!(bob.get(ticket).await.status, 200);
    }
    assert_eq!(bob.members(&group).await.unwrap(), ["alice", "bob"]);
    let more = bob.upload_for_group("more.txt", &group).await;
    assert_eq!(bob.get(&bob.ticket(&more).await).await.status, 200);
    bob.leave_group(&group).await.data("/leaveGroup");
    assert_eq!(bob.get(&tickets[0]).await.code(), "ACCESS_REVOKED");
}

/// What the database itself does when an account is deleted one day.
#[tokio::test(flavor = "multi_thread")]
async fn with_its_owner_s_row_a_group_goes_and_with_it_its_shares() {
    let server = TestApp::start().await;
    let (alice, bob, carol) = three(&server).await;
    let (group, other) = (
        alice.group_of(&["bob", "carol"]).await,
        bob.group_of(&["alice"]).await,
    );
    let file = bob.upload_for_group("b.txt", &group).await;
    bob.share_with_group(&file, &other).await;
    assert_eq!(carol.list("sharedWithMe").await, json!([{ "id": file }]));
    let id: Uuid = alice
        .ask("{ me { id } }")
        .await
        .text("/me/id")
        .parse()
        .unwrap();
    let delete = server.app.db.write(move |transaction| {
        Box::pin(async move { Ok(user::Entity::delete_by_id(id).exec(transaction).await?) })
    });
    assert_eq!(delete.await.unwrap().rows_affected, 1);
    assert_eq!(carol.list("groups").await, json!([]));
    assert_eq!(carol.list("sharedWithMe").await, json!([]));
    assert_eq!(bob.members(&other).await.unwrap(), ["bob"]);
    let groups = server.app.db.all(group::Entity::find()).await.unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(server.rows("share").await, 1);
}

/// Whoever was a member when the request came, and is none when the share would be made.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_while_sharing_with_a_group_shares_nothing_with_it() {
    let server = TestApp::start().await;
    let (app, alice, bob) = (
        &server.app,
        server.person("alice").await,
        server.person("bob").await,
    );
    let group = alice.group_of(&["bob"]).await;
    let file = bob.upload("a.txt", b"a").await;
    let secret = bob.token("[READ, WRITE]").await;
    let actor = api_token::actor(app, &secret).await.unwrap();
    let viewer = actor.reader().unwrap();
    let owned = access::owned_file(app, viewer, file.parse().unwrap()).await;
    let member = access::readable_group(app, viewer, group.parse().unwrap()).await;
    let (owned, member) = (owned.unwrap(), member.unwrap());

    alice.remove_member(&group, "bob").await.data("/group");

    let client = ClientAddress::default();
    let shared = shares::create(app, &client, &owned, Grantee::Group(&member), None).await;
    assert_eq!(shared.unwrap_err().code.as_str(), "NOT_FOUND");
    assert_eq!(server.rows("share").await, 0);
}
