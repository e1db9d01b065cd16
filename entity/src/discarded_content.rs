//! Content whose file is gone: noted in the transaction that removes the file, unlinked after it commits.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "discarded_content")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub content_key: String,
    pub discarded_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
