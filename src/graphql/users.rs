//! User: who has an account; signing up, in and out.

use async_graphql::{Context, Description, Enum, ID, Object, SimpleObject};
use entity::user;

use super::{
    ContextExt,
    pagination::{Keyset, connection_types},
    scalars::{self, DateTime, Int64},
};
use crate::{
    access,
    auth::{
        Account, Actor,
        session::{self, NewSession},
    },
    config::Secret,
    db::{Page, Rows},
    domain::{accounts, quota},
    error::Result,
};

/// An account.
#[derive(Clone, Description)]
pub struct User(pub Account);

/// What a user may do besides having files.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "user::Role")]
pub enum Role {
    /// Everybody else.
    User,
    /// Looks after accounts: sees them all, with their sizes, stops them, sets quotas and roles. Never sees a file of others, nor
    /// the name of one.
    Admin,
}

/// How much of the disk a user takes.
#[derive(SimpleObject)]
pub struct Usage {
    /// Bytes of all files the user owns, those in the trash included.
    used_bytes: Int64,
    /// The part of them that is in the trash.
    trashed_bytes: Int64,
    /// Bytes of the quota that are held for uploads under way, and for unfinished ones that wait to be gone on with; 0 where there is
    /// no quota.
    reserved_bytes: Int64,
    /// How many bytes the user may keep; null when there is no limit.
    quota_bytes: Option<Int64>,
    /// The same where an administrator has set it for this user alone; null where the server's own limit holds.
    own_quota_bytes: Option<Int64>,
    /// How many files the user owns, those in the trash included.
    files: i32,
    /// How many files the user may keep.
    max_files: i32,
}

#[Object(use_type_description, crate = "crate::graphql::object::library")]
impl User {
    /// Opaque and stable.
    pub(super) async fn id(&self) -> ID {
        scalars::id(self.0.user.id)
    }

    /// 1 to 32 ASCII letters, digits, dots, hyphens and underscores, a letter or digit first and last; compared without regard
    /// to case.
    async fn username(&self) -> &str {
        &self.0.user.username
    }

    /// When the account was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.user.created_at)
    }

    /// Whether this user looks after the accounts of others; null for any user but yourself, unless you do.
    async fn role(&self, context: &Context<'_>) -> Option<Role> {
        self.is_seen(context).then(|| self.0.role.into())
    }

    /// Whether the account was stopped, so that nobody signs in to it; null for any user but yourself, unless you are an
    /// administrator.
    async fn disabled(&self, context: &Context<'_>) -> Option<bool> {
        self.is_seen(context).then_some(self.0.disabled)
    }

    /// Whether a password signs in to the account, or the provider alone; null for any user but yourself, unless you are an
    /// administrator.
    async fn has_password(&self, context: &Context<'_>) -> Option<bool> {
        let has_password = self.0.signs_in_by_password(&context.app().config);
        self.is_seen(context).then_some(has_password)
    }

    /// How much this user keeps here; null for any user but yourself, unless you are an administrator.
    async fn usage(&self, context: &Context<'_>) -> Option<Usage> {
        if !self.is_seen(context) {
            return None;
        }
        let usage = &self.0.usage;
        Some(Usage {
            used_bytes: Int64(usage.used_bytes),
            trashed_bytes: Int64(usage.trashed_bytes),
            reserved_bytes: Int64(usage.reserved_bytes),
            quota_bytes: quota::of(&context.app().config, usage)
                .and_then(|quota| i64::try_from(quota).ok())
                .map(Int64),
            own_quota_bytes: usage.own_quota.map(Int64),
            files: small(usage.files),
            max_files: small(context.app().config.users.max_files_per_user.into()),
        })
    }
}

impl User {
    /// Whether whoever asks may know what is not for everybody.
    fn is_seen(&self, context: &Context<'_>) -> bool {
        let viewer = context.actor().viewer();
        viewer.is_some_and(|viewer| access::sees_account(viewer, self.0.user.id))
    }
}

connection_types!(UserConnection, UserEdge of User: "A" "user", with nodes);

impl UserConnection {
    /// `rows` of `page` of a list of users by their ids.
    pub fn new(list: Keyset, page: Page, rows: Rows<Account>) -> Self {
        Self::of(list, page, rows.map(User), |user| user.0.user.id)
    }
}

