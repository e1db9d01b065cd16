//! Group: a named set of users to share with.

use async_graphql::{Context, Description, ID, Object};

use super::{
    ContextExt,
    loaders::{MembersOf, UserId},
    pagination::{self, Keyset, connection_types},
    scalars::{self, DateTime, parse_id},
    users::{User, UserConnection},
};
use crate::{
    access::{self, Readable},
    db::{Page, Rows},
    domain::{accounts, groups},
    error::{Error, Result},
};

/// A named set of users. Its members see it, each other, and what is shared with it; its owner alone manages it.
#[derive(Clone, Description)]
pub struct Group(pub Readable<access::Group>);

#[Object(use_type_description)]
impl Group {
    /// Opaque and stable.
    pub(super) async fn id(&self) -> ID {
        scalars::id(self.0.id)
    }

    /// What its owner calls it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// When the group was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Who made the group, and alone manages it.
    async fn owner(&self, context: &Context<'_>) -> Result<User> {
        let owner = context.loads().row(UserId(self.0.owner_id)).await?;
        owner.map(User).ok_or_else(Error::not_found)
    }

    /// Who belongs to it, the owner among them; those with the newest accounts first.
    async fn members(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the newest end, 100 at most; 20 when neither is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only members after this cursor, that is, with older accounts.")]
        after: Option<String>,
        #[graphql(desc = "How many from the oldest end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only members before this cursor, that is, with newer accounts.")]
        before: Option<String>,
    ) -> Result<UserConnection> {
        let page = pagination::page(Keyset::Members, first, after, last, before)?;
        let group = self.0.clone();
        let rows = context.loads().row(MembersOf { group, page }).await?;
        Ok(UserConnection::new(
            Keyset::Members,
            page,
            rows.unwrap_or_default(),
        ))
    }
}

connection_types!(GroupConnection, GroupEdge of Group: "A" "group", with nodes);

impl GroupConnection {
    fn new(page: Page, rows: Rows<Readable<access::Group>>) -> Self {
        Self::of(Keyset::Groups, page, rows.map(Group), |group| group.0.id)
    }
}

#[derive(Default)]
pub struct GroupQueries;

#[Object]
impl GroupQueries {
    /// The groups that you own or belong to, newest first.
    async fn groups(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the newest end, 100 at most; 20 when neither is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only groups after this cursor, that is, older ones.")] after: Option<
            String,
        >,
        #[graphql(desc = "How many from the oldest end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only groups before this cursor, that is, newer ones.")] before: Option<
            String,
        >,
    ) -> Result<GroupConnection> {
        let user = context.actor().reader()?;
        let page = pagination::page(Keyset::Groups, first, after, last, before)?;
        let rows = access::groups_of(context.app(), user, page).await?;
        Ok(GroupConnection::new(page, rows))
    }

    /// One group that you own or belong to. `NOT_FOUND` otherwise, whether it exists or not.
    async fn group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group's id.")] id: ID,
    ) -> Result<Group> {
        let user = context.actor().reader()?;
        let group = access::readable_group(context.app(), user, parse_id(&id)?).await?;
        Ok(Group(group))
    }
}

#[derive(Default)]
pub struct GroupMutations;

#[Object]
impl GroupMutations {
    /// Makes a group, whose owner and only member you are. `QUOTA_EXCEEDED` when you own as many as you may.
    async fn create_group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What its members read: 1 to 100 characters.")] name: String,
    ) -> Result<Group> {
        let owner = context.actor().writer()?;
        let group = groups::create(context.app(), context.client(), owner, name).await?;
        Ok(Group(group.into()))
    }

    /// Gives your group another name. `FORBIDDEN` for members who do not own it.
    async fn rename_group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group's id.")] id: ID,
        #[graphql(desc = "What its members read: 1 to 100 characters.")] name: String,
    ) -> Result<Group> {
        let (app, owner) = (context.app(), context.actor().writer()?);
        let group = access::owned_group(app, owner, parse_id(&id)?).await?;
        let group = groups::rename(app, context.client(), &group, name).await?;
        Ok(Group(group.into()))
    }

    /// Deletes your group. From now on it grants nothing, and the shares with it go. Where there are more than a thousand of
    /// them, their owners still find the rest of them listed for a minute or so, without the group. `FORBIDDEN` for members
    /// who do not own it.
    async fn delete_group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group's id.")] id: ID,
    ) -> Result<ID> {
        let (app, owner) = (context.app(), context.actor().writer()?);
        let group = access::owned_group(app, owner, parse_id(&id)?).await?;
        groups::delete(app, context.client(), &group).await?;
        Ok(id)
    }

    /// Makes a user a member of your group, who sees what is shared with it from then on. A second call changes nothing.
    /// `NOT_FOUND` when there is no such user; `QUOTA_EXCEEDED` when the group has as many members as it may, or the user is
    /// in as many groups of others; `FORBIDDEN` for members who do not own the group.
    async fn add_group_member(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group's id.")] group_id: ID,
        #[graphql(desc = "The user's name.")] username: String,
    ) -> Result<Group> {
        let (app, owner) = (context.app(), context.actor().writer()?);
        // The group first: a caller who may not manage it must not learn which accounts there are.
        let group = access::owned_group(app, owner, parse_id(&group_id)?).await?;
        let user = accounts::by_name(app, &username).await?;
        let user = user.ok_or_else(accounts::not_found)?.user;
        groups::add(app, context.client(), &group, &user).await?;
        Ok(Group(group.into()))
    }

    /// Takes a member out of your group: the next request that leans on the membership is refused, tickets issued before
    /// included. What the user shared with the group stays shared. `NOT_FOUND` when nobody of that name is a member;
    /// `BAD_USER_INPUT` for you yourself; `FORBIDDEN` for members who do not own the group.
    async fn remove_group_member(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group's id.")] group_id: ID,
        #[graphql(desc = "The member's name.")] username: String,
    ) -> Result<Group> {
        let (app, owner) = (context.app(), context.actor().writer()?);
        let group = access::owned_group(app, owner, parse_id(&group_id)?).await?;
        groups::remove(app, context.client(), &group, &username).await?;
        Ok(Group(group.into()))
    }

    /// Takes you out of a group. What you shared with it stays shared, and yours to revoke. `BAD_USER_INPUT` for its owner,
    /// who can delete it instead.
    async fn leave_group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The group's id.")] id: ID,
    ) -> Result<ID> {
        let (app, user) = (context.app(), context.actor().writer()?);
        let group = access::readable_group(app, user, parse_id(&id)?).await?;
        groups::leave(app, context.client(), &group).await?;
        Ok(id)
    }
}
