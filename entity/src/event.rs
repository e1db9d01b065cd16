//! The audit trail: who did what, to what, for whom, from where.

use sea_orm::entity::prelude::*;

use crate::{Timestamp, share};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(24))",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Kind {
    SignedUp,
    SignedIn,
    SignInRefused,
    SignedOut,
    PasswordChanged,
    PasswordChangeRefused,
    AccountDisabled,
    AccountEnabled,
    RoleChanged,
    QuotaChanged,
    AccountDeleted,
    AccountLinked,
    AccountUnlinked,
    ApiTokenCreated,
    ApiTokenRevoked,
    Uploaded,
    UploadRefused,
    Renamed,
    Trashed,
    Restored,
    Purged,
    Shared,
    ShareRevoked,
    Downloaded,
    DownloadRefused,
    LinkRefused,
    DropCreated,
    DropClosed,
    DropRefused,
    GroupCreated,
    GroupRenamed,
    GroupDeleted,
    GroupMemberAdded,
    GroupMemberRemoved,
    WebhookAdded,
    WebhookRemoved,
    WebhookPaused,
    WebhookResumed,
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum ActorKind {
    User,
    /// Somebody who had not signed in.
    Anonymous,
    /// Whoever came by a link: the id is that of its share.
    Link,
    /// Whoever came by a drop.
    Drop,
    /// Whoever types commands at the server.
    Operator,
    /// The server itself, when something had its time.
    Janitor,
}

/// What it was done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(16))",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum ObjectKind {
    File,
    /// A user's account.
    User,
    ApiToken,
    Drop,
    Group,
    Webhook,
}

/// No foreign keys: the trail outlives what it speaks of.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// UUIDv7, so that ids sort by time and serve as keyset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub at: Timestamp,
    pub kind: Kind,
    pub actor_kind: ActorKind,
    /// Which one, where there are several.
    pub actor_id: Option<Uuid>,
    /// Nothing where a name was tried that is no account's.
    pub object_kind: Option<ObjectKind>,
    pub object_id: Option<Uuid>,
    /// Whom a share of the object reaches or reached, as in the table of shares; of a group, whom was added or removed.
    pub audience: Option<share::Audience>,
    pub audience_id: Option<Uuid>,
    /// The client's address, where it is known.
    pub address: Option<String>,
    /// Text that no other column has: what the object is called from then on, or an error's code.
    pub detail: Option<String>,
    /// How often it happened, where the same thing within a minute is one event.
    pub count: i32,
    /// Whose the object is, where it is a file or a drop.
    pub owner_id: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
