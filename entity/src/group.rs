//! A named set of users, looked after by its owner.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "group")]
pub struct Model {
    /// UUIDv7, so that ids sort by creation and serve as keyset.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who alone manages it. The owner has a row among the members, too.
    pub owner_id: Uuid,
    pub name: String,
    pub created_at: Timestamp,
    /// When its owner deleted it. It has no members from then on; the row goes when the last of its shares has gone.
    pub deleted_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
