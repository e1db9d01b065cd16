//! API tokens: creating, listing, revoking one's own.

use entity::{Timestamp, api_token, event::Kind, user};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{
    events::{self, By, Event, Object},
    names,
};
use crate::{
    app::App,
    auth::{Scopes, Viewer, active, api_token::generate, client::ClientAddress},
    config::Secret,
    error::{Code, Error, Result},
    random,
};

/// What somebody wants a new token to be, where it may be that.
pub struct NewToken {
    name: String,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
}

impl NewToken {
    /// `BAD_USER_INPUT` for a name that shows nothing, an empty scope list or an expiry in the past.
    pub fn check(
        app: &App,
        name: String,
        scopes: Scopes,
        expires_at: Option<Timestamp>,
    ) -> Result<Self> {
        names::check("token", &name)?;
        if !scopes.read && !scopes.write {
            return Err(Error::bad_input(
                "scopes",
                "A token needs a scope: READ or WRITE.",
            ));
        }
        if expires_at.is_some_and(|end| end <= app.clock.now()) {
            return Err(Error::bad_input("expiresAt", "The expiry is in the past."));
        }
        Ok(Self {
            name,
            scopes,
            expires_at,
        })
    }
}

/// A new token of `viewer`, and its secret, which is not to be had again. `QUOTA_EXCEEDED` when the user has as many as they may.
pub async fn create(
    app: &App,
    client: &ClientAddress,
    viewer: &Viewer,
    token: NewToken,
) -> Result<(Secret, api_token::Model)> {
    make(app, client, (viewer.id(), viewer.epoch()), token).await
}

/// The same for the user whose id and epoch these are, by credentials that were accepted just now.
#[expect(clippy::disallowed_methods, reason = "tokens are made here")]
pub(super) async fn make(
    app: &App,
    client: &ClientAddress,
    (user_id, epoch): (Uuid, i64),
    token: NewToken,
) -> Result<(Secret, api_token::Model)> {
    let now = app.clock.now();
    let (secret, secret_hash) = generate();
    let id = random::id(now);
    let event = Event::new(Kind::ApiTokenCreated)
        .by(By::User(user_id))
        .of(Object::ApiToken(id))
        .from(client)
        .detail(&token.name);
    let row = api_token::ActiveModel {
        id: Set(id),
        user_id: Set(user_id),
        name: Set(token.name),
        secret_hash: Set(secret_hash),
        scope_read: Set(token.scopes.read),
        scope_write: Set(token.scopes.write),
        credential_epoch: Set(epoch),
        created_at: Set(now),
        expires_at: Set(token.expires_at),
    };
    let event = events::change(app, event)?;
    let most = app.config.users.max_tokens_per_user;
    let insert = app.db.write(move |transaction| {
        Box::pin(async move {
            // Held, so that tokens are made one after the other and counted.
            user::Entity::find_by_id(user_id)
                .filter(active(epoch))
                .lock_exclusive()
                .one(transaction)
                .await?
                .ok_or_else(Error::unauthenticated)?;
            // A new password has ended these, so their owner can neither see nor revoke them.
            api_token::Entity::delete_many()
                .filter(api_token::Column::UserId.eq(user_id))
                .filter(api_token::Column::CredentialEpoch.lt(epoch))
                .exec(transaction)
                .await?;
            let mine = api_token::Entity::find().filter(api_token::Column::UserId.eq(user_id));
            if mine.count(transaction).await? >= u64::from(most) {
                let detail = format!("You may have {most} API tokens; revoke one first.");
                return Err(Error::new(Code::QuotaExceeded, detail).with("limit", most));
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
    app.db.all(tokens).await
}

/// The valid token `id` of `viewer`, if it is one.
#[expect(clippy::disallowed_methods, reason = "tokens are shown to their owner")]
pub async fn of_id(app: &App, viewer: &Viewer, id: Uuid) -> Result<Option<api_token::Model>> {
    let token = api_token::Entity::find_by_id(id)
        .filter(api_token::Column::UserId.eq(viewer.id()))
        .filter(api_token::Column::CredentialEpoch.eq(viewer.epoch()));
    app.db.one(token).await
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
