//! Share: a grant on one file.

use async_graphql::{Context, Description, Enum, ID, Object};
use entity::{file, share};

use super::{
    ContextExt,
    files::File,
    pagination::connection_types,
    scalars::{DateTime, parse_id},
    users::User,
};
use crate::{
    access::{self, Owned, Readable},
    db::{Page, Rows},
    domain::{
        accounts,
        shares::{self, Grantee},
    },
    error::{Error, Result},
};

/// Whom a share reaches.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "share::Audience")]
pub enum Audience {
    /// One user.
    User,
    /// Every user who is signed in, those of the future included.
    Authenticated,
}

/// A grant on one file: whoever it reaches may see and download the file, and nothing else.
#[derive(Clone, Description)]
pub struct Share {
    pub share: Readable<share::Model>,
    pub file: File,
}

#[Object(use_type_description)]
impl Share {
    /// Opaque and stable.
    pub(super) async fn id(&self) -> ID {
        self.share.id.into()
    }

    /// The file that is shared.
    async fn file(&self) -> File {
        self.file.clone()
    }

    /// Whom it reaches.
    async fn audience(&self) -> Audience {
        self.share.audience.into()
    }

    /// The user it reaches; null when it reaches everyone who is signed in.
    async fn user(&self, context: &Context<'_>) -> Result<Option<User>> {
        if self.share.audience != share::Audience::User {
            return Ok(None);
        }
        let users = context.users();
        Ok(users.load_one(self.share.audience_id).await?.map(User))
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
    async fn create(
        context: &Context<'_>,
        file: Owned<file::Model>,
        grantee: Grantee<'_>,
        expires_at: Option<DateTime>,
    ) -> Result<Self> {
        let (app, client, end) = (context.app(), context.client(), expires_at.map(|end| end.0));
        let share = shares::create(app, client, &file, grantee, end).await?;
        Ok(Self {
            share: share.into(),
            file: file.into(),
        })
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
        Self::of(page, rows, |row| row.id, node)
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
        let grantee = grantee.ok_or_else(|| {
            let mut error = Error::not_found().with("field", "username");
            error.detail = "There is no user of that name.".to_owned();
            error
        })?;
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

    /// Ends a share of your file, in the trash too: the next request that leans on it is refused, tickets issued before
    /// included.
    async fn revoke_share(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The share's id.")] id: ID,
    ) -> Result<ID> {
        let owner = context.actor().writer()?;
        let share = access::owned_share(context.app(), owner, parse_id(&id)?).await?;
        shares::revoke(context.app(), context.client(), &share).await?;
        Ok(id)
    }
}
