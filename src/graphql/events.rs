//! Event: what happened to a file.

use async_graphql::{Context, Description, Enum, ID, Object};
use entity::event;

use super::{ContextExt, pagination::connection_types, scalars::DateTime, users::User};
use crate::{
    db::{Page, Rows},
    error::Result,
};

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
    /// The file was shared, or a share's expiry changed; the detail says with whom: `user:alice`, or `AUTHENTICATED`.
    Shared,
    /// A share was ended; the detail says whom it reached.
    ShareRevoked,
    /// A download ticket was redeemed. Counted once a ticket, not for each of its ranges; within a minute, the same
    /// user's are one event.
    Downloaded,
    /// A download ticket was refused; the detail is the error's code.
    DownloadRefused,
}

/// Something that happened to a file.
#[derive(Description)]
pub struct Event(event::Model);

#[Object(use_type_description)]
impl Event {
    /// Opaque and stable.
    async fn id(&self) -> ID {
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
        let Some(user_id) = self.0.user_id else {
            return Ok(None);
        };
        let users = context.users();
        Ok(users.load_one(user_id).await?.map(User))
    }

    /// What the kind alone does not tell: a new name, whom a share reaches, why a download was refused.
    async fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// How often it happened: downloads of one user within a minute are one event. The time is that of the first.
    async fn count(&self) -> i32 {
        self.0.count
    }
}

connection_types!(EventConnection, EventEdge of Event: "An" "event");

impl EventConnection {
    /// `rows` of `page` of a file's events.
    pub fn new(page: Page, rows: Rows<event::Model>) -> Self {
        Self::of(page, rows, |row| row.id, Event)
    }
}
