//! What the trail keeps of a person whose account ends: what happened, when and to what, and not who they were.

use entity::event::{self, ActorKind, Kind, ObjectKind};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use super::concerns;
use crate::{db::Transaction, error::Result};

/// Takes from what happened to `objects` what tells of the person `user_id`, whose account ends: where they came from, and what
/// things and they themselves were called. What happened, when, and to what, stays.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub(in crate::domain) async fn forget(
    transaction: &Transaction,
    user_id: Uuid,
    objects: &[Uuid],
) -> Result<()> {
    let of_objects = || event::Column::ObjectId.is_in(objects.to_vec());
    let named = Condition::any()
        .add(event::Column::Kind.is_in([Kind::Uploaded, Kind::Renamed]))
        .add(event::Column::ObjectKind.eq(ObjectKind::User));
    let by_them = Condition::any()
        .add(event::Column::ActorId.eq(user_id))
        .add(event::Column::ObjectKind.eq(ObjectKind::User));
    for (column, which) in [
        (event::Column::Detail, named),
        (event::Column::Address, by_them),
    ] {
        event::Entity::update_many()
            .col_expr(column, Expr::value(None::<String>))
            .filter(of_objects())
            .filter(which)
            .exec(transaction)
            .await?;
    }
    Ok(())
}

/// Takes from up to `limit` events of the person `user_id`, whose account ends, what tells of the person: where they acted from,
/// and what they called their files, drops, groups and API tokens. Says how many events it was.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub(in crate::domain) async fn forget_acts(
    transaction: &Transaction,
    user_id: Uuid,
    limit: u64,
) -> Result<u64> {
    let ended = concerns::end_feed(transaction, user_id, limit).await?;
    if ended.is_empty() {
        return Ok(0);
    }
    let number = u64::try_from(ended.len()).unwrap_or(limit);
    let by_them = Condition::all()
        .add(event::Column::ActorKind.eq(ActorKind::User))
        .add(event::Column::ActorId.eq(user_id));
    let theirs = Condition::any()
        .add(by_them.clone())
        .add(event::Column::OwnerId.eq(user_id));
    let has_name = Condition::any()
        // Also of files that were purged before.
        .add(event::Column::Kind.is_in([Kind::Uploaded, Kind::Renamed]))
        .add(event::Column::ObjectKind.is_in([
            ObjectKind::Drop,
            ObjectKind::Group,
            ObjectKind::ApiToken,
        ]));
    let named = Condition::all().add(theirs).add(has_name);
    for (column, which) in [
        (event::Column::Address, by_them),
        (event::Column::Detail, named),
    ] {
        event::Entity::update_many()
            .col_expr(column, Expr::value(None::<String>))
            .filter(event::Column::Id.is_in(ended.iter().copied()))
            .filter(which)
            .exec(transaction)
            .await?;
    }
    Ok(number)
}
