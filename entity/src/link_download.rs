//! A ticket of a link that was counted as a download, so that it is not counted again for its next request.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "link_download")]
pub struct Model {
    /// What stands for the ticket.
    #[sea_orm(primary_key, auto_increment = false)]
    pub ticket: Vec<u8>,
    pub share_id: Uuid,
    /// When the ticket ends, and need not be known any more.
    pub expires_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
