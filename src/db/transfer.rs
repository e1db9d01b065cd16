//! Rows on their way from an SQLite database to PostgreSQL: all of them, in one transaction of each.

use sea_orm::{
    ActiveModelTrait, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction,
    DbBackend, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, Statement,
    sea_query::{Expr, Order},
};

use super::{Db, connect, migrate, place};
use crate::{error::is_locked, operator_error::OperatorError, tasks::Tasks};

/// Tables that are not ours to copy: what PostgreSQL makes by itself, or has in another form.
const NOT_COPIED: &str =
    "name NOT LIKE 'sqlite_%' AND name NOT LIKE 'listed_file_gram%' AND name <> 'seaql_migrations'";

/// Both databases, which nobody else uses meanwhile.
pub struct Transfer {
    from: DatabaseConnection,
    from_name: String,
    to: DatabaseTransaction,
    /// What the transaction is of.
    to_db: Db,
}

impl Transfer {
    /// Opens the SQLite database at `from`, which no server may have open, and the one at `to`, which has to be empty and gets
    /// its tables.
    pub async fn begin(from: &str, to: &str, tasks: &Tasks) -> Result<Self, OperatorError> {
        let Some(path) = place::sqlite_path(from) else {
            return Err(OperatorError::new(
                "CLOAKROOM_DATABASE_URL is not SQLite's: rows are moved from SQLite to PostgreSQL, and between two \
                 PostgreSQL by pg_dump and pg_restore"
                    .to_owned(),
            ));
        };
        if place::sqlite_path(to).is_some() {
            return Err(OperatorError::new(
                "--to names an SQLite database: rows are moved to PostgreSQL; to have another SQLite database, copy the \
                 file while no server runs"
                    .to_owned(),
            ));
        }
        place::check_there(&path)?;
        place::check_closed(&path)?;
        let name = place::sqlite_name(&path);
        let source = Database::connect(connect::sqlite_alone(&path)).await;
        let source = source.map_err(|error| of_source(&name, &error))?;
        migrate::check_schema(&source, &name).await?;
        let destination = Db::connect_or_create(to, tasks).await?;
        destination.check_for_others().await?;
        destination.migrate().await?;
        let transaction = destination.begin_transfer().await;
        Ok(Self {
            from: source,
            from_name: name.to_string(),
            to: transaction.map_err(|error| destination.unusable(error))?,
            to_db: destination,
        })
    }

    /// The tables that the source has, but those that are made by themselves.
    #[expect(clippy::disallowed_methods, reason = "names are no rows of anybody")]
    pub async fn tables(&self) -> Result<Vec<String>, OperatorError> {
        let sql = format!(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND {NOT_COPIED} ORDER BY name"
        );
        let names = self
            .from
            .query_all_raw(Statement::from_string(DbBackend::Sqlite, sql));
        let names = names
            .await
            .map_err(|error| of_source(&self.from_name, &error))?;
        let names = names.iter().map(|row| row.try_get_by_index(0));
        names
            .collect::<Result<_, _>>()
            .map_err(|error| of_source(&self.from_name, &error))
    }

    /// Whether the destination has a row of `E`.
    pub async fn has_rows<E: EntityTrait>(&self) -> Result<bool, OperatorError> {
        let rows = count::<E>(&self.to).await;
        Ok(rows.map_err(|error| self.of_destination(&error))? > 0)
    }

