//! Downloads by links: each ticket counts once, at its first request for bytes, and a limit is never passed.

use entity::{Timestamp, link, link_download};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, QueryFilter, SqlErr,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use crate::{
    app::App,
    clock,
    db::Transaction,
    domain::{
        events::{self, Event, Once},
        tickets::Purpose,
    },
    error::{Code, Error, Result},
};

/// What a ticket of a link is about to download.
#[derive(Clone, Copy, Debug)]
pub struct Download {
    pub share_id: Uuid,
    /// The link's, when the ticket was issued.
    pub epoch: i64,
    /// What stands for the ticket.
    pub ticket: Once,
    pub expires_at: Timestamp,
}

/// How a count came out.
enum Counted {
    /// It was counted before.
    Known,
    Unlimited,
    /// The event is recorded with it.
    Limited,
}

/// The refusal of one download too many.
pub fn exhausted() -> Error {
    Error::new(
        Code::LinkExhausted,
        "This link has had all its downloads; ask whoever sent it for another.",
    )
}

fn revoked() -> Error {
    Error::new(
        Code::AccessRevoked,
        "The link of this ticket was changed or revoked; open the link again.",
    )
}

impl Download {
    /// Lets the ticket pass: one that was counted always, another if the link has a download left, which it takes for
    /// bytes, and not for a look. `LINK_EXHAUSTED` otherwise.
    ///
    /// When this has returned, the count is durable: a crash may cost a download and never gives one away. `event` is what the
    /// trail has of it.
    pub async fn admit(
        &self,
        app: &App,
        purpose: Purpose,
        event: impl Fn() -> Event,
    ) -> Result<()> {
        if self.is_counted(app).await? {
            return Ok(());
        }
        // First a look, so that whoever comes too late costs no write.
        if self.is_exhausted(app).await? {
            // Another request with this ticket may have taken the last download between the two looks.
            return match self.is_counted(app).await? {
                true => Ok(()),
                false => Err(exhausted()),
            };
        }
        if purpose == Purpose::Look {
            return Ok(());
        }
        let (download, row) = (*self, events::row(app, event()));
        // Many wait for the row of one link, and other people's work is to have connections.
        let count = app.db.write_aside(move |transaction| {
            Box::pin(async move {
                let counted = download.count(transaction).await?;
                if matches!(counted, Counted::Limited) {
                    events::record(transaction, row).await?;
                }
                Ok(counted)
            })
        });
        if matches!(count.await?, Counted::Unlimited) {
            // Strangers may come as often as they like, and not fill the trail: the same within a minute is one event.
            events::enqueue(app, Some(self.ticket), event);
        }
        Ok(())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "downloads by link are counted here"
    )]
    async fn is_counted(&self, app: &App) -> Result<bool> {
        let known = link_download::Entity::find_by_id(self.ticket.to_vec());
        Ok(app.db.one(known).await?.is_some())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "downloads by link are counted here"
    )]
    async fn is_exhausted(&self, app: &App) -> Result<bool> {
        let full = link::Entity::find_by_id(self.share_id)
            .filter(Expr::col(link::Column::Downloads).gte(Expr::col(link::Column::MaxDownloads)));
        Ok(app.db.one(full).await?.is_some())
    }

    /// Notes the ticket, and takes a download for it. Of several requests with one ticket, the first does, and the others wait
    /// for what becomes of that.
    #[expect(
        clippy::disallowed_methods,
        reason = "downloads by link are counted here"
    )]
    async fn count(&self, transaction: &Transaction) -> Result<Counted> {
        let note = link_download::ActiveModel {
            ticket: Set(self.ticket.to_vec()),
            share_id: Set(self.share_id),
            expires_at: Set(self.expires_at),
        };
        let noted = link_download::Entity::insert(note)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(transaction)
            .await;
        let noted = noted.map_err(|error| match error.sql_err() {
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => revoked(),
            _ => error.into(),
        })?;
        if noted == 0 {
            return Ok(Counted::Known);
        }
        let downloads = || Expr::col(link::Column::Downloads);
        let has_some_left = Condition::any()
            .add(link::Column::MaxDownloads.is_null())
            .add(downloads().lt(Expr::col(link::Column::MaxDownloads)));
        let taken = link::Entity::update_many()
            .col_expr(link::Column::Downloads, downloads().add(1))
            .filter(link::Column::ShareId.eq(self.share_id))
            .filter(link::Column::Epoch.eq(self.epoch))
            .filter(has_some_left)
            .exec_with_returning(transaction)
            .await?;
        match taken.first() {
            Some(link) if link.max_downloads.is_some() => Ok(Counted::Limited),
            Some(_) => Ok(Counted::Unlimited),
            None => Err(self.refusal(transaction).await?),
        }
    }

    /// Why no download could be taken.
    #[expect(
        clippy::disallowed_methods,
        reason = "downloads by link are counted here"
    )]
    async fn refusal(&self, transaction: &Transaction) -> Result<Error> {
        let link = link::Entity::find_by_id(self.share_id)
            .one(transaction)
            .await?;
        Ok(match link {
            Some(link) if link.epoch == self.epoch => exhausted(),
            _ => revoked(),
        })
    }
}

/// Deletes up to `limit` notes of counted tickets that have ended at `now` by every instance's clock, and says how many.
#[expect(
    clippy::disallowed_methods,
    reason = "downloads by link are counted here"
)]
pub async fn sweep_downloads(app: &App, now: Timestamp, limit: u64) -> Result<u64> {
    // A ticket that is still good where the clock is behind must not count again there.
    let due = link_download::Column::ExpiresAt.lte(clock::before(now, clock::SKEW));
    let id = link_download::Column::Ticket;
    app.db
        .delete_due::<link_download::Entity>(id, due, limit)
        .await
}
