//! What has not become a file yet, for whoever moves all content away from under it.

use std::time::Duration;

use entity::upload;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::rows::abort;
use crate::{
    app::App,
    clock::before,
    error::{Error, Result},
    storage::ContentKey,
};

/// An upload that has missed so many of its server's signs of life is nobody's.
const SIGNS: u32 = 2;
/// Rows read at a time.
const PAGE: u64 = 1000;

/// Uploads that are no files yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// By requests that a server is taking in.
    pub under_way: u64,
    /// All of them.
    pub all: u64,
}

/// How many there are.
pub async fn unfinished(app: &App) -> Result<Unfinished> {
    let mut found = Unfinished::default();
    let interval = app.config.sweeps.janitor_interval;
    let interval = interval.min(app.config.uploads.upload_ttl / 4);
    let recent = before(
        app.clock.now(),
        SIGNS * interval.max(Duration::from_secs(5)),
    );
    let mut after = Uuid::nil();
    loop {
        let rows = page(app, after).await?;
        let Some(last) = rows.last() else {
            return Ok(found);
        };
        after = last.id;
        found.all += rows.len() as u64;
        let is_under_way = |row: &&upload::Model| !row.is_resumable && row.touched_at > recent;
        found.under_way += rows.iter().filter(is_under_way).count() as u64;
    }
}

/// Ends all of them, as their clients could: what has come of them is given up.
pub async fn end_unfinished(app: &App) -> Result<()> {
    let mut after = Uuid::nil();
    loop {
        let rows = page(app, after).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.id;
        for row in rows {
            let key = ContentKey::parse(&row.content_key)
                .ok_or_else(|| Error::internal("a content key in the database is malformed"))?;
            abort(app, row.id, &key).await?;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "uploads are kept here")]
async fn page(app: &App, after: Uuid) -> Result<Vec<upload::Model>> {
    let page = upload::Entity::find()
        .filter(upload::Column::Id.gt(after))
        .order_by_asc(upload::Column::Id)
        .limit(PAGE);
    app.db.all(page).await
}
