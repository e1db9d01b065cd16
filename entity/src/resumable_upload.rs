//! Uploads that go on across requests, and for a while what became of those that are finished.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "resumable_upload")]
pub struct Model {
    /// That of its row in `upload`, which there is until it is finished.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Into whose account it goes.
    pub user_id: Uuid,
    /// By which drop it comes, where a visitor began it.
    pub drop_id: Option<Uuid>,
    /// Where the bytes are staged.
    #[sea_orm(unique)]
    pub content_key: String,
    /// What the file is to be called.
    pub name: String,
    /// `Upload-Metadata`, as the client sent it.
    pub metadata: Option<String>,
    pub expected_sha256: Option<Vec<u8>>,
    /// Bytes in all; null until it is known.
    pub length: Option<i64>,
    /// Bytes that were acknowledged, which are durable.
    pub received_bytes: i64,
    /// The state of the hash after those bytes.
    pub digest: Vec<u8>,
    /// One more for each request that found another one at work, which ends at that.
    pub generation: i64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// One more for each request that may append, where the storage has no locks: what an older one notes is refused.
    pub epoch: i64,
    /// Whether a request has not let go of it yet, where the storage has no locks.
    pub is_held: bool,
    /// In an object store: the number of the next part. Every number is used once.
    pub next_part: i32,
    /// In an object store: how many bytes are in parts that no row names, because the request that sent them failed. They lie there
    /// until the upload is finished or ends, and the quota that is reserved for the upload counts them.
    pub unnamed_bytes: i64,
    /// In an object store, which cannot be asked before the end: the first bytes.
    pub head: Option<Vec<u8>>,
    /// What it has become.
    pub file_id: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
