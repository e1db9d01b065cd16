//! Bytes on their way in.

use sea_orm_migration::{prelude::*, schema::*};

use crate::m20261124_000001_create_user::User;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Upload {
    Table,
    Id,
    UserId,
    DropId,
    Network,
    ContentKey,
    ReservedBytes,
    CreatedAt,
    TouchedAt,
    IsResumable,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(Upload::Table)
                    .col(uuid(Upload::Id).primary_key())
                    .col(uuid(Upload::UserId))
                    .col(uuid_null(Upload::DropId))
                    .col(string_null(Upload::Network))
                    .col(string_len_uniq(Upload::ContentKey, 32))
                    .col(big_integer(Upload::ReservedBytes).default(0))
                    .col(big_integer(Upload::CreatedAt))
                    .col(big_integer(Upload::TouchedAt))
                    .col(boolean(Upload::IsResumable))
                    .foreign_key(
                        ForeignKey::create()
                            .name("upload_user_id")
                            .from(Upload::Table, Upload::UserId)
                            .to(User::Table, User::Id)
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .to_owned(),
            )
            .await?;
        // What comes by a drop, to be counted.
        manager
            .create_index(
                Index::create()
                    .name("upload_drop_id")
                    .table(Upload::Table)
                    .col(Upload::DropId)
                    .to_owned(),
            )
            .await?;
        // The sweep of those that a crash left behind.
        manager
            .create_index(
                Index::create()
                    .name("upload_of_request")
                    .table(Upload::Table)
                    .col(Upload::Id)
                    .and_where(Expr::col(Upload::IsResumable).not())
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Upload::Table).to_owned())
            .await
    }
}
