//! A URL by which strangers leave files in their owner's account, within limits.

use sea_orm::{Condition, entity::prelude::*};

use crate::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "drop")]
pub struct Model {
    /// UUIDv7, so that ids sort by creation and serve as keyset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub owner_id: Uuid,
    pub name: String,
    /// A PHC string; null without a password.
    pub password_hash: Option<String>,
    /// How many files may be left; null without a limit.
    pub max_files: Option<i32>,
    /// Bytes; null without a limit of its own.
    pub max_file_size: Option<i64>,
    /// How many files were left.
    pub file_count: i64,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// When its owner closed it, for good.
    pub closed_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The drops that take files at `now`: neither closed nor ended.
pub fn open(now: Timestamp) -> Condition {
    let lasts = Condition::any()
        .add(Column::ExpiresAt.is_null())
        .add(Column::ExpiresAt.gt(now));
    Condition::all().add(Column::ClosedAt.is_null()).add(lasts)
}
