//! Groups: named sets of users to share with, each looked after by its owner.

use entity::{event::Kind, group, group_member, user};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::{
    events::{self, By, Event, Heard, Object},
    names,
};
use crate::{
    access::{Group, Owned},
    app::App,
    auth::{Viewer, active, client::ClientAddress},
    db::Transaction,
    error::{Code, Error, Result},
    random,
};

mod deletion;
mod members;

pub use deletion::{delete, sweep_deleted};
pub use members::{add, leave, members, remove};
pub(super) use members::{heard_by, hold_for_member};

/// Makes a group of `viewer`'s, with its owner as the only member.
///
/// `BAD_USER_INPUT` for a name that cannot be; `QUOTA_EXCEEDED` when the user owns as many groups as they may.
#[expect(
    clippy::disallowed_methods,
    reason = "groups are made here, by their owner"
)]
pub async fn create(
    app: &App,
    client: &ClientAddress,
    viewer: &Viewer,
    name: String,
) -> Result<Owned<Group>> {
    names::check("group", &name)?;
    let now = app.clock.now();
    let row = group::Model {
        id: random::id(now),
        owner_id: viewer.id(),
        name,
        created_at: now,
        deleted_at: None,
    };
    let event = Event::new(Kind::GroupCreated)
        .by(By::User(viewer.id()))
        .of(Object::Group(row.id))
        .from(client)
        .detail(&row.name);
    let event = events::change(app, event)?;
    let (made, epoch) = (row.clone(), viewer.epoch());
    let most = app.config.users.max_groups_per_user;
    let insert = app.db.write(move |transaction| {
        Box::pin(async move {
            // Held, so that groups are made one after the other and counted.
            user::Entity::find_by_id(row.owner_id)
                .filter(active(epoch))
                .lock_exclusive()
                .one(transaction)
                .await?
                .ok_or_else(Error::unauthenticated)?;
            let owned = group::Entity::find()
                .filter(group::Column::OwnerId.eq(row.owner_id))
                .filter(group::Column::DeletedAt.is_null());
            if owned.count(transaction).await? >= u64::from(most) {
                let detail = format!("You may own {most} groups; delete one first.");
                return Err(Error::new(Code::QuotaExceeded, detail).with("limit", most));
            }
            let (id, owner_id) = (row.id, row.owner_id);
            group::Entity::insert(group::ActiveModel::from(row).reset_all())
                .exec_without_returning(transaction)
                .await?;
            insert_member(transaction, id, owner_id).await?;
            events::record(transaction, event).await
        })
    });
    insert.await?;
    Owned::<Group>::made(viewer, made)
}

/// Gives a group another name; the one that it has changes nothing. `BAD_USER_INPUT` for one that cannot be; `NOT_FOUND` when the
/// group has been deleted meanwhile.
#[expect(
    clippy::disallowed_methods,
    reason = "groups are changed here, by their owner"
)]
pub async fn rename(
    app: &App,
    client: &ClientAddress,
    group: &Owned<Group>,
    name: String,
) -> Result<Owned<Group>> {
    names::check("group", &name)?;
    let event = event(Kind::GroupRenamed, group, client).detail(&name);
    let (event, id) = (events::change(app, event)?, group.id);
    let update = app.db.write(move |transaction| {
        Box::pin(async move {
            let row = hold(transaction, id).await?;
            if row.name == name {
                return Ok((row, Heard::default()));
            }
            let mut row = row.into_active_model();
            row.name = Set(name);
            let row = group::Entity::update(row).exec(transaction).await?;
            events::record(transaction, event).await?;
            Ok((row, heard_by(transaction, &[id]).await?))
        })
    });
    let (row, heard) = update.await?;
    events::owe(app, row.owner_id, heard);
    group.renamed(row)
}

/// What its owner does to a group.
fn event(kind: Kind, group: &Owned<Group>, client: &ClientAddress) -> Event {
    Event::new(kind)
        .by(By::User(group.owner_id()))
        .of(Object::Group(group.id))
        .from(client)
}

/// The group `id`, held to the end of the transaction, so that changes of its members come one after the other and none
/// comes after its deletion. `NOT_FOUND` when it has been deleted.
#[expect(
    clippy::disallowed_methods,
    reason = "groups are changed here, by their owner"
)]
async fn hold(transaction: &Transaction, id: Uuid) -> Result<group::Model> {
    let held = group::Entity::find_by_id(id)
        .filter(group::Column::DeletedAt.is_null())
        .lock_exclusive();
    held.one(transaction).await?.ok_or_else(Error::not_found)
}

#[expect(
    clippy::disallowed_methods,
    reason = "groups are changed here, by their owner"
)]
async fn insert_member(transaction: &Transaction, group_id: Uuid, user_id: Uuid) -> Result<()> {
    let row = group_member::ActiveModel {
        group_id: Set(group_id),
        user_id: Set(user_id),
        joined_after: Set(events::last_place(transaction).await?),
    };
    group_member::Entity::insert(row)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}
