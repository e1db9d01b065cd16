//! The columns of the audit trail: who did what, to what, for whom, from where.

use std::time::Duration;

use cloakroom::{
    config::Secret,
    domain::{
        accounts::{self, Overseer},
        webhooks::{self, Waiting},
    },
};
use entity::{
    event::{self, ActorKind, Kind, ObjectKind},
    share::Audience,
    user::Role,
};
use sea_orm::{EntityTrait, Iterable};
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    TestApp,
    person::PASSWORD,
    receiver::{Receiver, Reply},
};

/// All that the event table holds.
async fn events(server: &TestApp) -> Vec<event::Model> {
    let events = server.app.db.all(event::Entity::find());
    events.await.unwrap()
}

/// The events of a kind.
async fn events_of(server: &TestApp, kind: Kind) -> Vec<event::Model> {
    let events = events(server).await.into_iter();
    events.filter(|event| event.kind == kind).collect()
}

/// What [`everything`] is done by and to, by their ids.
struct Ids {
    alice: Uuid,
    token: Uuid,
    file: Uuid,
    link: Uuid,
    drop: Uuid,
    group: Uuid,
    bob: Uuid,
    webhook: Uuid,
}

/// A server whose scanner takes the word for the thing.
async fn scanned() -> TestApp {
    let scan = r#"command:/usr/bin/awk /virus/{print"Test.Virus";exit(1)}"#;
    TestApp::start_with(|options| {
        options.scan = Some(scan.to_owned());
        options.webhook_networks = "127.0.0.1".to_owned();
        // It is never asked.
        options.oidc_issuer = Some("https://id.example".to_owned());
        options.oidc_client_id = Some("cloakroom".to_owned());
    })
    .await
}

/// Does all that there is an event for.
async fn everything(server: &TestApp) -> Ids {
    let alice = server.person("alice").await;
    let user = alice.ask("{ me { id } }").await.text("/me/id");
    let wrong = "a password made up";
    let refused = alice.sign_in("alice", wrong).await;
    assert_eq!(refused.code(), "UNAUTHENTICATED");
    alice.sign_in("alice", PASSWORD).await.data("/signIn");
    let change =
        "mutation($c: String!) { changePassword(current: $c, new: \"a new one, please\") { id } }";
    for (current, code) in [(wrong, "BAD_USER_INPUT"), (PASSWORD, "")] {
        let answer = alice.ask_with(change, json!({ "c": current })).await;
        assert_eq!(answer.code(), code);
    }
    let token = "mutation { createApiToken(name: \"t\", scopes: [WRITE]) { apiToken { id } } }";
    let token = alice.ask(token).await.text("/createApiToken/apiToken/id");
    let revoke = "mutation($t: ID!) { revokeApiToken(id: $t) }";
    let revoked = alice.ask_with(revoke, json!({ "t": token })).await;
    revoked.data("/revokeApiToken");
    let file = alice.upload("a.txt", b"a").await;
    let upload = "mutation($file: Upload!) { uploadFile(file: $file) { id } }";
    let refused = alice.upload_with(upload, json!({}), "v", b"virus").await;
    assert_eq!(refused.code(), "FILE_REFUSED");
    let share = alice.share_with_everyone(&file).await;
    alice.revoke(&share).await.data("/revokeShare");
    let ticket = alice.ticket(&file).await;
    assert_eq!(alice.get(&ticket).await.status, 200);
    let link = alice.link_with(&file, json!({ "password": "p" })).await;
    let refused = alice.visit(&link.token, Some("q")).await;
    assert_eq!(refused.code(), "FORBIDDEN");
    let drop = alice.drop_with(json!({ "password": "p" })).await;
    let refused = alice.look_at_drop(&drop.token, Some("q")).await;
    assert_eq!(refused.code(), "FORBIDDEN");
    alice.close_drop(&drop).await.data("/closeDrop");
    let bob = server.person("bob").await;
    let bob = bob.ask("{ me { id } }").await.text("/me/id");
    let group = alice.group_of(&["bob"]).await;
    alice.share_with_group(&file, &group).await;
    alice
        .rename_group(&group, "Family")
        .await
        .data("/renameGroup");
    alice.remove_member(&group, "bob").await.data("/group");
    alice.delete_group(&group).await.data("/deleteGroup");
    let purge = "mutation($f: ID!) { purgeFile(id: $f) }";
    for query in [
        "mutation($f: ID!) { renameFile(id: $f, name: \"b.txt\") { id } }",
        "mutation($f: ID!) { deleteFile(id: $f) }",
        "mutation($f: ID!) { restoreFile(id: $f) { id } }",
        "mutation($f: ID!) { deleteFile(id: $f) }",
        purge,
    ] {
        let answer = alice.ask_with(query, json!({ "f": file })).await;
        assert_eq!(answer.code(), "", "{query}");
    }
    assert_eq!(alice.get(&ticket).await.code(), "FILE_GONE");
    alice.ask("mutation { signOut }").await.data("/signOut");
    for disabled in [true, false] {
        let set = accounts::set_disabled(&server.app, "alice", disabled);
        set.await.unwrap();
    }
    let id = |text: &str| text.parse().unwrap();
    let (app, by) = (&server.app, Overseer::Operator);
    let set = accounts::set_role(app, by, id(&user), Role::Admin).await;
    set.unwrap();
    let set = accounts::set_quota(app, by, id(&user), Some(10)).await;
    set.unwrap();
    accounts::link(app, "alice", "a-17").await.unwrap();
    assert_eq!(accounts::unlink(app, "alice").await.unwrap(), 1);
    accounts::delete(app, by, id(&user)).await.unwrap();
    let webhook = end_a_webhook(server).await;
    Ids {
        alice: id(&user),
        token: id(&token),
        file: id(&file),
        link: id(&link.share),
        drop: id(&drop.id),
        group: id(&group),
        bob: id(&bob),
        webhook,
    }
}

