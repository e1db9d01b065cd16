//! The end of groups.
//!
//! A group may have very many shares, too many for one transaction that others wait for. So its members go first, and with
//! them all that the shares grant: what is left of the group is seen by nobody, and nothing can be shared with it. Then its
//! shares go, some at a time, and with the last of them the group's row.

use entity::{Timestamp, event::Kind, group, group_member, share, share::Audience};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, sea_query::Expr,
};
use uuid::Uuid;

use super::{event, hold};
use crate::{
    access::{Group, Owned},
    app::App,
    auth::client::ClientAddress,
    db::Transaction,
    domain::events::{self, By, Event, Object},
    error::Result,
};

/// Shares that go in the same transaction as the group, or in one of the janitor.
const AT_ONCE: u64 = 1000;

/// Deletes a group: from now on it grants nothing. Its shares go with it; those beyond the first thousand a little later, by
/// [`sweep_deleted`]. `NOT_FOUND` when it has been deleted already.
#[expect(
    clippy::disallowed_methods,
    reason = "groups are deleted here, by their owner"
)]
pub async fn delete(app: &App, client: &ClientAddress, group: &Owned<Group>) -> Result<()> {
    let deleted = event(Kind::GroupDeleted, group, client).detail(&group.name);
    let deleted = events::row(app, deleted);
    let revoked = Event::new(Kind::ShareRevoked)
        .by(By::User(group.owner_id()))
        .from(client);
    let (id, now) = (group.id, app.clock.now());
    let delete = app.db.write(move |transaction| {
        Box::pin(async move {
            hold(transaction, id).await?;
            let members = group_member::Entity::delete_many()
                .filter(group_member::Column::GroupId.eq(id))
                .exec_with_returning(transaction)
                .await?;
            let deleted_id = deleted.id;
            events::record(transaction, deleted).await?;
            // They belong to it no more, and learn why.
            let members = members.into_iter().map(|member| member.user_id);
            events::concern_users(transaction, deleted_id, members).await?;
            if delete_shares(transaction, id, (&revoked, now), AT_ONCE).await? == AT_ONCE {
                group::Entity::update_many()
                    .col_expr(group::Column::DeletedAt, Expr::value(now))
                    .filter(group::Column::Id.eq(id))
                    .exec(transaction)
                    .await?;
            }
            Ok(())
        })
    });
    delete.await
}

/// Deletes what is left of deleted groups: up to `limit` shares and rows of groups, and says how many.
#[expect(clippy::disallowed_methods, reason = "groups end here")]
pub async fn sweep_deleted(app: &App, limit: u64) -> Result<u64> {
    let deleted = group::Entity::find()
        .filter(group::Column::DeletedAt.is_not_null())
        .order_by_asc(group::Column::DeletedAt)
        .limit(limit);
    let mut swept = 0;
    for group in app.db.all(deleted).await? {
        let (left, now) = (limit - swept, app.clock.now());
        let delete = app.db.write(move |transaction| {
            Box::pin(async move {
                // Held, so that of several instances one counts the shares that are left.
                let held = group::Entity::find_by_id(group.id).lock_exclusive();
                if held.one(transaction).await?.is_none() {
                    return Ok(0);
                }
                let revoked = Event::new(Kind::ShareRevoked).by(By::Janitor);
                delete_shares(transaction, group.id, (&revoked, now), left).await
            })
        });
        swept += delete.await?;
        if swept >= limit {
            break;
        }
    }
    Ok(swept)
}

/// Deletes up to `limit` shares with the group `id`, each with an event like `revoked` in the trail of its file, and then
/// the group's row where none are left. Says how many rows that were.
#[expect(clippy::disallowed_methods, reason = "shares end with their group")]
async fn delete_shares(
    transaction: &Transaction,
    id: Uuid,
    (revoked, now): (&Event, Timestamp),
    limit: u64,
) -> Result<u64> {
    let some = share::Entity::find()
        .select_only()
        .column(share::Column::Id)
        .filter(share::Column::Audience.eq(Audience::Group))
        .filter(share::Column::AudienceId.eq(id))
        .order_by_asc(share::Column::FileId)
        .limit(limit)
        .into_query();
    let shares = share::Entity::delete_many()
        .filter(share::Column::Id.in_subquery(some))
        .exec_with_returning(transaction)
        .await?;
    let number = u64::try_from(shares.len()).unwrap_or(limit);
    if number > 0 {
        let revoked = shares.iter().map(|share| {
            let event = revoked.clone().of(Object::File(share.file_id));
            let event = event.to(Audience::Group, id).detail(share.id.to_string());
            events::row_at(event, now)
        });
        events::record_all(transaction, revoked.collect()).await?;
    }
    if number == limit {
        return Ok(number);
    }
    let row = group::Entity::delete_by_id(id);
    let row = row.exec(transaction).await?.rows_affected;
    Ok(number + row)
}
