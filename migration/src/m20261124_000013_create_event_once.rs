//! What events have counted, and are to count once only.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum EventOnce {
    Table,
    Once,
    At,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(EventOnce::Table)
                    .col(binary(EventOnce::Once).primary_key())
                    .col(big_integer(EventOnce::At))
                    .to_owned(),
            )
            .await?;
        // The sweep of what nobody can ask for again.
        manager
            .create_index(
                Index::create()
                    .name("event_once_at")
                    .table(EventOnce::Table)
                    .col(EventOnce::At)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(EventOnce::Table).to_owned())
            .await
    }
}
