//! Programs' sign-ins.

use sea_orm_migration::{prelude::*, schema::*};

use crate::m20261124_000001_create_user::User;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum ApiToken {
    Table,
    Id,
    UserId,
    Name,
    SecretHash,
    ScopeRead,
    ScopeWrite,
    CredentialEpoch,
    CreatedAt,
    ExpiresAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(ApiToken::Table)
                    .col(uuid(ApiToken::Id).primary_key())
                    .col(uuid(ApiToken::UserId))
                    .col(string(ApiToken::Name))
                    .col(binary_uniq(ApiToken::SecretHash))
                    .col(boolean(ApiToken::ScopeRead))
                    .col(boolean(ApiToken::ScopeWrite))
                    .col(big_integer(ApiToken::CredentialEpoch))
                    .col(big_integer(ApiToken::CreatedAt))
                    .col(big_integer_null(ApiToken::ExpiresAt))
                    .foreign_key(
                        ForeignKey::create()
                            .name("api_token_user_id")
                            .from(ApiToken::Table, ApiToken::UserId)
                            .to(User::Table, User::Id)
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("api_token_user_id_id")
                    .table(ApiToken::Table)
                    .col(ApiToken::UserId)
                    .col(ApiToken::Id)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(ApiToken::Table).to_owned())
            .await
    }
}
