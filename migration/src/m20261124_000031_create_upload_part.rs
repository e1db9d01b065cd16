//! What an object store needs to be known of resumable uploads: the parts that it has, the bytes behind them, and who may go on.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Upload {
    Table,
    Id,
}

#[derive(DeriveIden)]
enum ResumableUpload {
    Table,
    Epoch,
    IsHeld,
    NextPart,
    UnnamedBytes,
    Head,
}

#[derive(DeriveIden)]
enum UploadPart {
    Table,
    UploadId,
    Number,
    Etag,
    Sha256,
    Bytes,
}

#[derive(DeriveIden)]
enum UploadTail {
    Table,
    UploadId,
    At,
    Bytes,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            big_integer(ResumableUpload::Epoch).default(0).to_owned(),
            boolean(ResumableUpload::IsHeld).default(false).to_owned(),
            integer(ResumableUpload::NextPart).default(1).to_owned(),
            big_integer(ResumableUpload::UnnamedBytes)
                .default(0)
                .to_owned(),
            binary_null(ResumableUpload::Head).to_owned(),
        ] {
            let alter = Table::alter()
                .table(ResumableUpload::Table)
                .add_column(column)
                .to_owned();
            manager.alter_table(alter).await?;
        }
        let of_upload = |name: &str, table: DynIden, column: DynIden| {
            ForeignKey::create()
                .name(name)
                .from(table, column)
                .to(Upload::Table, Upload::Id)
                .on_delete(ForeignKeyAction::Cascade)
                .to_owned()
        };
        manager
            .create_table(
                Table::create()
                    .table(UploadPart::Table)
                    .col(uuid(UploadPart::UploadId))
                    .col(integer(UploadPart::Number))
                    .col(text(UploadPart::Etag))
                    .col(binary(UploadPart::Sha256))
                    .col(big_integer(UploadPart::Bytes))
                    .primary_key(
                        Index::create()
                            .col(UploadPart::UploadId)
                            .col(UploadPart::Number),
                    )
                    .foreign_key(&mut of_upload(
                        "upload_part_upload_id",
                        UploadPart::Table.into_iden(),
                        UploadPart::UploadId.into_iden(),
                    ))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table(UploadTail::Table)
                    .col(uuid(UploadTail::UploadId))
                    .col(big_integer(UploadTail::At))
                    .col(binary(UploadTail::Bytes))
                    .primary_key(
                        Index::create()
                            .col(UploadTail::UploadId)
                            .col(UploadTail::At),
                    )
                    .foreign_key(&mut of_upload(
                        "upload_tail_upload_id",
                        UploadTail::Table.into_iden(),
                        UploadTail::UploadId.into_iden(),
                    ))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [UploadTail::Table.into_iden(), UploadPart::Table.into_iden()] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        for column in [
            ResumableUpload::Epoch,
            ResumableUpload::IsHeld,
            ResumableUpload::NextPart,
            ResumableUpload::UnnamedBytes,
            ResumableUpload::Head,
        ] {
            let alter = Table::alter()
                .table(ResumableUpload::Table)
                .drop_column(column)
                .to_owned();
            manager.alter_table(alter).await?;
        }
        Ok(())
    }
}
