//! Webhooks. They read the feed by its places, which from now on are given in the order in which events were written.

#![expect(
    clippy::disallowed_methods,
    reason = "a step of the schema moves rows of tables as they are at that step"
)]

use sea_orm_migration::{prelude::*, schema::*, sea_orm::ConnectionTrait};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Webhook {
    Table,
    Id,
    Url,
    Kinds,
    CreatedAt,
    Seq,
    Missed,
    DeliveredAt,
    Failures,
    FailingSince,
    Failure,
    DueAt,
    PausedAt,
    Pause,
    Holder,
    HeldUntil,
}

#[derive(DeriveIden)]
enum Concern {
    Table,
    Id,
    Seq,
    EventId,
}

/// Rows that the version before this step cannot read: places of events that concern no user (`Reader::Nobody`), and what was done
/// with webhooks.
const UNREADABLE: [&str; 2] = [
    "DELETE FROM concern WHERE reader = 2",
    "DELETE FROM event WHERE object_kind = 'WEBHOOK'",
];

/// Events that wait for a place.
const WAITING: &str = "concern_waiting";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let webhook = Table::create()
            .table(Webhook::Table)
            .col(uuid(Webhook::Id).primary_key())
            .col(text(Webhook::Url))
            .col(text_null(Webhook::Kinds))
            .col(big_integer(Webhook::CreatedAt))
            .col(big_integer(Webhook::Seq))
            .col(big_integer(Webhook::Missed))
            .col(big_integer_null(Webhook::DeliveredAt))
            .col(integer(Webhook::Failures))
            .col(big_integer_null(Webhook::FailingSince))
            .col(text_null(Webhook::Failure))
            .col(big_integer(Webhook::DueAt))
            .col(big_integer_null(Webhook::PausedAt))
            .col(string_len_null(Webhook::Pause, 8))
            .col(uuid_null(Webhook::Holder))
            .col(big_integer(Webhook::HeldUntil))
            .to_owned();
        manager.create_table(webhook).await?;
        replace_index(manager, Concern::Id).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for delete in UNREADABLE {
            connection.execute_unprepared(delete).await?;
        }
        replace_index(manager, Concern::EventId).await?;
        let webhook = Table::drop().table(Webhook::Table).to_owned();
        manager.drop_table(webhook).await
    }
}

async fn replace_index(manager: &SchemaManager<'_>, by: Concern) -> Result<(), DbErr> {
    let index = Index::drop().name(WAITING).table(Concern::Table).to_owned();
    manager.drop_index(index).await?;
    let index = Index::create()
        .name(WAITING)
        .table(Concern::Table)
        .col(by)
        .and_where(Expr::col(Concern::Seq).is_null())
        .to_owned();
    manager.create_index(index).await
}
