//! Files.

use sea_orm_migration::{prelude::*, schema::*};

use crate::m20261124_000001_create_user::User;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
pub enum File {
    Table,
    Id,
    OwnerId,
    Name,
    Size,
    ContentType,
    Sha256,
    ContentKey,
    CreatedAt,
    TrashedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(File::Table)
                    .col(uuid(File::Id).primary_key())
                    .col(uuid(File::OwnerId))
                    .col(text(File::Name))
                    .col(big_integer(File::Size))
                    .col(string(File::ContentType))
                    .col(binary(File::Sha256))
                    .col(string_len_uniq(File::ContentKey, 32))
                    .col(big_integer(File::CreatedAt))
                    .col(big_integer_null(File::TrashedAt))
                    // An account that owns files cannot vanish: its bytes would have no row.
                    .foreign_key(
                        ForeignKey::create()
                            .name("file_owner_id")
                            .from(File::Table, File::OwnerId)
                            .to(User::Table, User::Id)
                            .on_delete(ForeignKeyAction::Restrict),
                    )
                    .to_owned(),
            )
            .await?;
        // `files` and `trash`, by keyset.
        for (name, live) in [("file_live", true), ("file_trashed", false)] {
            let trashed_at = Expr::col(File::TrashedAt);
            manager
                .create_index(
                    Index::create()
                        .name(name)
                        .table(File::Table)
                        .col(File::OwnerId)
                        .col(File::Id)
                        .and_where(if live {
                            trashed_at.is_null()
                        } else {
                            trashed_at.is_not_null()
                        })
                        .to_owned(),
                )
                .await?;
        }
        // The sweep of the trash.
        manager
            .create_index(
                Index::create()
                    .name("file_trashed_at")
                    .table(File::Table)
                    .col(File::TrashedAt)
                    .and_where(Expr::col(File::TrashedAt).is_not_null())
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(File::Table).to_owned())
            .await
    }
}
