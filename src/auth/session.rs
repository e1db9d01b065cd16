//! Browsers' sign-ins: tower-sessions over the `session` table, which holds hashes of ids.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use entity::{session, user};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::OnConflict};
use sha2::{Digest, Sha256};
use tower_sessions::{
    Session, SessionStore,
    session::{Id, Record},
    session_store,
};
use uuid::Uuid;

use super::{Actor, active_user, sqlite};
use crate::{
    app::{App, SharedApp},
    clock,
    error::{Code, Error, Result},
};

const USER_ID: &str = "user_id";
const CREDENTIAL_EPOCH: &str = "credential_epoch";
const RENEWED_AT: &str = "renewed_at";
/// A session in use is prolonged once this fraction of its idle time is over, rather than by a write for each request.
const RENEWALS: u32 = 10;

/// Who the session signs in; anonymous when it is new, ended, or older than its user's credentials.
pub async fn actor(app: &App, session: &Session) -> Result<Actor> {
    let user_id: Option<Uuid> = session.get(USER_ID).await.map_err(store_error)?;
    let epoch: Option<i64> = session.get(CREDENTIAL_EPOCH).await.map_err(store_error)?;
    let (Some(user_id), Some(epoch)) = (user_id, epoch) else {
        return Ok(Actor::Anonymous);
    };
    let Some(user) = active_user(&app.db, user_id, epoch).await? else {
        return Ok(Actor::Anonymous);
    };
    renew(app, session).await?;
    Ok(Actor::Session(user))
}

async fn renew(app: &App, session: &Session) -> Result<()> {
    let renewed_at: Option<i64> = session.get(RENEWED_AT).await.map_err(store_error)?;
    let (due, now) = (
        app.clock
            .before(app.config.accounts.session_idle / RENEWALS)
            .0,
        app.clock.now().0,
    );
    // One that was prolonged by a clock that was ahead is cut to its time again.
    if renewed_at.is_some_and(|renewed_at| renewed_at > due && renewed_at <= now) {
        return Ok(());
    }
    session.insert(RENEWED_AT, now).await.map_err(store_error)
}

/// Signs `user` in, under an id that nobody has seen before (OWASP: session fixation). When this returns, the session is
/// stored.
pub async fn start(session: &Session, user: &user::Model) -> Result<()> {
    session.cycle_id().await.map_err(store_error)?;
    session
        .insert(USER_ID, user.id)
        .await
        .map_err(store_error)?;
    session
        .insert(CREDENTIAL_EPOCH, user.credential_epoch)
        .await
        .map_err(store_error)?;
    if let Err(error) = session.save().await {
        // Or it would be tried again behind the answer's back.
        session.clear().await;
        return Err(store_error(error));
    }
    Ok(())
}

/// Ends the session; requests in flight cannot revive it.
pub async fn end(session: &Session) -> Result<()> {
    // Nothing is stored of one without an id, but this request may have begun it.
    if session.id().is_none() {
        session.clear().await;
        return Ok(());
    }
    session.flush().await.map_err(store_error)
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

/// The `session` table as tower-sessions wants it.
#[derive(Clone)]
pub struct Store {
    app: SharedApp,
}

impl Store {
    pub fn new(app: &SharedApp) -> Self {
        Self {
            app: Arc::clone(app),
        }
    }

    /// When a record written now ends: after its idle time, and never past its absolute lifetime.
    fn row(&self, record: &Record) -> session_store::Result<session::ActiveModel> {
        let data = serde_json::to_string(&record.data)
            .map_err(|error| session_store::Error::Encode(error.to_string()))?;
        Ok(session::ActiveModel {
            id_hash: Set(hash(&record.id)),
            data: Set(data),
            created_at: Set(self.app.clock.now()),
            expires_at: Set(self.app.clock.after(self.app.config.accounts.session_idle)),
        })
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
    /// Stores a new record; where another session has its id already, under a fresh one.
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        loop {
            let row = self.row(record)?;
            let inserted = self.app.db.write(move |transaction| {
                Box::pin(async move {
                    let insert = session::Entity::insert(row)
                        .on_conflict(OnConflict::new().do_nothing().to_owned())
                        .exec_without_returning(transaction);
                    Ok(insert.await?)
                })
            });
            if inserted.await.map_err(backend)? == 1 {
                return Ok(());
            }
            record.id = Id::default();
        }
    }

    /// Updates the record, and never makes it anew: a request that overlaps a sign-out must not undo it.
    ///
    /// All it can add is time, since a session is stored when it begins; so where nothing can be written, as with a full
    /// disk, the request goes on.
    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let row = self.row(record)?;
        let saved = self.app.db.write(move |transaction| {
            Box::pin(async move {
                session::Entity::update_many()
                    .set(session::ActiveModel {
                        data: row.data,
                        expires_at: row.expires_at,
                        ..Default::default()
                    })
                    .filter(session::Column::IdHash.eq(row.id_hash.unwrap()))
                    .exec(transaction)
                    .await?;
                Ok(())
            })
        });
        if let Err(error) = saved.await {
            tracing::warn!(%error, "a session was not prolonged");
        }
        Ok(())
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let app = &self.app;
        let id_hash = hash(id);
        let row = match app.db.lookups() {
            Some(lookups) => lookups
                .run(move |connection| sqlite::session(connection, &id_hash))
                .await
                .map_err(backend)?,
            None => session::Entity::find_by_id(id_hash)
                .one(app.db.read())
                .await
                .map_err(|error| backend(error.into()))?,
        };
        let born_after = app.clock.before(app.config.accounts.session_lifetime);
        // Begun by a clock that was ahead, it would live so much longer.
        let born_before = app.clock.after(clock::SKEW);
        row.map(|row| {
            // One that has ended is nobody's, and is not deleted here: if it is the clock that is wrong, browsers keep
            // their cookies, and the session is good again with the clock.
            let is_good = row.expires_at > app.clock.now()
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

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        let id_hash = hash(id);
        let deleted = self.app.db.write(move |transaction| {
            Box::pin(async move {
                session::Entity::delete_by_id(id_hash)
                    .exec(transaction)
                    .await?;
                Ok(())
            })
        });
        deleted.await.map_err(backend)
    }
}

fn hash(id: &Id) -> Vec<u8> {
    Sha256::digest(id.0.to_be_bytes()).to_vec()
}

fn backend(error: Error) -> session_store::Error {
    session_store::Error::Backend(error.to_string())
}
