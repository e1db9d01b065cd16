//! What administrators see and do. No field in here leads to a file.

use async_graphql::{Context, ID, Object, SimpleObject};

use super::{
    ContextExt,
    pagination::{self, Keyset},
    scalars::{Int64, parse_id},
    users::{Role, User, UserConnection},
};
use crate::{
    access::administrator,
    domain::{
        accounts::{self, Overseer},
        statistics,
    },
    error::Result,
};

/// Figures about the whole server.
#[derive(SimpleObject)]
pub struct Statistics {
    /// Accounts, disabled ones included.
    users: Int64,
    /// Accounts that are disabled.
    disabled_users: Int64,
    /// Administrators, disabled ones included.
    administrators: Int64,
    /// Files, those in the trash included.
    files: Int64,
    /// Bytes of all files, those in the trash included.
    bytes: Int64,
    /// The part of them that is in the trash.
    trashed_bytes: Int64,
    /// Bytes of quotas that are held for uploads under way, and for unfinished ones.
    reserved_bytes: Int64,
    /// Uploads under way, and unfinished ones that wait to be gone on with.
    uploads: Int64,
    /// Contents of files that are gone, whose bytes are still on the disk.
    discarded_contents: Int64,
    /// Downloads since midnight, UTC. Those of the last half second may be missing.
    downloads_today: Int64,
}

#[derive(Default)]
pub struct AdministrationQueries;

#[Object]
impl AdministrationQueries {
    /// All accounts, newest first, disabled ones too. For administrators; `FORBIDDEN` for everybody else.
    async fn users(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the newest end, 100 at most; 20 when neither is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only accounts after this cursor, that is, older ones.")] after: Option<
            String,
        >,
        #[graphql(desc = "How many from the oldest end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only accounts before this cursor, that is, newer ones.")] before: Option<
            String,
        >,
        #[graphql(
            desc = "Part of a name, in any case; empty: all. Cursors are good with and without it."
        )]
        search: Option<String>,
    ) -> Result<UserConnection> {
        let overseer = overseer_who_reads(context)?;
        let page = pagination::page(Keyset::Users, first, after, last, before)?;
        let rows = accounts::list(context.app(), &overseer, page, search.as_deref()).await?;
        Ok(UserConnection::new(Keyset::Users, page, rows))
    }

    /// Figures about the whole server. For administrators; `FORBIDDEN` for everybody else.
    async fn statistics(&self, context: &Context<'_>) -> Result<Statistics> {
        let administrator = administrator(context.actor().reader()?)?;
        let figures = statistics::read(context.app(), &administrator).await?;
        Ok(Statistics {
            users: Int64(figures.users),
            disabled_users: Int64(figures.disabled_users),
            administrators: Int64(figures.administrators),
            files: Int64(figures.files),
            bytes: Int64(figures.bytes),
            trashed_bytes: Int64(figures.trashed_bytes),
            reserved_bytes: Int64(figures.reserved_bytes),
            uploads: Int64(figures.uploads),
            discarded_contents: Int64(figures.discarded_contents),
            downloads_today: Int64(figures.downloads_today),
        })
    }
}

#[derive(Default)]
pub struct AdministrationMutations;

#[Object]
impl AdministrationMutations {
    /// Stops an account, or lets it go on. Stopping ends its sessions, API tokens and tickets for good, and suspends its links
    /// and drops; what it shared with others stays. Nothing changes where it is so already.
    ///
    /// For administrators by their session; `FORBIDDEN` for everybody else. `NOT_FOUND` when there is no such account,
    /// `CONFLICT` when you are the last administrator and stop yourself.
    async fn set_user_disabled(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The account's id.")] id: ID,
        #[graphql(desc = "True: stop it. False: let it go on.")] disabled: bool,
    ) -> Result<User> {
        let overseer = overseer(context)?;
        let id = parse_id(&id)?;
        let account = accounts::set_disabled_by(context.app(), overseer, id, disabled).await?;
        Ok(User(account))
    }

    /// Sets how many bytes an account may keep, the trash included. What is over it stays; uploads that began before go on.
    ///
    /// For administrators by their session; `FORBIDDEN` for everybody else. `NOT_FOUND` when there is no such account,
    /// `BAD_USER_INPUT` for a number below 0 or above 2^60.
    async fn set_user_quota(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The account's id.")] id: ID,
        #[graphql(desc = "Bytes; null: as `limits.userQuotaBytes` says for all.")] bytes: Option<
            Int64,
        >,
    ) -> Result<User> {
        let overseer = overseer(context)?;
        let (id, bytes) = (parse_id(&id)?, bytes.map(|bytes| bytes.0));
        let account = accounts::set_quota(context.app(), overseer, id, bytes).await?;
        Ok(User(account))
    }

    /// Makes an administrator of a user, or a user of an administrator. It holds from the next request on.
    ///
    /// For administrators by their session; `FORBIDDEN` for everybody else. `NOT_FOUND` when there is no such account,
    /// `CONFLICT` when you are the last administrator and would be one no more.
    async fn set_user_role(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The account's id.")] id: ID,
        #[graphql(desc = "What it is to be.")] role: Role,
    ) -> Result<User> {
        let overseer = overseer(context)?;
        let account = accounts::set_role(context.app(), overseer, parse_id(&id)?, role.into());
        Ok(User(account.await?))
    }
}

/// Whoever asks, where they look after accounts: by a session, since no token manages accounts.
fn overseer(context: &Context<'_>) -> Result<Overseer> {
    let viewer = context.actor().credential_owner()?;
    let administrator = administrator(viewer)?;
    Ok(Overseer::Administrator(administrator, *context.client()))
}

/// The same for what only reads.
fn overseer_who_reads(context: &Context<'_>) -> Result<Overseer> {
    let administrator = administrator(context.actor().reader()?)?;
    Ok(Overseer::Administrator(administrator, *context.client()))
}
