//! Uploads in parts that a store has begun and nobody has noted: the answer was lost, or whoever got it was killed. They cost
//! room, and show in no list of objects.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use entity::{Timestamp, discarded_content, upload};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{app::App, clock::before, error::Result, storage::Begun};

/// Between two looks at all uploads that the store knows.
const INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// What is younger may be noted at any moment.
const AGE: Duration = Duration::from_secs(24 * 3600);

/// When this process looked last, by its own sense of time.
#[derive(Debug, Default)]
pub struct LastLook(Mutex<Option<Duration>>);

impl LastLook {
    fn is_due(&self, uptime: Duration) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| uptime.saturating_sub(last) >= INTERVAL);
        if is_due {
            *last = Some(uptime);
        }
        is_due
    }

    /// The look failed: the next one is due at once.
    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Ends uploads in parts that were begun a day before `now` and belong to no upload; says how many. Looks once a day. One that
/// cannot be ended does not hold up the others.
pub async fn sweep_unrecorded(app: &App, now: Timestamp) -> Result<u64> {
    if app.storage.has_locks() || !app.uploads_last_look.is_due(app.clock.uptime()) {
        return Ok(0);
    }
    let ended = end_unrecorded(app, now).await;
    if ended.is_err() {
        app.uploads_last_look.forget();
    }
    ended
}

async fn end_unrecorded(app: &App, now: Timestamp) -> Result<u64> {
    let mut ended = 0;
    let mut after = Some(Default::default());
    while let Some(place) = after {
        let (mut begun, next) = app.storage.begun(&place).await?;
        begun.retain(|begun| begun.at < before(now, AGE));
        let known = known(app, &begun).await?;
        for begun in begun {
            if known.contains(&begun.id) {
                continue;
            }
            match app.storage.abort(&begun.key, &begun.id).await {
                Ok(()) => ended += 1,
                Err(error) => {
                    // Where the store is away, each of the others would wait for it as well.
                    app.storage.check().await?;
                    error.log();
                }
            }
        }
        after = next;
    }
    Ok(ended)
}

/// Those of the ids that an upload has, or a note of content that is to go.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
async fn known(app: &App, begun: &[Begun]) -> Result<HashSet<String>> {
    let ids = || begun.iter().map(|begun| begun.id.clone());
    // In this order: an upload's row becomes a note.
    let pending = upload::Entity::find().filter(upload::Column::MultipartId.is_in(ids()));
    let pending = app.db.all(pending).await?;
    let column = discarded_content::Column::MultipartId;
    let discarded = discarded_content::Entity::find().filter(column.is_in(ids()));
    let discarded = app.db.all(discarded).await?;
    let pending = pending.into_iter().filter_map(|row| row.multipart_id);
    let discarded = discarded.into_iter().filter_map(|row| row.multipart_id);
    Ok(pending.chain(discarded).collect())
}
