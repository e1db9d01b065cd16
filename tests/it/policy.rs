//! The policy over random worlds: a file by its id, the lists, and tickets say the same, and what a plain reading of the rule
//! says. Everybody asks with credentials from before some accounts were stopped, and some passwords changed.

use std::collections::BTreeSet;

use cloakroom::{
    access::{self, Claim, EVERYONE, Sight},
    app::App,
    auth::{Viewer, api_token},
    db::Page,
    keys,
};
use entity::{Timestamp, file, share, user};
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
struct World {
    users: Vec<user::Model>,
    files: Vec<file::Model>,
    shares: Vec<share::Model>,
    now: Timestamp,
}

impl World {
    fn new(seed: u64, now: Timestamp) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let users: Vec<_> = (0..USERS)
            .map(|n| user::Model {
                id: keys::id(now),
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
                id: keys::id(now),
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
        let mut shares = Vec::new();
        for file in &files {
            let users = users.iter().map(|user| (share::Audience::User, user.id));
            let everyone = [(share::Audience::Authenticated, EVERYONE)];
            for (audience, audience_id) in users.chain(everyone) {
                if audience_id != file.owner_id && random.random_ratio(1, 4) {
                    shares.push(share::Model {
                        id: keys::id(now),
                        file_id: file.id,
                        audience,
                        audience_id,
                        created_at: now,
                        // Ended, ending at this very moment, going on, without an end.
                        expires_at: [Some(-1), Some(0), Some(1), None][random.random_range(0..4)]
                            .map(|offset| Timestamp(now.0 + offset)),
                    });
                }
            }
        }
        Self {
            users,
            files,
            shares,
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
                id: keys::id(self.now),
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
        let (users, files, shares) = (self.users.clone(), self.files.clone(), self.shares.clone());
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
    let mut seen = (0, 0);
    for seed in 0..WORLDS {
        let mut world = World::new(seed, app.clock.now());
        world.write(&server).await;
        let viewers = world.viewers(&server).await;
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
                assert_eq!(until, by_ticket.map(|file| file.until()).ok(), "{context}");
                match expected {
                    true => seen.0 += 1,
                    false => seen.1 += 1,
                }
            }
        }
    }
    assert!(
        seen.0 > 100 && seen.1 > 100,
        "worlds of both kinds: {seen:?}"
    );
}
