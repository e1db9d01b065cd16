//! Event: what happened to a file.

use std::borrow::Cow;

use async_graphql::{Context, Description, Enum, ID, Object};
use entity::{
    event::{self, ActorKind},
    share::Audience,
};
use uuid::Uuid;

use super::{
    ContextExt,
    drops::Drop,
    loaders::{DropOfId, ShareCalled},
    pagination::connection_types,
    scalars::DateTime,
    shares::Share,
    users::User,
};
use crate::{
    auth::Account,
    db::{Page, Rows},
    domain::events,
    error::Result,
};

/// What the trail calls everyone who is signed in. A user of that name reads otherwise: see [`events::name`].
const AUTHENTICATED: &str = "AUTHENTICATED";
/// What it calls a share by link, whichever: see [`Event::share`].
const LINK: &str = "LINK";

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "event::Kind")]
pub enum EventKind {
    /// An account was made.
    SignedUp,
    /// Somebody signed in.
    SignedIn,
    /// A name and password were refused.
    SignInRefused,
    /// A session was ended by its user.
    SignedOut,
    /// A password was changed.
    PasswordChanged,
    /// A session asked for another password, and did not know the one so far.
    PasswordChangeRefused,
    /// The operator stopped an account; the detail says whose.
    AccountDisabled,
    /// The operator let an account go on; the detail says whose.
    AccountEnabled,
    /// An API token was made.
    ApiTokenCreated,
    /// An API token was ended.
    ApiTokenRevoked,
    /// The file was uploaded.
    Uploaded,
    /// The file got another name.
    Renamed,
    /// The file went to the trash.
    Trashed,
    /// The file came back from the trash.
    Restored,
    /// The file was destroyed.
    Purged,
    /// The file was shared, or a share changed; the detail says with whom: `user:alice`, `AUTHENTICATED`, or `LINK`.
    Shared,
    /// A share was ended; the detail says whom it reached.
    ShareRevoked,
    /// A download ticket was redeemed. Counted once a ticket, not for each of its ranges; within a minute, the same
    /// user's are one event.
    Downloaded,
    /// A download ticket was refused; the detail is the error's code.
    DownloadRefused,
    /// A visitor of a link gave a wrong password.
    LinkRefused,
    /// A drop was made; the detail is its name.
    DropCreated,
    /// A drop was closed.
    DropClosed,
    /// A visitor of a drop gave a wrong password.
    DropRefused,
}

/// Something that happened to a file.
#[derive(Description)]
pub struct Event(pub event::Model);

#[Object(use_type_description)]
impl Event {
    /// Opaque and stable.
    pub(super) async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// What happened.
    async fn kind(&self) -> EventKind {
        self.0.kind.into()
    }

    /// Who did it; null where nobody did, as when the janitor empties the trash.
    async fn user(&self, context: &Context<'_>) -> Result<Option<User>> {
        match (self.0.actor_kind, self.0.actor_id) {
            (ActorKind::User, Some(id)) => Ok(load(context, id).await?.map(User)),
            _ => Ok(None),
        }
    }

    /// What the kind alone does not tell: a new name, whom a share reaches, why a download was refused.
    async fn detail(&self, context: &Context<'_>) -> Result<Option<Cow<'_, str>>> {
        let whom = match self.0.audience.zip(self.0.audience_id) {
            None => return Ok(self.0.detail.as_deref().map(Cow::from)),
            Some((Audience::Authenticated, _)) => AUTHENTICATED.into(),
            Some((Audience::Link, _)) => LINK.into(),
            Some((Audience::User, id)) => match load(context, id).await? {
                Some(account) => events::name(&account.user.username).into(),
                None => id.to_string().into(),
            },
        };
        Ok(Some(whom))
    }

    /// The share that this is about: it was made, changed or ended, or somebody came by it. As it is now: null when it has been
    /// revoked or swept since, and for everything else.
    async fn share(&self, context: &Context<'_>) -> Result<Option<Share>> {
        let Some(name) = events::about::share(&self.0) else {
            return Ok(None);
        };
        let share = context.shares().load_one(ShareCalled(name)).await?;
        Ok(share.map(|(share, file)| Share::new(share, file)))
    }

    /// The drop of yours by which the file came; null for every other event.
    async fn drop(&self, context: &Context<'_>) -> Result<Option<Drop>> {
        let Some(id) = events::about::drop_id(&self.0) else {
            return Ok(None);
        };
        Ok(context.drops().load_one(DropOfId(id)).await?.map(Drop))
    }

    /// How often it happened: downloads of one user within a minute are one event. The time is that of the first.
    async fn count(&self) -> i32 {
        self.0.count
    }
}

async fn load(context: &Context<'_>, user_id: Uuid) -> Result<Option<Account>> {
    Ok(context.users().load_one(user_id).await?)
}

connection_types!(EventConnection, EventEdge of Event: "An" "event");

impl EventConnection {
    /// `rows` of `page` of a file's events.
    pub fn new(page: Page, rows: Rows<event::Model>) -> Self {
        Self::of(page, rows, |row| row.id, Event)
    }
}
