//! Accounts that are being deleted: the marks stay until nothing is left of them.

use sea_orm_migration::{prelude::*, schema::*};

use crate::m20261124_000001_create_user::User;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum DeletedUser {
    Table,
    UserId,
    DeletedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(DeletedUser::Table)
                    .col(uuid(DeletedUser::UserId).primary_key())
                    .col(big_integer(DeletedUser::DeletedAt))
                    .foreign_key(
                        ForeignKey::create()
                            .name("deleted_user_user_id")
                            .from(DeletedUser::Table, DeletedUser::UserId)
                            .to(User::Table, User::Id)
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(DeletedUser::Table).to_owned())
            .await
    }
}
