//! What people see of a file; its bytes are the content under `content_key`.

use sea_orm::{entity::prelude::*, sea_query::Expr};

use crate::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "file")]
pub struct Model {
    /// UUIDv7, so that ids sort by creation and serve as keyset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub owner_id: Uuid,
    pub name: String,
    /// Bytes.
    pub size: i64,
    pub content_type: String,
    pub sha256: Vec<u8>,
    #[sea_orm(unique)]
    pub content_key: String,
    pub created_at: Timestamp,
    /// When it went to the trash; null while it is live.
    pub trashed_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The files that are not in the trash.
pub fn live() -> Expr {
    Column::TrashedAt.is_null()
}

/// The files in the trash.
pub fn trashed() -> Expr {
    Column::TrashedAt.is_not_null()
}
