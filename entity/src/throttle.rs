//! How soon somebody may try again: one row for each account or address that tried lately.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "throttle")]
pub struct Model {
    /// What is limited: `account:` and a user name's key, or `address:` and a network.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// When every try will have been made up for; each try moves it on.
    pub clear_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
