//! Grants on files.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{m20261124_000001_create_user::User, m20261124_000004_create_file::File};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Share {
    Table,
    Id,
    FileId,
    Audience,
    UserId,
    CreatedAt,
    ExpiresAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Share::Table).to_owned())
            .await
    }
}

fn table() -> TableCreateStatement {
    let one_user = Expr::col(Share::Audience)
        .eq("USER")
        .and(Expr::col(Share::UserId).is_not_null());
    let authenticated = Expr::col(Share::Audience)
        .eq("AUTHENTICATED")
        .and(Expr::col(Share::UserId).is_null());
    Table::create()
        .table(Share::Table)
        .col(uuid(Share::Id).primary_key())
        .col(uuid(Share::FileId))
        .col(string_len(Share::Audience, 13))
        .col(uuid_null(Share::UserId))
        .col(big_integer(Share::CreatedAt))
        .col(big_integer_null(Share::ExpiresAt))
        .check(one_user.or(authenticated))
        .foreign_key(
            ForeignKey::create()
                .name("share_file_id")
                .from(Share::Table, Share::FileId)
                .to(File::Table, File::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("share_user_id")
                .from(Share::Table, Share::UserId)
                .to(User::Table, User::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn indexes() -> [IndexCreateStatement; 5] {
    let authenticated = || Expr::col(Share::Audience).eq("AUTHENTICATED");
    [
        // A file is shared with one user at most once, and with everyone at most once.
        Index::create()
            .name("share_file_id_user_id")
            .table(Share::Table)
            .col(Share::FileId)
            .col(Share::UserId)
            .unique()
            .to_owned(),
        // Also the scan of `sharedWithMe` over what everyone may see.
        Index::create()
            .name("share_authenticated_file_id")
            .table(Share::Table)
            .col(Share::FileId)
            .and_where(authenticated())
            .unique()
            .to_owned(),
        // The scan of `sharedWithMe` over one user's shares.
        Index::create()
            .name("share_user_id_file_id")
            .table(Share::Table)
            .col(Share::UserId)
            .col(Share::FileId)
            .and_where(Expr::col(Share::UserId).is_not_null())
            .to_owned(),
        // A page of the shares of a file.
        Index::create()
            .name("share_file_id_id")
            .table(Share::Table)
            .col(Share::FileId)
            .col(Share::Id)
            .to_owned(),
        // The sweep of expired shares.
        Index::create()
            .name("share_expires_at")
            .table(Share::Table)
            .col(Share::ExpiresAt)
            .and_where(Expr::col(Share::ExpiresAt).is_not_null())
            .to_owned(),
    ]
}
