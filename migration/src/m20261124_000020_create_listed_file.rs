//! The lists that files are in, to be searched and sorted.

#![expect(
    clippy::disallowed_methods,
    reason = "a step of the schema moves rows of tables as they are at that step"
)]

use entity::listed_file::List;
use sea_orm_migration::{
    prelude::*,
    schema::*,
    sea_orm::{ActiveEnum, ConnectionTrait, DbBackend, Statement, prelude::Uuid},
};

use crate::{m20261124_000004_create_file::File, m20261124_000007_create_share::Share};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[derive(DeriveIden)]
enum ListedFile {
    Table,
    Id,
    List,
    ReaderId,
    FileId,
    ShareId,
    NameKey,
    Size,
    Grams,
}

/// How many files are read at once, to be listed.
const BATCH: u64 = 1000;

/// The full-text index has no copy of the words: it is kept by triggers. Parts of one and two characters are found by the
/// start of a word, behind the five characters that stand for its list.
const SQLITE_INDEX: [&str; 4] = [
    "CREATE VIRTUAL TABLE listed_file_gram USING fts5(grams, content = 'listed_file', content_rowid = 'id', \
     tokenize = 'ascii', detail = 'none', columnsize = 0, prefix = '6 7')",
    "CREATE TRIGGER listed_file_insert AFTER INSERT ON listed_file BEGIN \
     INSERT INTO listed_file_gram (rowid, grams) VALUES (new.id, new.grams); END",
    "CREATE TRIGGER listed_file_delete AFTER DELETE ON listed_file BEGIN \
     INSERT INTO listed_file_gram (listed_file_gram, rowid, grams) VALUES ('delete', old.id, old.grams); END",
    "CREATE TRIGGER listed_file_update AFTER UPDATE OF id, grams ON listed_file BEGIN \
     INSERT INTO listed_file_gram (listed_file_gram, rowid, grams) VALUES ('delete', old.id, old.grams); \
     INSERT INTO listed_file_gram (rowid, grams) VALUES (new.id, new.grams); END",
];

const POSTGRES_INDEX: &str = "CREATE INDEX listed_file_gram ON listed_file \
     USING gin (array_to_tsvector(string_to_array(grams, ' ')))";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let backend = connection.get_database_backend();
        manager.create_table(table(backend)).await?;
        fill(connection).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        if backend == DbBackend::Postgres {
            connection.execute_unprepared(POSTGRES_INDEX).await?;
            return Ok(());
        }
        for statement in SQLITE_INDEX {
            connection.execute_unprepared(statement).await?;
        }
        connection
            .execute_unprepared(
                "INSERT INTO listed_file_gram (listed_file_gram) VALUES ('rebuild')",
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        if connection.get_database_backend() == DbBackend::Sqlite {
            connection
                .execute_unprepared("DROP TABLE listed_file_gram")
                .await?;
        }
        manager
            .drop_table(Table::drop().table(ListedFile::Table).to_owned())
            .await
    }
}

fn table(backend: DbBackend) -> TableCreateStatement {
    let mut name_key = text(ListedFile::NameKey);
    if backend == DbBackend::Postgres {
        // By code points, as SQLite does.
        name_key.extra("COLLATE \"C\"");
    }
    // SQLite numbers rows by itself, and keeps a table of the numbers where it is asked to.
    let mut id = match backend {
        DbBackend::Postgres => big_integer(ListedFile::Id),
        _ => integer(ListedFile::Id),
    };
    if backend == DbBackend::Postgres {
        id.auto_increment();
    }
    id.primary_key();
    let cascading = |name: &str, column, table: DynIden, id: DynIden| {
        ForeignKey::create()
            .name(name)
            .from(ListedFile::Table, column)
            .to(table, id)
            .on_delete(ForeignKeyAction::Cascade)
            .to_owned()
    };
    Table::create()
        .table(ListedFile::Table)
        .col(id)
        .col(integer(ListedFile::List))
        .col(uuid(ListedFile::ReaderId))
        .col(uuid(ListedFile::FileId))
        .col(uuid_null(ListedFile::ShareId))
        .col(name_key)
        .col(big_integer(ListedFile::Size))
        .col(text(ListedFile::Grams))
        .foreign_key(&mut cascading(
            "listed_file_file_id",
            ListedFile::FileId,
            File::Table.into_iden(),
            File::Id.into_iden(),
        ))
        .foreign_key(&mut cascading(
            "listed_file_share_id",
            ListedFile::ShareId,
            Share::Table.into_iden(),
            Share::Id.into_iden(),
        ))
        .to_owned()
}

