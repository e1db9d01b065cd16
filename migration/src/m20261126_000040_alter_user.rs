//! What administrators say of accounts: roles, and quotas of one's own.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum User {
    Table,
    Id,
    Role,
    QuotaBytes,
}

const ADMINISTRATORS: &str = "user_administrators";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            string_len(User::Role, 8).default("USER").to_owned(),
            big_integer_null(User::QuotaBytes),
        ] {
            let add = Table::alter()
                .table(User::Table)
                .add_column(column)
                .to_owned();
            manager.alter_table(add).await?;
        }
        // Whether there is another one.
        manager
            .create_index(
                Index::create()
                    .name(ADMINISTRATORS)
                    .table(User::Table)
                    .col(User::Id)
                    .and_where(Expr::col(User::Role).eq(Expr::cust("'ADMIN'")))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop()
            .name(ADMINISTRATORS)
            .table(User::Table)
            .to_owned();
        manager.drop_index(index).await?;
        for column in [User::Role, User::QuotaBytes] {
            let drop = Table::alter()
                .table(User::Table)
                .drop_column(column)
                .to_owned();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}
