//! From which place of the feed on somebody belongs to a group: what happened to it before is not told to them.

#![expect(
    clippy::disallowed_methods,
    reason = "a step of the schema moves rows of tables as they are at that step"
)]

use sea_orm_migration::{prelude::*, schema::*, sea_orm::ConnectionTrait};

use crate::m20261124_000006_create_group_member::GroupMember;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Column {
    JoinedAfter,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table(GroupMember::Table)
                    // Of those who belong to one by now, it is not known.
                    .add_column(big_integer(Column::JoinedAfter).default(0))
                    .to_owned(),
            )
            .await?;
        // Databases from before the first release: nobody had another number, and everyone, who hears of nothing, had this one.
        manager
            .get_connection()
            .execute_unprepared("UPDATE concern SET reader = 2 WHERE reader = 3")
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table(GroupMember::Table)
                    .drop_column(Column::JoinedAfter)
                    .to_owned(),
            )
            .await
    }
}
