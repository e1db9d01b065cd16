//! Whom an event concerns, in the order of the feed.

use sea_orm::entity::prelude::*;

/// Who is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum Reader {
    /// One user.
    User = 0,
    /// Whoever belongs to a group when they read.
    Group = 1,
    /// No user, or one who is no more: an event that concerns none has a place all the same, and webhooks are told of it.
    Nobody = 2,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "concern")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The event's place in the feed, the same for all whom it concerns: whoever has read up to a place has missed nothing
    /// before it. Nothing until the event gets one, which on PostgreSQL is a moment after the commit.
    pub seq: Option<i64>,
    pub reader: Reader,
    /// Which user or group; for `Nobody`, the id of a deleted user, or nil.
    pub reader_id: Uuid,
    pub event_id: Uuid,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
