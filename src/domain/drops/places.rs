//! Places in drops: each file takes one, in the transaction that makes it a file.

use entity::{Timestamp, drop};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
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
    let is_open = Condition::all()
        .add(drop::Column::Id.eq(drop_id))
        .add(drop::Column::ClosedAt.is_null())
        .add(
            Condition::any()
                .add(drop::Column::ExpiresAt.is_null())
                .add(drop::Column::ExpiresAt.gt(now)),
        );
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

/// Gives places back in the transaction that took them.
#[expect(clippy::disallowed_methods, reason = "files by drop are counted here")]
pub async fn give_back(transaction: &Transaction, drop_id: Uuid, files: i64) -> Result<()> {
    let fewer = Expr::col(drop::Column::FileCount).sub(files);
    drop::Entity::update_many()
        .col_expr(drop::Column::FileCount, fewer)
        .filter(drop::Column::Id.eq(drop_id))
        .exec(transaction)
        .await?;
    Ok(())
}
