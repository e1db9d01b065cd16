//! Who belongs to a group.

use std::collections::{HashMap, HashSet};

use entity::{event::Kind, group, group_member, share::Audience, user};
use sea_orm::{
    ColumnTrait, EntityTrait, Iterable, JoinType, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, RelationTrait,
    sea_query::{Query, SelectStatement},
};
use uuid::Uuid;

use super::{event, hold, insert_member};
use crate::{
    access::{Group, Owned, Readable},
    app::App,
    auth::{Account, PublicUser, client::ClientAddress},
    db::{LISTS_MAX, Page, Rows, Transaction},
    domain::{
        accounts,
        events::{self, By, Event, Heard, Object},
    },
    error::{Code, Error, Result},
};

/// Of each of `groups`, the page of its members, its owner among them, those with the newest accounts first.
///
/// Two queries for [`LISTS_MAX`] groups, which read no more of each than its page.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever belongs to a group may know its members"
)]
pub async fn members(
    app: &App,
    groups: &[&Readable<Group>],
    page: Page,
) -> Result<HashMap<Uuid, Rows<Account>>> {
    let mut pages = HashMap::new();
    for groups in groups.chunks(LISTS_MAX) {
        let lists = groups.iter().map(|group| members_of(group.id));
        let Some(keys) = page.keys_of_each(lists, group_member::Column::UserId) else {
            continue;
        };
        let mut members = group_member::Entity::find();
        // In the place of the table: SQLite would look for two columns in all of that.
        let all = QueryTrait::query(&mut members).from_clear();
        all.from_subquery(keys, group_member::Entity);
        let members = match page.backward {
            true => members.order_by_asc(group_member::Column::UserId),
            false => members.order_by_desc(group_member::Column::UserId),
        };
        let members = app.db.all(members).await?;
        let ids: HashSet<_> = members.iter().map(|member| member.user_id).collect();
        let users = user::Entity::find().filter(user::Column::Id.is_in(ids));
        let users = app.db.all(users).await?.into_iter();
        let users: HashMap<_, _> = users.map(|user| (user.id, Account::from(user))).collect();
        let mut of_groups: HashMap<_, Vec<_>> = HashMap::new();
        for member in members {
            let of_group = of_groups.entry(member.group_id).or_default();
            of_group.extend(users.get(&member.user_id).cloned());
        }
        let of_groups = of_groups.into_iter();
        pages.extend(of_groups.map(|(id, members)| (id, page.cut(members))));
    }
    Ok(pages)
}

/// The members of a group.
fn members_of(group_id: Uuid) -> SelectStatement {
    let columns = group_member::Column::iter();
    Query::select()
        .columns(columns.map(|column| (group_member::Entity, column)))
        .from(group_member::Entity)
        .and_where(group_member::Column::GroupId.eq(group_id))
        .to_owned()
}

/// Makes `user` a member of `group`. A second call changes nothing.
///
/// `QUOTA_EXCEEDED` when the group has as many members as it may, or the user is in as many groups of others; `NOT_FOUND`
/// when the group has been deleted meanwhile.
#[expect(
    clippy::disallowed_methods,
    reason = "members come and go here, by the group's owner"
)]
pub async fn add(
    app: &App,
    client: &ClientAddress,
    group: &Owned<Group>,
    user: &PublicUser,
) -> Result<()> {
    let (group_id, user_id) = (group.id, user.id);
    let event = event(Kind::GroupMemberAdded, group, client).to(Audience::User, user_id);
    let event = events::change(app, event)?;
    let members_max = app.config.users.max_members_per_group;
    let memberships_max = app.config.users.max_memberships_per_user;
    let insert = app.db.write(move |transaction| {
        Box::pin(async move {
            // Held, so that groups take the user one after the other and are counted. Before the group: whoever shares a
            // file holds that and then the group, and whoever purges one holds the user and then the file.
            user::Entity::find_by_id(user_id)
                .lock_exclusive()
                .one(transaction)
                .await?
                .ok_or_else(Error::not_found)?;
            hold(transaction, group_id).await?;
            let member = group_member::Entity::find_by_id((group_id, user_id));
            if member.one(transaction).await?.is_some() {
                return Ok(Heard::default());
            }
            insert_member(transaction, group_id, user_id).await?;
            let heard = check_members(transaction, group_id, members_max).await?;
            check_memberships(transaction, user_id, memberships_max).await?;
            events::record(transaction, event).await?;
            Ok(heard)
        })
    });
    events::owe(app, group.owner_id(), insert.await?);
    Ok(())
}

/// Returns who hears of what happens to the group.
async fn check_members(transaction: &Transaction, group_id: Uuid, most: u32) -> Result<Heard> {
    let heard = heard_by(transaction, &[group_id]).await?;
    if heard.users <= usize::try_from(most).unwrap_or(usize::MAX) {
        return Ok(heard);
    }
    let detail = format!("A group may have {most} members; remove one first.");
    Err(Error::new(Code::QuotaExceeded, detail).with("limit", most))
}

