//! The policy over random worlds: a file by its id, the lists, links, and tickets say the same, and what a plain reading of the
//! rule says. Everybody asks with credentials from before some accounts were stopped, some passwords and links changed, and
//! some members taken out of their groups.

use std::collections::BTreeSet;

use cloakroom::{
    access::{self, Order, Part, Sight},
    app::App,
    auth::{Viewer, api_token},
    db::Page,
    domain::accounts,
};
use entity::{file, link};
use serde_json::json;
use uuid::Uuid;

use crate::support::TestApp;

pub mod world;

use world::World;

const WORLDS: u64 = 12;
const ALL: Page = Page {
    limit: 100,
    after: None,
    before: None,
    backward: false,
};

/// Of the shares of a file that is somebody else's, people know those that reach them.
async fn recipients_know_what_reaches_them(app: &App, world: &World, viewers: &[Viewer]) {
    for (user, viewer) in world.users.iter().zip(viewers) {
        let seen = access::shared_with(app, viewer, ALL).await.unwrap();
        let seen: Vec<_> = seen.rows.into_iter().map(Sight::from).collect();
        let sights: Vec<_> = seen.iter().collect();
        let shares = access::shares_of(app, &sights, ALL);
        let shares = shares.await.unwrap();
        // What earlier worlds share with everyone is seen as well.
        let of_world = |file: &&Sight| world.files.iter().any(|one| one.id == file.id);
        for file in seen.iter().filter(of_world) {
            let of_file = world.shares.iter().filter(|share| share.file_id == file.id);
            let reaching = of_file.filter(|share| world.reaches(share, user));
            let reaching: BTreeSet<Uuid> = reaching.map(|share| share.id).collect();
            let known = shares[&file.id].rows.iter();
            let known: BTreeSet<Uuid> = known.map(|share| share.id).collect();
            assert_eq!(known, reaching, "{user:?}, {:?}", file.id);
        }
        for share in &world.shares {
            let files = seen.iter();
            let sees = files.clone().any(|file| file.id == share.file_id);
            let visible = access::visible_share(app, viewer, share.id).await;
            let visible = visible.ok().flatten();
            let owns = world.files.iter().any(|file| {
                let is_it = (file.id, file.owner_id) == (share.file_id, user.id);
                is_it && !user.disabled && user.credential_epoch == 0
            });
            let expected = owns || sees && world.reaches(share, user);
            assert_eq!(visible.is_some(), expected, "{user:?}, {share:?}");
        }
    }
}

