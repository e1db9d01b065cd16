//! Content to unlink.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum DiscardedContent {
    Table,
    ContentKey,
    DiscardedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(DiscardedContent::Table)
                    .col(string_len(DiscardedContent::ContentKey, 32).primary_key())
                    .col(big_integer(DiscardedContent::DiscardedAt))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(DiscardedContent::Table).to_owned())
            .await
    }
}
