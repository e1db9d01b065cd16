//! Resumable uploads: bytes that come by several requests, to whichever process.
//!
//! One request at a time appends to an upload. The newest one does: it tells the older ones to end (`turns`), and begins when
//! the storage lets it take hold of the bytes, which is when no older one can write any more. An older one that does not end,
//! because its process stands still, is left with bytes that nobody needs any more (`take_over`). What has come is acknowledged
//! once the bytes, and then their number and the state of their hash, are durable (`kept`).

use bytes::Bytes;
use entity::{resumable_upload, upload};
use futures_util::{Stream, stream};
use uuid::Uuid;

use super::{
    Digest,
    rows::{abort, abort_of},
};
use crate::{
    access::{self, Destination, Resumable},
    app::{App, SharedApp},
    auth::client::ClientAddress,
    domain::{file_name, quota},
    error::{Code, Error, Result},
    patience, random,
    storage::{ContentKey, Hold, Writer},
};

mod append;
mod fenced;
mod give_back;
mod kept;
mod rows;
mod sweep;
mod take_over;
mod turns;

pub(super) use append::beyond;
pub use append::{Appended, Part};
use fenced::Fence;
use kept::Fenced;
pub(super) use kept::Kept;
pub use sweep::sweep_expired;
pub use turns::Turns;
use turns::{Claim, superseded};

/// What is known of an upload at its beginning.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// What the file is to be called; see [`file_name`].
    pub name: String,
    /// `Upload-Metadata`, as the client sent it.
    pub metadata: Option<String>,
    /// Bytes in all; `None` where that is told later.
    pub length: Option<u64>,
    /// Refuse any other bytes.
    pub expected_sha256: Option<[u8; 32]>,
}

/// Begins an upload into `destination`.
///
/// The quota is reserved for all of it, where its length is known and whoever uploads pays for it. `FILE_TOO_LARGE`,
/// `QUOTA_EXCEEDED` or `STORAGE_FULL` for what cannot fit; `QUOTA_EXCEEDED` for one unfinished upload too many;
/// `BAD_USER_INPUT` for an invalid name.
pub async fn begin(
    app: &SharedApp,
    destination: &Destination,
    beginning: Beginning,
) -> Result<Resumable> {
    let Beginning {
        name,
        metadata,
        length,
        expected_sha256,
    } = beginning;
    let name = file_name::check(&name)?;
    check_length(app, destination, length.unwrap_or(0))?;
    // Nobody's word counts for somebody else's quota.
    let announced = length.filter(|_| destination.is_own()).unwrap_or(0);
    quota::check_ahead(app, destination.payer(), announced)?;
    app.storage.check_reserve(announced).await?;
    let (now, key) = (app.clock.now(), ContentKey::random());
    let row = resumable_upload::Model {
        id: random::id(now),
        user_id: destination.owner_id(),
        drop_id: destination.drop_id(),
        content_key: key.to_string(),
        name,
        metadata,
        expected_sha256: expected_sha256.map(Vec::from),
        length: length.map(quota::signed),
        received_bytes: 0,
        digest: Digest::default().state(),
        generation: 0,
        created_at: now,
        expires_at: app.clock.after(app.config.uploads.resumable_ttl),
        epoch: 0,
        is_held: false,
        next_part: 1,
        unnamed_bytes: 0,
        head: None,
        file_id: None,
    };
    let pending = upload::Model {
        id: row.id,
        user_id: destination.payer().id,
        drop_id: destination.drop_id(),
        network: destination.network(),
        content_key: key.to_string(),
        reserved_bytes: 0,
        created_at: now,
        touched_at: now,
        is_resumable: true,
        multipart_id: None,
        is_completing: false,
    };
    rows::begin(app, destination, pending, row.clone(), announced).await?;
    Resumable::begun(destination, row)
}

/// `FILE_TOO_LARGE` for a file of more bytes than may be.
fn check_length(app: &App, destination: &Destination, length: u64) -> Result<()> {
    let limit = destination.size_limit(app.config.uploads.max_file_size);
    match length > limit {
        true => Err(super::too_large(limit)),
        false => Ok(()),
    }
}

/// Begins an upload, and makes a file of it at once if it is to be empty.
pub async fn begin_and_finish(
    app: &SharedApp,
    client: &ClientAddress,
    destination: &Destination,
    beginning: Beginning,
) -> Result<Resumable> {
    let is_empty = beginning.length == Some(0);
    let upload = begin(app, destination, beginning).await?;
    if is_empty {
        let nothing = stream::empty::<Result<_>>();
        begin_with(app, client, &upload, Part::default(), nothing).await?;
        return access::upload_again(app, &upload).await;
    }
    Ok(upload)
}

