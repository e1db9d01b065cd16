//! Opening a database: the one that is there, or, for a server, a new one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sea_orm::{Database, DbErr};

use super::{
    Db, Lookups, Reader, Writer, connect,
    group_commit::GroupCommit,
    migrate, place,
    postgres::{self, Connections, Writes},
};
use crate::{config::Secret, error::Error, operator_error::OperatorError, tasks::Tasks};

impl Db {
    /// Connects to the database at `url`; fails when there is none.
    pub async fn connect(url: &str, tasks: &Tasks) -> Result<Self, OperatorError> {
        match place::sqlite_path(url) {
            Some(path) => {
                place::check_there(&path)?;
                place::check_closed(&path)?;
                Self::check_tables(&path).await?;
                Self::open_sqlite(path, tasks).await
            }
            None => Self::open_postgres(url).await,
        }
    }

    /// The same, creating an SQLite database that does not exist yet; only the server's user may read it.
    pub async fn connect_or_create(url: &str, tasks: &Tasks) -> Result<Self, OperatorError> {
        match place::sqlite_path(url) {
            Some(path) => {
                place::create(&path)?;
                Self::open_sqlite(path, tasks).await
            }
            None => Self::open_postgres(url).await,
        }
    }

    /// Fails when the file at `path` has no tables of ours, before a setting of ours changes another program's.
    async fn check_tables(path: &Path) -> Result<(), OperatorError> {
        let unusable = |error: DbErr| place::unusable_sqlite(path, &error.into());
        let connection = Database::connect(connect::sqlite(path, true)).await;
        let connection = connection.map_err(unusable)?;
        let has_tables = migrate::has_tables(&connection).await;
        connection.close().await.map_err(unusable)?;
        match has_tables.map_err(unusable)? {
            true => Ok(()),
            false => Err(place::empty(&place::sqlite_name(path))),
        }
    }

    async fn open_sqlite(path: PathBuf, tasks: &Tasks) -> Result<Self, OperatorError> {
        place::check_closed(&path)?;
        let name = place::sqlite_name(&path);
        let unusable = |error: Error| place::unusable_sqlite(&path, &error);
        connect::sync_log(&path)
            .map_err(|error| place::cannot("sync the log of", &path, &error))?;
        let writer = Database::connect(connect::sqlite(&path, false))
            .await
            .map_err(|error| unusable(error.into()))?;
        let queries = Lookups::side_by_side(&path, connect::READERS);
        let group = GroupCommit::start(writer.clone(), tasks);
        Ok(Self {
            reader: Reader::Sqlite {
                lookups: Lookups::start(&path).map_err(unusable)?,
                queries: queries.map_err(unusable)?,
            },
            writer: Writer::Sqlite(writer, group),
            sqlite_path: Some(path),
            name,
            news: Arc::default(),
            postgres_url: None,
        })
    }

    async fn open_postgres(url: &str) -> Result<Self, OperatorError> {
        let name = place::postgres_name(url)?;
        let cannot = |error: DbErr| place::unreachable(&name, &error);
        let writes = Connections::open(url, postgres::WRITERS).await;
        let reads = Connections::open(url, postgres::READERS).await;
        Ok(Self {
            writer: Writer::Postgres(Writes::through(writes.map_err(cannot)?)),
            reader: Reader::Postgres(reads.map_err(cannot)?),
            sqlite_path: None,
            name,
            news: Arc::default(),
            postgres_url: Some(Secret::from(url.to_owned())),
        })
    }

    /// What operators call the database at `url` when there is none, as far as that can be seen before it is made.
    pub fn missing(url: &str) -> Option<Arc<str>> {
        let path = place::sqlite_path(url)?;
        place::is_missing(&path).then(|| place::sqlite_name(&path))
    }
}
