//! Tickets of links that were counted.

use sea_orm_migration::{prelude::*, schema::*};

use crate::m20261124_000014_create_link::Link;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum LinkDownload {
    Table,
    Ticket,
    ShareId,
    ExpiresAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(LinkDownload::Table)
                    .col(binary(LinkDownload::Ticket).primary_key())
                    .col(uuid(LinkDownload::ShareId))
                    .col(big_integer(LinkDownload::ExpiresAt))
                    .foreign_key(
                        ForeignKey::create()
                            .name("link_download_share_id")
                            .from(LinkDownload::Table, LinkDownload::ShareId)
                            .to(Link::Table, Link::ShareId)
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        for (name, column) in [
            // The deletion of a link.
            ("link_download_share_id", LinkDownload::ShareId),
            // The sweep.
            ("link_download_expires_at", LinkDownload::ExpiresAt),
        ] {
            let index = Index::create()
                .name(name)
                .table(LinkDownload::Table)
                .col(column)
                .to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(LinkDownload::Table).to_owned())
            .await
    }
}