/// Appends the first part to an upload that has just begun. Where that fails, the upload ends: nobody knows of it yet.
pub async fn begin_with<E: Send + 'static>(
    app: &SharedApp,
    client: &ClientAddress,
    upload: &Resumable,
    part: Part,
    body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
) -> Result<Appended> {
    let (app, client, upload) = (SharedApp::clone(app), *client, upload.clone());
    let task = tokio::spawn(patience::inherit(async move {
        let appended = match turn(&app, &client, &upload, Purpose::Append).await {
            Ok(Standing::Open(turn)) => turn.append(&client, part, body).await,
            Ok(Standing::Finished(_)) => Err(Error::not_found()),
            Err(error) => Err(error),
        };
        if appended.is_err() {
            abort(&app, upload.id, &key(&upload)?).await?;
        }
        appended
    }));
    task.await.map_err(Error::internal)?
}

/// What a request does when it is its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Append,
    Look,
    End,
}

/// The right to append to an upload, or to end it: nobody else has it.
#[derive(Debug)]
pub struct Turn {
    app: SharedApp,
    claim: Claim,
    upload: Resumable,
    /// What holds the bytes. `None` where an older request does not let go of them, and where the storage has no locks.
    writer: Option<Writer>,
    /// What holds the upload, where the storage has no locks.
    fence: Option<Fence>,
}

/// Where an upload stands.
#[derive(Debug)]
pub enum Standing {
    /// It can go on.
    Open(Turn),
    /// It is a file.
    Finished(Resumable),
}

/// Ends every older request that appends to `found`, on whichever instance, and waits until they have. One whose process stands
/// still is not waited for: nothing of what it brings counts any more.
///
/// `CONFLICT` when a newer request comes meanwhile that appends, and this one was to append; `NOT_FOUND` when the upload ends;
/// `UNAVAILABLE` when many come and each has its turn.
pub async fn turn(
    app: &SharedApp,
    client: &ClientAddress,
    found: &Resumable,
    purpose: Purpose,
) -> Result<Standing> {
    if found.file_id.is_some() {
        return Ok(Standing::Finished(found.clone()));
    }
    let key = key(found)?;
    let ids = (found.id, found.generation);
    let mut claim = app.upload_turns.claim(app, ids, purpose);
    if !app.storage.has_locks() {
        return fenced::turn(app, client, found, (claim, purpose)).await;
    }
    let writer = match claim.hold(&key, found.received_bytes == 0).await? {
        Hold::Missing => return missing(app, found).await,
        Hold::Held(writer) => Some(writer),
        Hold::Taken => None,
    };
    if writer.as_ref().is_some_and(Writer::is_content) {
        rows::settle(app, found.id).await?;
    }
    let upload = match access::upload_again(app, found).await {
        Err(error) if error.code == Code::NotFound => {
            clean(app, found.id, &key).await?;
            return Err(error);
        }
        upload => upload?,
    };
    if upload.file_id.is_some() {
        return Ok(Standing::Finished(upload));
    }
    if upload.content_key != found.content_key {
        clean(app, found.id, &key).await?;
        return Err(superseded());
    }
    Ok(Standing::Open(Turn {
        app: SharedApp::clone(app),
        claim,
        upload,
        writer,
        fence: None,
    }))
}

/// Where an upload stands whose bytes are nowhere: it has become a file or ended meanwhile, or they are gone. A database that was
/// restored from a backup knows of uploads whose bytes were not kept; such a one ends.
async fn missing(app: &App, found: &Resumable) -> Result<Standing> {
    let upload = access::upload_again(app, found).await?;
    if upload.file_id.is_some() {
        return Ok(Standing::Finished(upload));
    }
    tracing::warn!(upload = %found.id, "a resumable upload has no bytes any more, and ends");
    abort(app, found.id, &key(found)?).await?;
    Err(Error::not_found())
}

/// Removes what was made just now for bytes to come, if the upload has ended, or its bytes are elsewhere: then nothing else does.
async fn clean(app: &App, id: Uuid, key: &ContentKey) -> Result<()> {
    match rows::present(app, id).await? {
        Some(row) if row.content_key == key.as_str() => Ok(()),
        _ => app.storage.unstage(key).await,
    }
}

impl Turn {
    /// The upload as the requests before have left it.
    pub fn upload(&self) -> &Resumable {
        &self.upload
    }

    /// Ends the upload: nothing of it stays.
    pub async fn end(self) -> Result<()> {
        abort(&self.app, self.upload.id, &key(&self.upload)?).await
    }
}

fn key(upload: &resumable_upload::Model) -> Result<ContentKey> {
    ContentKey::parse(&upload.content_key)
        .ok_or_else(|| Error::internal("a content key in the database is malformed"))
}
