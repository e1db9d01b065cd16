//! The end of an upload: bytes become content, and their record a file.

use entity::{event::Kind, file};
use futures_util::{StreamExt, stream};
use uuid::Uuid;

use super::{
    Complete,
    rows::{Outcome, Stored, swept},
    scanning,
};
use crate::{
    access::{Destination, Owned, drop_is_full},
    app::{App, SharedApp},
    auth::client::ClientAddress,
    domain::{
        content_type, drops,
        events::{self, By, Event},
        file_name, quota,
    },
    error::{Code, Error, Result},
    hex, patience, random,
};

/// Files of one request that are made durable side by side: what one thread syncs, another need not wait for.
const FINISHED_AT_ONCE: usize = 16;

/// What whoever uploaded a file gets of it.
type Told<T> = fn(&Destination, file::Model) -> Result<T>;

/// How a complete upload becomes a file.
#[derive(Debug)]
pub struct Naming {
    pub upload: Complete,
    /// What the file is to be called; see [`file_name`].
    pub name: String,
    /// Refuse any other bytes.
    pub expected_sha256: Option<[u8; 32]>,
}

/// Makes files of complete uploads, all of them or none, and returns them in the same order.
///
/// Runs in a task of its own: a client that hangs up now gets its files nevertheless, and never half of them. The
/// operation's time stands still for it.
/// `BAD_USER_INPUT` for an invalid name, `CHECKSUM_MISMATCH` when the bytes are not the expected ones,
/// `QUOTA_EXCEEDED` when the payer would have too many files, `UNAUTHENTICATED` when the account was stopped, or got
/// another password, since the upload began; `FILE_REFUSED` or `UNAVAILABLE` by what a scanner says.
pub async fn finish(
    app: &SharedApp,
    client: &ClientAddress,
    uploads: Vec<Naming>,
) -> Result<Vec<Owned<file::Model>>> {
    become_files(app, client, uploads, Destination::added).await
}

/// What the visitor of a drop learns of a file that they left.
#[derive(Clone, Debug)]
pub struct Dropped {
    pub name: String,
    /// Bytes.
    pub size: i64,
    pub sha256: Vec<u8>,
}

/// The same for uploads by a drop. `NOT_FOUND` when it was closed or has ended since they began, or its owner was disabled;
/// `QUOTA_EXCEEDED` when it would have too many files, or its owner may keep no more.
pub async fn finish_dropped(
    app: &SharedApp,
    client: &ClientAddress,
    uploads: Vec<Naming>,
) -> Result<Vec<Dropped>> {
    let left = become_files(app, client, uploads, |_, file| {
        Ok(Dropped {
            name: file.name,
            size: file.size,
            sha256: file.sha256,
        })
    });
    left.await.map_err(drops::for_visitor)
}

/// The same for a file that the operator puts into an account. `UNAUTHENTICATED` where its user was disabled meanwhile.
pub async fn finish_import(app: &SharedApp, upload: Naming) -> Result<()> {
    let nobody = ClientAddress::default();
    let files = become_files(app, &nobody, vec![upload], |_, _| Ok(()));
    files.await.map(drop)
}

/// The same for a resumable upload; returns the file's id, whoever uploaded it.
pub(super) async fn finish_kept(
    app: &SharedApp,
    client: &ClientAddress,
    upload: Naming,
) -> Result<Uuid> {
    let ids = become_files(app, client, vec![upload], |_, file| Ok(file.id)).await?;
    let id = ids.into_iter().next();
    id.ok_or_else(|| Error::internal("one upload makes one file"))
}

/// Makes files of `uploads`, each of which comes back as `told` says.
async fn become_files<T: Send + 'static>(
    app: &SharedApp,
    client: &ClientAddress,
    uploads: Vec<Naming>,
    told: Told<T>,
) -> Result<Vec<T>> {
    let (app, client) = (SharedApp::clone(app), *client);
    let task = tokio::spawn(patience::inherit(async move {
        // All of them are looked at before any is synced.
        let rows = uploads.iter().map(|naming| file_row(&app, naming));
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let uploads = uploads.into_iter().map(|naming| naming.upload);
        let uploads: Vec<_> = uploads.zip(rows.iter().map(|row| row.created_at)).collect();
        // Each is waited for, also when another has failed: what is aborted must not be under way.
        let stored: Vec<_> = stream::iter(uploads)
            .map(async |(mut upload, created_at)| upload.store(created_at).await.map(|()| upload))
            .buffered(FINISHED_AT_ONCE)
            .collect()
            .await;
        let uploads = stored.into_iter().collect::<Result<Vec<_>>>()?;
        scanning::check(&app, &client, &uploads).await?;
        commit(&app, &client, uploads, rows, told).await
    }));
    patience::untimed(task).await.map_err(Error::internal)?
}

/// Writes `rows`, one for each upload, whose bytes are durable.
async fn commit<T>(
    app: &SharedApp,
    client: &ClientAddress,
    mut uploads: Vec<Complete>,
    rows: Vec<file::Model>,
    told: Told<T>,
) -> Result<Vec<T>> {
    let mut files = Vec::with_capacity(rows.len());
    let mut stored = Vec::with_capacity(rows.len());
    for (Complete { upload, lock, .. }, file) in uploads.iter().zip(rows) {
        let destination = upload.record.destination;
        files.push(told(&destination, file.clone())?);
        let event = Event::of_file(Kind::Uploaded, &file)
            .by(By::from(destination.uploader()))
            .from(client)
            .detail(&file.name);
        stored.push(Stored {
            upload_id: upload.record.id,
            payer: *destination.payer(),
            drop_id: destination.drop_id(),
            known_until: (upload.record.is_kept())
                .then(|| app.clock.after(app.config.uploads.resumable_ttl)),
            _lock: lock.clone(),
            event: events::row(app, event),
            file,
        });
    }
    match app.upload_rows.finish(stored).await? {
        Outcome::Committed => {}
        Outcome::TooMany => return Err(quota::too_many_files(app)),
        Outcome::Ended => return Err(Error::unauthenticated()),
        Outcome::DropFull => return Err(drop_is_full()),
        Outcome::DropClosed => return Err(Error::not_found()),
        Outcome::Swept => return Err(swept()),
    }
    for Complete { upload, .. } in &mut uploads {
        upload.record.end();
    }
    Ok(files)
}

/// The row of the file that an upload is to be.
fn file_row(app: &App, naming: &Naming) -> Result<file::Model> {
    let Complete { upload, sha256, .. } = &naming.upload;
    if naming
        .expected_sha256
        .is_some_and(|expected| expected != *sha256)
    {
        return Err(Error::new(
            Code::ChecksumMismatch,
            "The bytes that arrived have another SHA-256 than announced; send them again.",
        )
        .with("actualSha256", hex::encode(sha256)));
    }
    let now = app.clock.now();
    let name = file_name::check(&naming.name)?;
    Ok(file::Model {
        id: random::id(now),
        owner_id: upload.record.destination.owner_id(),
        content_type: content_type::detect(&upload.head, &name),
        name,
        size: quota::signed(upload.size),
        sha256: sha256.to_vec(),
        content_key: upload.record.key.to_string(),
        created_at: now,
        trashed_at: None,
    })
}
