//! What the tables hold, for tests that look behind what clients see.

use cloakroom::db::{Db, Reader};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, ModelTrait,
    Statement,
};

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

/// Writes rows as they are, for tests that need more of them than clients could make in time.
#[expect(
    clippy::disallowed_methods,
    reason = "a test makes rows that clients do not see being made"
)]
pub async fn insert<M>(db: &Db, rows: Vec<M>)
where
    M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel> + Sync + 'static,
    <M::Entity as EntityTrait>::ActiveModel: Send,
{
    // A statement takes so many parameters.
    for rows in rows.chunks(1000).map(<[_]>::to_vec) {
        let write = db.write(move |transaction| {
            Box::pin(async move {
                let rows = rows
                    .into_iter()
                    .map(|row| row.into_active_model().reset_all());
                M::Entity::insert_many(rows)
                    .exec_without_returning(transaction)
                    .await?;
                Ok(())
            })
        });
        write.await.unwrap();
    }
}

/// Changes rows as they are, for what no client could bring about.
#[expect(
    clippy::disallowed_methods,
    reason = "a test changes what clients do not see being changed"
)]
pub async fn run(db: &Db, statement: &str) {
    let statement = statement.to_owned();
    let write = db.write(move |transaction| {
        Box::pin(async move {
            transaction.execute_unprepared(&statement).await?;
            Ok(())
        })
    });
    write.await.unwrap();
}
