//! On PostgreSQL: one statement for all lists.

use sea_orm::{ActiveEnum, ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};

use super::{
    scan::{Row, Scan},
    statements::{List, Sql, tsquery},
};
use crate::{db::Connections, error::Result};

const MINE: List<'_> = List {
    list: "mine.list",
    reader_id: "mine.reader_id",
};

/// The lists as a table. PostgreSQL must not know what is in it: it would take the words for common ones, and read the whole
/// table for them.
fn lists(sql: &mut Sql, scan: &Scan<'_>, with_words: bool) -> String {
    let rows = scan.lists.iter().map(|(list, reader_id)| {
        let (kind, id) = (sql.bind(list.to_value()), sql.bind(*reader_id));
        let words = match with_words {
            true => {
                let words = entity::words(*list, *reader_id, &scan.part.name);
                format!(", {}::text::tsquery", sql.bind(tsquery(&words)))
            }
            false => String::new(),
        };
        format!("({kind}::int, {id}::uuid{words})")
    });
    let rows: Vec<_> = rows.collect();
    let words = if with_words { ", words" } else { "" };
    format!(
        "(VALUES {} OFFSET 0) AS mine (list, reader_id{words})",
        rows.join(", ")
    )
}

pub(super) async fn walk(connections: &Connections, scan: &Scan<'_>) -> Result<Vec<Row>> {
    let mut sql = Sql::new(DbBackend::Postgres);
    let lists = lists(&mut sql, scan, false);
    let walk = sql.walk(scan, &MINE);
    let text = format!("SELECT found.* FROM {lists} CROSS JOIN LATERAL ({walk}) AS found");
    run(connections, sql.statement(text)).await
}

/// `None` where there are more than `most` rows.
pub(super) async fn matching(
    connections: &Connections,
    scan: &Scan<'_>,
    most: u64,
) -> Result<Option<Vec<Row>>> {
    let mut sql = Sql::new(DbBackend::Postgres);
    let lists = lists(&mut sql, scan, true);
    // Read no further than the limit; and planned as if it were read whole, so by its index.
    let limit = most.saturating_add(1).min(i64::MAX.unsigned_abs());
    let found = format!(
        "(WITH named AS MATERIALIZED (SELECT * FROM listed_file \
         WHERE array_to_tsvector(string_to_array(grams, ' ')) @@ mine.words) SELECT * FROM named LIMIT {limit})"
    );
    let among = sql.among(scan, &found, &MINE);
    let text =
        format!("SELECT found.* FROM {lists} CROSS JOIN LATERAL ({among}) AS found LIMIT {limit}");
    let rows = run(connections, sql.statement(text)).await?;
    Ok((rows.len() as u64 <= most).then_some(rows))
}

#[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
async fn run(connections: &Connections, statement: Statement) -> Result<Vec<Row>> {
    let rows = connections.query_all_raw(statement).await?;
    let rows = rows.iter().map(read);
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &QueryResult) -> Result<Row, DbErr> {
    Ok(Row {
        file_id: row.try_get_by_index(0)?,
        name_key: row.try_get_by_index(1)?,
        size: row.try_get_by_index(2)?,
        is_hit: row.try_get_by_index::<i32>(3)? == 1,
    })
}
