//! What the tables hold, for tests that look behind what clients see.

use cloakroom::db::{Db, Reader};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

/// What a query says is `number`.
#[expect(
    clippy::disallowed_methods,
    reason = "a test looks behind what clients see"
)]
pub async fn number(db: &Db, query: &str) -> i64 {
    match db.reader() {
        Reader::Sqlite { queries, .. } => {
            let query = query.to_owned();
            let number = queries.run(move |all| all.query_row(&query, (), |row| row.get("number")));
            number.await.unwrap()
        }
        Reader::Postgres(connections) => {
            let query = Statement::from_string(DbBackend::Postgres, query);
            let row = connections.query_one_raw(query).await.unwrap().unwrap();
            row.try_get("", "number").unwrap()
        }
    }
}

/// The rows of a query for two texts.
#[expect(
    clippy::disallowed_methods,
    reason = "a test looks behind what clients see"
)]
pub async fn pairs(db: &Db, query: &str) -> Vec<(String, String)> {
    match db.reader() {
        Reader::Sqlite { queries, .. } => {
            let query = query.to_owned();
            let pairs = queries.run(move |all| {
                let mut statement = all.prepare(&query)?;
                let pairs = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
                pairs.collect()
            });
            pairs.await.unwrap()
        }
        Reader::Postgres(connections) => {
            let query = Statement::from_string(DbBackend::Postgres, query);
            let rows = connections.query_all_raw(query).await.unwrap();
            let text = |row: &sea_orm::QueryResult, index| row.try_get_by_index(index).unwrap();
            rows.iter()
                .map(|row| (text(row, 0), text(row, 1)))
                .collect()
        }
    }
}
