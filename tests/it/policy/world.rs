//! Random worlds: users, files, groups, links, and shares of all kinds; and who sees what in them, by a plain reading of the
//! rule.

use cloakroom::{
    access::EVERYONE,
    auth::{
        self, Viewer, api_token,
        client::ClientAddress,
        link::{LinkHolder, LinkKey, Unlocked},
    },
    config::Secret,
    domain::files::listed_row,
    random,
};
use entity::{
    Timestamp, deleted_user, file, group, group_member, link,
    listed_file::List,
    share::{self, Audience},
    user,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sea_orm::{ActiveModelTrait, EntityTrait};
use uuid::Uuid;

use crate::support::{TestApp, many_files, rows};

const USERS: usize = 5;
const FILES: usize = 12;
const GROUPS: usize = 4;

/// Rows as they lie in the database.
pub struct World {
    pub users: Vec<user::Model>,
    pub files: Vec<file::Model>,
    pub shares: Vec<share::Model>,
    pub links: Vec<link::Model>,
    pub groups: Vec<group::Model>,
    pub members: Vec<group_member::Model>,
    /// Those of the users whose accounts are deleted.
    pub deleted: Vec<Uuid>,
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
                role: user::Role::User,
                quota_bytes: None,
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
                joined_after: 0,
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
                    audience: Audience::Link,
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
            let users = users.iter().map(|user| (Audience::User, user.id));
            let everyone = [(Audience::Authenticated, EVERYONE)];
            let groups = groups.iter().map(|group| (Audience::Group, group.id));
            for (audience, audience_id) in users.chain(everyone).chain(groups) {
                let odds = match audience {
                    Audience::Authenticated => 8,
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
            deleted: Vec::new(),
            now,
        }
    }

    /// The rule, read plainly, for `user` with credentials as of the beginning.
    pub fn sees(&self, user: &user::Model, file: &file::Model) -> bool {
        let active = !user.disabled && user.credential_epoch == 0;
        let granted = self
            .shares
            .iter()
            .any(|share| share.file_id == file.id && self.reaches(share, user));
        let granted = granted && !self.deleted.contains(&file.owner_id);
        active && file.trashed_at.is_none() && (file.owner_id == user.id || granted)
    }

    pub fn reaches(&self, share: &share::Model, user: &user::Model) -> bool {
        let is_of = match share.audience {
            Audience::Authenticated => true,
            Audience::User => share.audience_id == user.id,
            Audience::Group => self.members.contains(&group_member::Model {
                group_id: share.audience_id,
                user_id: user.id,
                joined_after: 0,
            }),
            Audience::Link => false,
        };
        is_of && share.expires_at.is_none_or(|end| end > self.now)
    }

    /// Deletes some of the accounts that are stopped, of which nothing is swept yet.
    pub async fn delete_accounts(&mut self, seed: u64, server: &TestApp) {
        let mut random = StdRng::seed_from_u64(seed + 2000);
        let stopped = self.users.iter().filter(|user| user.disabled);
        self.deleted = stopped
            .filter(|_| random.random_ratio(1, 2))
            .map(|user| user.id)
            .collect();
        let marks = self.deleted.iter().map(|id| deleted_user::Model {
            user_id: *id,
            deleted_at: self.now,
        });
        rows::insert(&server.app.db, marks.collect()).await;
    }

    /// Takes some members out of their groups.
    pub async fn end_memberships(&mut self, seed: u64, server: &TestApp) {
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
    pub fn leads_to(&self, link: &link::Model, file: &file::Model) -> bool {
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
    pub async fn change_links(&mut self, seed: u64, server: &TestApp) {
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
    pub async fn holders(&self, server: &TestApp) -> Vec<(LinkKey, LinkHolder)> {
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
    pub async fn viewers(&self, server: &TestApp) -> Vec<Viewer> {
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
        let db = &server.app.db;
        rows::insert(db, self.users.clone()).await;
        rows::insert(db, self.files.clone()).await;
        rows::insert(db, self.groups.clone()).await;
        rows::insert(db, self.members.clone()).await;
        rows::insert(db, self.shares.clone()).await;
        rows::insert(db, self.links.clone()).await;
        let own = self.files.iter().filter(|file| file.trashed_at.is_none());
        let own = own.map(|file| listed_row(file, (List::Own, file.owner_id), None));
        let shared = self.shares.iter().filter_map(|share| {
            let list = match share.audience {
                Audience::User => List::User,
                Audience::Group => List::Group,
                Audience::Authenticated => List::Authenticated,
                Audience::Link => return None,
            };
            let mut files = self.files.iter();
            let file = files.find(|file| file.id == share.file_id)?;
            let reader = (list, share.audience_id);
            Some(listed_row(file, reader, Some(share.id)))
        });
        let listed: Vec<_> = own.chain(shared).collect();
        many_files::list(server, &listed).await;
    }
}

/// When a share ends: in the past, at this very moment, later, never.
fn end(random: &mut StdRng, now: Timestamp) -> Option<Timestamp> {
    let offset = [Some(-1), Some(0), Some(1), None][random.random_range(0..4)];
    offset.map(|offset| Timestamp(now.0 + offset))
}
