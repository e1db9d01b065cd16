//! Browsers' sign-ins: tower-sessions over the `session` table, which holds hashes of ids.

use std::time::Duration;

use entity::{Timestamp, session, user};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tower_sessions::{Session, session::Id, session_store};
use uuid::Uuid;

use super::{Actor, Auth, Caller, Viewer, active_user};
use crate::{
    clock,
    db::Transaction,
    error::{Code, Error, Result},
    random,
};

mod store;

pub use store::Store;

const USER_ID: &str = "user_id";
const CREDENTIAL_EPOCH: &str = "credential_epoch";
const RENEWED_AT: &str = "renewed_at";
/// That the provider made the person sign in again.
const ANEW: &str = "anew";
/// A session in use is prolonged once this fraction of its idle time is over, or so long, rather than by a write for each
/// request.
const RENEWALS: u32 = 10;
const RENEWED_AFTER: Duration = Duration::from_secs(5 * 60);

/// The most sign-ins of a user that are listed.
pub const LISTED_MAX: u64 = 100;

tokio::task_local! {
    /// The id of the session that is stored and of which the browser is being told.
    static STORED: Id;
}

/// Who the session signs in; anonymous when it is new, ended, or older than its user's credentials.
pub async fn actor(auth: &Auth, session: &Session) -> Result<Actor> {
    let user_id: Option<Uuid> = session.get(USER_ID).await.map_err(store_error)?;
    let epoch: Option<i64> = session.get(CREDENTIAL_EPOCH).await.map_err(store_error)?;
    let (Some(user_id), Some(epoch)) = (user_id, epoch) else {
        return Ok(Actor::Anonymous);
    };
    let Some(viewer) = active_user(&auth.db, user_id, epoch).await? else {
        return Ok(Actor::Anonymous);
    };
    renew(auth, session).await?;
    Ok(Actor::Session(viewer))
}

async fn renew(auth: &Auth, session: &Session) -> Result<()> {
    let renewed_at: Option<i64> = session.get(RENEWED_AT).await.map_err(store_error)?;
    let (due, now) = (
        auth.clock
            .before(RENEWED_AFTER.min(auth.config.accounts.session_idle / RENEWALS))
            .0,
        auth.clock.now().0,
    );
    // One that was prolonged by a clock that was ahead is cut to its time again.
    if renewed_at.is_some_and(|renewed_at| renewed_at > due && renewed_at <= now) {
        return Ok(());
    }
    session.insert(RENEWED_AT, now).await.map_err(store_error)
}

/// A session that is to begin, under an id that nobody has seen before (OWASP: session fixation).
///
/// Its row is stored in the transaction that signs its user in, so that one is not done without the other. After the
/// commit the browser is told, which cannot fail.
#[derive(Clone)]
pub struct NewSession {
    session: Session,
    id: Id,
    /// The one that it takes the place of.
    before: Option<Id>,
    created_at: Timestamp,
    expires_at: Timestamp,
    is_anew: bool,
    address: Option<String>,
    user_agent: Option<String>,
}

impl NewSession {
    /// One in place of the session of `caller`, of which nothing is left to be read from now on.
    pub async fn in_place_of(auth: &Auth, caller: &Caller) -> Result<Self> {
        let session = &caller.session;
        session.get_value(USER_ID).await.map_err(store_error)?;
        Ok(Self {
            address: caller.client.0.map(|address| address.to_string()),
            user_agent: caller.user_agent.clone(),
            before: session.id(),
            session: session.clone(),
            id: Id::default(),
            created_at: auth.clock.now(),
            expires_at: auth.clock.after(auth.config.accounts.session_idle),
            is_anew: false,
        })
    }

    /// The same of somebody whom the provider made sign in again: see [`signed_in_anew_at`].
    pub fn anew(self) -> Self {
        Self {
            is_anew: true,
            ..self
        }
    }

    /// Begins it for `user`, whose credentials were accepted just now. When this returns, the session is stored.
    pub async fn begin(self, auth: &Auth, user: &user::Model) -> Result<()> {
        let (stored, of) = (self.clone(), user.clone());
        let store = auth.db.write(move |transaction| {
            Box::pin(async move { stored.store(transaction, &of).await })
        });
        store.await?;
        self.tell(user).await;
        Ok(())
    }

    /// Stores it for `user`, and ends the one before.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the session table's owner"
    )]
    pub async fn store(&self, transaction: &Transaction, user: &user::Model) -> Result<()> {
        if let Some(before) = &self.before {
            session::Entity::delete_by_id(hash(before))
                .exec(transaction)
                .await?;
        }
        let row = session::ActiveModel {
            id_hash: Set(hash(&self.id)),
            data: Set(Value::from_iter(self.signs_in(user)).to_string()),
            created_at: Set(self.created_at),
            expires_at: Set(self.expires_at),
            id: Set(Some(random::id(self.created_at))),
            user_id: Set(Some(user.id)),
            credential_epoch: Set(Some(user.credential_epoch)),
            last_used_at: Set(Some(self.created_at)),
            address: Set(self.address.clone()),
            user_agent: Set(self.user_agent.clone()),
        };
        session::Entity::insert(row)
            .exec_without_returning(transaction)
            .await?;
        Ok(())
    }

    /// Has the answer tell the browser of it, once it is stored for `user`.
    pub async fn tell(&self, user: &user::Model) {
        let told = STORED.scope(self.id, async {
            self.session.cycle_id().await?;
            // Nothing that was said of the session before is said of this one.
            self.session.clear().await;
            for (key, value) in self.signs_in(user) {
                self.session.insert_value(key, value).await?;
            }
            self.session.save().await
        });
        if let Err(error) = told.await {
            tracing::error!(%error, "a session was stored, and its browser not told");
        }
    }

    /// What the data of the session says of whom it signs in.
    fn signs_in(&self, user: &user::Model) -> impl Iterator<Item = (&'static str, Value)> {
        let signs_in = [
            (USER_ID, user.id.to_string().into()),
            (CREDENTIAL_EPOCH, user.credential_epoch.into()),
        ];
        let anew = self.is_anew.then(|| (ANEW, Value::from(true)));
        signs_in.into_iter().chain(anew)
    }
}