    /// Copies all rows of `E`, a `page` at a time, and says how many. Fails when the
    /// destination then has another number.
    #[expect(clippy::disallowed_methods, reason = "every row is copied")]
    pub async fn copy<E>(&self, page: u64) -> Result<u64, OperatorError>
    where
        E: EntityTrait,
        E::Model: IntoActiveModel<E::ActiveModel> + Send,
        E::ActiveModel: ActiveModelTrait<Entity = E> + Send,
    {
        let of_source = |error: DbErr| of_source(&self.from_name, &error);
        let of_destination = |error: DbErr| self.of_destination(&error);
        // What its first step has put there.
        let emptied = E::delete_many().exec(&self.to).await;
        emptied.map_err(of_destination)?;
        let mut after = i64::MIN;
        while let Some(last) = self.page_end::<E>(after, page).await.map_err(of_source)? {
            let rows = E::find()
                .filter(Expr::cust_with_values(
                    "rowid > ? AND rowid <= ?",
                    [after, last],
                ))
                .order_by(Expr::cust("rowid"), Order::Asc)
                .all(&self.from);
            let rows = rows.await.map_err(of_source)?;
            let rows = rows
                .into_iter()
                .map(|row| row.into_active_model().reset_all());
            let copied = E::insert_many(rows).exec_without_returning(&self.to).await;
            copied.map_err(of_destination)?;
            after = last;
        }
        let there = count::<E>(&self.from).await.map_err(of_source)?;
        let here = count::<E>(&self.to).await.map_err(of_destination)?;
        match there == here {
            true => Ok(here.unsigned_abs()),
            false => Err(OperatorError::new(format!(
                "of {there} rows of the table {:?}, {} has {here}. Nothing was changed there",
                E::default().table_name(),
                self.to_db.name()
            ))),
        }
    }

    /// The last row of the page behind `after`.
    #[expect(clippy::disallowed_methods, reason = "every row is copied")]
    async fn page_end<E: EntityTrait>(&self, after: i64, rows: u64) -> Result<Option<i64>, DbErr> {
        let table = E::default();
        let sql = format!(
            "SELECT MAX(rowid) FROM (SELECT rowid FROM \"{}\" WHERE rowid > {after} ORDER BY rowid LIMIT {rows})",
            table.table_name()
        );
        let end = Statement::from_string(DbBackend::Sqlite, sql);
        let end = self.from.query_one_raw(end).await?;
        end.map_or(Ok(None), |end| end.try_get_by_index(0))
    }

    /// Makes what was copied durable, and has PostgreSQL number further rows behind those that there are.
    #[expect(clippy::disallowed_methods, reason = "numbers are no rows of anybody")]
    pub async fn commit(self) -> Result<(), OperatorError> {
        let Self { to, to_db, .. } = self;
        let unusable = |error: DbErr| to_db.unusable(error);
        let numbered = "SELECT table_name::text, column_name::text FROM information_schema.columns \
             WHERE table_schema = current_schema() AND (column_default LIKE 'nextval(%' OR is_identity = 'YES')";
        let numbered = Statement::from_string(DbBackend::Postgres, numbered);
        let numbered = to.query_all_raw(numbered).await.map_err(unusable)?;
        for row in numbered {
            let table: String = row.try_get_by_index(0).map_err(unusable)?;
            let column: String = row.try_get_by_index(1).map_err(unusable)?;
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('\"{table}\"', '{column}'), \
                 COALESCE(MAX(\"{column}\"), 0) + 1, false) FROM \"{table}\""
            );
            to.execute_unprepared(&sql).await.map_err(unusable)?;
        }
        to.commit().await.map_err(|error| {
            OperatorError::new(format!(
                "{} does not say whether all rows are in it: {error}. Run the command again: it is refused where they are",
                to_db.name()
            ))
        })?;
        to_db.clone().close().await.map_err(unusable)
    }

    /// What the destination is called.
    pub fn to_name(&self) -> &str {
        self.to_db.name()
    }

    fn of_destination(&self, error: &DbErr) -> OperatorError {
        self.to_db.unusable(format!(
            "{error}. Nothing was changed there; run the command again"
        ))
    }
}

/// What an error of the source says to the operator.
fn of_source(name: &str, error: &DbErr) -> OperatorError {
    match is_locked(error) {
        true => OperatorError::new(format!(
            "{name} is in use: stop every server of this installation, and whatever else has it open. Nothing was changed"
        )),
        false => OperatorError::new(format!("cannot read {name}: {error}. Nothing was changed")),
    }
}

#[expect(clippy::disallowed_methods, reason = "every row is copied")]
async fn count<E: EntityTrait>(connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let table = E::default();
    let sql = format!("SELECT COUNT(*) FROM \"{}\"", table.table_name());
    let rows = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_one_raw(rows).await?;
    rows.map_or(Ok(0), |rows| rows.try_get_by_index(0))
}
