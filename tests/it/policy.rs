//! The policy over random worlds: a file by its id, the lists, links, and tickets say the same, and what a plain reading of the
//! rule says. Everybody asks with credentials from before some accounts were stopped, and some passwords and links changed.

use std::collections::BTreeSet;

use cloakroom::{
    access::{self, EVERYONE, Sight},
    app::App,
    auth::{
        self, Viewer, api_token,
        client::ClientAddress,
        link::{LinkHolder, LinkKey, Unlocked},
    },
    config::Secret,
    db::Page,
    random,
};
use entity::{Timestamp, file, link, share, user};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sea_orm::{ActiveModelTrait, EntityTrait};
use uuid::Uuid;

use crate::support::TestApp;

const WORLDS: u64 = 12;
const USERS: usize = 5;
const FILES: usize = 12;
const ALL: Page = Page {
    limit: 100,
    after: None,
    before: None,
    backward: false,
};

/// Rows as they lie in the database.
pub struct World {
    pub users: Vec<user::Model>,
    pub files: Vec<file::Model>,
    pub shares: Vec<share::Model>,
    links: Vec<link::Model>,
    pub now: Timestamp,
}

impl World {
    pub fn new(seed: u64, now: Timestamp) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let users: Vec<_> = (0..USERS)
            .map(|n| user::Model {
                id: random::id(now),
                username: format!("user{seed}x{n}"),
                username_key: format!("user{seed}x{n}"),
                password_hash: "!".to_owned(),
                disabled: false,
                credential_epoch: 0,
                used_bytes: 0,
                trashed_bytes: 0,
                reserved_bytes: 0,
                file_count: 0,
                created_at: now,
            })
            .collect();
        let files: Vec<_> = (0..FILES)
            .map(|n| file::Model {
                id: random::id(now),
                owner_id: users[random.random_range(0..USERS)].id,
                name: format!("{n}"),
                size: 0,
                content_type: "text/plain".to_owned(),
                sha256: vec![0; 32],
                content_key: format!("{seed:016x}{n:016x}"),
                created_at: now,
                trashed_at: random.random_ratio(1, 4).then_some(now),
            })
            .collect();
        let (mut shares, mut links) = (Vec::new(), Vec::new());
        for file in &files {
            for _ in 0..random.random_range(0..3) {
                let id = random::id(now);
                shares.push(share::Model {
                    id,
                    file_id: file.id,
                    audience: share::Audience::Link,
                    audience_id: id,
                    created_at: now,
                    expires_at: end(&mut random, now),
                });
                links.push(link::Model {
                    share_id: id,
                    password_hash: None,
                    max_downloads: None,
                    downloads: 0,
                    epoch: 0,
                });
            }
            let users = users.iter().map(|user| (share::Audience::User, user.id));
            let everyone = [(share::Audience::Authenticated, EVERYONE)];
            for (audience, audience_id) in users.chain(everyone) {
                if audience_id != file.owner_id && random.random_ratio(1, 4) {
                    shares.push(share::Model {
                        id: random::id(now),
                        file_id: file.id,
                        audience,
                        audience_id,
                        created_at: now,
                        expires_at: end(&mut random, now),
                    });
                }
            }
        }
        Self {
            users,
            files,
            shares,
            links,
            now,
        }
    }

    /// The rule, read plainly, for `user` with credentials as of the beginning.
    fn sees(&self, user: &user::Model, file: &file::Model) -> bool {
        let active = !user.disabled && user.credential_epoch == 0;
        let granted = self.shares.iter().any(|share| {
            share.file_id == file.id
                && share.expires_at.is_none_or(|end| end > self.now)
                && (share.audience == share::Audience::Authenticated
                    || share.audience_id == user.id)
        });
        active && file.trashed_at.is_none() && (file.owner_id == user.id || granted)
    }

    /// The same for whoever opened `link` at the beginning.
    fn leads_to(&self, link: &link::Model, file: &file::Model) -> bool {
        let mut shares = self.shares.iter();
        let share = shares.find(|share| share.id == link.share_id).unwrap();
        let mut owners = self.users.iter();
        let owner = owners.find(|user| user.id == file.owner_id).unwrap();
        share.file_id == file.id
            && share.expires_at.is_none_or(|end| end > self.now)
            && link.epoch == 0
            && !owner.disabled
            && file.trashed_at.is_none()
    }

    /// Changes some links, so that who opened them before may not come any more.
    async fn change_links(&mut self, seed: u64, server: &TestApp) {
        let mut random = StdRng::seed_from_u64(!seed);
        for link in &mut self.links {
            link.epoch = random.random_ratio(1, 4).into();
            let changed = link::ActiveModel::from(link.clone()).reset_all();
            let update = server.app.db.write(move |transaction| {
                Box::pin(async move { Ok(changed.update(transaction).await?) })
            });
            update.await.unwrap();
        }
    }

    /// Whoever has a link, as one who opened it.
    async fn holders(&self, server: &TestApp) -> Vec<(LinkKey, LinkHolder)> {
        let app = &server.app;
        let mut holders = Vec::new();
        for link in &self.links {
            let token = auth::link::token(&app.keyring, link.share_id);
            let key = LinkKey::of_token(&app.keyring, token.expose()).unwrap();
            let client = ClientAddress::default();
            let unlocked = auth::link::unlock(app, &app.hasher, &client, &key, None);
            let Unlocked::Open(holder) = unlocked.await.unwrap() else {
                panic!("{link:?} has no password");
            };
            holders.push((key, holder));
        }
        holders
    }

    /// Stops some accounts, and gives others new credentials.
    pub async fn end_credentials(&mut self, seed: u64, server: &TestApp) {
        let mut random = StdRng::seed_from_u64(seed);
        for user in &mut self.users {
            user.disabled = random.random_ratio(1, 4);
            user.credential_epoch = random.random_ratio(1, 4).into();
            let changed = user::ActiveModel::from(user.clone()).reset_all();
            let update = server.app.db.write(move |transaction| {
                Box::pin(async move { Ok(changed.update(transaction).await?) })
            });
            update.await.unwrap();
        }
    }

    /// Everybody's credentials, as those of a program.
    async fn viewers(&self, server: &TestApp) -> Vec<Viewer> {
        let mut viewers = Vec::new();
        for secret in self.tokens(server).await {
            let actor = api_token::actor(&server.app, secret.expose()).await;
            viewers.push(actor.unwrap().reader().unwrap().clone());
        }
        viewers
    }

    /// A new API token of everybody's, whose accounts may be stopped.
    pub async fn tokens(&self, server: &TestApp) -> Vec<Secret> {
        let mut tokens = Vec::new();
        for user in &self.users {
            let (secret, secret_hash) = api_token::generate();
            let token = entity::api_token::ActiveModel::from(entity::api_token::Model {
                id: random::id(self.now),
                user_id: user.id,
                name: "test".to_owned(),
                secret_hash,
                scope_read: true,
                scope_write: true,
                credential_epoch: user.credential_epoch,
                created_at: self.now,
                expires_at: None,
            });
            let insert = server.app.db.write(move |transaction| {
                Box::pin(async move { Ok(token.reset_all().insert(transaction).await?) })
            });
            insert.await.unwrap();
            tokens.push(secret);
        }
        tokens
    }

    pub async fn write(&self, server: &TestApp) {
        let (users, files) = (self.users.clone(), self.files.clone());
        let (shares, links) = (self.shares.clone(), self.links.clone());
        let write = server.app.db.write(move |transaction| {
            Box::pin(async move {
                let users = users.into_iter().map(user::ActiveModel::from);
                let files = files.into_iter().map(file::ActiveModel::from);
                let shares = shares.into_iter().map(share::ActiveModel::from);
                user::Entity::insert_many(users.map(ActiveModelTrait::reset_all))
                    .exec_without_returning(transaction)
                    .await?;
                file::Entity::insert_many(files.map(ActiveModelTrait::reset_all))
                    .exec_without_returning(transaction)
                    .await?;
                share::Entity::insert_many(shares.map(ActiveModelTrait::reset_all))
                    .exec_without_returning(transaction)
                    .await?;
                let links = links.into_iter().map(link::ActiveModel::from);
                link::Entity::insert_many(links.map(ActiveModelTrait::reset_all))
                    .exec_without_returning(transaction)
                    .await?;
                Ok(())
            })
        });
        write.await.unwrap();
    }
}

