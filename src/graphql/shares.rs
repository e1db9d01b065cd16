//! Share: a grant on one file.

use async_graphql::{Context, Description, Enum, ID, MaybeUndefined, Object};
use entity::{file, share};

use super::{
    ContextExt,
    files::File,
    groups::Group,
    links::ShareLink,
    loaders::{GroupId, LinkOf, UserId},
    pagination::{Keyset, connection_types},
    scalars::{self, DateTime, parse_id},
    users::User,
};
use crate::{
    access::{self, Owned, Readable},
    config::Secret,
    db::{Page, Rows},
    domain::{
        accounts,
        links::{self, Terms},
        shares::{self, Change, Changes, Grantee},
    },
    error::Result,
};

/// Whom a share reaches.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "share::Audience")]
pub enum Audience {
    /// One user.
    User,
    /// The members of a group, as they are at each request.
    Group,
    /// Every user who is signed in, those of the future included.
    Authenticated,
    /// Whoever has the URL of the link, and its password where it has one.
    Link,
}

/// A grant on one file: whoever it reaches may see and download the file, and nothing else.
#[derive(Clone, Description)]
pub struct Share {
    pub share: Readable<share::Model>,
    pub file: File,
}

#[Object(use_type_description, crate = "crate::graphql::object::library")]
impl Share {
    /// Opaque and stable.
    pub(super) async fn id(&self) -> ID {
        scalars::id(self.share.id)
    }

    /// The file that is shared.
    async fn file(&self) -> File {
        self.file.clone()
    }

    /// Whom it reaches.
    async fn audience(&self) -> Audience {
        self.share.audience.into()
    }

    /// The user it reaches; null when it does not reach one user.
    async fn user(&self, context: &Context<'_>) -> Result<Option<User>> {
        if self.share.audience != share::Audience::User {
            return Ok(None);
        }
        let user = context.loads().row(UserId(self.share.audience_id));
        Ok(user.await?.map(User))
    }

    /// The group it reaches; null when it does not reach a group, and when you do not belong to the group any more.
    async fn group(&self, context: &Context<'_>) -> Result<Option<Group>> {
        if self.share.audience != share::Audience::Group {
            return Ok(None);
        }
        let group = context.loads().row(GroupId(self.share.audience_id));
        Ok(group.await?.map(Group))
    }

    /// What a share by link is besides, for its owner alone; null for every other share.
    async fn link(&self, context: &Context<'_>) -> Result<Option<ShareLink>> {
        if self.share.audience != share::Audience::Link {
            return Ok(None);
        }
        let share = LinkOf(self.share.clone().into_owned()?);
        let terms = context.loads().row(share).await?;
        Ok(terms.map(|terms| ShareLink::new(self.share.id, terms)))
    }

    /// When the share was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.share.created_at)
    }

    /// When the share ends by itself; null when it does not.
    async fn expires_at(&self) -> Option<DateTime> {
        self.share.expires_at.map(DateTime)
    }
}

impl Share {
    /// `share` of `file`.
    pub fn new(share: Owned<share::Model>, file: impl Into<File>) -> Self {
        Self {
            share: share.into(),
            file: file.into(),
        }
    }

    async fn create(
        context: &Context<'_>,
        file: Owned<file::Model>,
        grantee: Grantee<'_>,
        expires_at: Option<DateTime>,
    ) -> Result<Self> {
        let (app, client, end) = (context.app(), context.client(), expires_at.map(|end| end.0));
        let share = shares::create(app, client, &file, grantee, end).await?;
        Ok(Self::new(share, file))
    }
}

connection_types!(ShareConnection, ShareEdge of Share: "A" "share", with nodes);

impl ShareConnection {
    /// `rows` of `page` of the shares of `file`.
    pub fn new(file: &File, page: Page, rows: Rows<Readable<share::Model>>) -> Self {
        let node = |share| Share {
            share,
            file: file.clone(),
        };
        Self::of(Keyset::Shares, page, rows.map(node), |node| node.share.id)
    }
}

/// Absent: as it was; null: without.
fn change<T, U>(argument: MaybeUndefined<T>, value: impl Fn(T) -> U) -> Change<U> {
    match argument {
        MaybeUndefined::Undefined => Change::Keep,
        MaybeUndefined::Null => Change::To(None),
        MaybeUndefined::Value(given) => Change::To(Some(value(given))),
    }
}

#[derive(Default)]
pub struct ShareMutations;

