//! By which drops files came.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{m20261124_000004_create_file::File, m20261124_000016_create_drop::Drop};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum DroppedFile {
    Table,
    FileId,
    DropId,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(DroppedFile::Table)
                    .col(uuid(DroppedFile::FileId).primary_key())
                    .col(uuid(DroppedFile::DropId))
                    .foreign_key(
                        ForeignKey::create()
                            .name("dropped_file_file_id")
                            .from(DroppedFile::Table, DroppedFile::FileId)
                            .to(File::Table, File::Id)
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .name("dropped_file_drop_id")
                            .from(DroppedFile::Table, DroppedFile::DropId)
                            .to(Drop::Table, Drop::Id)
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        // A page of the files of a drop.
        manager
            .create_index(
                Index::create()
                    .name("dropped_file_drop_id_file_id")
                    .table(DroppedFile::Table)
                    .col(DroppedFile::DropId)
                    .col(DroppedFile::FileId)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(DroppedFile::Table).to_owned())
            .await
    }
}
