//! Places in drops: each file takes one, in the transaction that makes it a file.

use entity::{Timestamp, drop};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, LockType},
};
use uuid::Uuid;

use crate::{db::Transaction, error::Result};

/// Whether files may come by a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Taken,
    /// It would have more files than it may.
    Full,
    /// It was closed, or has ended.
    Closed,
}

/// Takes places, all of them or none.
#[expect(clippy::disallowed_methods, reason = "files by drop are counted here")]
pub async fn take(
    transaction: &Transaction,
    drop_id: Uuid,
    files: i64,
    now: Timestamp,
) -> Result<Place> {
    let is_open = drop::open(now).add(drop::Column::Id.eq(drop_id));
    let more = || Expr::col(drop::Column::FileCount).add(files);
    let has_room = Condition::any()
        .add(drop::Column::MaxFiles.is_null())
        .add(more().lte(Expr::col(drop::Column::MaxFiles)));
    let taken = drop::Entity::update_many()
        .col_expr(drop::Column::FileCount, more())
        .filter(is_open.clone())
        .filter(has_room)
        .exec(transaction)
        .await?;
    if taken.rows_affected > 0 {
        return Ok(Place::Taken);
    }
    let open = drop::Entity::find()
        .filter(is_open)
        .one(transaction)
        .await?;
    Ok(match open {
        Some(_) => Place::Full,
        None => Place::Closed,
    })
}

/// Holds a drop until the transaction ends, so that what comes by it is counted one after the other.
#[expect(clippy::disallowed_methods, reason = "files by drop are counted here")]
pub async fn hold(transaction: &Transaction, drop_id: Uuid) -> Result<()> {
    let held = drop::Entity::find_by_id(drop_id).lock(LockType::NoKeyUpdate);
    held.one(transaction).await?;
    Ok(())
}
