//! An account.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// As the user wrote it at sign-up.
    pub username: String,
    /// The form names are compared by; see `domain::accounts`.
    #[sea_orm(unique)]
    pub username_key: String,
    /// A PHC string, argon2id.
    pub password_hash: String,
    pub disabled: bool,
    /// Grows when credentials change; whatever carries an older number is void.
    pub credential_epoch: i64,
    /// Bytes of every file the user owns, those in the trash included.
    pub used_bytes: i64,
    /// The part of `used_bytes` that is in the trash.
    pub trashed_bytes: i64,
    /// Bytes that uploads on their way in may still add.
    pub reserved_bytes: i64,
    /// How many files the user owns, those in the trash included.
    pub file_count: i64,
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