fn small(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[derive(Default)]
pub struct UserQueries;

#[Object]
impl UserQueries {
    /// Who you are; null when nobody is signed in.
    async fn me(&self, context: &Context<'_>) -> Option<User> {
        let viewer = context.actor().viewer()?;
        Some(User(viewer.account().clone()))
    }

    /// The user of exactly this name (in any case), to share a file with; null when there is none.
    async fn user(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "The whole name; there is no search, so that nobody can list who is here."
        )]
        username: String,
    ) -> Result<Option<User>> {
        context.actor().reader()?;
        let user = accounts::by_name(context.app(), &username).await?;
        Ok(user.map(User))
    }
}

#[derive(Default)]
pub struct UserMutations;

#[Object]
impl UserMutations {
    /// Makes an account and signs it in. `FORBIDDEN` where sign-up is closed or passwords sign nobody in, `CONFLICT` when the name is taken,
    /// `RATE_LIMITED` when your address has asked for too many.
    async fn sign_up(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "1 to 32 ASCII letters, digits, dots, hyphens and underscores, a letter or digit first and last. White space \
                    around them is left out."
        )]
        username: String,
        #[graphql(desc = "8 to 128 characters of any kind, however they are composed.")]
        password: String,
    ) -> Result<User> {
        let session = NewSession::in_place_of(context.app(), context.caller()).await?;
        let user = accounts::sign_up(
            context.app(),
            context.client(),
            session,
            &username,
            Secret::from(password),
        );
        Ok(User(user.await?))
    }

    /// Signs in: the answer's cookie carries the session. `UNAUTHENTICATED` when name or password is wrong, `FORBIDDEN` where
    /// passwords sign nobody in.
    async fn sign_in(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The account's name, in any case; white space around it is left out.")]
        username: String,
        #[graphql(desc = "The account's password.")] password: String,
    ) -> Result<User> {
        let session = NewSession::in_place_of(context.app(), context.caller()).await?;
        let user = accounts::sign_in(
            context.app(),
            context.client(),
            session,
            &username,
            Secret::from(password),
        );
        Ok(User(user.await?))
    }

    /// Ends the session at once, also for requests in flight. True, even when nobody was signed in.
    async fn sign_out(&self, context: &Context<'_>) -> Result<bool> {
        session::end(context.app(), context.session()).await?;
        if let Actor::Session(viewer) = context.actor() {
            accounts::signed_out(context.app(), context.client(), viewer);
        }
        Ok(true)
    }

    /// Changes your password. Every other session, and every API token and ticket of yours, ends at once.
    async fn change_password(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The password so far.")] current: String,
        #[graphql(desc = "8 to 128 characters of any kind, however they are composed.")]
        new: String,
    ) -> Result<User> {
        let user = context.actor().credential_owner()?;
        let session = NewSession::in_place_of(context.app(), context.caller()).await?;
        let user = accounts::change_password(
            context.app(),
            context.client(),
            session,
            user,
            Secret::from(current),
            Secret::from(new),
        );
        Ok(User(user.await?))
    }

    /// Deletes your account, for good: your files with their shares, links and tickets, your drops, groups, unfinished uploads,
    /// sessions and API tokens. From the answer on nothing of them opens anything; their bytes leave the disk a little later.
    /// What is recorded of them stays without your name and address.
    ///
    /// `BAD_USER_INPUT` when the password is wrong, `RATE_LIMITED` when it was wrong too often; `CONFLICT` for the last
    /// administrator. No API token may do this. For an account into which no password signs in any text will do, in a session that began
    /// within the last ten minutes at `/auth/oidc?anew`, where the provider makes you sign in again; `FORBIDDEN` in any other.
    async fn delete_account(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Your password.")] password: String,
    ) -> Result<bool> {
        let user = context.actor().credential_owner()?;
        let password = Secret::from(password);
        let (app, client) = (context.app(), context.client());
        let anew_at = session::signed_in_anew_at(app, context.session()).await?;
        accounts::delete_own(app, client, user, anew_at, password).await?;
        session::end(context.app(), context.session()).await?;
        Ok(true)
    }
}
