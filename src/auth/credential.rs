//! The credential behind a caller who stays: looked at again for as long as the caller does.

use std::collections::{HashMap, HashSet};

use entity::{api_token, session as sessions, user};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{Actor, Auth, Caller, Scopes, Viewer, is_active, session};
use crate::error::Result;

/// What a caller signed in by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// The hash of a session's id.
    Session(Vec<u8>),
    /// An API token's id.
    ApiToken(Uuid),
}

/// Credentials that are looked at by one query at most.
const AT_ONCE: usize = 500;

impl Credential {
    /// The credential of a caller; `None` for whoever is not signed in.
    pub fn of(caller: &Caller) -> Option<Self> {
        match &caller.actor {
            Actor::Session(_) => session::id_hash(&caller.session).map(Self::Session),
            Actor::ApiToken { token_id, .. } => Some(Self::ApiToken(*token_id)),
            Actor::Anonymous | Actor::Drop(_) => None,
        }
    }
}

/// Whom these credentials sign in at this moment; those that sign in nobody are left out.
pub async fn actors(
    auth: &Auth,
    credentials: impl IntoIterator<Item = Credential>,
) -> Result<HashMap<Credential, Actor>> {
    let credentials: Vec<_> = credentials.into_iter().collect();
    let mut actors = HashMap::new();
    for some in credentials.chunks(AT_ONCE) {
        actors.extend(look(auth, some).await?);
    }
    Ok(actors)
}

#[expect(clippy::disallowed_methods, reason = "credentials are resolved here")]
async fn look(auth: &Auth, credentials: &[Credential]) -> Result<HashMap<Credential, Actor>> {
    let (mut hashes, mut token_ids) = (Vec::new(), Vec::new());
    for credential in credentials {
        match credential {
            Credential::Session(hash) => hashes.push(hash.clone()),
            Credential::ApiToken(id) => token_ids.push(*id),
        }
    }
    // Whom, at which epoch, with which scopes if it is a token.
    let mut claims: Vec<(Credential, Uuid, i64, Option<Scopes>)> = Vec::new();
    if !hashes.is_empty() {
        let rows = sessions::Entity::find().filter(sessions::Column::IdHash.is_in(hashes));
        let rows = auth.db.all(rows).await?.into_iter();
        let good = rows.filter(|row| session::is_good(auth, row));
        claims.extend(good.filter_map(|row| {
            let (user_id, epoch) = row.user_id.zip(row.credential_epoch)?;
            Some((Credential::Session(row.id_hash), user_id, epoch, None))
        }));
    }
    if !token_ids.is_empty() {
        let rows = api_token::Entity::find().filter(api_token::Column::Id.is_in(token_ids));
        let (rows, now) = (auth.db.all(rows).await?.into_iter(), auth.clock.now());
        let good = rows.filter(|token| token.expires_at.is_none_or(|end| end > now));
        claims.extend(good.map(|token| {
            let scopes = Scopes {
                read: token.scope_read,
                write: token.scope_write,
            };
            let credential = Credential::ApiToken(token.id);
            (
                credential,
                token.user_id,
                token.credential_epoch,
                Some(scopes),
            )
        }));
    }
    let user_ids: HashSet<Uuid> = claims.iter().map(|(_, user_id, ..)| *user_id).collect();
    let users = user::Entity::find().filter(user::Column::Id.is_in(user_ids));
    let users = auth.db.all(users).await?.into_iter();
    let users: HashMap<Uuid, user::Model> = users.map(|user| (user.id, user)).collect();
    let actors = claims
        .into_iter()
        .filter_map(|(credential, user_id, epoch, scopes)| {
            let user = users.get(&user_id).filter(|user| is_active(user, epoch))?;
            let viewer = Viewer::of(user.clone());
            let actor = match (&credential, scopes) {
                (Credential::ApiToken(id), Some(scopes)) => Actor::ApiToken {
                    viewer,
                    scopes,
                    token_id: *id,
                },
                _ => Actor::Session(viewer),
            };
            Some((credential, actor))
        });
    Ok(actors.collect())
}
