//! Whether the database is whole.

use super::{Db, Reader};
use crate::error::Result;

impl Db {
    /// What SQLite finds wrong with its file, which it reads whole. PostgreSQL looks at its pages itself.
    pub async fn find_damage(&self) -> Result<Option<String>> {
        match self.reader() {
            Reader::Sqlite { queries, .. } => {
                let look = |connection: &rusqlite::Connection| {
                    connection.pragma_query_value(None, "quick_check", |row| row.get(0))
                };
                let said: String = queries.run(look).await?;
                Ok((said != "ok").then_some(said))
            }
            Reader::Postgres(_) => Ok(None),
        }
    }
}
