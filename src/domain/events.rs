//! The audit trail: changes are recorded in their own transaction; what changes nothing goes out in batches.
//!
//! A download and a sign-in do not wait for a write. Their events are kept in memory for half a second at most, and that
//! is what a crash can lose of them.

use entity::{Timestamp, event, event::Kind, file, user};
use sea_orm::{ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    access::Owned,
    app::App,
    auth::client::ClientAddress,
    clock::before,
    db::{self, Page, Rows},
    error::Result,
    keys,
};

mod queue;

pub use queue::{Queue, TASK, enqueue, run};

/// Of events that have the same, one is recorded.
pub type Once = [u8; 16];

/// Something that happened.
#[derive(Debug)]
pub struct Event {
    pub kind: Kind,
    pub user_id: Option<Uuid>,
    pub file_id: Option<Uuid>,
    pub client: ClientAddress,
    pub detail: Option<String>,
    pub once: Option<Once>,
}

impl Event {
    /// An event of a kind, to be told more about.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            user_id: None,
            file_id: None,
            client: ClientAddress::default(),
            detail: None,
            once: None,
        }
    }

    /// What the owner did to a file.
    pub fn of_file(kind: Kind, file: &file::Model) -> Self {
        Self {
            user_id: Some(file.owner_id),
            file_id: Some(file.id),
            ..Self::new(kind)
        }
    }

    pub fn by(self, user_id: Uuid) -> Self {
        Self {
            user_id: Some(user_id),
            ..self
        }
    }

    pub fn from(self, client: &ClientAddress) -> Self {
        Self {
            client: *client,
            ..self
        }
    }

    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    fn into_row(self, app: &App) -> event::Model {
        let at = app.clock.now();
        event::Model {
            id: keys::id(at),
            at,
            kind: self.kind,
            user_id: self.user_id,
            file_id: self.file_id,
            address: self.client.0.map(|address| address.to_string()),
            detail: self.detail,
            once: self.once.map(Vec::from),
            count: 1,
        }
    }
}

/// A line in the log. Debug formatting escapes what a client could forge a line with.
fn log(row: &event::Model) {
    tracing::info!(
        target: "audit",
        kind = ?row.kind,
        user = row.user_id.map(tracing::field::display),
        file = row.file_id.map(tracing::field::display),
        address = row.address.as_ref().map(tracing::field::display),
        detail = row.detail.as_ref().map(tracing::field::debug),
    );
}

/// Records an event in the transaction that makes it true. The log has a line of it once that is committed.
pub(super) async fn record(transaction: &DatabaseTransaction, row: event::Model) -> Result<()> {
    record_all(transaction, vec![row]).await
}

/// The same for several, at least one.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub(super) async fn record_all(
    transaction: &DatabaseTransaction,
    rows: Vec<event::Model>,
) -> Result<()> {
    let models = rows.iter().cloned().map(event::ActiveModel::from);
    event::Entity::insert_many(models.map(ActiveModelTrait::reset_all))
        .exec_without_returning(transaction)
        .await?;
    db::after_commit(move || rows.iter().for_each(log));
    Ok(())
}

/// A user as a detail names them: no name has a colon, so that nobody can be called what another word says.
pub(super) fn name(user: &user::Model) -> String {
    format!("user:{}", user.username)
}

/// The row of a change that a user makes, for [`record`] to write. `RATE_LIMITED` when its user has made too many.
///
/// What takes something away (revoking, deleting to the trash) is never refused by this limit: whoever uses up the changes of
/// somebody else's session must not keep the owner from reacting. Each of those follows a change or an upload, which are bounded.
pub(super) fn change(app: &App, event: Event) -> Result<event::Model> {
    if let Some(user_id) = event.user_id {
        let per_hour = app.config.changes_per_hour;
        app.changes.charge(user_id, app.clock.uptime(), per_hour)?;
    }
    Ok(event.into_row(app))
}

/// The row of an event that is limited otherwise, or not at all.
pub(super) fn row(app: &App, event: Event) -> event::Model {
    event.into_row(app)
}

/// What happened to a file of one's own, newest first.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub async fn of_file(
    app: &App,
    file: &Owned<file::Model>,
    page: Page,
) -> Result<Rows<event::Model>> {
    let events = event::Entity::find().filter(event::Column::FileId.eq(file.id));
    let rows = page
        .apply(events, event::Column::Id)
        .all(app.db.read())
        .await?;
    Ok(page.cut(rows))
}

/// Deletes up to `limit` events that have been kept for their time at `now`, and says how many.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub async fn sweep_old(app: &App, now: Timestamp, limit: u64) -> Result<u64> {
    let due = event::Column::At.lte(before(now, app.config.event_ttl));
    let id = event::Column::Id;
    app.db.delete_due::<event::Entity>(id, due, limit).await
}
