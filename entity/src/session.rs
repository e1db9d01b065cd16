//! A browser's sign-in. The row holds a hash of the session id, so a copy of the table opens no session.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// SHA-256 of the id in the cookie.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id_hash: Vec<u8>,
    /// The session's key-value pairs, JSON.
    pub data: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// What its user calls it by, to end it.
    pub id: Option<Uuid>,
    /// Whom it signs in, at which epoch of their credentials; the data say the same.
    pub user_id: Option<Uuid>,
    pub credential_epoch: Option<i64>,
    /// To within some minutes.
    pub last_used_at: Option<Timestamp>,
    /// The client's address at the sign-in, where it was known.
    pub address: Option<String>,
    /// What the browser called itself then.
    pub user_agent: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
