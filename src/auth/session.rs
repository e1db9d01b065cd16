//! Browsers' sign-ins: tower-sessions over the `session` table, which holds hashes of ids.

use std::fmt;

use async_trait::async_trait;
use entity::{Timestamp, session, user};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tower_sessions::{
    Session, SessionStore,
    session::{Id, Record},
    session_store,
};
use uuid::Uuid;

use super::{Actor, Auth, active_user, sqlite};
use crate::{
    clock,
    db::{Reader, Transaction},
    error::{Code, Error, Result},
    log_limit::LogLimit,
};

const USER_ID: &str = "user_id";
const CREDENTIAL_EPOCH: &str = "credential_epoch";
const RENEWED_AT: &str = "renewed_at";
/// A session in use is prolonged once this fraction of its idle time is over, rather than by a write for each request.
const RENEWALS: u32 = 10;

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
            .before(auth.config.accounts.session_idle / RENEWALS)
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
}

impl NewSession {
    /// One in place of `session`, of which nothing is left to be read from now on.
    pub async fn in_place_of(auth: &Auth, session: &Session) -> Result<Self> {
        session.get_value(USER_ID).await.map_err(store_error)?;
        Ok(Self {
            before: session.id(),
            session: session.clone(),
            id: Id::default(),
            created_at: auth.clock.now(),
            expires_at: auth.clock.after(auth.config.accounts.session_idle),
        })
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
            data: Set(Value::from_iter(signs_in(user)).to_string()),
            created_at: Set(self.created_at),
            expires_at: Set(self.expires_at),
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
            for (key, value) in signs_in(user) {
                self.session.insert_value(key, value).await?;
            }
            self.session.save().await
        });
        if let Err(error) = told.await {
            tracing::error!(%error, "a session was stored, and its browser not told");
        }
    }
}

/// What the data of a session says of whom it signs in.
fn signs_in(user: &user::Model) -> [(&'static str, Value); 2] {
    [
        (USER_ID, user.id.to_string().into()),
        (CREDENTIAL_EPOCH, user.credential_epoch.into()),
    ]
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

/// The `session` table as tower-sessions wants it, which reads and prolongs. Sessions begin and end by [`NewSession`] and
/// [`end`] alone.
#[derive(Clone)]
pub struct Store {
    auth: Auth,
}

impl Store {
    pub fn new(auth: &Auth) -> Self {
        Self { auth: auth.clone() }
    }

    /// Whether a session signs somebody in, as far as can be told.
    pub async fn is_live(&self, id: &Id) -> bool {
        let loaded = self.load(id).await;
        loaded.is_ok_and(|record| record.is_some_and(|record| record.data.contains_key(USER_ID)))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

#[async_trait]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the session table's owner"
)]
impl SessionStore for Store {
    /// Gives the record the id of the session that is stored.
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        let stored = STORED.try_with(|id| *id);
        record.id = stored.map_err(|_| {
            session_store::Error::Backend("a session begins that nobody has stored".to_owned())
        })?;
        Ok(())
    }

    /// Updates the record, and never makes it anew: a request that overlaps a sign-out must not undo it.
    ///
    /// All it can add is time, since a session is stored when it begins; so where nothing can be written, as with a full
    /// disk, the request goes on.
    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let data = serde_json::to_string(&record.data)
            .map_err(|error| session_store::Error::Encode(error.to_string()))?;
        let (id_hash, auth) = (hash(&record.id), &self.auth);
        // After its idle time, and never past its absolute lifetime.
        let expires_at = auth.clock.after(auth.config.accounts.session_idle);
        let saved = auth.db.write(move |transaction| {
            Box::pin(async move {
                session::Entity::update_many()
                    .set(session::ActiveModel {
                        data: Set(data),
                        expires_at: Set(expires_at),
                        ..Default::default()
                    })
                    .filter(session::Column::IdHash.eq(id_hash))
                    .exec(transaction)
                    .await?;
                Ok(())
            })
        });
        static UNSAVED: LogLimit = LogLimit::new();
        if let Err(error) = saved.await
            && let Some(left_out) = UNSAVED.turn()
        {
            tracing::warn!(%error, left_out, "a session was not prolonged");
        }
        Ok(())
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let auth = &self.auth;
        let id_hash = hash(id);
        let row = match auth.db.reader() {
            Reader::Sqlite { lookups, .. } => lookups
                .run(move |connection| sqlite::session(connection, &id_hash))
                .await
                .map_err(backend)?,
            Reader::Postgres(_) => {
                let row = session::Entity::find_by_id(id_hash);
                auth.db.one(row).await.map_err(backend)?
            }
        };
        let born_after = auth.clock.before(auth.config.accounts.session_lifetime);
        // Begun by a clock that was ahead, it would live so much longer.
        let born_before = auth.clock.after(clock::SKEW);
        row.map(|row| {
            // One that has ended is nobody's, and is not deleted here: if it is the clock that is wrong, browsers keep
            // their cookies, and the session is good again with the clock.
            let is_good = row.expires_at > auth.clock.now()
                && row.created_at > born_after
                && row.created_at <= born_before;
            let data = if is_good { &row.data } else { "{}" };
            Ok(Record {
                id: *id,
                data: serde_json::from_str(data)
                    .map_err(|error| session_store::Error::Decode(error.to_string()))?,
                expiry_date: clock::to_date(row.expires_at),
            })
        })
        .transpose()
    }

    async fn delete(&self, _id: &Id) -> session_store::Result<()> {
        Ok(())
    }
}

fn hash(id: &Id) -> Vec<u8> {
    Sha256::digest(id.0.to_be_bytes()).to_vec()
}

fn backend(error: Error) -> session_store::Error {
    session_store::Error::Backend(error.to_string())
}