#[Object]
impl ShareMutations {
    /// Shares your file with one user. A second call changes the expiry. `NOT_FOUND` when there is no such user.
    async fn share_with_user(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The id of a file of yours.")] file_id: ID,
        #[graphql(desc = "The name of another user.")] username: String,
        #[graphql(desc = "When the share ends by itself; it does not when this is null.")]
        expires_at: Option<DateTime>,
    ) -> Result<Share> {
        let owner = context.actor().writer()?;
        // The file first: a caller who may not share it must not learn which accounts there are.
        let file = access::owned_file(context.app(), owner, parse_id(&file_id)?).await?;
        let grantee = accounts::by_name(context.app(), &username).await?;
        let grantee = grantee.ok_or_else(accounts::not_found)?;
        Share::create(context, file, Grantee::User(&grantee.user), expires_at).await
    }

    /// Shares your file with every user who is signed in. A second call changes the expiry.
    async fn share_with_authenticated(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The id of a file of yours.")] file_id: ID,
        #[graphql(desc = "When the share ends by itself; it does not when this is null.")]
        expires_at: Option<DateTime>,
    ) -> Result<Share> {
        let owner = context.actor().writer()?;
        let file = access::owned_file(context.app(), owner, parse_id(&file_id)?).await?;
        Share::create(context, file, Grantee::Authenticated, expires_at).await
    }

    /// Shares your file with a group that you own or belong to: with whoever is a member at the time of each request. A
    /// second call changes the expiry. The share stays when you leave the group, and is yours to revoke. `NOT_FOUND` for
    /// other groups.
    async fn share_with_group(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The id of a file of yours.")] file_id: ID,
        #[graphql(desc = "The id of a group that you belong to.")] group_id: ID,
        #[graphql(desc = "When the share ends by itself; it does not when this is null.")]
        expires_at: Option<DateTime>,
    ) -> Result<Share> {
        let (app, owner) = (context.app(), context.actor().writer()?);
        let file = access::owned_file(app, owner, parse_id(&file_id)?).await?;
        let group = access::readable_group(app, owner, parse_id(&group_id)?).await?;
        Share::create(context, file, Grantee::Group(&group), expires_at).await
    }

    /// Makes a new link to your file, for people who have no account: whoever has its URL can download the file. `FORBIDDEN`
    /// where links are switched off.
    async fn share_by_link(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The id of a file of yours.")] file_id: ID,
        #[graphql(
            desc = "What visitors have to give besides: 1 to 128 characters. Null: nothing, where the server allows that."
        )]
        password: Option<String>,
        #[graphql(
            desc = "How many downloads there may be, at least one. A download is the first GET of a ticket; its resumptions are not counted. Null: any number."
        )]
        max_downloads: Option<i32>,
        #[graphql(
            desc = "When the link ends by itself. Null: never, or as late as the server allows; later is `BAD_USER_INPUT`."
        )]
        expires_at: Option<DateTime>,
    ) -> Result<Share> {
        let owner = context.actor().writer()?;
        let file = access::owned_file(context.app(), owner, parse_id(&file_id)?).await?;
        let terms = Terms {
            password: password.map(Secret::from),
            max_downloads,
            expires_at: expires_at.map(|end| end.0),
        };
        let share = links::create(context.app(), context.client(), &file, terms).await?;
        Ok(Share::new(share, file))
    }

    /// Changes a share of your file, in the trash too: what you name, and nothing else. What is absent stays as it was, and
    /// null takes it away. Another password or limit of a link voids the tickets that its visitors have.
    async fn update_share(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The share's id.")] id: ID,
        #[graphql(desc = "When the share ends by itself.")] expires_at: MaybeUndefined<DateTime>,
        #[graphql(desc = "Of a link alone: what visitors have to give.")] password: MaybeUndefined<
            String,
        >,
        #[graphql(desc = "Of a link alone: how many downloads there may be in all.")]
        max_downloads: MaybeUndefined<i32>,
    ) -> Result<Share> {
        let (app, owner) = (context.app(), context.actor().writer()?);
        let (share, file) = access::owned_share(app, owner, parse_id(&id)?).await?;
        let changes = Changes {
            expires_at: change(expires_at, |end| end.0),
            password: change(password, Secret::from),
            max_downloads: change(max_downloads, |limit| limit),
        };
        let share = shares::change(app, context.client(), &share, changes).await?;
        Ok(Share::new(share, file))
    }

    /// Ends a share of your file, in the trash too: the next request that leans on it is refused, tickets issued before
    /// included.
    async fn revoke_share(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The share's id.")] id: ID,
    ) -> Result<ID> {
        let owner = context.actor().writer()?;
        let (share, _) = access::owned_share(context.app(), owner, parse_id(&id)?).await?;
        shares::revoke(context.app(), context.client(), &share).await?;
        Ok(id)
    }
}
