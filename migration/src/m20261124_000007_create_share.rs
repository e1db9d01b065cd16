//! Grants on files.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{m20261124_000004_create_file::File, m20261124_000005_create_group::Group};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
pub enum Share {
    Table,
    Id,
    FileId,
    Audience,
    AudienceId,
    CreatedAt,
    ExpiresAt,
    GroupId,
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
    Table::create()
        .table(Share::Table)
        .col(uuid(Share::Id).primary_key())
        .col(uuid(Share::FileId))
        .col(string_len(Share::Audience, 13))
        .col(uuid(Share::AudienceId))
        .col(big_integer(Share::CreatedAt))
        .col(big_integer_null(Share::ExpiresAt))
        // Made by the database of the two columns of the audience, for the foreign key alone: shares with a group go with
        // it, and none is made with a group that is gone.
        .col(uuid_null(Share::GroupId).generated(group_id(), true))
        .foreign_key(
            ForeignKey::create()
                .name("share_file_id")
                .from(Share::Table, Share::FileId)
                .to(File::Table, File::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("share_group_id")
                .from(Share::Table, Share::GroupId)
                .to(Group::Table, Group::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn group_id() -> CaseStatement {
    let is_group = Expr::col(Share::Audience).eq(Expr::cust("'GROUP'"));
    CaseStatement::new().case(is_group, Expr::col(Share::AudienceId))
}

fn indexes() -> [IndexCreateStatement; 5] {
    [
        // A file is shared with one audience at most once. Also the look-up of what grants somebody sight of a file.
        Index::create()
            .name("share_file_id_audience")
            .table(Share::Table)
            .col(Share::FileId)
            .col(Share::Audience)
            .col(Share::AudienceId)
            .unique()
            .to_owned(),
        // The scans of `sharedWithMe`, one for each audience.
        Index::create()
            .name("share_audience_file_id")
            .table(Share::Table)
            .col(Share::Audience)
            .col(Share::AudienceId)
            .col(Share::FileId)
            .to_owned(),
        // A page of the shares of a file.
        Index::create()
            .name("share_file_id_id")
            .table(Share::Table)
            .col(Share::FileId)
            .col(Share::Id)
            .to_owned(),
        // The shares with a group, for the deletion of the group.
        Index::create()
            .name("share_group_id")
            .table(Share::Table)
            .col(Share::GroupId)
            .and_where(Expr::col(Share::GroupId).is_not_null())
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
