//! Content in an object store that speaks S3: each content an object, below a prefix of a bucket.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use entity::Timestamp;
use futures_util::Stream;
use rusty_s3::Method;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{ContentKey, MarkKind, Room, blocking};
use crate::{
    clock,
    config::S3 as Settings,
    error::{Error, Result},
    operator_error::OperatorError,
};

mod client;
mod failure;
mod listing;
mod mark;
mod memory;
mod multipart;
mod objects;
mod outgoing;
mod reader;
mod retries;
mod trial;
mod unsent;
mod upload;
mod xml;

use client::{COMPLETES_WITHIN, Client, ENDS_WITHIN};
use failure::Failure;
pub use listing::Listed;
use memory::Memory;
pub use memory::Taker;
pub use multipart::Part;
pub use reader::Reader;
pub use trial::{Finding, Verdict};
pub use upload::Upload;

/// How long after it was begun a request may yet change something in the store, whatever became of its connection.
pub const SETTLES_WITHIN: Duration = ENDS_WITHIN
    .saturating_add(COMPLETES_WITHIN)
    .saturating_add(Duration::from_secs(300));

/// A prefix of a bucket.
#[derive(Debug)]
pub struct S3 {
    client: Arc<Client>,
    /// Which installation it is to be marked as, and how.
    id: Uuid,
    mark_kind: MarkKind,
    memory: Memory,
    /// Of the disk of an SQLite database.
    room: Option<Room>,
}

impl S3 {
    /// The place that `settings` name. Asks nobody yet.
    pub fn new(settings: &Settings) -> Result<Self, OperatorError> {
        Ok(Self {
            client: Arc::new(Client::new(settings)?),
            id: Uuid::nil(),
            mark_kind: MarkKind::InUse,
            memory: Memory::new(settings.s3_upload_memory),
            room: None,
        })
    }

    /// The same, which has to be marked as that of the installation `id`. `room` is what uploads may take of the disk of an
    /// SQLite database.
    pub fn of(self, (mark_kind, id): (MarkKind, Uuid), room: Room) -> Self {
        Self {
            id,
            mark_kind,
            room: Some(room),
            ..self
        }
    }

    /// What an operator calls it.
    pub fn place(&self) -> String {
        self.client.place()
    }

    pub(super) fn begin(&self, key: &ContentKey, taker: Taker, at_most: u64) -> Upload {
        let memory = self.memory.share(taker);
        Upload::new(&self.client, memory, key, at_most)
    }

    /// Removes the object of `key`, and the upload in parts that was to become it.
    pub(super) async fn delete(&self, key: &ContentKey, upload_id: Option<&str>) -> Result<()> {
        let name = key.object_name();
        if let Some(id) = upload_id {
            self.client.abort(&name, id).await?;
        }
        Ok(self.client.delete(&name).await?)
    }

    /// Whether `error` says that the store has no more what earlier requests have brought of an upload.
    pub(super) fn is_lost(error: &Error) -> bool {
        error
            .source_as::<Failure>()
            .is_some_and(Failure::is_of_no_upload)
    }

    pub(super) async fn open(&self, key: &ContentKey) -> Result<Option<Reader>> {
        let name = key.object_name();
        let look = self.client.look(&name).await;
        match look.map_err(Failure::of_a_read)? {
            Some(look) => Ok(Some(Reader::new(&self.client, name, look.bytes))),
            None => {
                // Another bucket, or none, is not content that is gone.
                self.look().await?;
                Ok(None)
            }
        }
    }

    /// The query by which nginx may read the object of `key` for a short time, by GET or by HEAD.
    pub(super) fn query_for_nginx(&self, key: &ContentKey, is_head: bool) -> String {
        let method = if is_head { Method::Head } else { Method::Get };
        self.client.query_for_nginx(method, &key.object_name())
    }

    pub(super) fn contents(&self) -> impl Stream<Item = Result<Listed>> + use<> {
        listing::contents(&self.client)
    }

    pub(super) async fn written_at(&self, key: &ContentKey) -> Result<Option<Timestamp>> {
        let look = self.client.look(&key.object_name()).await?;
        let modified = look.and_then(|look| look.modified);
        let modified = modified.and_then(|date| httpdate::parse_http_date(&date).ok());
        Ok(modified.map(clock::timestamp))
    }

    pub(super) async fn check_reserve(&self) -> Result<()> {
        match self.room.clone() {
            Some(room) => blocking(move || room.claim(0).map(drop)).await,
            None => Ok(()),
        }
    }

    /// Fails when the store cannot be asked, or what is there is not this installation's.
    pub(super) async fn check(&self) -> Result<()> {
        self.look().await
    }

    /// How far the store's clock is from this machine's; `None` where it does not tell the time.
    pub async fn clock_apart(&self) -> Result<Option<Duration>> {
        Ok(self.client.clock_apart().await?)
    }

    /// Uploads in parts that the store has begun, up to a thousand of them behind `after`: the key and the id of each, and
    /// when it began; and where to go on.
    pub(super) async fn begun(&self, after: &Marker) -> Result<(Vec<Begun>, Option<Marker>)> {
        let (begun, next) = self.client.begun_parts(listing::CONTENT, after).await?;
        let begun = begun.into_iter().filter_map(|begun| {
            let (_, key) = begun.name.rsplit_once('/')?;
            Some(Begun {
                key: ContentKey::parse(key)?,
                id: begun.id,
                at: listing::moment(&begun.at)?,
            })
        });
        Ok((begun.collect(), next))
    }

    pub(super) async fn abort(&self, key: &ContentKey, upload_id: &str) -> Result<()> {
        Ok(self.client.abort(&key.object_name(), upload_id).await?)
    }

    async fn put_whole(&self, name: &str, bytes: Bytes) -> Result<(), Failure> {
        let sha256 = Sha256::digest(&bytes).into();
        self.client.put(name, &[bytes], &sha256).await
    }
}

/// Where a list of uploads in parts goes on.
pub type Marker = (String, String);

/// An upload in parts that the store has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    pub key: ContentKey,
    pub id: String,
    pub at: Timestamp,
}
