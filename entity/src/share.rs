//! A grant on one file to an audience.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

/// Whom a share reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(13))")]
pub enum Audience {
    #[sea_orm(string_value = "USER")]
    User,
    #[sea_orm(string_value = "GROUP")]
    Group,
    #[sea_orm(string_value = "AUTHENTICATED")]
    Authenticated,
    /// Whoever has the URL of the link that the share itself is.
    #[sea_orm(string_value = "LINK")]
    Link,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "share")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub file_id: Uuid,
    pub audience: Audience,
    /// Which one of that kind of audience: the user's or group's id; a link's own; nil where there is only one.
    pub audience_id: Uuid,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::file::Entity",
        from = "Column::FileId",
        to = "super::file::Column::Id"
    )]
    File,
}

impl ActiveModelBehavior for ActiveModel {}
