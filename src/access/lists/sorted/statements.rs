//! The statements of both ways, as both databases take them.

use entity::Words;
use sea_orm::{DbBackend, Statement, Value};

use super::{Order, Place, SortKey, scan::Scan};

/// A list, as a statement names it.
pub(super) struct List<'s> {
    pub list: &'s str,
    pub reader_id: &'s str,
}

/// A statement under construction.
pub(super) struct Sql {
    backend: DbBackend,
    values: Vec<Value>,
}

impl Sql {
    pub fn new(backend: DbBackend) -> Self {
        Self {
            backend,
            values: Vec::new(),
        }
    }

    /// A value's place in the text.
    pub fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        let mark = match self.backend {
            DbBackend::Postgres => '$',
            _ => '?',
        };
        format!("{mark}{}", self.values.len())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the loader of files")]
    pub fn statement(self, text: impl Into<String>) -> Statement {
        Statement::from_sql_and_values(self.backend, text, self.values)
    }

    /// Whether a row's name has the part.
    fn has_part(&mut self, scan: &Scan<'_>) -> String {
        let part = self.bind(scan.part.name.as_str());
        match self.backend {
            DbBackend::Postgres => format!("strpos(name_key, {part}) > 0"),
            _ => format!("instr(name_key, {part}) > 0"),
        }
    }

    /// Whether a row of `listed` is of a list still: its share has not ended, and the file is live, not the viewer's own, and
    /// not of a deleted account.
    fn is_granted(&mut self, scan: &Scan<'_>) -> String {
        let (now, viewer_id) = (self.bind(scan.now.0), self.bind(scan.viewer_id));
        format!(
            "(share_id IS NULL OR (EXISTS (SELECT 1 FROM share WHERE share.id = listed.share_id \
             AND (share.expires_at IS NULL OR share.expires_at > {now})) \
             AND EXISTS (SELECT 1 FROM file WHERE file.id = listed.file_id AND file.trashed_at IS NULL \
             AND file.owner_id <> {viewer_id} \
             AND NOT EXISTS (SELECT 1 FROM deleted_user WHERE deleted_user.user_id = file.owner_id))))"
        )
    }

    /// The condition that a row of `list` lies beyond `place`, to the side that `sign` says; without a place, that it is of
    /// the list.
    ///
    /// For PostgreSQL, the list is a part of the range and of the order, so that only the index of that order has both: by
    /// estimates, it would read along other indexes, through other lists' rows.
    fn beyond(&mut self, list: &List<'_>, place: Option<&Place>, sign: char) -> String {
        let is_postgres = self.backend == DbBackend::Postgres;
        let (columns, values) = match place {
            None if is_postgres => {
                let List { list, reader_id } = list;
                return format!("(list, reader_id) {sign}= ({list}, {reader_id})");
            }
            None => (Vec::new(), Vec::new()),
            Some(place) => self.row(place),
        };
        let List { list, reader_id } = list;
        let (columns, values) = (columns.join(", "), values.join(", "));
        match (is_postgres, columns.is_empty()) {
            (true, _) => {
                format!("(list, reader_id, {columns}) {sign} ({list}, {reader_id}, {values})")
            }
            (false, true) => format!("list = {list} AND reader_id = {reader_id}"),
            (false, false) => format!(
                "list = {list} AND reader_id = {reader_id} AND ({columns}) {sign} ({values})"
            ),
        }
    }

    /// The columns of an order and a place's values of them.
    fn row(&mut self, place: &Place) -> (Vec<&'static str>, Vec<String>) {
        let (mut columns, mut values) = (Vec::new(), Vec::new());
        match &place.key {
            SortKey::Created => {}
            SortKey::Name(name) => {
                columns.push("name_key");
                values.push(self.bind(name.as_str()));
            }
            SortKey::Size(size) => {
                columns.push("size");
                values.push(self.bind(*size));
            }
        }
        columns.push("file_id");
        values.push(self.bind(place.id));
        (columns, values)
    }

    /// The walk along one list: the hits, and the last row where there may be more.
    pub fn walk(&mut self, scan: &Scan<'_>, list: &List<'_>) -> String {
        let part = scan.part;
        let ascends = (part.order == Order::Name) != part.backward;
        let (direction, on, back) = match ascends {
            true => ("ASC", '>', '<'),
            false => ("DESC", '<', '>'),
        };
        let columns: &[_] = match part.order {
            Order::Created => &["file_id"],
            Order::Name => &["name_key", "file_id"],
            Order::Size => &["size", "file_id"],
        };
        let along = |columns: &[&str]| {
            let columns = columns.iter().map(|column| format!("{column} {direction}"));
            columns.collect::<Vec<_>>().join(", ")
        };
        let order = along(columns);
        let along_list = match self.backend {
            DbBackend::Postgres => format!("{}, {order}", along(&["list", "reader_id"])),
            _ => order.clone(),
        };
        let (_, to) = part.bounds();
        let from = self.beyond(list, scan.from.as_ref(), on);
        let to = self.beyond(list, to, back);
        let (has_part, is_granted) = (self.has_part(scan), self.is_granted(scan));
        let (rows, wanted) = (scan.rows_of_each(), scan.wanted);
        let name_key = match part.order {
            Order::Name => "name_key",
            Order::Created | Order::Size => "''",
        };
        format!(
            "WITH walked AS MATERIALIZED (SELECT share_id, file_id, name_key, size FROM listed_file \
             WHERE {from} AND {to} ORDER BY {along_list} LIMIT {rows}) \
             SELECT file_id, {name_key}, size, hit FROM \
             (SELECT file_id, name_key, size, 1 AS hit FROM walked AS listed WHERE {has_part} AND {is_granted} \
             ORDER BY {order} LIMIT {wanted}) AS hits \
             UNION ALL SELECT file_id, {name_key}, size, hit FROM \
             (SELECT file_id, name_key, size, 0 AS hit FROM walked ORDER BY {order} LIMIT 1 OFFSET {last}) AS ends",
            last = rows - 1,
        )
    }

    /// The rows of one list among `found`, a query of rows that the full-text index names: which are hits.
    pub fn among(&mut self, scan: &Scan<'_>, found: &str, list: &List<'_>) -> String {
        let List { list, reader_id } = list;
        let (has_part, is_granted) = (self.has_part(scan), self.is_granted(scan));
        format!(
            "SELECT file_id, name_key, size, \
             CASE WHEN list = {list} AND reader_id = {reader_id} AND {has_part} AND {is_granted} THEN 1 ELSE 0 END AS hit \
             FROM {found} AS listed"
        )
    }
}

/// The words as SQLite's full-text index takes them. No word has a quotation mark.
pub(super) fn fts5(words: &Words) -> String {
    match words {
        Words::All(words) => {
            let words = words.iter().map(|word| format!("\"{word}\""));
            words.collect::<Vec<_>>().join(" AND ")
        }
        Words::Prefix(start) => format!("\"{start}\" *"),
    }
}

/// The words as a `tsquery` of PostgreSQL's.
pub(super) fn tsquery(words: &Words) -> String {
    match words {
        Words::All(words) => {
            let words = words.iter().map(|word| format!("'{word}'"));
            words.collect::<Vec<_>>().join(" & ")
        }
        Words::Prefix(start) => format!("'{start}':*"),
    }
}
