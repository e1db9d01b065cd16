//! SeaORM's queries on SQLite, by statements that stay prepared. SeaORM's own way, over sqlx, crosses threads for each
//! statement and for most rows, which costs several times as much as the query itself.

use rusqlite::{CachedStatement, Connection, Row, types::ValueRef};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ColumnType, DbBackend, EntityTrait, IntoActiveModel, Iterable,
    QueryTrait, Select, Statement, TryIntoModel, Value,
};
use uuid::Uuid;

use super::Lookups;
use crate::error::{Error, Result};

/// The rows that `select` selects, of all columns of its entity.
pub(super) async fn all<E>(queries: &Lookups, select: Select<E>) -> Result<Vec<E::Model>>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel> + Send + 'static,
    E::ActiveModel: ActiveModelTrait<Entity = E> + TryIntoModel<E::Model>,
{
    let statement = select.build(DbBackend::Sqlite);
    queries
        .run(move |connection| rows::<E>(connection, statement))
        .await?
}

#[expect(
    clippy::disallowed_methods,
    reason = "these are others' queries, passed on"
)]
fn rows<E>(connection: &Connection, statement: Statement) -> rusqlite::Result<Result<Vec<E::Model>>>
where
    E: EntityTrait,
    E::ActiveModel: ActiveModelTrait<Entity = E> + TryIntoModel<E::Model>,
{
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    bind_all(&mut prepared, &statement)?;
    let columns: Vec<_> = E::Column::iter()
        .map(|column| (column, column.def().get_column_type().clone()))
        .collect();
    let mut found = prepared.raw_query();
    let mut models = Vec::new();
    while let Some(row) = found.next()? {
        match model::<E>(row, &columns) {
            Ok(model) => models.push(model),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(models))
}

/// Gives a prepared statement the values of SeaORM's.
pub fn bind_all(prepared: &mut CachedStatement<'_>, statement: &Statement) -> rusqlite::Result<()> {
    let values = statement.values.iter().flat_map(|values| values.iter());
    for (index, value) in values.enumerate() {
        bind(prepared, index + 1, value)?;
    }
    Ok(())
}

fn bind(statement: &mut CachedStatement<'_>, index: usize, value: &Value) -> rusqlite::Result<()> {
    match value {
        Value::Bool(value) => statement.raw_bind_parameter(index, value),
        Value::Int(value) => statement.raw_bind_parameter(index, value),
        Value::BigInt(value) => statement.raw_bind_parameter(index, value),
        // The limit of a query.
        Value::BigUnsigned(value) => {
            let value = value.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
            statement.raw_bind_parameter(index, value)
        }
        Value::String(value) => statement.raw_bind_parameter(index, value),
        Value::Bytes(value) => statement.raw_bind_parameter(index, value),
        Value::Uuid(value) => {
            let bytes = value.as_ref().map(|id| id.as_bytes().as_slice());
            statement.raw_bind_parameter(index, bytes)
        }
        other => {
            let what = format!("{other:?} cannot be bound");
            Err(rusqlite::Error::ToSqlConversionFailure(what.into()))
        }
    }
}

/// The model of a row that has the entity's `columns`, in their order, which SeaORM selects.
fn model<E>(row: &Row<'_>, columns: &[(E::Column, ColumnType)]) -> Result<E::Model>
where
    E: EntityTrait,
    E::ActiveModel: ActiveModelTrait<Entity = E> + TryIntoModel<E::Model>,
{
    let mut model = <E::ActiveModel as ActiveModelTrait>::default();
    for (index, (column, kind)) in columns.iter().enumerate() {
        let value = value(kind, row.get_ref(index)?)
            .ok_or_else(|| Error::internal(format!("{column:?} holds a value of another type")))?;
        model.try_set(*column, value)?;
    }
    Ok(model.try_into_model()?)
}

/// SQLite has few types of values: the column says which of the program's is meant.
fn value(kind: &ColumnType, value: ValueRef<'_>) -> Option<Value> {
    let text = |bytes| std::str::from_utf8(bytes).ok().map(str::to_owned);
    Some(match (kind, value) {
        (ColumnType::Boolean, ValueRef::Null) => Value::Bool(None),
        (ColumnType::Boolean, ValueRef::Integer(value)) => Value::Bool(Some(value != 0)),
        (ColumnType::Integer, ValueRef::Null) => Value::Int(None),
        (ColumnType::Integer, ValueRef::Integer(value)) => Value::Int(Some(value.try_into().ok()?)),
        (ColumnType::BigInteger, ValueRef::Null) => Value::BigInt(None),
        (ColumnType::BigInteger, ValueRef::Integer(value)) => Value::BigInt(Some(value)),
        (ColumnType::String(_) | ColumnType::Text, ValueRef::Null) => Value::String(None),
        (ColumnType::String(_) | ColumnType::Text, ValueRef::Text(bytes)) => {
            Value::String(Some(text(bytes)?))
        }
        (ColumnType::VarBinary(_) | ColumnType::Blob, ValueRef::Null) => Value::Bytes(None),
        (ColumnType::VarBinary(_) | ColumnType::Blob, ValueRef::Blob(bytes)) => {
            Value::Bytes(Some(bytes.to_owned()))
        }
        (ColumnType::Uuid, ValueRef::Null) => Value::Uuid(None),
        (ColumnType::Uuid, ValueRef::Blob(bytes)) => {
            Value::Uuid(Some(Uuid::from_slice(bytes).ok()?))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use sea_orm::sea_query::StringLen;

    use super::*;

    #[test]
    fn a_value_of_another_type_than_its_column_s_is_refused_and_not_taken_as_null() {
        let (text, blob) = (ValueRef::Text(b"7"), ValueRef::Blob(&[7; 15]));
        let string = ColumnType::String(StringLen::None);
        for (kind, held) in [
            (&ColumnType::BigInteger, text),
            (&ColumnType::Integer, ValueRef::Integer(i64::MAX)),
            (&ColumnType::Boolean, text),
            (&ColumnType::Uuid, blob),
            (&ColumnType::Uuid, text),
            (&string, ValueRef::Integer(7)),
            (&string, ValueRef::Text(&[0xe9])),
            (&ColumnType::Blob, text),
            (&ColumnType::Json, text),
        ] {
            assert_eq!(value(kind, held), None, "{kind:?} {held:?}");
        }
        let null = value(&ColumnType::BigInteger, ValueRef::Null);
        assert_eq!(null, Some(Value::BigInt(None)));
    }
}
