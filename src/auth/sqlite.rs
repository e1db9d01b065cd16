//! Credentials on SQLite: look-ups by prepared statements.

use std::sync::LazyLock;

use entity::{Timestamp, api_token, session, user};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, types::Type};
use sea_orm::{
    ActiveEnum, EntityTrait, QueryFilter, QueryTrait,
    sea_query::{Expr, ExprTrait, IntoColumnRef, SqliteQueryBuilder},
};
use uuid::Uuid;

static USER: LazyLock<String> = LazyLock::new(|| by::<user::Entity>(user::Column::Id));
static SESSION: LazyLock<String> = LazyLock::new(|| by::<session::Entity>(session::Column::IdHash));
static API_TOKEN: LazyLock<String> =
    LazyLock::new(|| by::<api_token::Entity>(api_token::Column::SecretHash));

/// The query for every column of the row whose `column` is parameter 1.
#[expect(clippy::disallowed_methods, reason = "credentials are resolved here")]
fn by<E: EntityTrait>(column: impl IntoColumnRef) -> String {
    E::find()
        .filter(Expr::col(column).eq(Expr::cust("?1")))
        .into_query()
        .to_string(SqliteQueryBuilder)
}

#[expect(clippy::disallowed_methods, reason = "credentials are resolved here")]
fn one<T>(
    connection: &Connection,
    query: &str,
    key: impl ToSql,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    connection
        .prepare_cached(query)?
        .query_row([key], read)
        .optional()
}

/// The user `id`.
pub(super) fn user(connection: &Connection, id: Uuid) -> rusqlite::Result<Option<user::Model>> {
    one(connection, &USER, id.as_bytes(), |row| {
        Ok(user::Model {
            id: row.get(0).map(Uuid::from_bytes)?,
            username: row.get(1)?,
            username_key: row.get(2)?,
            password_hash: row.get(3)?,
            disabled: row.get(4)?,
            credential_epoch: row.get(5)?,
            used_bytes: row.get(6)?,
            trashed_bytes: row.get(7)?,
            reserved_bytes: row.get(8)?,
            file_count: row.get(9)?,
            created_at: Timestamp(row.get(10)?),
            role: role(row, 11)?,
            quota_bytes: row.get(12)?,
        })
    })
}

/// The role in the column `index`.
fn role(row: &Row<'_>, index: usize) -> rusqlite::Result<user::Role> {
    let role: String = row.get(index)?;
    user::Role::try_from_value(&role)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(index, Type::Text, error.into()))
}

/// The session whose id has this hash.
pub(super) fn session(
    connection: &Connection,
    id_hash: &[u8],
) -> rusqlite::Result<Option<session::Model>> {
    one(connection, &SESSION, id_hash, |row| {
        Ok(session::Model {
            id_hash: row.get(0)?,
            data: row.get(1)?,
            created_at: Timestamp(row.get(2)?),
            expires_at: Timestamp(row.get(3)?),
            id: row.get::<_, Option<[u8; 16]>>(4)?.map(Uuid::from_bytes),
            user_id: row.get::<_, Option<[u8; 16]>>(5)?.map(Uuid::from_bytes),
            credential_epoch: row.get(6)?,
            last_used_at: row.get::<_, Option<i64>>(7)?.map(Timestamp),
            address: row.get(8)?,
            user_agent: row.get(9)?,
        })
    })
}

/// The API token whose secret has this hash, and its user.
pub(super) fn api_token(
    connection: &Connection,
    secret_hash: &[u8],
) -> rusqlite::Result<Option<(api_token::Model, Option<user::Model>)>> {
    let token = one(connection, &API_TOKEN, secret_hash, |row| {
        Ok(api_token::Model {
            id: row.get(0).map(Uuid::from_bytes)?,
            user_id: row.get(1).map(Uuid::from_bytes)?,
            name: row.get(2)?,
            secret_hash: row.get(3)?,
            scope_read: row.get(4)?,
            scope_write: row.get(5)?,
            credential_epoch: row.get(6)?,
            created_at: Timestamp(row.get(7)?),
            expires_at: row.get::<_, Option<i64>>(8)?.map(Timestamp),
        })
    })?;
    token
        .map(|token| Ok((user(connection, token.user_id)?, token)))
        .transpose()
        .map(|found| found.map(|(user, token)| (token, user)))
}
