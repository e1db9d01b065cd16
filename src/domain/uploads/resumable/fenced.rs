//! Resumable uploads in an object store, which has no locks: who may append stands in the upload's row. Each request takes it
//! by one transaction, and whatever an older one notes after that is refused. Bytes go to the store as parts; what is too
//! little for a part stays in rows until a later request brings more.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use bytes::Bytes;
use entity::{resumable_upload, upload};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{Purpose, Standing, Turn, append, key, rows, turns::Claim};
use crate::{
    access::{self, Resumable},
    app::{App, SharedApp},
    auth::client::ClientAddress,
    domain::uploads::{Part, incoming::taker, rows::pending},
    error::{Error, Result},
    storage::Writer,
};

/// How long a request that is told to end has, to keep what it has received. One whose process is gone is not heard of.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks whether it has.
const PAUSE: Duration = Duration::from_millis(10);

/// The right to append, until a newer request takes it.
#[derive(Debug)]
pub(super) struct Fence {
    app: SharedApp,
    id: Uuid,
    pub epoch: i64,
}

impl Drop for Fence {
    fn drop(&mut self) {
        let (app, id, epoch) = (SharedApp::clone(&self.app), self.id, self.epoch);
        tokio::spawn(async move {
            // Where this fails, the next request waits for a moment.
            if let Err(error) = rows::release(&app, id, epoch).await {
                tracing::debug!(%error, "an upload is not let go of");
            }
        });
    }
}

/// Takes the right to append from whoever has it.
pub(super) async fn take(app: &SharedApp, id: Uuid) -> Result<(Fence, Option<i64>)> {
    let began = Instant::now();
    let mut counted = None;
    loop {
        let is_forced = began.elapsed() >= PATIENCE;
        if let Some(epoch) = rows::take(app, id, is_forced).await? {
            let app = SharedApp::clone(app);
            return Ok((Fence { app, id, epoch }, counted));
        }
        if counted.is_none() {
            counted = Some(rows::count_request(app, id).await?);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same as [`super::turn`].
pub(super) async fn turn(
    app: &SharedApp,
    client: &ClientAddress,
    found: &Resumable,
    (mut claim, purpose): (Claim, Purpose),
) -> Result<Standing> {
    let fence = claim.take().await?;
    let upload = access::upload_again(app, found).await?;
    if upload.file_id.is_some() {
        return Ok(Standing::Finished(upload));
    }
    let Some(pending) = pending(app, found.id).await? else {
        return Err(Error::not_found());
    };
    let turn = Turn {
        app: SharedApp::clone(app),
        claim,
        upload,
        writer: None,
        fence: Some(fence),
    };
    match purpose {
        Purpose::Append | Purpose::Look if pending.is_completing => finish(client, turn).await,
        // Whoever wants none of it need not wait until the store makes an object of it.
        _ => Ok(Standing::Open(turn)),
    }
}

/// Makes a file of an upload that an earlier request began to finish. All its bytes are here; where they came from is not
/// known any more.
async fn finish(client: &ClientAddress, turn: Turn) -> Result<Standing> {
    let (app, upload) = (SharedApp::clone(&turn.app), turn.upload.clone());
    let part = Part {
        offset: append::unsigned(upload.received_bytes),
        ..Part::default()
    };
    let nothing = futures_util::stream::empty::<Result<Bytes>>();
    turn.append(client, part, nothing).await?;
    Ok(Standing::Finished(
        access::upload_again(&app, &upload).await?,
    ))
}

/// What writes behind the bytes that earlier requests have brought. Waits for the memory that those take which are no part yet.
pub(super) async fn resume(app: &App, upload: &Resumable) -> Result<Writer> {
    let pending = pending(app, upload.id).await?;
    let pending = pending.ok_or_else(Error::not_found)?;
    let received = append::unsigned(upload.received_bytes);
    let stored = rows::tail_start(app, upload.id).await?.unwrap_or(received);
    let tail_bytes = received
        .checked_sub(stored)
        .ok_or_else(|| Error::internal("an upload has more bytes in rows than it has"))?;
    let limit = upload
        .destination()
        .size_limit(app.config.uploads.max_file_size);
    let at_most = upload.length.map_or(limit, append::unsigned);
    let next_part = u32::try_from(upload.next_part).map_err(Error::internal)?;
    let mut writer = app.storage.resume(
        &key(upload)?,
        (taker(upload.destination()), at_most),
        (pending.multipart_id, next_part, stored),
    )?;
    writer.make_room(tail_bytes).await?;
    let tail = rows::tail(app, upload.id).await?;
    let (writer, ()) = writer
        .write(tail, |_| ())
        .await
        .map_err(Error::internal)??;
    Ok(writer)
}

/// Which of the uploads in `due` are being appended to, by the signs of life that their processes give.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub(super) async fn in_hand(app: &App, due: &[resumable_upload::Model]) -> Result<HashSet<Uuid>> {
    let held: Vec<_> = (due.iter().filter(|row| row.is_held))
        .map(|row| row.id)
        .collect();
    let own = app.live_uploads.ids();
    let others = upload::Entity::find()
        .filter(upload::Column::Id.is_in(held.iter().copied()))
        .filter(upload::Column::Id.is_not_in(own.iter().copied()));
    let signs: Vec<_> = (app.db.all(others).await?.into_iter())
        .map(|row| (row.id, row.touched_at))
        .collect();
    let (now, ttl) = (app.clock.uptime(), app.config.uploads.upload_ttl);
    let silent = app.held_uploads_last_seen.update(&signs, now, ttl);
    let of_others = signs.into_iter().map(|(id, _)| id);
    let of_others = of_others.filter(|id| !silent.contains(id));
    let own = own.into_iter().filter(|id| held.contains(id));
    Ok(of_others.chain(own).collect())
}
