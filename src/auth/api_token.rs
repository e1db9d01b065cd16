//! Programs' sign-ins: `Authorization: Bearer crm_…` (RFC 6750 §2.1).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use entity::api_token;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use sha2::{Digest, Sha256};

use super::{Actor, Scopes, active_user};
use crate::{
    app::App,
    config::Secret,
    error::{Error, Result},
    keys,
};

/// Lets people and secret scanners tell what the secret is for.
const PREFIX: &str = "crm_";

/// A fresh secret of 256 random bits, shown once, and what the database keeps of it.
pub fn generate() -> (Secret, Vec<u8>) {
    let secret = format!(
        "{PREFIX}{}",
        BASE64_URL_SAFE_NO_PAD.encode(keys::random::<32>())
    );
    let hash = hash(&secret);
    (Secret::from(secret), hash)
}

/// Who `secret` signs in. Unlike a missing one, a token that is wrong, expired or revoked is an error.
#[expect(clippy::disallowed_methods, reason = "credentials are resolved here")]
pub async fn actor(app: &App, secret: &str) -> Result<Actor> {
    let token = api_token::Entity::find()
        .filter(api_token::Column::SecretHash.eq(hash(secret)))
        .one(app.db.read())
        .await?
        .filter(|token| token.expires_at.is_none_or(|end| end > app.clock.now()))
        .ok_or_else(Error::unauthenticated)?;
    let user = active_user(app.db.read(), token.user_id, token.credential_epoch)
        .await?
        .ok_or_else(Error::unauthenticated)?;
    Ok(Actor::ApiToken {
        user,
        scopes: Scopes {
            read: token.scope_read,
            write: token.scope_write,
        },
    })
}

fn hash(secret: &str) -> Vec<u8> {
    // 256 random bits need no slow hash: there is nothing to guess.
    Sha256::digest(secret).to_vec()
}
