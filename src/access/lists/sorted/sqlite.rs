//! On SQLite: a statement for each list.

use rusqlite::Connection;
use sea_orm::{ActiveEnum, DbBackend, Statement};
use uuid::Uuid;

use super::{
    scan::{Row, Scan},
    statements::{List, Sql, fts5},
};
use crate::{
    db::{Lookups, bind_all},
    error::Result,
};

fn named<'s>(list: &'s str, reader_id: &'s str) -> List<'s> {
    List { list, reader_id }
}

pub(super) async fn walk(queries: &Lookups, scan: &Scan<'_>) -> Result<Vec<Row>> {
    let statements = scan.lists.iter().map(|(list, reader_id)| {
        let mut sql = Sql::new(DbBackend::Sqlite);
        let (list, reader_id) = (sql.bind(list.to_value()), sql.bind(*reader_id));
        let text = sql.walk(scan, &named(&list, &reader_id));
        sql.statement(text)
    });
    let statements: Vec<_> = statements.collect();
    let look = move |connection: &_| {
        // One look at the database for all.
        let _together = together(connection)?;
        let mut rows = Vec::new();
        for statement in &statements {
            rows.extend(run(connection, statement)?);
        }
        Ok(rows)
    };
    queries.run(look).await
}

/// `None` where there are more than `most` rows.
pub(super) async fn matching(
    queries: &Lookups,
    scan: &Scan<'_>,
    most: u64,
) -> Result<Option<Vec<Row>>> {
    // Of each list: read no further than the limit.
    let limit = most.saturating_add(1).min(i64::MAX.unsigned_abs());
    let found = |words: &str| {
        format!(
            "(SELECT listed_file.* FROM (SELECT rowid FROM listed_file_gram WHERE listed_file_gram MATCH {words} \
             LIMIT {limit}) AS named CROSS JOIN listed_file ON listed_file.id = named.rowid)"
        )
    };
    let statements = scan.lists.iter().map(|(list, reader_id)| {
        let mut sql = Sql::new(DbBackend::Sqlite);
        let words = sql.bind(fts5(&entity::words(*list, *reader_id, &scan.part.name)));
        let (list, reader_id) = (sql.bind(list.to_value()), sql.bind(*reader_id));
        let text = sql.among(scan, &found(&words), &named(&list, &reader_id));
        sql.statement(text)
    });
    let statements: Vec<_> = statements.collect();
    let look = move |connection: &_| {
        let _together = together(connection)?;
        let mut rows = Vec::new();
        for statement in &statements {
            rows.extend(run(connection, statement)?);
            if rows.len() as u64 > most {
                return Ok(None);
            }
        }
        Ok(Some(rows))
    };
    queries.run(look).await
}

fn together(connection: &Connection) -> rusqlite::Result<rusqlite::Transaction<'_>> {
    connection.unchecked_transaction()
}

#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
fn run(connection: &Connection, statement: &Statement) -> rusqlite::Result<Vec<Row>> {
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    bind_all(&mut prepared, statement)?;
    let mut found = prepared.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(Row {
            file_id: Uuid::from_bytes(row.get(0)?),
            name_key: row.get(1)?,
            size: row.get(2)?,
            is_hit: row.get::<_, i64>(3)? == 1,
        });
    }
    Ok(rows)
}
