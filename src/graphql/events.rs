//! Event: what happened to a file, and to whomever it concerns; the feed of it.

use std::borrow::Cow;

use async_graphql::{Context, Description, Enum, ID, Object, Subscription};
use entity::{
    event::{self, ActorKind, ObjectKind},
    share::Audience,
};
use futures_util::{Stream, future, stream};
use uuid::Uuid;

use super::{
    ContextExt,
    drops::Drop,
    files::File,
    groups::Group,
    loaders::{DropOfId, GroupId, ShareCalled, UserId},
    pagination::{self, Keyset, connection_types},
    scalars::{self, DateTime},
    shares::Share,
    users::User,
};
use crate::{
    access,
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
    /// A sign-in was refused: a name and password, or what a provider answered; then `detail` says why.
    SignInRefused,
    /// A session was ended by its user.
    SignedOut,
    /// A password was changed.
    PasswordChanged,
    /// A session asked for another password, and did not know the one so far.
    PasswordChangeRefused,
    /// The operator or an administrator stopped an account; the detail says whose.
    AccountDisabled,
    /// The operator or an administrator let an account go on; the detail says whose.
    AccountEnabled,
    /// An account got another role; the detail says whose, and which.
    RoleChanged,
    /// An account got another quota of its own; the detail says whose, and how many bytes, or `none`.
    QuotaChanged,
    /// An account was deleted, by its user, an administrator or the operator. What it kept has an event for each file.
    AccountDeleted,
    /// The operator linked an account with who its user is at the provider of sign-ins.
    AccountLinked,
    /// The operator ended that.
    AccountUnlinked,
    /// An API token was made.
    ApiTokenCreated,
    /// An API token was ended.
    ApiTokenRevoked,
    /// The file was uploaded.
    Uploaded,
    /// The scanner found something in a file that was uploaded, which was not kept; the detail says what.
    UploadRefused,
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
    /// The operator had a webhook told of events; in nobody's feed.
    WebhookAdded,
    /// The operator ended a webhook; in nobody's feed.
    WebhookRemoved,
    /// A webhook could not be told of events for too long; in nobody's feed.
    WebhookPaused,
    /// The operator had a webhook go on; in nobody's feed.
    WebhookResumed,
}

/// Something that happened: to a file, an account, a drop or a group.
#[derive(Clone, Description)]
pub struct Event(pub event::Model);

#[Object(use_type_description)]
impl Event {
    /// Opaque and stable.
    pub(super) async fn id(&self) -> ID {
        scalars::id(self.0.id)
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
            Some((Audience::Group, id)) => match context.loads().row(GroupId(id)).await? {
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

    /// The share of a file of yours that this is about: it was made, changed or ended, or somebody came by it. As it is now:
    /// null when it has been revoked or swept since, and for everything else.
    async fn share(&self, context: &Context<'_>) -> Result<Option<Share>> {
        let Some(name) = events::about::share(&self.0) else {
            return Ok(None);
        };
        let share = context.loads().row(ShareCalled(name)).await?;
        Ok(share.map(|(share, file)| Share::new(share, file)))
    }

    /// The drop of yours by which the file came, or that was made or closed, or to which a file was refused; null for every other
    /// event, and when the drop is no more.
    async fn drop(&self, context: &Context<'_>) -> Result<Option<Drop>> {
        let Some(id) = events::about::drop_id(&self.0) else {
            return Ok(None);
        };
        Ok(context.loads().row(DropOfId(id)).await?.map(Drop))
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
        Ok(context.loads().row(GroupId(id)).await?.map(Group))
    }

    /// Where it is in your feed: give it to `after` of the subscription `events` or of the query `events`, to go on from
    /// here.
    async fn cursor(&self) -> String {
        Keyset::Events.cursor(self.0.id)
    }

    /// The id of the file that this is about, also when you may not see the file any more; null where it is about no file.
    async fn file_id(&self) -> Option<ID> {
        let object = self
            .0
            .object_id
            .filter(|_| self.0.object_kind == Some(ObjectKind::File));
        object.map(ID::from)
    }

    /// The file that this is about, as it is now; null when you may not see it (any more).
    async fn file(&self, context: &Context<'_>) -> Result<Option<File>> {
        let object = self
            .0
            .object_id
            .filter(|_| self.0.object_kind == Some(ObjectKind::File));
        let (Some(id), Some(viewer)) = (object, context.actor().viewer()) else {
            return Ok(None);
        };
        let file = access::visible_file(context.app(), viewer, id).await?;
        Ok(file.map(File::from))
    }

    /// How often it happened: downloads of one user within a minute are one event. The time is that of the first.
    async fn count(&self) -> i32 {
        self.0.count
    }
}

async fn load(context: &Context<'_>, user_id: Uuid) -> Result<Option<Account>> {
    context.loads().row(UserId(user_id)).await
}

connection_types!(EventConnection, EventEdge of Event: "An" "event");

impl EventConnection {
    /// `rows` of `page` of events.
    pub fn new(page: Page, rows: Rows<event::Model>) -> Self {
        Self::of(Keyset::Events, page, rows.map(Event), |event| event.0.id)
    }
}

#[derive(Default)]
pub struct EventQueries;

#[Object]
impl EventQueries {
    /// What concerns you, newest first: what you did, what happened to your files, drops and account, and what was shared
    /// with you or taken from you, by name or through a group that you belong to. What is shared with everyone signed in tells
    /// nobody but its owner. An event is here a moment after it happened; the subscription `events` goes on from the newest one.
    async fn events(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the newest end, 100 at most; 20 when neither is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only events after this cursor, that is, older ones.")] after: Option<
            String,
        >,
        #[graphql(desc = "How many from the oldest end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only events before this cursor, that is, newer ones.")] before: Option<
            String,
        >,
    ) -> Result<EventConnection> {
        let viewer = context.actor().reader()?;
        let page = pagination::page(Keyset::Events, first, after, last, before)?;
        let rows = events::of_viewer(context.app(), viewer, page).await?;
        Ok(EventConnection::new(page, rows))
    }
}

/// The event that a subscription is at.
pub struct Arrived(pub event::Model);

#[derive(Default)]
pub struct EventSubscription;

#[Subscription]
impl EventSubscription {
    /// What concerns you, as it happens; see the query `events` for what that is. Each event comes once, and none is missed,
    /// whatever happens to the connection: connect again, and ask for what is `after` the cursor of the last one that came.
    ///
    /// Comes by a WebSocket at `/graphql`, by the protocol `graphql-transport-ws`. The socket is closed with 4401 when the
    /// session or API token that it came with ends, and with 1012 when the server restarts: then connect again.
    async fn events(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "The cursor of an event: first come those that are newer, oldest first. Without it, those that happen from now on."
        )]
        after: Option<String>,
    ) -> impl Stream<Item = Event> + use<> {
        // Where to begin is decided before: `Prepared::subscribed_after`.
        let _ = after;
        let arrived = context.data_unchecked::<Arrived>().0.clone();
        stream::once(future::ready(Event(arrived)))
    }
}
