//! Webhooks: addresses that are told of events, and how far each of them has been told.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

/// Why nothing is sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(
    rs_type = "String",
    db_type = "String(StringLen::N(8))",
    rename_all = "SCREAMING_SNAKE_CASE"
)]
pub enum Pause {
    /// Deliveries have failed for too long.
    Failing,
    /// The receiver said that it is gone.
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub url: String,
    /// The kinds of events that are sent, separated by commas; nothing where all are.
    pub kinds: Option<String>,
    pub created_at: Timestamp,
    /// The place in the feed up to which every event was acknowledged, or is of no kind that is sent.
    pub seq: i64,
    /// Events that were swept before they were sent, or left out by the operator.
    pub missed: i64,
    pub delivered_at: Option<Timestamp>,
    /// Tries that have failed since the last one that did not.
    pub failures: i32,
    pub failing_since: Option<Timestamp>,
    /// Why the last of them failed.
    pub failure: Option<String>,
    /// Nothing is sent before.
    pub due_at: Timestamp,
    pub paused_at: Option<Timestamp>,
    pub pause: Option<Pause>,
    /// The process that delivers, and until when nobody else does.
    pub holder: Option<Uuid>,
    pub held_until: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
