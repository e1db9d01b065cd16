//! Whom events concern, in the order of the feed.

#![expect(
    clippy::disallowed_methods,
    reason = "a step of the schema moves rows of tables as they are at that step"
)]

use sea_orm_migration::{
    prelude::*,
    schema::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

use crate::m20261124_000011_create_event::Event;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum Concern {
    Table,
    Id,
    Seq,
    Reader,
    ReaderId,
    EventId,
}

#[derive(DeriveIden)]
enum FeedPosition {
    Table,
    Id,
    Last,
}

#[derive(DeriveIden)]
enum Column {
    OwnerId,
}

/// Whose the things are that events are about, as far as these are there.
const OWNERS: [&str; 2] = [
    "UPDATE event SET owner_id = (SELECT owner_id FROM file WHERE file.id = event.object_id) WHERE object_kind = 'FILE'",
    "UPDATE event SET owner_id = (SELECT owner_id FROM \"drop\" WHERE \"drop\".id = event.object_id) \
     WHERE object_kind = 'DROP'",
];

/// The events that there are, in the order of their ids.
const FILL: [&str; 2] = [
    "INSERT INTO concern (seq, reader, reader_id, event_id) \
     SELECT ordered.seq, concerned.reader, concerned.reader_id, concerned.id FROM \
     (SELECT id, row_number() OVER (ORDER BY id) AS seq FROM event) AS ordered JOIN \
     (SELECT id, 0 AS reader, actor_id AS reader_id FROM event WHERE actor_kind = 'USER' AND actor_id IS NOT NULL \
     UNION SELECT id, 0, owner_id FROM event WHERE owner_id IS NOT NULL \
     UNION SELECT id, 0, object_id FROM event WHERE object_kind = 'USER' AND object_id IS NOT NULL \
     UNION SELECT id, 0, audience_id FROM event WHERE audience = 'USER' AND audience_id IS NOT NULL \
     UNION SELECT id, 1, audience_id FROM event WHERE audience = 'GROUP' AND audience_id IS NOT NULL \
     UNION SELECT id, 1, object_id FROM event WHERE object_kind = 'GROUP' AND object_id IS NOT NULL) AS concerned \
     ON concerned.id = ordered.id ORDER BY ordered.seq",
    "INSERT INTO feed_position (id, last) SELECT 1, count(*) FROM event",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_connection().get_database_backend();
        let owner_id = Table::alter()
            .table(Event::Table)
            .add_column(uuid_null(Column::OwnerId))
            .to_owned();
        manager.alter_table(owner_id).await?;
        manager.create_table(concern(backend)).await?;
        let position = Table::create()
            .table(FeedPosition::Table)
            .col(integer(FeedPosition::Id).primary_key())
            .col(big_integer(FeedPosition::Last))
            .to_owned();
        manager.create_table(position).await?;
        let connection = manager.get_connection();
        for statement in OWNERS.iter().chain(&FILL) {
            connection.execute_unprepared(statement).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [Concern::Table.into_iden(), FeedPosition::Table.into_iden()] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        let owner_id = Table::alter()
            .table(Event::Table)
            .drop_column(Column::OwnerId)
            .to_owned();
        manager.alter_table(owner_id).await
    }
}

fn concern(backend: DbBackend) -> TableCreateStatement {
    // SQLite numbers rows by itself, and keeps a table of the numbers where it is asked to.
    let mut id = match backend {
        DbBackend::Postgres => big_integer(Concern::Id),
        _ => integer(Concern::Id),
    };
    if backend == DbBackend::Postgres {
        id.auto_increment();
    }
    id.primary_key();
    Table::create()
        .table(Concern::Table)
        .col(id)
        .col(big_integer_null(Concern::Seq))
        .col(integer(Concern::Reader))
        .col(uuid(Concern::ReaderId))
        .col(uuid(Concern::EventId))
        .foreign_key(
            ForeignKey::create()
                .name("concern_event_id")
                .from(Concern::Table, Concern::EventId)
                .to(Event::Table, Event::Id)
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn indexes() -> [IndexCreateStatement; 4] {
    let of = |name: &str| {
        let mut index = Index::create();
        index.name(name).table(Concern::Table).to_owned()
    };
    [
        // A page of somebody's feed.
        of("concern_reader_seq")
            .col(Concern::Reader)
            .col(Concern::ReaderId)
            .col(Concern::Seq)
            .to_owned(),
        // An event concerns somebody once. Also an event's place, and the end of old events.
        of("concern_event_id")
            .col(Concern::EventId)
            .col(Concern::Reader)
            .col(Concern::ReaderId)
            .unique()
            .to_owned(),
        // What has happened since, for whomever.
        of("concern_seq").col(Concern::Seq).to_owned(),
        // Events that wait for a place.
        of("concern_waiting")
            .col(Concern::EventId)
            .and_where(Expr::col(Concern::Seq).is_null())
            .to_owned(),
    ]
}
