//! Every row of every table, so that a test sees whatever a refused operation changed.

use std::collections::{BTreeMap, BTreeSet};

use cloakroom::db::{Db, Reader};
use entity::Timestamp;
use serde_json::Value;

use crate::support::rows::pairs;

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
        let columns = match db.reader() {
            Reader::Sqlite { .. } => {
                "SELECT tables.name AS name, columns.name AS value
                FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
                WHERE tables.type = 'table'"
            }
            Reader::Postgres(_) => {
                "SELECT CAST(table_name AS TEXT) AS name, CAST(column_name AS TEXT) AS value
                FROM information_schema.columns WHERE table_schema = current_schema()"
            }
        };
        let tables = grouped(pairs(db, columns).await);
        let selects = tables.iter().map(|(table, columns)| {
            let row = match db.reader() {
                Reader::Sqlite { .. } => {
                    let columns = columns
                        .iter()
                        .map(|name| format!("'{name}', quote(\"{name}\")"));
                    let columns: Vec<_> = columns.collect();
                    format!("json_object({})", columns.join(", "))
                }
                Reader::Postgres(_) => "CAST(row_to_json(t) AS TEXT)".to_owned(),
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
        grouped(pairs(&self.db, &self.query).await)
    }
}

/// The tables that are not the same in both.
pub fn changed(before: &Rows, after: &Rows) -> BTreeSet<String> {
    let tables = before.keys().chain(after.keys());
    let changed = tables.filter(|table| before.get(*table) != after.get(*table));
    changed.cloned().collect()
}

/// The same, without events of an earlier time than `began`: some events are written half a second after they happened, and on a
/// busy machine later still.
pub fn changed_since(began: Timestamp, before: &Rows, after: &Rows) -> BTreeSet<String> {
    let mut changed = changed(before, after);
    let (none, event) = (BTreeSet::new(), "event");
    let [before, after] = [before, after].map(|rows| rows.get(event).unwrap_or(&none));
    if !before
        .symmetric_difference(after)
        .any(|event| time(event) >= Some(began.0))
    {
        changed.remove(event);
    }
    changed
}

/// When an event happened, as its row says: as a number, or as one that SQLite has quoted.
fn time(event: &str) -> Option<i64> {
    let row: Value = serde_json::from_str(event).ok()?;
    row["at"]
        .as_i64()
        .or_else(|| row["at"].as_str()?.parse().ok())
}

/// The values by name.
fn grouped(pairs: Vec<(String, String)>) -> Rows {
    let mut groups = Rows::new();
    for (name, value) in pairs {
        groups.entry(name).or_default().insert(value);
    }
    groups
}
