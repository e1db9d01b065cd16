//! What an object store needs to be known of uploads: which upload in parts is under way, and until when one may yet write.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Upload {
    Table,
    MultipartId,
    IsCompleting,
}

#[derive(DeriveIden)]
enum DiscardedContent {
    Table,
    MultipartId,
    NotBefore,
    SettledAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            text_null(Upload::MultipartId).to_owned(),
            boolean(Upload::IsCompleting).default(false).to_owned(),
        ] {
            let alter = Table::alter()
                .table(Upload::Table)
                .add_column(column)
                .to_owned();
            manager.alter_table(alter).await?;
        }
        for column in [
            text_null(DiscardedContent::MultipartId).to_owned(),
            big_integer(DiscardedContent::NotBefore)
                .default(0)
                .to_owned(),
            big_integer(DiscardedContent::SettledAt)
                .default(0)
                .to_owned(),
        ] {
            let alter = Table::alter()
                .table(DiscardedContent::Table)
                .add_column(column)
                .to_owned();
            manager.alter_table(alter).await?;
        }
        // The sweep of what is due.
        manager
            .create_index(
                Index::create()
                    .name("discarded_content_due")
                    .table(DiscardedContent::Table)
                    .col(DiscardedContent::NotBefore)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_index(
                Index::drop()
                    .name("discarded_content_due")
                    .table(DiscardedContent::Table)
                    .to_owned(),
            )
            .await?;
        let drops = [
            Table::alter()
                .table(DiscardedContent::Table)
                .drop_column(DiscardedContent::MultipartId)
                .to_owned(),
            Table::alter()
                .table(DiscardedContent::Table)
                .drop_column(DiscardedContent::NotBefore)
                .to_owned(),
            Table::alter()
                .table(DiscardedContent::Table)
                .drop_column(DiscardedContent::SettledAt)
                .to_owned(),
            Table::alter()
                .table(Upload::Table)
                .drop_column(Upload::MultipartId)
                .to_owned(),
            Table::alter()
                .table(Upload::Table)
                .drop_column(Upload::IsCompleting)
                .to_owned(),
        ];
        for drop in drops {
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}
