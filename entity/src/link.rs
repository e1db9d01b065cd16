//! What a share by link has beyond other shares: who has its URL may come, within limits.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "link")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub share_id: Uuid,
    /// A PHC string; null without a password.
    pub password_hash: Option<String>,
    /// How many downloads there may be; null without a limit.
    pub max_downloads: Option<i32>,
    /// How many there were.
    pub downloads: i64,
    /// Tickets carry it: what changes it voids those issued before.
    pub epoch: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::share::Entity",
        from = "Column::ShareId",
        to = "super::share::Column::Id"
    )]
    Share,
}

impl ActiveModelBehavior for ActiveModel {}
