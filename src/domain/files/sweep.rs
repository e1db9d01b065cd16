//! What becomes of files by itself: the trash is emptied, and the bytes of what is gone are unlinked.

use entity::{Timestamp, discarded_content, event::Kind, file};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{discard, purge_row};
use crate::{
    app::App,
    clock::before,
    domain::events::{self, By, Event},
    error::Result,
};

/// Purges up to `limit` files that have been in the trash for their time at `now`, and says how many.
#[expect(clippy::disallowed_methods, reason = "files end here")]
pub async fn sweep_trash(app: &App, now: Timestamp, limit: u64) -> Result<u64> {
    let old = file::Entity::find()
        .filter(file::Column::TrashedAt.lte(before(now, app.config.sweeps.trash_ttl)))
        .order_by_asc(file::Column::TrashedAt)
        .limit(limit);
    let mut swept = 0;
    for row in app.db.all(old).await? {
        let event = Event::of_file(Kind::Purged, &row).by(By::Janitor);
        purge_row(app, &row, events::row(app, event)).await?;
        swept += 1;
    }
    Ok(swept)
}

/// Unlinks up to `limit` contents whose row is gone and whose bytes are still there, and says how many. None while a backup
/// is being made.
#[expect(clippy::disallowed_methods, reason = "content ends here")]
pub async fn sweep_discarded(app: &App, limit: u64) -> Result<u64> {
    let noted = discarded_content::Entity::find()
        .order_by_asc(discarded_content::Column::DiscardedAt)
        .limit(limit);
    let mut swept = 0;
    for row in app.db.all(noted).await? {
        if !discard(app, &row.content_key).await? {
            break;
        }
        swept += 1;
    }
    Ok(swept)
}
