//! The policy over random worlds: a file by its id, the lists, links, and tickets say the same, and what a plain reading of the
//! rule says. Everybody asks with credentials from before some accounts were stopped, and some passwords and links changed.

use std::collections::BTreeSet;

use cloakroom::{
    access::{self, Claim, EVERYONE, Sight},
    app::App,
    auth::{
        self, Viewer, api_token,
        client::ClientAddress,
        link::{LinkHolder, LinkKey, Unlocked},
    },
    db::Page,
    random,
};
use entity::{Timestamp, file, group, group_member, link, share, user};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sea_orm::{ActiveModelTrait, EntityTrait};
use uuid::Uuid;

use crate::support::TestApp;

const WORLDS: u64 = 12;
const USERS: usize = 5;
const FILES: usize = 12;
const GROUPS: usize = 4;
const ALL: Page = Page {
    limit: 100,
    after: None,
    before: None,
    backward: false,
};

/// Rows as they lie in the database.
struct World {
    users: Vec<user::Model>,
    files: Vec<file::Model>,
    shares: Vec<share::Model>,
    links: Vec<link::Model>,
    groups: Vec<group::Model>,
    members: Vec<group_member::Model>,
    now: Timestamp,
}

impl World {
    fn new(seed: u64, now: Timestamp) -> Self {
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
        let groups: Vec<_> = (0..GROUPS)
            .map(|n| group::Model {
                id: random::id(now),
                owner_id: users[random.random_range(0..USERS)].id,
                name: format!("{n}"),
                created_at: now,
                deleted_at: None,
            })
            .collect();
        let members = groups.iter().flat_map(|group| {
            let users: Vec<_> = users
                .iter()
                .filter(|user| user.id == group.owner_id || random.random_ratio(1, 3))
                .collect();
            users.into_iter().map(|user| group_member::Model {
                group_id: group.id,
                user_id: user.id,
            })
        });
        let members = members.collect();
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
            let groups = groups
                .iter()
                .map(|group| (share::Audience::Group, group.id));
            for (audience, audience_id) in users.chain(everyone).chain(groups) {
                let odds = match audience {
                    share::Audience::Authenticated => 8,
                    _ => 5,
                };
                if audience_id != file.owner_id && random.random_ratio(1, odds) {
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
            groups,
            members,
            now,
        }
    }

    /// The rule, read plainly, for `user` with credentials as of the beginning.
    fn sees(&self, user: &user::Model, file: &file::Model) -> bool {
        let active = !user.disabled && user.credential_epoch == 0;
        let granted = self
            .shares
            .iter()
            .any(|share| share.file_id == file.id && self.reaches(share, user));
        active && file.trashed_at.is_none() && (file.owner_id == user.id || granted)
    }

    fn reaches(&self, share: &share::Model, user: &user::Model) -> bool {
        let is_of = match share.audience {
            share::Audience::Authenticated => true,
            share::Audience::User => share.audience_id == user.id,
            share::Audience::Group => self.members.contains(&group_member::Model {
                group_id: share.audience_id,
                user_id: user.id,
            }),
            share::Audience::Link => false,
        };
        is_of && share.expires_at.is_none_or(|end| end > self.now)
    }

    /// Takes some members out of their groups.
    async fn end_memberships(&mut self, seed: u64, server: &TestApp) {
        let mut random = StdRng::seed_from_u64(seed + 1000);
        let (kept, ended) = self
            .members
            .drain(..)
            .partition(|_| !random.random_ratio(1, 4));
        self.members = kept;
        let ended: Vec<group_member::Model> = ended;
        for member in ended {
            let delete = server.app.db.write(move |transaction| {
                Box::pin(async move {
                    let id = (member.group_id, member.user_id);
                    let delete = group_member::Entity::delete_by_id(id);
                    Ok(delete.exec(transaction).await?.rows_affected)
                })
            });
            assert_eq!(delete.await.unwrap(), 1);
        }
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
    async fn end_credentials(&mut self, seed: u64, server: &TestApp) {
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
        for user in &self.users {
            let (secret, secret_hash) = api_token::generate();
            let token = entity::api_token::ActiveModel::from(entity::api_token::Model {
                id: random::id(self.now),
                user_id: user.id,
                name: "test".to_owned(),
                secret_hash,
                scope_read: true,
                scope_write: true,
                credential_epoch: 0,
                created_at: self.now,
                expires_at: None,
            });
            let insert = server.app.db.write(move |transaction| {
                Box::pin(async move { Ok(token.reset_all().insert(transaction).await?) })
            });
            insert.await.unwrap();
            let actor = api_token::actor(&server.app, secret.expose())
                .await
                .unwrap();
            viewers.push(actor.reader().unwrap().clone());
        }
        viewers
    }

    async fn write(&self, server: &TestApp) {
        let (users, files) = (self.users.clone(), self.files.clone());
        let (shares, links) = (self.shares.clone(), self.links.clone());
        let (groups, members) = (self.groups.clone(), self.members.clone());
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
                let groups = groups.into_iter().map(group::ActiveModel::from);
                group::Entity::insert_many(groups.map(ActiveModelTrait::reset_all))
                    .exec_without_returning(transaction)
                    .await?;
                let members = members.into_iter().map(group_member::ActiveModel::from);
                group_member::Entity::insert_many(members.map(ActiveModelTrait::reset_all))
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

/// Of the shares of a file that is somebody else's, people know those that reach them.
async fn recipients_know_what_reaches_them(app: &App, world: &World, viewers: &[Viewer]) {
    for (user, viewer) in world.users.iter().zip(viewers) {
        let seen = access::shared_with(app, viewer, ALL).await.unwrap();
        let seen: Vec<_> = seen.rows.into_iter().map(Sight::from).collect();
        let sights: Vec<_> = seen.iter().collect();
        let shares = access::shares_of(app, viewer, &sights, ALL);
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
        world.end_memberships(seed, &server).await;
        recipients_know_what_reaches_them(app, &world, &viewers).await;
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
                let claim = Claim {
                    file_id: file.id,
                    subject: viewer.subject(),
                };
                let by_id = access::readable_file(app, viewer, file.id).await;
                let by_ticket = access::claimed_file(app, claim).await.unwrap();
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
                let claim = Claim {
                    file_id: file.id,
                    subject: holder.subject(),
                };
                let by_ticket = access::claimed_file(app, claim).await.unwrap().ok();
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
