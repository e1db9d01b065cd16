//! The latest moment that a janitor took for certain to have passed, in one row.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "settled_time")]
pub struct Model {
    /// There is one row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    pub at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
