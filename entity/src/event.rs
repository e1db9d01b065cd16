//! The audit trail: who did what, to which file, from where.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

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
    ApiTokenCreated,
    ApiTokenRevoked,
    Uploaded,
    Renamed,
    Trashed,
    Restored,
    Purged,
    Shared,
    ShareRevoked,
    Downloaded,
    DownloadRefused,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// UUIDv7, so that ids sort by time and serve as keyset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub at: Timestamp,
    pub kind: Kind,
    /// Who did it, where that is known. No foreign keys: the trail outlives what it speaks of.
    pub user_id: Option<Uuid>,
    pub file_id: Option<Uuid>,
    /// The client's address, where it is known.
    pub address: Option<String>,
    /// What the kind alone does not tell: whom a share reaches, a new name. A user reads `user:alice`, which no other word
    /// can be.
    pub detail: Option<String>,
    /// How often it happened, where the same thing within a minute is one event.
    pub count: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
