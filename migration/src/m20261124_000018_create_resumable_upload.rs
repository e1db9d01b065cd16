//! Uploads that go on across requests.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{
    m20261124_000001_create_user::User, m20261124_000004_create_file::File,
    m20261124_000016_create_drop::Drop,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum ResumableUpload {
    Table,
    Id,
    UserId,
    DropId,
    ContentKey,
    Name,
    Metadata,
    ExpectedSha256,
    Length,
    ReceivedBytes,
    Digest,
    Generation,
    CreatedAt,
    ExpiresAt,
    FileId,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let cascading = |name: &str, column, table: DynIden, id: DynIden| {
            ForeignKey::create()
                .name(name)
                .from(ResumableUpload::Table, column)
                .to(table, id)
                .on_delete(ForeignKeyAction::Cascade)
                .to_owned()
        };
        manager
            .create_table(
                Table::create()
                    .table(ResumableUpload::Table)
                    .col(uuid(ResumableUpload::Id).primary_key())
                    .col(uuid(ResumableUpload::UserId))
                    .col(uuid_null(ResumableUpload::DropId))
                    .col(string_len_uniq(ResumableUpload::ContentKey, 32))
                    .col(text(ResumableUpload::Name))
                    .col(text_null(ResumableUpload::Metadata))
                    .col(binary_null(ResumableUpload::ExpectedSha256))
                    .col(big_integer_null(ResumableUpload::Length))
                    .col(big_integer(ResumableUpload::ReceivedBytes))
                    .col(binary(ResumableUpload::Digest))
                    .col(big_integer(ResumableUpload::Generation))
                    .col(big_integer(ResumableUpload::CreatedAt))
                    .col(big_integer(ResumableUpload::ExpiresAt))
                    .col(uuid_null(ResumableUpload::FileId))
                    .foreign_key(&mut cascading(
                        "resumable_upload_user_id",
                        ResumableUpload::UserId,
                        User::Table.into_iden(),
                        User::Id.into_iden(),
                    ))
                    .foreign_key(&mut cascading(
                        "resumable_upload_drop_id",
                        ResumableUpload::DropId,
                        Drop::Table.into_iden(),
                        Drop::Id.into_iden(),
                    ))
                    .foreign_key(&mut cascading(
                        "resumable_upload_file_id",
                        ResumableUpload::FileId,
                        File::Table.into_iden(),
                        File::Id.into_iden(),
                    ))
                    .to_owned(),
            )
            .await?;
        let unfinished = || Expr::col(ResumableUpload::FileId).is_null();
        let of = |name: &str| {
            let mut index = Index::create();
            index.name(name).table(ResumableUpload::Table).to_owned()
        };
        let indexes = [
            // How many unfinished ones somebody has, and which.
            of("resumable_upload_own")
                .col(ResumableUpload::UserId)
                .col(ResumableUpload::Id)
                .and_where(Expr::col(ResumableUpload::DropId).is_null())
                .and_where(unfinished())
                .to_owned(),
            // The unfinished ones that go into an account, by drops as well.
            of("resumable_upload_unfinished")
                .col(ResumableUpload::UserId)
                .col(ResumableUpload::Id)
                .and_where(unfinished())
                .to_owned(),
            of("resumable_upload_dropped")
                .col(ResumableUpload::DropId)
                .and_where(Expr::col(ResumableUpload::DropId).is_not_null())
                .and_where(unfinished())
                .to_owned(),
            // What goes with a user, and with a file.
            of("resumable_upload_of_user")
                .col(ResumableUpload::UserId)
                .to_owned(),
            of("resumable_upload_of_file")
                .col(ResumableUpload::FileId)
                .and_where(Expr::col(ResumableUpload::FileId).is_not_null())
                .to_owned(),
            // Their sweep.
            of("resumable_upload_expiry")
                .col(ResumableUpload::ExpiresAt)
                .to_owned(),
        ];
        for index in indexes {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(ResumableUpload::Table).to_owned())
            .await
    }
}