/// What the lists have of files that are sorted or searched for.
async fn searched(app: &App, viewer: &Viewer, order: Order, name: &str) -> BTreeSet<Uuid> {
    let part = Part {
        order,
        name: name.to_owned(),
        limit: 1000,
        after: None,
        before: None,
        backward: false,
    };
    let owned = access::files_sorted(app, viewer, &part).await.unwrap().rows;
    let shared = access::shared_sorted(app, viewer, &part)
        .await
        .unwrap()
        .rows;
    let owned = owned.iter().map(|file| file.id);
    owned.chain(shared.iter().map(|file| file.id)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_by_id_the_lists_and_tickets_agree_in_every_world() {
    let server = TestApp::start().await;
    let app = &server.app;
    let (mut seen, mut led) = ((0, 0), (0, 0));
    for seed in 0..WORLDS {
        let mut world = World::new(seed, app.clock.now());
        world.write(&server).await;
        let viewers = world.viewers(&server).await;
        let holders = world.holders(&server).await;
        world.change_links(seed, &server).await;
        world.end_credentials(seed, &server).await;
        world.end_memberships(seed, &server).await;
        world.delete_accounts(seed, &server).await;
        recipients_know_what_reaches_them(app, &world, &viewers).await;
        for (user, viewer) in world.users.iter().zip(&viewers) {
            let owned = access::files_of(app, viewer, ALL).await.unwrap();
            let shared = access::shared_with(app, viewer, ALL).await.unwrap();
            let owned = owned.rows.iter().map(|file| file.id);
            let listed: Vec<Uuid> = owned
                .chain(shared.rows.iter().map(|file| file.id))
                .collect();
            let unique = BTreeSet::from_iter(&listed);
            assert_eq!(unique.len(), listed.len(), "each file once");
            for (order, name) in [(Order::Name, ""), (Order::Size, ""), (Order::Created, "1")] {
                let found = searched(app, viewer, order, name).await;
                let named = |file: &&file::Model| file.name.to_lowercase().contains(name);
                let files = world.files.iter().filter(named);
                for file in files {
                    let is_listed = unique.contains(&file.id);
                    let context = format!("world {seed}: {order:?} {user:?}, {file:?}");
                    assert_eq!(found.contains(&file.id), is_listed, "{context}");
                }
            }
            for file in &world.files {
                let expected = world.sees(user, file);
                let subject = viewer.into();
                let by_id = access::readable_file(app, viewer, file.id).await;
                let by_ticket = access::file_of_ticket(app, subject, file.id).await.unwrap();
                let context = format!("world {seed}: {user:?}, {file:?}");
                assert_eq!(by_id.is_ok(), expected, "by id: {context}");
                assert_eq!(by_ticket.is_ok(), expected, "by ticket: {context}");
                assert_eq!(unique.contains(&file.id), expected, "listed: {context}");
                let until = by_id.map(|file| file.until()).ok();
                let in_list = shared.rows.iter().find(|shared| shared.id == file.id);
                if let Some(in_list) = in_list {
                    assert_eq!(Some(in_list.until()), until, "{context}");
                }
                assert_eq!(until, by_ticket.map(|file| file.until()).ok(), "{context}");
                match expected {
                    true => seen.0 += 1,
                    false => seen.1 += 1,
                }
            }
        }
        for (link, (key, holder)) in world.links.iter().zip(&holders) {
            let opened = access::linked_file(app, holder).await.ok();
            let opened = opened.map(|(file, _)| file);
            for file in &world.files {
                let expected = world.leads_to(link, file);
                let subject = holder.into();
                let by_ticket = access::file_of_ticket(app, subject, file.id)
                    .await
                    .unwrap()
                    .ok();
                let context = format!("world {seed}: {link:?}, {file:?}");
                assert_eq!(by_ticket.is_some(), expected, "by ticket: {context}");
                let is_opened = opened.as_ref().is_some_and(|opened| opened.id == file.id);
                assert_eq!(is_opened, expected, "opened: {context}");
                if let (Some(by_ticket), Some(opened)) = (by_ticket, &opened) {
                    assert_eq!(by_ticket.until(), opened.until(), "{context}");
                    assert!(by_ticket.into_owned().is_err(), "{context}");
                }
                match expected {
                    true => led.0 += 1,
                    false => led.1 += 1,
                }
            }
            // Whoever has the URL can open it anew after a change.
            let anew = link::Model {
                epoch: 0,
                ..link.clone()
            };
            let is_alive = world.files.iter().any(|file| world.leads_to(&anew, file));
            let face = access::link_face(app, key).await;
            assert_eq!(face.is_ok(), is_alive, "face: world {seed}: {link:?}");
        }
    }
    assert!(
        seen.0 > 100 && seen.1 > 100,
        "worlds of both kinds: {seen:?}"
    );
    assert!(led.0 > 20 && led.1 > 100, "links of both kinds: {led:?}");
}

/// Credentials are looked at once for a request, and it may take a while: what it lists afterwards is read for who is active
/// then.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_stopped_during_a_request_lists_nothing_more() {
    let server = TestApp::start().await;
    let (app, alice) = (&server.app, server.person("alice").await);
    let group = alice.group_of(&[]).await.parse().unwrap();
    let drop = alice.drop_with(json!({})).await.id.parse().unwrap();
    let upload = alice.create_upload("a.txt", Some(1)).await;
    let upload = upload.text("/createUpload/id").parse().unwrap();
    alice.upload("a.txt", b"a").await;
    let secret = alice.token("[READ, WRITE]").await;
    let actor = api_token::actor(app, &secret).await.unwrap();
    let viewer = actor.reader().unwrap();
    let listed = async || {
        [
            access::files_of(app, viewer, ALL).await.unwrap().rows.len(),
            access::groups_of(app, viewer, ALL)
                .await
                .unwrap()
                .rows
                .len(),
            access::groups_among(app, viewer, &[group])
                .await
                .unwrap()
                .len(),
            access::drops_of(app, viewer, ALL).await.unwrap().rows.len(),
            access::drops_of_ids(app, viewer, [drop])
                .await
                .unwrap()
                .len(),
            access::uploads_of(app, viewer, ALL)
                .await
                .unwrap()
                .rows
                .len(),
            access::visible_group(app, viewer, group)
                .await
                .unwrap()
                .iter()
                .len(),
            access::visible_drop(app, viewer, drop)
                .await
                .unwrap()
                .iter()
                .len(),
            access::visible_upload(app, viewer, upload)
                .await
                .unwrap()
                .iter()
                .len(),
        ]
    };
    assert_eq!(listed().await, [1; 9]);

    accounts::set_disabled(app, "alice", true).await.unwrap();

    assert_eq!(listed().await, [0; 9]);
}
