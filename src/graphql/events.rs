//! Event: what happened to a file.

use std::borrow::Cow;

use async_graphql::{Context, Description, Enum, ID, Object};
use entity::{
    event::{self, ActorKind, ObjectKind},
    share::Audience,
};
use uuid::Uuid;

use super::{
    ContextExt,
    drops::Drop,
    groups::Group,
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
    /// The file was shared, or a share changed; the detail says with whom: `user:alice`, `group:Friends`, `AUTHENTICATED`,
    /// or `LINK`. A group that you do not belong to (any more) is its id.
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
    /// A group was made; the detail is its name.
    GroupCreated,
    /// A group got another name; the detail is the new one.
    GroupRenamed,
    /// A group was deleted; the detail is its name. What was shared with it has an event for each share.
    GroupDeleted,
    /// A user became a member of a group; the detail says who.
    GroupMemberAdded,
    /// A member was taken out of a group, or left it; the detail says who.
    GroupMemberRemoved,
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
            Some((Audience::Group, id)) => match context.groups().load_one(id).await? {
                Some(group) => events::group_name(&group.name).into(),
                None => id.to_string().into(),
            },
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

    /// The group that this is about, such as the one that the file was shared with; null where there is none, and when you
    /// do not belong to it.
    async fn group(&self, context: &Context<'_>) -> Result<Option<Group>> {
        let audience = self.0.audience.zip(self.0.audience_id);
        let object = self.0.object_kind.zip(self.0.object_id);
        let id = match (audience, object) {
            (Some((Audience::Group, id)), _) | (_, Some((ObjectKind::Group, id))) => id,
            _ => return Ok(None),
        };
        Ok(context.groups().load_one(id).await?.map(Group))
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
