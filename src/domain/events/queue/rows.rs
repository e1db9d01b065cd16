//! The rows of events that waited, and of what they count once only.

use std::{collections::HashSet, time::Duration};

use entity::{Timestamp, event, event_once};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{CaseStatement, Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use super::{
    super::concerns,
    waiting::{Row, Times},
};
use crate::{app::App, clock::before, db::Transaction, error::Result};

/// How long a counted ticket is remembered: longer than any ticket lives.
const REMEMBERED: Duration = Duration::from_secs(25 * 60 * 60);

/// Deletes up to `limit` notes of counted tickets that are no longer needed at `now`, and says how many.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub async fn sweep_counted(app: &App, now: Timestamp, limit: u64) -> Result<u64> {
    let due = event_once::Column::At.lte(before(now, REMEMBERED));
    let id = event_once::Column::Once;
    app.db
        .delete_due::<event_once::Entity>(id, due, limit)
        .await
}

/// Writes rows, and returns those of which nothing is to be written: the table has all that they count.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub(super) async fn insert(app: &App, rows: Vec<Row>) -> Result<Vec<Uuid>> {
    let now = app.clock.now();
    let insert = app.db.write(move |transaction| {
        Box::pin(async move {
            let news = remember(transaction, rows.iter().map(|row| &row.times), now).await?;
            let (mut models, mut empty) = (Vec::new(), Vec::new());
            for row in rows {
                match news.count(&row.times) {
                    0 => empty.push(row.event.id),
                    count => models.push(event::Model { count, ..row.event }),
                }
            }
            concerns::insert(transaction, models).await?;
            if empty.is_empty() {
                return Ok(empty);
            }
            // Such a row remembered its own.
            let written: Vec<Uuid> = event::Entity::find()
                .select_only()
                .column(event::Column::Id)
                .filter(event::Column::Id.is_in(empty.iter().copied()))
                .into_tuple()
                .all(transaction)
                .await?;
            empty.retain(|id| !written.contains(id));
            Ok(empty)
        })
    });
    insert.await
}

/// Adds to what rows count.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub(super) async fn grow(app: &App, again: Vec<(Uuid, Times)>) -> Result<()> {
    let now = app.clock.now();
    let grow = app.db.write(move |transaction| {
        Box::pin(async move {
            let news = remember(transaction, again.iter().map(|(_, times)| times), now).await?;
            let counts = again.iter().map(|(id, times)| (*id, news.count(times)));
            let counts: Vec<_> = counts.filter(|(_, more)| *more > 0).collect();
            if counts.is_empty() {
                return Ok(());
            }
            let count = || Expr::col(event::Column::Count);
            let grown = counts
                .iter()
                .fold(CaseStatement::new(), |case, (id, more)| {
                    case.case(event::Column::Id.eq(*id), count().add(*more))
                })
                .finally(count());
            event::Entity::update_many()
                .col_expr(event::Column::Count, grown.into())
                .filter(event::Column::Id.is_in(counts.into_iter().map(|(id, _)| id)))
                .exec(transaction)
                .await?;
            Ok(())
        })
    });
    grow.await
}

/// What the table did not have.
struct News(HashSet<Vec<u8>>);

impl News {
    fn count(&self, times: &Times) -> i32 {
        let news = times.onces.iter().filter(|once| self.0.contains(&once[..]));
        times.certain + i32::try_from(news.count()).unwrap_or(i32::MAX)
    }
}

/// Notes what is counted from now on, and tells what was not counted before, by any instance.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
async fn remember(
    transaction: &Transaction,
    times: impl Iterator<Item = &Times>,
    at: Timestamp,
) -> Result<News> {
    let mut onces: Vec<_> = times.flat_map(|times| times.onces.clone()).collect();
    if onces.is_empty() {
        return Ok(News(HashSet::new()));
    }
    // In the same order everywhere: two instances would otherwise wait for each other.
    onces.sort_unstable();
    let models = onces.into_iter().map(|once| event_once::ActiveModel {
        once: Set(once.to_vec()),
        at: Set(at),
    });
    let news = event_once::Entity::insert_many(models)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_with_returning_keys(transaction)
        .await?;
    Ok(News(news.into_iter().collect()))
}
