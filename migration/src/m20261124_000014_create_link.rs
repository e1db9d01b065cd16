//! What shares by link have beyond other shares.

use sea_orm_migration::{prelude::*, schema::*};

use crate::m20261124_000007_create_share::Share;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
pub enum Link {
    Table,
    ShareId,
    PasswordHash,
    MaxDownloads,
    Downloads,
    Epoch,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(Link::Table)
                    .col(uuid(Link::ShareId).primary_key())
                    .col(string_null(Link::PasswordHash))
                    .col(integer_null(Link::MaxDownloads))
                    .col(big_integer(Link::Downloads).default(0))
                    .col(big_integer(Link::Epoch).default(0))
                    .foreign_key(
                        ForeignKey::create()
                            .name("link_share_id")
                            .from(Link::Table, Link::ShareId)
                            .to(Share::Table, Share::Id)
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Link::Table).to_owned())
            .await
    }
}
