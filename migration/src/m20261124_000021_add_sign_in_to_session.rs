//! Whom a session signs in and from where, for the list of where one is signed in.

#![expect(
    clippy::disallowed_methods,
    reason = "a step of the schema moves rows of tables as they are at that step"
)]

use sea_orm_migration::{
    prelude::*,
    schema::*,
    sea_orm::{ConnectionTrait, DbBackend, Statement, prelude::Uuid},
};

use crate::m20261124_000002_create_session::Session;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum SignIn {
    Id,
    UserId,
    CredentialEpoch,
    LastUsedAt,
    Address,
    UserAgent,
}

const INDEX: &str = "session_user_id_last_used_at";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in [
            uuid_null(SignIn::Id),
            uuid_null(SignIn::UserId),
            big_integer_null(SignIn::CredentialEpoch),
            big_integer_null(SignIn::LastUsedAt),
            text_null(SignIn::Address),
            text_null(SignIn::UserAgent),
        ] {
            let add = Table::alter()
                .table(Session::Table)
                .add_column(column)
                .to_owned();
            manager.alter_table(add).await?;
        }
        fill(manager.get_connection()).await?;
        manager
            .create_index(
                Index::create()
                    .name(INDEX)
                    .table(Session::Table)
                    .col(SignIn::UserId)
                    .col(SignIn::LastUsedAt)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_index(Index::drop().name(INDEX).table(Session::Table).to_owned())
            .await?;
        for column in [
            SignIn::Id,
            SignIn::UserId,
            SignIn::CredentialEpoch,
            SignIn::LastUsedAt,
            SignIn::Address,
            SignIn::UserAgent,
        ] {
            let drop = Table::alter()
                .table(Session::Table)
                .drop_column(column)
                .to_owned();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}

/// Whom the sessions that there are sign in stands in their data.
async fn fill(connection: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
    let backend = connection.get_database_backend();
    let field = |name: &str| match backend {
        DbBackend::Postgres => format!("data::json ->> '{name}'"),
        _ => format!("CAST(json_extract(data, '$.{name}') AS TEXT)"),
    };
    let (user_id, epoch) = (field("user_id"), field("credential_epoch"));
    let select = format!(
        "SELECT id_hash, created_at, {user_id} AS user_id, {epoch} AS epoch FROM session WHERE {user_id} IS NOT NULL"
    );
    let sessions = connection
        .query_all_raw(Statement::from_string(backend, select))
        .await?;
    for session in sessions {
        let id_hash: Vec<u8> = session.try_get("", "id_hash")?;
        let (user_id, epoch): (String, String) = (
            session.try_get("", "user_id")?,
            session.try_get("", "epoch")?,
        );
        let created_at: i64 = session.try_get("", "created_at")?;
        let (Ok(user_id), Ok(epoch)) = (Uuid::parse_str(&user_id), epoch.parse::<i64>()) else {
            continue;
        };
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(&id_hash) {
            *to = *from;
        }
        // Of the hash, which is random: whoever knows this much of it can do nothing with it.
        let id = Uuid::from_bytes(bytes);
        let update = Query::update()
            .table(Session::Table)
            .values([
                (SignIn::Id, id.into()),
                (SignIn::UserId, user_id.into()),
                (SignIn::CredentialEpoch, epoch.into()),
                (SignIn::LastUsedAt, created_at.into()),
            ])
            .and_where(Expr::col(Session::IdHash).eq(id_hash))
            .to_owned();
        connection.execute(&update).await?;
    }
    Ok(())
}
