//! Who belongs to which group.

use sea_orm_migration::{prelude::*, schema::*};

use crate::{m20261124_000001_create_user::User, m20261124_000005_create_group::Group};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
pub enum GroupMember {
    Table,
    GroupId,
    UserId,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(GroupMember::Table)
                    .col(uuid(GroupMember::GroupId))
                    .col(uuid(GroupMember::UserId))
                    // Whether somebody is a member, and a page of the members of a group.
                    .primary_key(
                        Index::create()
                            .col(GroupMember::GroupId)
                            .col(GroupMember::UserId),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .name("group_member_group_id")
                            .from(GroupMember::Table, GroupMember::GroupId)
                            .to(Group::Table, Group::Id)
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .name("group_member_user_id")
                            .from(GroupMember::Table, GroupMember::UserId)
                            .to(User::Table, User::Id)
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        // The groups of a user: a page of them, and the scans of `sharedWithMe`.
        manager
            .create_index(
                Index::create()
                    .name("group_member_user_id_group_id")
                    .table(GroupMember::Table)
                    .col(GroupMember::UserId)
                    .col(GroupMember::GroupId)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(GroupMember::Table).to_owned())
            .await
    }
}
