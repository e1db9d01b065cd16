//! Files by the ten thousand, as rows alone: more than clients could upload in time.

use cloakroom::{domain::files::listed_row, random};
use entity::{
    file,
    listed_file::{self, List},
    share, user,
};
use sea_orm::EntityTrait;

use super::{TestApp, rows};

/// So many are written at once.
const AT_ONCE: usize = 20_000;

/// How many a test makes: as many as CLOAKROOM_TEST_FILES says, or `usual`.
pub fn how_many(usual: usize) -> usize {
    let said = std::env::var("CLOAKROOM_TEST_FILES").ok();
    said.map_or(usual, |said| {
        said.parse().expect("CLOAKROOM_TEST_FILES is a number")
    })
}

/// Makes `count` files of whoever owns the first one, named by their number, the oldest first; shared with `recipient`.
pub async fn add(
    server: &TestApp,
    count: usize,
    recipient: Option<&str>,
    name: impl Fn(usize) -> String,
) {
    let (now, database) = (server.app.clock.now(), &server.app.db);
    let like = database.one(file::Entity::find()).await.unwrap().unwrap();
    let users = database.all(user::Entity::find()).await.unwrap();
    let recipient = recipient.map(|username| {
        let mut users = users.iter();
        users.find(|user| user.username == username).unwrap().id
    });
    for first in (0..count).step_by(AT_ONCE) {
        let (mut files, mut shares, mut listed) = (Vec::new(), Vec::new(), Vec::new());
        for at in first..count.min(first + AT_ONCE) {
            let file = file::Model {
                id: random::id(now),
                name: name(at),
                size: i64::try_from(at % 1000).unwrap() + 100,
                content_key: cloakroom::hex::encode(&random::bytes::<16>()),
                ..like.clone()
            };
            listed.push(listed_row(&file, (List::Own, like.owner_id), None));
            if let Some(recipient) = recipient {
                let share = share::Model {
                    id: random::id(now),
                    file_id: file.id,
                    audience: share::Audience::User,
                    audience_id: recipient,
                    created_at: now,
                    expires_at: None,
                };
                let share_id = Some(share.id);
                listed.push(listed_row(&file, (List::User, recipient), share_id));
                shares.push(share);
            }
            files.push(file);
        }
        rows::insert(database, files).await;
        rows::insert(database, shares).await;
        list(server, &listed).await;
    }
}

/// Writes these rows of lists.
pub async fn list(server: &TestApp, listed: &[listed_file::ActiveModel]) {
    for rows in listed.chunks(2000).map(<[_]>::to_vec) {
        let write = server.app.db.write(move |transaction| {
            Box::pin(async move {
                listed_file::Entity::insert_many(rows)
                    .exec_without_returning(transaction)
                    .await?;
                Ok(())
            })
        });
        write.await.unwrap();
    }
}
