//! Content whose file is gone: noted in the transaction that removes the file, unlinked after it commits.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "discarded_content")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub content_key: String,
    pub discarded_at: Timestamp,
    /// The upload in parts by which its bytes came to an object store, where they did not become content.
    pub multipart_id: Option<String>,
    /// When its bytes are to be removed: at once, or once more after [`settled_at`](Self::settled_at).
    pub not_before: Timestamp,
    /// From when on nothing can write its bytes any more: what was removed before is removed once more then.
    pub settled_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
