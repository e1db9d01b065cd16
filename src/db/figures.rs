//! Figures that one statement counts, as it is written for both databases.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{Db, Reader};
use crate::error::{Error, Result};

impl Db {
    /// The numbers in the one row that `query` selects, outside a transaction; `$1` in it is `parameter`.
    #[expect(
        clippy::disallowed_methods,
        reason = "only the owner of the rows may call this, by the same lint"
    )]
    pub async fn figures<const N: usize>(
        &self,
        query: &'static str,
        parameter: i64,
    ) -> Result<[i64; N]> {
        match self.reader() {
            Reader::Sqlite { queries, .. } => {
                let read = move |connection: &rusqlite::Connection| {
                    let mut statement = connection.prepare_cached(query)?;
                    statement.query_row([parameter], |row| {
                        let mut figures = [0; N];
                        for (index, figure) in figures.iter_mut().enumerate() {
                            *figure = row.get(index)?;
                        }
                        Ok(figures)
                    })
                };
                queries.run(read).await
            }
            Reader::Postgres(connections) => {
                let values = [parameter.into()];
                let query = Statement::from_sql_and_values(DbBackend::Postgres, query, values);
                let row = connections.query_one_raw(query).await?;
                let row = row.ok_or_else(|| Error::internal("there are no figures"))?;
                let mut figures = [0; N];
                for (index, figure) in figures.iter_mut().enumerate() {
                    *figure = row.try_get_by_index(index)?;
                }
                Ok(figures)
            }
        }
    }
}
