//! How soon somebody may try again: one row for each account or address that tried lately, and one for each address that an
//! account knows.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "throttle")]
pub struct Model {
    /// What is limited, such as `address:` and a network, or `account:` and a pseudonym; see `auth::throttle`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// When every try will have been made up for; each try moves it on. Of a known address: until when it is known.
    pub clear_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
