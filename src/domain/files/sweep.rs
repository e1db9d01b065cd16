//! What becomes of files by itself: the trash is emptied, and the bytes of what is gone are unlinked.

use entity::{Timestamp, discarded_content, event::Kind, file};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};

use super::{discard, purge_row};
use crate::{
    app::App,
    clock::before,
    domain::events::{self, By, Event},
    error::{Code, Result},
};

/// How long content that could not be removed is left alone: an eighth of the time since it was discarded, and this at least and
/// at most, in milliseconds. So what can never be removed is soon tried seldom.
const PAUSE_LEAST: i64 = 60 * 1000;
const PAUSE_MOST: i64 = 24 * 3600 * 1000;
const SHARE_OF_AGE: i64 = 8;

/// Purges up to `limit` files that have been in the trash for their time at `now`, and says how many.
#[expect(clippy::disallowed_methods, reason = "files end here")]
pub async fn sweep_trash(app: &App, now: Timestamp, limit: u64) -> Result<u64> {
    let old = file::Entity::find()
        .filter(file::Column::TrashedAt.lte(before(now, app.config.sweeps.trash_ttl)))
        .order_by_asc(file::Column::TrashedAt)
        .limit(limit);
    let mut purged = 0;
    for row in app.db.all(old).await? {
        let event = Event::of_file(Kind::Purged, &row).by(By::Janitor);
        match purge_row(app, &row, events::row(app, event)).await {
            Ok(()) => purged += 1,
            // Another janitor was quicker.
            Err(error) if error.code == Code::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(purged)
}

/// Removes up to `limit` contents whose row is gone and whose bytes are still there at `now`, or may be there again, and says
/// how many. None while a backup is being made. One that cannot be removed now does not hold up the others, and is tried again
/// after a pause.
#[expect(clippy::disallowed_methods, reason = "content ends here")]
pub async fn sweep_discarded(app: &App, now: Timestamp, limit: u64) -> Result<u64> {
    let noted = discarded_content::Entity::find()
        .filter(discarded_content::Column::NotBefore.lte(now))
        .order_by_asc(discarded_content::Column::NotBefore)
        .limit(limit);
    let mut swept = 0;
    for row in app.db.all(noted).await? {
        match discard(app, &row, now).await {
            Ok(true) => swept += 1,
            Ok(false) => break,
            Err(error) => {
                // Where the storage is away, each of the others would wait for it as well.
                app.storage.check().await?;
                error.log();
                postpone(app, &row, now).await?;
            }
        }
    }
    Ok(swept)
}

/// Has the sweeps leave discarded content alone for a while. Otherwise as many as a sweep takes at once would fill every sweep.
#[expect(clippy::disallowed_methods, reason = "content ends here")]
async fn postpone(app: &App, note: &discarded_content::Model, now: Timestamp) -> Result<()> {
    let age = now.0.saturating_sub(note.discarded_at.0);
    let until = Timestamp(
        now.0
            .saturating_add((age / SHARE_OF_AGE).clamp(PAUSE_LEAST, PAUSE_MOST)),
    );
    let (key, due) = (note.content_key.clone(), note.not_before);
    let postpone = app.db.write(move |transaction| {
        Box::pin(async move {
            discarded_content::Entity::update_many()
                .col_expr(discarded_content::Column::NotBefore, Expr::value(until))
                .filter(discarded_content::Column::ContentKey.eq(key))
                // Another janitor may have removed it meanwhile.
                .filter(discarded_content::Column::NotBefore.eq(due))
                .exec(transaction)
                .await?;
            Ok(())
        })
    });
    postpone.await
}
