//! Bytes on their way in. Written before the first byte, so that what a crash leaves can be swept.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upload")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    /// The drop that it comes by, where it does.
    pub drop_id: Option<Uuid>,
    /// The network that it comes from, where it comes by a drop: one network has a part of what a drop may have.
    pub network: Option<String>,
    /// Where the bytes are staged, and will be kept once the upload finishes.
    #[sea_orm(unique)]
    pub content_key: String,
    /// What this upload holds of its user's quota, bytes.
    pub reserved_bytes: i64,
    pub created_at: Timestamp,
    /// The last sign of life; an upload silent for long is abandoned.
    pub touched_at: Timestamp,
    /// Whether it outlives the request that began it: then it has a row in `resumable_upload`, whose sweep it is left to.
    pub is_resumable: bool,
    /// What an object store calls the upload in parts that its bytes go by, once there is one.
    pub multipart_id: Option<String>,
    /// Whether somebody has taken it upon them to have the store put the parts together.
    pub is_completing: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
