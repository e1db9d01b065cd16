//! Uploads that a crash or a kill left behind: how they are told from those that other processes are taking in.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use entity::{Timestamp, upload};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{CaseStatement, Expr, ExprTrait},
};
use uuid::Uuid;

use super::rows::abort;
use crate::{
    app::App,
    error::{Error, Result},
    storage::ContentKey,
};

/// The uploads of other processes: the last sign of life that this process has seen of each, and when this process first saw that sign.
///
/// So only this process's own sense of time counts, and never how its clock compares with that of whoever takes the
/// upload in.
#[derive(Debug, Default)]
pub struct LastSeen(Mutex<HashMap<Uuid, (Timestamp, Duration)>>);

impl LastSeen {
    /// Takes in the signs of life that there are at `now`, and returns the uploads that were silent for `ttl`.
    pub(super) fn update(
        &self,
        signs: &[(Uuid, Timestamp)],
        now: Duration,
        ttl: Duration,
    ) -> Vec<Uuid> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = signs
            .iter()
            .map(|(id, sign)| {
                let known = seen.get(id).filter(|(last, _)| last == sign);
                (*id, known.copied().unwrap_or((*sign, now)))
            })
            .collect();
        let silent = seen
            .iter()
            .filter(|(_, (_, since))| now.saturating_sub(*since) >= ttl);
        silent.map(|(id, _)| *id).collect()
    }
}

/// Gives the uploads of this process a sign of life, for other instances to see.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub async fn touch_live(app: &App) -> Result<()> {
    let (ids, now) = (app.live_uploads.ids(), app.clock.now());
    if ids.is_empty() {
        return Ok(());
    }
    // The time, or one more than before: a value other than before, even by a clock that was set back.
    let last = || Expr::col(upload::Column::TouchedAt);
    let sign = CaseStatement::new()
        .case(last().lt(now), now)
        .finally(last().add(1));
    let touch = app.db.write(move |transaction| {
        Box::pin(async move {
            upload::Entity::update_many()
                .col_expr(upload::Column::TouchedAt, sign.into())
                .filter(upload::Column::Id.is_in(ids))
                .exec(transaction)
                .await?;
            Ok(())
        })
    });
    touch.await
}

/// Takes back up to `limit` uploads that were silent too long, and says how many. One that cannot be taken back now does
/// not hold up the others.
#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
pub async fn sweep_abandoned(app: &App, limit: u64) -> Result<u64> {
    let others = upload::Entity::find()
        .filter(upload::Column::IsResumable.eq(false))
        .filter(upload::Column::Id.is_not_in(app.live_uploads.ids()));
    let signs: Vec<_> = (app.db.all(others).await?.into_iter())
        .map(|row| (row.id, row.touched_at))
        .collect();
    let (now, ttl) = (app.clock.uptime(), app.config.uploads.upload_ttl);
    let mut silent = app.uploads_last_seen.update(&signs, now, ttl);
    silent.truncate(limit.try_into().unwrap_or(usize::MAX));
    let silent = upload::Entity::find().filter(upload::Column::Id.is_in(silent));
    let mut swept = 0;
    for row in app.db.all(silent).await? {
        match take_back(app, &row).await {
            Ok(()) => swept += 1,
            Err(error) => error.log(),
        }
    }
    Ok(swept)
}

async fn take_back(app: &App, row: &upload::Model) -> Result<()> {
    let key = ContentKey::parse(&row.content_key)
        .ok_or_else(|| Error::internal("a content key in the database is malformed"))?;
    abort(app, row.id, &key).await
}
