//! Named sets of users.

use sea_orm_migration::{prelude::*, schema::*};

use crate::m20261124_000001_create_user::User;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
pub enum Group {
    Table,
    Id,
    OwnerId,
    Name,
    CreatedAt,
    DeletedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(Group::Table)
                    .col(uuid(Group::Id).primary_key())
                    .col(uuid(Group::OwnerId))
                    .col(text(Group::Name))
                    .col(big_integer(Group::CreatedAt))
                    .col(big_integer_null(Group::DeletedAt))
                    .foreign_key(
                        ForeignKey::create()
                            .name("group_owner_id")
                            .from(Group::Table, Group::OwnerId)
                            .to(User::Table, User::Id)
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        // How many groups a user owns.
        manager
            .create_index(
                Index::create()
                    .name("group_owner_id")
                    .table(Group::Table)
                    .col(Group::OwnerId)
                    .to_owned(),
            )
            .await?;
        // The sweep of what is left of deleted groups.
        manager
            .create_index(
                Index::create()
                    .name("group_deleted_at")
                    .table(Group::Table)
                    .col(Group::DeletedAt)
                    .and_where(Expr::col(Group::DeletedAt).is_not_null())
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Group::Table).to_owned())
            .await
    }
}
