//! Parts of a resumable upload that an object store has.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upload_part")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub upload_id: Uuid,
    /// As the store counts them; there may be gaps.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    /// The store's own name for the part's bytes.
    pub etag: String,
    pub sha256: Vec<u8>,
    pub bytes: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
