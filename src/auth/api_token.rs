//! Programs' sign-ins: `Authorization: Bearer crm_…` (RFC 6750 §2.1).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use entity::{api_token, user};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use sha2::{Digest, Sha256};

use super::{Actor, Auth, Scopes, Viewer, is_active, sqlite};
use crate::{
    config::Secret,
    db::Reader,
    error::{Error, Result},
    random,
};

/// Lets people and secret scanners tell what the secret is for.
const PREFIX: &str = "crm_";

/// A fresh secret of 256 random bits, shown once, and what the database keeps of it.
pub fn generate() -> (Secret, Vec<u8>) {
    let secret = format!(
        "{PREFIX}{}",
        BASE64_URL_SAFE_NO_PAD.encode(random::bytes::<32>())
    );
    let hash = hash(&secret);
    (Secret::from(secret), hash)
}

/// Who `secret` signs in. Unlike a missing one, a token that is wrong, expired or revoked is an error.
#[expect(clippy::disallowed_methods, reason = "credentials are resolved here")]
pub async fn actor(auth: &Auth, secret: &str) -> Result<Actor> {
    let secret_hash = hash(secret);
    let found = match auth.db.reader() {
        Reader::Sqlite { lookups, .. } => {
            lookups
                .run(move |connection| sqlite::api_token(connection, &secret_hash))
                .await?
        }
        Reader::Postgres(connections) => {
            api_token::Entity::find()
                .filter(api_token::Column::SecretHash.eq(secret_hash))
                .find_also_related(user::Entity)
                .one(connections)
                .await?
        }
    };
    let Some((token, Some(user))) = found else {
        return Err(Error::unauthenticated());
    };
    let has_ended = token.expires_at.is_some_and(|end| end <= auth.clock.now());
    if has_ended || !is_active(&user, token.credential_epoch) {
        return Err(Error::unauthenticated());
    }
    Ok(Actor::ApiToken {
        viewer: Viewer::of(user),
        scopes: Scopes {
            read: token.scope_read,
            write: token.scope_write,
        },
        token_id: token.id,
    })
}

fn hash(secret: &str) -> Vec<u8> {
    // 256 random bits need no slow hash: there is nothing to guess.
    Sha256::digest(secret).to_vec()
}
