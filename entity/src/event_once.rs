//! What an event has counted and is to be counted once only, wherever it happens again: a ticket's redemption, of each
//! of whose ranges another instance may hear.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_once")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub once: Vec<u8>,
    /// When it was counted: it is forgotten once nobody can ask again.
    pub at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
