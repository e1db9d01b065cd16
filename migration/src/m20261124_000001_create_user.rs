//! Accounts.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
pub enum User {
    Table,
    Id,
    Username,
    UsernameKey,
    PasswordHash,
    Disabled,
    CredentialEpoch,
    UsedBytes,
    TrashedBytes,
    ReservedBytes,
    FileCount,
    CreatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(User::Table)
                    .col(uuid(User::Id).primary_key())
                    .col(string(User::Username))
                    .col(string_uniq(User::UsernameKey))
                    .col(string(User::PasswordHash))
                    .col(boolean(User::Disabled).default(false))
                    .col(big_integer(User::CredentialEpoch).default(0))
                    .col(big_integer(User::UsedBytes).default(0))
                    .col(big_integer(User::TrashedBytes).default(0))
                    .col(big_integer(User::ReservedBytes).default(0))
                    .col(big_integer(User::FileCount).default(0))
                    .col(big_integer(User::CreatedAt))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(User::Table).to_owned())
            .await
    }
}
