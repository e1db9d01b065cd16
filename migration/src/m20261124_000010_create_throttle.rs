//! Limits on guessing that survive a restart.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Throttle {
    Table,
    Subject,
    ClearAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(Throttle::Table)
                    .col(string(Throttle::Subject).primary_key())
                    .col(big_integer(Throttle::ClearAt))
                    .to_owned(),
            )
            .await?;
        // The sweep of what is made up for.
        manager
            .create_index(
                Index::create()
                    .name("throttle_clear_at")
                    .table(Throttle::Table)
                    .col(Throttle::ClearAt)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Throttle::Table).to_owned())
            .await
    }
}
