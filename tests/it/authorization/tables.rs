//! Every row of every table, so that a test sees whatever a refused operation changed.

use std::collections::{BTreeMap, BTreeSet};

use cloakroom::db::Db;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};

/// The tables of one database, as its schema lists them.
pub struct Tables {
    db: Db,
    pub names: BTreeSet<String>,
    /// Asks for the rows of all of them, as text.
    query: String,
}

/// The rows of each table.
pub type Rows = BTreeMap<String, BTreeSet<String>>;

impl Tables {
    pub async fn of(db: &Db) -> Self {
        let columns = match db.read().get_database_backend() {
            DbBackend::Sqlite => {
                "SELECT tables.name AS name, columns.name AS value
                FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
                WHERE tables.type = 'table'"
            }
            _ => {
                "SELECT CAST(table_name AS TEXT) AS name, CAST(column_name AS TEXT) AS value
                FROM information_schema.columns WHERE table_schema = current_schema()"
            }
        };
        let tables = grouped(&ask(db, columns).await);
        let selects = tables.iter().map(|(table, columns)| {
            let row = match db.read().get_database_backend() {
                DbBackend::Sqlite => {
                    let columns = columns
                        .iter()
                        .map(|name| format!("'{name}', quote(\"{name}\")"));
                    let columns: Vec<_> = columns.collect();
                    format!("json_object({})", columns.join(", "))
                }
                _ => "CAST(row_to_json(t) AS TEXT)".to_owned(),
            };
            format!("SELECT '{table}' AS name, {row} AS value FROM \"{table}\" AS t")
        });
        Self {
            db: db.clone(),
            query: selects.collect::<Vec<_>>().join(" UNION ALL "),
            names: tables.keys().cloned().collect(),
        }
    }

    pub async fn rows(&self) -> Rows {
        grouped(&ask(&self.db, &self.query).await)
    }
}

/// The tables that are not the same in both.
pub fn changed(before: &Rows, after: &Rows) -> BTreeSet<String> {
    let tables = before.keys().chain(after.keys());
    let changed = tables.filter(|table| before.get(*table) != after.get(*table));
    changed.cloned().collect()
}

async fn ask(db: &Db, query: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(db.read().get_database_backend(), query);
    db.read().query_all_raw(statement).await.unwrap()
}

/// The values by name.
fn grouped(rows: &[QueryResult]) -> Rows {
    let mut groups = Rows::new();
    for row in rows {
        let (name, value) = (row.try_get("", "name"), row.try_get("", "value"));
        let group: &mut BTreeSet<_> = groups.entry(name.unwrap()).or_default();
        group.insert(value.unwrap());
    }
    groups
}
