//! User: who has an account; signing up, in and out.

use async_graphql::{Context, Description, ID, Object, SimpleObject};

use super::{
    ContextExt,
    pagination::connection_types,
    scalars::{DateTime, Int64},
};
use crate::{
    auth::{
        Account, Actor,
        session::{self, NewSession},
    },
    config::Secret,
    db::{Page, Rows},
    domain::accounts,
    error::Result,
};

/// An account.
#[derive(Clone, Description)]
pub struct User(pub Account);

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
    /// How many files the user owns, those in the trash included.
    files: i32,
    /// How many files the user may keep.
    max_files: i32,
}

#[Object(use_type_description)]
impl User {
    /// Opaque and stable.
    pub(super) async fn id(&self) -> ID {
        self.0.user.id.into()
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

    /// How much this user keeps here; null for any user but yourself.
    async fn usage(&self, context: &Context<'_>) -> Option<Usage> {
        let viewer = context.actor().viewer()?;
        if viewer.id() != self.0.user.id {
            return None;
        }
        let usage = &self.0.usage;
        Some(Usage {
            used_bytes: Int64(usage.used_bytes),
            trashed_bytes: Int64(usage.trashed_bytes),
            reserved_bytes: Int64(usage.reserved_bytes),
            quota_bytes: context
                .app()
                .config
                .users
                .user_quota
                .and_then(|quota| i64::try_from(quota).ok())
                .map(Int64),
            files: small(usage.files),
            max_files: small(context.app().config.users.max_files_per_user.into()),
        })
    }
}

connection_types!(UserConnection, UserEdge of User: "A" "user", with nodes);

impl UserConnection {
    /// `rows` of `page` of a list of users by their ids.
    pub fn new(page: Page, rows: Rows<Account>) -> Self {
        Self::of(page, rows, |account| account.user.id, User)
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
    /// Makes an account and signs it in. `FORBIDDEN` where sign-up is closed, `CONFLICT` when the name is taken,
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
        let session = NewSession::in_place_of(context.app(), context.session()).await?;
        let user = accounts::sign_up(
            context.app(),
            context.client(),
            session,
            &username,
            Secret::from(password),
        );
        Ok(User(user.await?))
    }

    /// Signs in: the answer's cookie carries the session. `UNAUTHENTICATED` when name or password is wrong.
    async fn sign_in(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The account's name, in any case; white space around it is left out.")]
        username: String,
        #[graphql(desc = "The account's password.")] password: String,
    ) -> Result<User> {
        let session = NewSession::in_place_of(context.app(), context.session()).await?;
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
        let session = NewSession::in_place_of(context.app(), context.session()).await?;
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
}
