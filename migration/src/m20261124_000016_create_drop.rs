//! URLs by which strangers leave files.

use sea_orm_migration::{prelude::*, schema::*};

use crate::m20261124_000001_create_user::User;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
pub enum Drop {
    Table,
    Id,
    OwnerId,
    Name,
    PasswordHash,
    MaxFiles,
    MaxFileSize,
    FileCount,
    CreatedAt,
    ExpiresAt,
    ClosedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(Drop::Table)
                    .col(uuid(Drop::Id).primary_key())
                    .col(uuid(Drop::OwnerId))
                    .col(text(Drop::Name))
                    .col(string_null(Drop::PasswordHash))
                    .col(integer_null(Drop::MaxFiles))
                    .col(big_integer_null(Drop::MaxFileSize))
                    .col(big_integer(Drop::FileCount).default(0))
                    .col(big_integer(Drop::CreatedAt))
                    .col(big_integer_null(Drop::ExpiresAt))
                    .col(big_integer_null(Drop::ClosedAt))
                    .foreign_key(
                        ForeignKey::create()
                            .name("drop_owner_id")
                            .from(Drop::Table, Drop::OwnerId)
                            .to(User::Table, User::Id)
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .to_owned(),
            )
            .await?;
        // A page of the drops of a user.
        manager
            .create_index(
                Index::create()
                    .name("drop_owner_id_id")
                    .table(Drop::Table)
                    .col(Drop::OwnerId)
                    .col(Drop::Id)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Drop::Table).to_owned())
            .await
    }
}
