//! The audit trail.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
pub enum Event {
    Table,
    Id,
    At,
    Kind,
    ActorKind,
    ActorId,
    ObjectKind,
    ObjectId,
    Audience,
    AudienceId,
    Address,
    Detail,
    Count,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table(Event::Table)
                    .col(uuid(Event::Id).primary_key())
                    .col(big_integer(Event::At))
                    .col(string_len(Event::Kind, 24))
                    .col(string_len(Event::ActorKind, 16))
                    .col(uuid_null(Event::ActorId))
                    .col(string_len_null(Event::ObjectKind, 16))
                    .col(uuid_null(Event::ObjectId))
                    .col(string_len_null(Event::Audience, 13))
                    .col(uuid_null(Event::AudienceId))
                    .col(string_null(Event::Address))
                    .col(text_null(Event::Detail))
                    .col(integer(Event::Count).default(1))
                    .to_owned(),
            )
            .await?;
        // `File.events`, by keyset. No two kinds of objects have an id in common.
        manager
            .create_index(
                Index::create()
                    .name("event_object_id_id")
                    .table(Event::Table)
                    .col(Event::ObjectId)
                    .col(Event::Id)
                    .and_where(Expr::col(Event::ObjectId).is_not_null())
                    .to_owned(),
            )
            .await?;
        // The sweep of old events.
        manager
            .create_index(
                Index::create()
                    .name("event_at")
                    .table(Event::Table)
                    .col(Event::At)
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Event::Table).to_owned())
            .await
    }
}
