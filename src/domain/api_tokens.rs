//! API tokens: creating, listing, revoking one's own.

use entity::{Timestamp, api_token, event::Kind, user};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{
    events::{self, By, Event, Object},
    visible::shows_nothing,
};
use crate::{
    app::App,
    auth::{Scopes, Viewer, api_token::generate, client::ClientAddress},
    config::Secret,
    error::{Code, Error, Result},
    keys,
};

const NAME_MAX: usize = 100;
/// One user's tokens; enough for every device, and few enough to list whole.
const TOKENS_MAX: u64 = 100;

/// A new token of `viewer`, and its secret, which is not to be had again.
///
/// `BAD_USER_INPUT` for a name that shows nothing, an empty scope list or an expiry in the past; `CONFLICT` at 100 tokens.
#[expect(clippy::disallowed_methods, reason = "tokens are made here")]
pub async fn create(
    app: &App,
    client: &ClientAddress,
    viewer: &Viewer,
    name: &str,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
) -> Result<(Secret, api_token::Model)> {
    let now = app.clock.now();
    if shows_nothing(name) || name.chars().count() > NAME_MAX || name.contains(char::is_control) {
        return Err(Error::bad_input(
            "name",
            format!(
                "A token's name has 1 to {NAME_MAX} characters, at least one that can be seen, and no control characters."
            ),
        ));
    }
    if !scopes.read && !scopes.write {
        return Err(Error::bad_input(
            "scopes",
            "A token needs a scope: READ or WRITE.",
        ));
    }
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Error::bad_input("expiresAt", "The expiry is in the past."));
    }
    let (secret, secret_hash) = generate();
    let id = keys::id(now);
    let row = api_token::ActiveModel {
        id: Set(id),
        user_id: Set(viewer.id()),
        name: Set(name.to_owned()),
        secret_hash: Set(secret_hash),
        scope_read: Set(scopes.read),
        scope_write: Set(scopes.write),
        credential_epoch: Set(viewer.epoch()),
        created_at: Set(now),
        expires_at: Set(expires_at),
    };
    let (user_id, epoch) = (viewer.id(), viewer.epoch());
    let event = Event::new(Kind::ApiTokenCreated)
        .by(By::User(user_id))
        .of(Object::ApiToken(id))
        .from(client)
        .detail(name);
    let event = events::change(app, event)?;
    let insert = app.db.write(move |transaction| {
        Box::pin(async move {
            // Held, so that tokens are made one after the other and counted.
            user::Entity::find_by_id(user_id)
                .lock_exclusive()
                .one(transaction)
                .await?
                .ok_or_else(Error::not_found)?;
            // A new password has ended these, so their owner can neither see nor revoke them.
            api_token::Entity::delete_many()
                .filter(api_token::Column::UserId.eq(user_id))
                .filter(api_token::Column::CredentialEpoch.lt(epoch))
                .exec(transaction)
                .await?;
            let mine = api_token::Entity::find().filter(api_token::Column::UserId.eq(user_id));
            if mine.count(transaction).await? >= TOKENS_MAX {
                return Err(Error::new(
                    Code::Conflict,
                    format!("You have {TOKENS_MAX} tokens; revoke one first."),
                ));
            }
            let token = row.insert(transaction).await?;
            events::record(transaction, event).await?;
            Ok(token)
        })
    });
    Ok((secret, insert.await?))
}

/// The valid tokens of `viewer`, newest first.
#[expect(
    clippy::disallowed_methods,
    reason = "tokens are listed by their owner"
)]
pub async fn list(app: &App, viewer: &Viewer) -> Result<Vec<api_token::Model>> {
    let tokens = api_token::Entity::find()
        .filter(api_token::Column::UserId.eq(viewer.id()))
        .filter(api_token::Column::CredentialEpoch.eq(viewer.epoch()))
        .order_by_desc(api_token::Column::Id);
    Ok(tokens.all(app.db.read()).await?)
}

/// The valid token `id` of `viewer`, if it is one.
#[expect(clippy::disallowed_methods, reason = "tokens are shown to their owner")]
pub async fn of_id(app: &App, viewer: &Viewer, id: Uuid) -> Result<Option<api_token::Model>> {
    let token = api_token::Entity::find_by_id(id)
        .filter(api_token::Column::UserId.eq(viewer.id()))
        .filter(api_token::Column::CredentialEpoch.eq(viewer.epoch()));
    Ok(token.one(app.db.read()).await?)
}

/// Ends a token of `viewer` at once. `NOT_FOUND` for anybody else's.
#[expect(
    clippy::disallowed_methods,
    reason = "tokens are revoked by their owner"
)]
pub async fn revoke(app: &App, client: &ClientAddress, viewer: &Viewer, id: Uuid) -> Result<()> {
    let user_id = viewer.id();
    let event = Event::new(Kind::ApiTokenRevoked)
        .by(By::User(user_id))
        .of(Object::ApiToken(id))
        .from(client);
    let event = events::row(app, event);
    let delete = app.db.write(move |transaction| {
        Box::pin(async move {
            let deleted = api_token::Entity::delete_many()
                .filter(api_token::Column::Id.eq(id))
                .filter(api_token::Column::UserId.eq(user_id))
                .exec(transaction)
                .await?;
            match deleted.rows_affected {
                0 => Err(Error::not_found()),
                _ => events::record(transaction, event).await,
            }
        })
    });
    delete.await
}