/// A webhook that was paused, resumed and removed.
async fn end_a_webhook(server: &TestApp) -> Uuid {
    let receiver = Receiver::start().await;
    receiver.answer(Reply::Status(410));
    let app = &server.app;
    let (webhook, _) = webhooks::add(app, &receiver.url(), &[]).await.unwrap();
    let id = webhook.row.id;
    server
        .eventually("it is paused", async |_| {
            !events_of(server, Kind::WebhookPaused).await.is_empty()
        })
        .await;
    webhooks::resume(app, id, Waiting::Skip).await.unwrap();
    webhooks::remove(app, id).await.unwrap();
    id
}

/// What the operator or the server itself does in [`everything`].
const WITHOUT_ADDRESS: [Kind; 11] = [
    Kind::AccountDisabled,
    Kind::AccountEnabled,
    Kind::RoleChanged,
    Kind::QuotaChanged,
    Kind::AccountDeleted,
    Kind::WebhookAdded,
    Kind::WebhookRemoved,
    Kind::WebhookPaused,
    Kind::WebhookResumed,
    Kind::AccountLinked,
    Kind::AccountUnlinked,
];

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_event_happens_and_says_from_where() {
    let server = scanned().await;
    everything(&server).await;

    let server = server.restart_with(|_| {}).await;

    let events = events(&server).await;
    for kind in Kind::iter() {
        let of_kind: Vec<_> = events.iter().filter(|event| event.kind == kind).collect();
        assert!(!of_kind.is_empty(), "{kind:?} never happens");
        // The operator's commands come from no address.
        let has_none = WITHOUT_ADDRESS.contains(&kind);
        let address = (!has_none).then_some("127.0.0.1");
        for event in of_kind {
            assert_eq!(event.address.as_deref(), address, "{event:?}");
        }
    }
}

