//! What the trail keeps of a person whose account has been deleted.

use entity::event::{self, Kind};
use sea_orm::EntityTrait;
use serde_json::json;

use super::deleted_accounts::delete_account;
use crate::support::{TestApp, person::PASSWORD};

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_keeps_what_happened_without_the_person() {
    let server = TestApp::start().await;
    let (alice, bob) = (server.person("alice").await, server.person("bob").await);
    let id = alice.ask("{ me { id } }").await.text("/me/id");
    let file = alice.upload("my diagnosis.txt", b"a").await;
    let purged = alice.upload("my other diagnosis.txt", b"a").await;
    alice.delete(&purged).await.data("/deleteFile");
    let purge = "mutation($f: ID!) { purgeFile(id: $f) }";
    alice
        .ask_with(purge, json!({ "f": purged }))
        .await
        .data("/purgeFile");
    let bob_s = bob.upload("bob.txt", b"bob").await;
    bob.share_with(&bob_s, "alice").await;
    let ticket = alice.ticket(&bob_s).await;
    assert_eq!(alice.get(&ticket).await.status, 200);
    alice.token("[READ]").await;
    alice.group_of(&["bob"]).await;
    let query = r#"mutation { createDrop(name: "biopsies") { id } }"#;
    alice.ask(query).await.data("/createDrop");
    let failed = server.anonymous().sign_in("alice", "wrong").await;
    assert_eq!(failed.code(), "UNAUTHENTICATED");
    server
        .eventually("the download is recorded", async |server| {
            let events = server.app.db.all(event::Entity::find()).await.unwrap();
            events.iter().any(|event| event.kind == Kind::Downloaded)
                && events.iter().any(|event| event.kind == Kind::SignInRefused)
        })
        .await;

    delete_account(&alice, PASSWORD)
        .await
        .data("/deleteAccount");
    server.sweep().await;
    // The group is gone by now.
    server.sweep().await;

    assert_eq!(server.rows("user").await, 1);
    let events = server.app.db.all(event::Entity::find()).await.unwrap();
    let of = |kind: Kind, object: &str| {
        let mut found = events.iter();
        let found = found.find(|event| {
            event.kind == kind
                && event.object_id.map(|id| id.to_string()).as_deref() == Some(object)
        });
        let found = found.unwrap_or_else(|| panic!("no {kind:?}"));
        (found.detail.clone(), found.address.clone())
    };
    for (kind, object) in [
        (Kind::SignedUp, &id),
        (Kind::SignInRefused, &id),
        (Kind::AccountDeleted, &id),
        (Kind::Uploaded, &file),
        (Kind::Uploaded, &purged),
        (Kind::Purged, &file),
    ] {
        assert_eq!(of(kind, object), (None, None), "{kind:?}");
    }
    for event in &events {
        let is_hers = event.actor_id.map(|id| id.to_string()).as_ref() == Some(&id);
        assert!(!is_hers || event.address.is_none(), "{event:?}");
        if matches!(
            event.kind,
            Kind::DropCreated | Kind::GroupCreated | Kind::ApiTokenCreated
        ) {
            assert_eq!(event.detail, None, "{event:?}");
        }
    }
    // And the owner of what was downloaded knows that it was, and not by whom.
    let query = "query($f: ID!) { file(id: $f) { events { edges { node { kind user { username } detail } } } } }";
    let trail = bob.ask_with(query, json!({ "f": bob_s })).await;
    let trail = trail.data("/file/events/edges").to_string();
    assert!(
        trail.contains("DOWNLOADED") && trail.contains("SHARE_REVOKED"),
        "{trail}"
    );
    assert!(!trail.contains("alice"), "{trail}");
}