/// Who hears of what happens to these groups: their members, and a member of several as often.
#[expect(
    clippy::disallowed_methods,
    reason = "memberships are this module's rows"
)]
pub(in crate::domain) async fn heard_by(
    transaction: &Transaction,
    groups: &[Uuid],
) -> Result<Heard> {
    let mut heard = Heard {
        recipients: groups.len(),
        users: 0,
    };
    if !groups.is_empty() {
        let members = group_member::Column::GroupId.is_in(groups.iter().copied());
        let members = group_member::Entity::find().filter(members);
        let members = members.count(transaction).await?;
        heard.users = usize::try_from(members).map_err(Error::internal)?;
    }
    Ok(heard)
}

/// Groups of one's own have a limit of their own: so nobody can be kept from making groups by being put into others'.
#[expect(
    clippy::disallowed_methods,
    reason = "members come and go here, by the group's owner"
)]
async fn check_memberships(transaction: &Transaction, user_id: Uuid, most: u32) -> Result<()> {
    let of_others = group_member::Entity::find()
        .join(JoinType::InnerJoin, group_member::Relation::Group.def())
        .filter(group_member::Column::UserId.eq(user_id))
        .filter(group::Column::OwnerId.ne(user_id));
    if of_others.count(transaction).await? <= u64::from(most) {
        return Ok(());
    }
    let detail = format!("This user is a member of {most} groups, and may be of no more.");
    Err(Error::new(Code::QuotaExceeded, detail)
        .with("field", "username")
        .with("limit", most))
}

/// Takes the member of that name out of `group`, also one whose account is disabled: the next request that leans on the
/// membership is refused. What they shared with the group stays shared, and theirs to revoke.
///
/// `NOT_FOUND` when nobody of that name is a member; `BAD_USER_INPUT` for the owner.
pub async fn remove(
    app: &App,
    client: &ClientAddress,
    group: &Owned<Group>,
    username: &str,
) -> Result<()> {
    let user = accounts::find(app, username).await?.ok_or_else(nobody)?;
    if user.id == group.owner_id() {
        return Err(owner_stays("username"));
    }
    let event = event(Kind::GroupMemberRemoved, group, client).to(Audience::User, user.id);
    let removed = delete(app, group.id, user.id, events::row(app, event)).await?;
    removed.then_some(()).ok_or_else(nobody)
}

/// Takes whoever may see `group` out of it. `BAD_USER_INPUT` for its owner; `NOT_FOUND` for who has left already.
pub async fn leave(app: &App, client: &ClientAddress, group: &Readable<Group>) -> Result<()> {
    let user_id = group
        .subject()
        .identity()
        .user_id()
        .ok_or_else(Error::not_found)?;
    if user_id == group.owner_id {
        return Err(owner_stays("id"));
    }
    let event = Event::new(Kind::GroupMemberRemoved)
        .by(By::User(user_id))
        .of(Object::Group(group.id))
        .to(Audience::User, user_id)
        .from(client);
    let left = delete(app, group.id, user_id, events::row(app, event)).await?;
    left.then_some(()).ok_or_else(Error::not_found)
}

/// Whether there was such a member.
#[expect(
    clippy::disallowed_methods,
    reason = "members come and go here, by the group's owner or themselves"
)]
async fn delete(
    app: &App,
    group_id: Uuid,
    user_id: Uuid,
    event: entity::event::Model,
) -> Result<bool> {
    let delete = app.db.write(move |transaction| {
        Box::pin(async move {
            hold(transaction, group_id).await?;
            let member = group_member::Entity::delete_by_id((group_id, user_id));
            if member.exec(transaction).await?.rows_affected == 0 {
                return Ok(false);
            }
            events::record(transaction, event).await?;
            Ok(true)
        })
    });
    delete.await
}

fn nobody() -> Error {
    let mut error = Error::not_found().with("field", "username");
    error.detail = "Nobody of that name is in this group.".to_owned();
    error
}

fn owner_stays(field: &'static str) -> Error {
    Error::bad_input(
        field,
        "The owner belongs to the group as long as there is one; delete it instead.",
    )
}

/// Holds a group that `user_id` belongs to until the end of the transaction: neither can the user be taken out nor the group
/// be deleted meanwhile. `NOT_FOUND` when that has happened.
#[expect(
    clippy::disallowed_methods,
    reason = "memberships are this module's rows"
)]
pub(in crate::domain) async fn hold_for_member(
    transaction: &Transaction,
    group_id: Uuid,
    user_id: Uuid,
) -> Result<()> {
    let group = group::Entity::find_by_id(group_id)
        .filter(group::Column::DeletedAt.is_null())
        .lock_shared();
    group.one(transaction).await?.ok_or_else(Error::not_found)?;
    let member = group_member::Entity::find_by_id((group_id, user_id));
    let member = member.one(transaction).await?;
    member.map(drop).ok_or_else(Error::not_found)
}
