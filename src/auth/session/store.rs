//! The `session` table as tower-sessions wants it, which reads and prolongs.

use std::fmt;

use async_trait::async_trait;
use entity::session;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store,
};

use super::{STORED, USER_ID, hash, is_good};
use crate::{
    auth::{Auth, sqlite},
    clock,
    db::Reader,
    error::Error,
    log_limit::LogLimit,
};

/// Sessions begin and end by [`NewSession`](super::NewSession) and [`end`](super::end) alone.
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
        let now = auth.clock.now();
        let saved = auth.db.write(move |transaction| {
            Box::pin(async move {
                session::Entity::update_many()
                    .set(session::ActiveModel {
                        data: Set(data),
                        expires_at: Set(expires_at),
                        last_used_at: Set(Some(now)),
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
        // One that is gone or has ended is nobody's. tower-sessions must not take it as unknown, or it removes the cookie from
        // the browser: an answer that comes late would remove the cookie of the session that began meanwhile, and after a
        // clock was wrong, a session is good again.
        let row = row.filter(|row| is_good(auth, row));
        let (data, expires_at) = match &row {
            Some(row) => (row.data.as_str(), row.expires_at),
            None => ("{}", auth.clock.now()),
        };
        Ok(Some(Record {
            id: *id,
            data: serde_json::from_str(data)
                .map_err(|error| session_store::Error::Decode(error.to_string()))?,
            expiry_date: clock::to_date(expires_at),
        }))
    }

    async fn delete(&self, _id: &Id) -> session_store::Result<()> {
        Ok(())
    }
}

fn backend(error: Error) -> session_store::Error {
    session_store::Error::Backend(error.to_string())
}