/// Ends the session; requests in flight cannot revive it.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the session table's owner"
)]
pub async fn end(auth: &Auth, session: &Session) -> Result<()> {
    // Nothing is stored of one without an id.
    let Some(id) = session.id() else {
        session.clear().await;
        return Ok(());
    };
    let delete = auth.db.write(move |transaction| {
        Box::pin(async move {
            session::Entity::delete_by_id(hash(&id))
                .exec(transaction)
                .await?;
            Ok(())
        })
    });
    delete.await?;
    session.flush().await.map_err(store_error)
}

/// When the session that asks began, if the provider made the person sign in again for it. `None` for every other session, and
/// where there is none or it has ended.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the session table's owner"
)]
pub async fn signed_in_anew_at(auth: &Auth, session: &Session) -> Result<Option<Timestamp>> {
    let Some(id_hash) = id_hash(session) else {
        return Ok(None);
    };
    let row = auth.db.one(session::Entity::find_by_id(id_hash)).await?;
    let row = row.filter(|row| is_good(auth, row) && is_anew(row));
    Ok(row.map(|row| row.created_at))
}

fn is_anew(row: &session::Model) -> bool {
    serde_json::from_str::<Value>(&row.data).is_ok_and(|data| data[ANEW] == true)
}

/// A session of somebody's, as they see it.
#[derive(Clone, Debug)]
pub struct SignIn {
    pub id: Uuid,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    /// Whether it is the session that asks.
    pub is_current: bool,
}

/// Where `viewer` is signed in, the last used first, [`LISTED_MAX`] at most; `current` is the session that asks.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the session table's owner"
)]
pub async fn of_viewer(auth: &Auth, viewer: &Viewer, current: &Session) -> Result<Vec<SignIn>> {
    let current = id_hash(current);
    let sessions = session::Entity::find()
        .filter(session::Column::UserId.eq(viewer.id()))
        .filter(session::Column::CredentialEpoch.eq(viewer.epoch()))
        .filter(session::Column::ExpiresAt.gt(auth.clock.now()))
        .order_by_desc(session::Column::LastUsedAt)
        .limit(LISTED_MAX);
    let sessions = auth.db.all(sessions).await?.into_iter();
    let sessions = sessions.filter(|row| is_good(auth, row));
    let seen = sessions.filter_map(|row| {
        Some(SignIn {
            id: row.id?,
            created_at: row.created_at,
            last_used_at: row.last_used_at.unwrap_or(row.created_at),
            address: row.address,
            user_agent: row.user_agent,
            is_current: current.as_ref() == Some(&row.id_hash),
        })
    });
    Ok(seen.collect())
}

/// Ends the session `id` of a user, in a transaction; `NOT_FOUND` when it is none of theirs.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the session table's owner"
)]
pub async fn end_of_user(transaction: &Transaction, user_id: Uuid, id: Uuid) -> Result<()> {
    let deleted = session::Entity::delete_many()
        .filter(session::Column::UserId.eq(user_id))
        .filter(session::Column::Id.eq(id))
        .exec(transaction)
        .await?;
    match deleted.rows_affected {
        0 => Err(Error::not_found()),
        _ => Ok(()),
    }
}

/// Deletes up to `limit` sessions that have ended at `now`, and says how many.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the session table's owner"
)]
pub async fn sweep_expired(auth: &Auth, now: Timestamp, limit: u64) -> Result<u64> {
    let due = session::Column::ExpiresAt.lte(now);
    let id = session::Column::IdHash;
    auth.db.delete_due::<session::Entity>(id, due, limit).await
}

/// tower-sessions carries a store's error as text, which begins with the code.
fn store_error(error: tower_sessions::session::Error) -> Error {
    let exhausted = [Code::StorageFull, Code::Unavailable]
        .into_iter()
        .find(|code| match &error {
            tower_sessions::session::Error::Store(session_store::Error::Backend(text)) => {
                text.starts_with(code.as_str())
            }
            _ => false,
        });
    match exhausted {
        Some(code) => Error::exhausted(code).caused_by(error),
        None => Error::internal(error),
    }
}

/// The hash of the session's id, by which its row is known; none where nothing is stored.
pub(super) fn id_hash(session: &Session) -> Option<Vec<u8>> {
    session.id().map(|id| hash(&id))
}

/// Whether a session has time left.
pub(super) fn is_good(auth: &Auth, row: &session::Model) -> bool {
    let born_after = auth.clock.before(auth.config.accounts.session_lifetime);
    // Begun by a clock that was ahead, it would live so much longer.
    let born_before = auth.clock.after(clock::SKEW);
    row.expires_at > auth.clock.now()
        && row.created_at > born_after
        && row.created_at <= born_before
}

fn hash(id: &Id) -> Vec<u8> {
    Sha256::digest(id.0.to_be_bytes()).to_vec()
}