/// Who an event of a kind is by, and what it is of, after [`everything`].
fn expected(kind: Kind, ids: &Ids) -> [(Option<Uuid>, String); 2] {
    let user = (Some(ids.alice), format!("{:?}", ActorKind::User));
    let no = |kind: ActorKind| (None, format!("{kind:?}"));
    let of = |kind: ObjectKind, id: Uuid| (Some(id), format!("{kind:?}"));
    let (account, token) = (
        of(ObjectKind::User, ids.alice),
        of(ObjectKind::ApiToken, ids.token),
    );
    match kind {
        Kind::SignInRefused => [no(ActorKind::Anonymous), account],
        Kind::AccountDisabled
        | Kind::AccountEnabled
        | Kind::RoleChanged
        | Kind::QuotaChanged
        | Kind::AccountDeleted
        | Kind::AccountLinked
        | Kind::AccountUnlinked => [no(ActorKind::Operator), account],
        Kind::WebhookAdded | Kind::WebhookRemoved | Kind::WebhookResumed => [
            no(ActorKind::Operator),
            of(ObjectKind::Webhook, ids.webhook),
        ],
        Kind::WebhookPaused => [no(ActorKind::Janitor), of(ObjectKind::Webhook, ids.webhook)],
        Kind::SignedUp
        | Kind::SignedIn
        | Kind::SignedOut
        | Kind::UploadRefused
        | Kind::PasswordChanged
        | Kind::PasswordChangeRefused => [user, account],
        Kind::ApiTokenCreated | Kind::ApiTokenRevoked => [user, token],
        Kind::GroupCreated
        | Kind::GroupRenamed
        | Kind::GroupDeleted
        | Kind::GroupMemberAdded
        | Kind::GroupMemberRemoved => [user, of(ObjectKind::Group, ids.group)],
        Kind::DropCreated | Kind::DropClosed => [user, of(ObjectKind::Drop, ids.drop)],
        Kind::DropRefused => [
            (Some(ids.drop), format!("{:?}", ActorKind::Drop)),
            of(ObjectKind::Drop, ids.drop),
        ],
        Kind::LinkRefused => [
            (Some(ids.link), format!("{:?}", ActorKind::Link)),
            of(ObjectKind::File, ids.file),
        ],
        Kind::Uploaded
        | Kind::Renamed
        | Kind::Trashed
        | Kind::Restored
        | Kind::Purged
        | Kind::Shared
        | Kind::ShareRevoked
        | Kind::Downloaded
        | Kind::DownloadRefused => [user, of(ObjectKind::File, ids.file)],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_says_who_did_it_and_what_it_was_done_to() {
    let server = scanned().await;
    let ids = everything(&server).await;

    let server = server.restart_with(|_| {}).await;

    let events = events(&server).await.into_iter();
    for event in events.filter(|event| event.object_id != Some(ids.bob)) {
        let object = event.object_kind.unwrap();
        let said = [
            (event.actor_id, format!("{:?}", event.actor_kind)),
            (event.object_id, format!("{object:?}")),
        ];
        assert_eq!(said, expected(event.kind, &ids), "{event:?}");
        let is_of_a_share = [Kind::Shared, Kind::ShareRevoked].contains(&event.kind);
        let audience = is_of_a_share.then(|| match event.audience_id {
            Some(id) if id == ids.link => (Audience::Link, id),
            Some(id) if id == ids.group => (Audience::Group, id),
            _ => (Audience::Authenticated, Uuid::nil()),
        });
        let of_a_member = [Kind::GroupMemberAdded, Kind::GroupMemberRemoved];
        let member = of_a_member.contains(&event.kind);
        let audience = audience.or(member.then_some((Audience::User, ids.bob)));
        assert_eq!(event.audience.zip(event.audience_id), audience, "{event:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_no_account_s_is_refused_to_somebody_of_whom_nothing_is_known() {
    let server = TestApp::start().await;
    let refused = server.anonymous().sign_in("nobody", PASSWORD).await;
    assert_eq!(refused.code(), "UNAUTHENTICATED");

    let server = server.restart_with(|_| {}).await;

    let event = &events_of(&server, Kind::SignInRefused).await[0];
    assert_eq!(event.actor_kind, ActorKind::Anonymous);
    assert_eq!(
        (event.actor_id, event.object_kind, event.object_id),
        (None, None, None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_s_events_say_by_id_whom_it_reaches() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let id = bob.ask("{ me { id } }").await.text("/me/id");
    let file = alice.upload("a.txt", b"a").await;
    let share = alice.share_with(&file, "bob").await;
    alice.revoke(&share).await.data("/revokeShare");

    for kind in [Kind::Shared, Kind::ShareRevoked] {
        let event = &events_of(&server, kind).await[0];
        assert_eq!(event.audience, Some(Audience::User));
        assert_eq!(event.audience_id.unwrap().to_string(), id);
        assert_eq!(event.object_id.unwrap().to_string(), file);
        assert_eq!(event.detail, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_and_the_janitor_do_is_no_user_s_doing() {
    let server = TestApp::start_with(|options| options.trash_ttl = "1d".into()).await;
    let made = accounts::create(&server.app, "made", Secret::from(PASSWORD.to_owned()));
    let made = made.await.unwrap();
    let alice = server.person("alice").await;
    let file = alice.upload("a.txt", b"a").await;
    alice.delete(&file).await.data("/deleteFile");
    let another = Secret::from("a password set anew".to_owned());
    let set = accounts::set_password(&server.app, "alice", another);
    set.await.unwrap();
    server.advance(Duration::from_secs(2 * 24 * 60 * 60));
    server.sweep().await;

    let signed_up = events_of(&server, Kind::SignedUp).await;
    let by_operator = signed_up
        .iter()
        .find(|event| event.object_id == Some(made.user.id));
    let purged = events_of(&server, Kind::Purged).await;
    let password_changed = events_of(&server, Kind::PasswordChanged).await;
    let by = [by_operator.unwrap(), &password_changed[0], &purged[0]];
    let by = by.map(|event| (event.actor_kind, event.actor_id));
    assert_eq!(
        by,
        [
            (ActorKind::Operator, None),
            (ActorKind::Operator, None),
            (ActorKind::Janitor, None)
        ]
    );
    assert_eq!(password_changed[0].detail.as_deref(), Some("user:alice"));
    assert_eq!(purged[0].object_id.unwrap().to_string(), file);
}