/// What one person was let see is no proof for another.
async fn nobody_lists_shares_by_another_s_sight(app: &App, viewers: &[Viewer]) {
    for viewer in viewers {
        let owned = access::files_of(app, viewer, ALL).await.unwrap();
        let sights: Vec<_> = owned.rows.into_iter().map(Sight::from).collect();
        let sights: Vec<_> = sights.iter().collect();
        for other in viewers.iter().filter(|other| other.id() != viewer.id()) {
            let listed = access::shares_of(app, other, &sights, ALL).await.unwrap();
            assert!(listed.is_empty(), "{listed:?}");
        }
    }
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
        nobody_lists_shares_by_another_s_sight(app, &viewers).await;
        for (user, viewer) in world.users.iter().zip(&viewers) {
            let owned = access::files_of(app, viewer, ALL).await.unwrap();
            let shared = access::shared_with(app, viewer, ALL).await.unwrap();
            let owned = owned.rows.iter().map(|file| file.id);
            let listed: Vec<Uuid> = owned
                .chain(shared.rows.iter().map(|file| file.id))
                .collect();
            let unique = BTreeSet::from_iter(&listed);
            assert_eq!(unique.len(), listed.len(), "each file once");
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

/// When a share ends: in the past, at this very moment, later, never.
fn end(random: &mut StdRng, now: Timestamp) -> Option<Timestamp> {
    let offset = [Some(-1), Some(0), Some(1), None][random.random_range(0..4)];
    offset.map(|offset| Timestamp(now.0 + offset))
}
