//! Whom a provider of sign-ins knows the users as.

#![expect(
    clippy::disallowed_methods,
    reason = "a step of the schema moves rows of tables as they are at that step"
)]

use sea_orm_migration::{prelude::*, schema::*, sea_orm::ConnectionTrait};

use crate::m20261124_000001_create_user::User;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum OidcIdentity {
    Table,
    Issuer,
    Subject,
    UserId,
    CreatedAt,
}

/// Rows that the version before this step cannot read.
const UNREADABLE: [&str; 2] = [
    "DELETE FROM concern WHERE event_id IN
        (SELECT id FROM event WHERE kind IN ('ACCOUNT_LINKED', 'ACCOUNT_UNLINKED'))",
    "DELETE FROM event WHERE kind IN ('ACCOUNT_LINKED', 'ACCOUNT_UNLINKED')",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(OidcIdentity::Table)
                    .col(string(OidcIdentity::Issuer))
                    .col(string(OidcIdentity::Subject))
                    .col(uuid(OidcIdentity::UserId))
                    .col(big_integer(OidcIdentity::CreatedAt))
                    .primary_key(
                        Index::create()
                            .col(OidcIdentity::Issuer)
                            .col(OidcIdentity::Subject),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .name("oidc_identity_user_id")
                            .from(OidcIdentity::Table, OidcIdentity::UserId)
                            .to(User::Table, User::Id)
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        // For the end of an account, and for the foreign key.
        manager
            .create_index(
                Index::create()
                    .name("oidc_identity_user_id_key")
                    .table(OidcIdentity::Table)
                    .col(OidcIdentity::UserId)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for delete in UNREADABLE {
            connection.execute_unprepared(delete).await?;
        }
        manager
            .drop_table(Table::drop().table(OidcIdentity::Table).to_owned())
            .await
    }
}