fn indexes() -> [IndexCreateStatement; 5] {
    let of = |name: &str| {
        let mut index = Index::create();
        index.name(name).table(ListedFile::Table).to_owned()
    };
    let sorted = |name: &str| {
        of(name)
            .col(ListedFile::List)
            .col(ListedFile::ReaderId)
            .to_owned()
    };
    [
        // One for each order of a list. A file is in a list once.
        sorted("listed_file_created")
            .col(ListedFile::FileId)
            .unique()
            .to_owned(),
        sorted("listed_file_name")
            .col(ListedFile::NameKey)
            .col(ListedFile::FileId)
            .to_owned(),
        sorted("listed_file_size")
            .col(ListedFile::Size)
            .col(ListedFile::FileId)
            .to_owned(),
        // The end and the renaming of a file, and the end of a share.
        of("listed_file_file_id").col(ListedFile::FileId).to_owned(),
        of("listed_file_share_id")
            .col(ListedFile::ShareId)
            .and_where(Expr::col(ListedFile::ShareId).is_not_null())
            .to_owned(),
    ]
}

/// Lists the files and shares that are there.
async fn fill(connection: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
    let own = "SELECT id, id AS file_id, owner_id AS reader_id, '' AS audience, name, size FROM file WHERE trashed_at IS NULL";
    let shared = "SELECT share.id, file_id, audience_id AS reader_id, audience, name, size FROM share \
                  JOIN file ON file.id = share.file_id WHERE audience <> 'LINK'";
    for (source, id) in [(own, "id"), (shared, "share.id")] {
        let mut last = Uuid::nil();
        loop {
            let mark = match connection.get_database_backend() {
                DbBackend::Postgres => "$1",
                _ => "?1",
            };
            let sql = format!("{source} AND {id} > {mark} ORDER BY {id} LIMIT {BATCH}");
            let backend = connection.get_database_backend();
            let batch = Statement::from_sql_and_values(backend, sql, [last.into()]);
            let rows = connection.query_all_raw(batch).await?;
            let Some(end) = rows.last() else {
                break;
            };
            last = end.try_get("", "id")?;
            let mut insert = Query::insert();
            insert.into_table(ListedFile::Table).columns([
                ListedFile::List,
                ListedFile::ReaderId,
                ListedFile::FileId,
                ListedFile::ShareId,
                ListedFile::NameKey,
                ListedFile::Size,
                ListedFile::Grams,
            ]);
            for row in &rows {
                insert.values_panic(listed(row)?);
            }
            connection.execute(&insert).await?;
        }
    }
    Ok(())
}

fn listed(row: &sea_orm::QueryResult) -> Result<Vec<Expr>, DbErr> {
    let (id, file_id): (Uuid, Uuid) = (row.try_get("", "id")?, row.try_get("", "file_id")?);
    let reader_id: Uuid = row.try_get("", "reader_id")?;
    let audience: String = row.try_get("", "audience")?;
    let (name, size): (String, i64) = (row.try_get("", "name")?, row.try_get("", "size")?);
    let list = match audience.as_str() {
        "USER" => List::User,
        "GROUP" => List::Group,
        "AUTHENTICATED" => List::Authenticated,
        _ => List::Own,
    };
    let name_key = entity::name_key(&name);
    let grams = entity::grams(list, reader_id, &name_key);
    let share_id = (list != List::Own).then_some(id);
    Ok(vec![
        list.to_value().into(),
        reader_id.into(),
        file_id.into(),
        share_id.into(),
        name_key.into(),
        size.into(),
        grams.into(),
    ])
}
