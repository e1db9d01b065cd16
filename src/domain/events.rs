//! The audit trail: changes are recorded in their own transaction; what changes nothing goes out in batches.
//!
//! A download and a sign-in do not wait for a write. Their events are kept in memory for half a second at most, and that
//! is what a crash can lose of them.

use std::collections::HashMap;

use entity::{
    Timestamp,
    event::{self, ActorKind, Kind, ObjectKind},
    file,
    share::Audience,
};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Query, SelectStatement},
};
use uuid::Uuid;

use crate::{
    access::{Owned, Uploader},
    app::App,
    auth::{Identity, Viewer, client::ClientAddress},
    clock::before,
    db::{LISTS_MAX, Page, Rows, Transaction},
    error::Result,
    random,
};

pub mod about;
mod concerns;
mod feed;
mod forgetting;
mod live;
mod message;
mod queue;

pub(super) use concerns::{concern_audiences, concern_users, last_place};
pub use feed::{Entry, begin, event_after, of_viewer};
pub(super) use feed::{last, placed_after};
pub(super) use forgetting::{forget, forget_acts};
pub use live::{Live, Subscriber, TASKS, give_places, wake};
pub use message::trail;
pub(super) use message::{Names, body};
pub use queue::{Queue, TASK, enqueue, run, sweep_counted};

/// Events with the same value are counted once, on whichever instance they happen.
pub type Once = [u8; 16];

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    User(Uuid),
    /// Somebody who had not signed in.
    Anonymous,
    /// Whoever came by a link: the id of its share.
    Link(Uuid),
    /// Whoever came by a drop.
    Drop(Uuid),
    /// Whoever types commands at the server.
    Operator,
    Janitor,
}

impl From<Identity> for By {
    fn from(identity: Identity) -> Self {
        match identity {
            Identity::User { id, .. } => Self::User(id),
            Identity::Link { id, .. } => Self::Link(id),
        }
    }
}

impl From<Uploader> for By {
    fn from(uploader: Uploader) -> Self {
        match uploader {
            Uploader::User(id) => Self::User(id),
            Uploader::Drop(id) => Self::Drop(id),
            Uploader::Operator => Self::Operator,
        }
    }
}

/// What something was done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    File(Uuid),
    /// A user's account.
    User(Uuid),
    ApiToken(Uuid),
    Drop(Uuid),
    Group(Uuid),
    Webhook(Uuid),
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    pub kind: Kind,
    pub by: By,
    pub object: Option<Object>,
    /// Whom a share reaches, as in its row; whom a group gained or lost.
    pub audience: Option<(Audience, Uuid)>,
    pub client: ClientAddress,
    pub detail: Option<String>,
    /// Whose the object is, where that is known; else it is looked up.
    pub owner_id: Option<Uuid>,
}

impl Event {
    /// An event of a kind, to be told more about.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            by: By::Anonymous,
            object: None,
            audience: None,
            client: ClientAddress::default(),
            detail: None,
            owner_id: None,
        }
    }

    /// What the owner did to a file.
    pub fn of_file(kind: Kind, file: &file::Model) -> Self {
        let object = Object::File(file.id);
        Self {
            owner_id: Some(file.owner_id),
            ..Self::new(kind).by(By::User(file.owner_id)).of(object)
        }
    }

    /// What users did to their own account.
    pub fn of_account(kind: Kind, user_id: Uuid) -> Self {
        let object = Object::User(user_id);
        Self::new(kind).by(By::User(user_id)).of(object)
    }

    pub fn by(self, by: By) -> Self {
        Self { by, ..self }
    }

    pub fn of(self, object: Object) -> Self {
        Self {
            object: Some(object),
            ..self
        }
    }

    pub fn to(self, audience: Audience, audience_id: Uuid) -> Self {
        Self {
            audience: Some((audience, audience_id)),
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

    fn into_row(self, at: Timestamp) -> event::Model {
        let (actor_kind, actor_id) = match self.by {
            By::User(id) => (ActorKind::User, Some(id)),
            By::Anonymous => (ActorKind::Anonymous, None),
            By::Link(id) => (ActorKind::Link, Some(id)),
            By::Drop(id) => (ActorKind::Drop, Some(id)),
            By::Operator => (ActorKind::Operator, None),
            By::Janitor => (ActorKind::Janitor, None),
        };
        let object = self.object.map(|object| match object {
            Object::File(id) => (ObjectKind::File, id),
            Object::User(id) => (ObjectKind::User, id),
            Object::ApiToken(id) => (ObjectKind::ApiToken, id),
            Object::Drop(id) => (ObjectKind::Drop, id),
            Object::Group(id) => (ObjectKind::Group, id),
            Object::Webhook(id) => (ObjectKind::Webhook, id),
        });
        let (object_kind, object_id) = object.unzip();
        let (audience, audience_id) = self.audience.unzip();
        event::Model {
            id: random::id(at),
            at,
            kind: self.kind,
            actor_kind,
            actor_id,
            object_kind,
            object_id,
            audience,
            audience_id,
            address: self.client.0.map(|address| address.to_string()),
            detail: self.detail,
            count: 1,
            owner_id: self.owner_id,
        }
    }
}

/// A line in the log. Debug formatting escapes what a client could forge a line with.
fn log(row: &event::Model) {
    tracing::info!(
        target: "audit",
        kind = ?row.kind,
        actor = ?row.actor_kind,
        actor_id = row.actor_id.map(tracing::field::display),
        object = row.object_kind.map(tracing::field::debug),
        object_id = row.object_id.map(tracing::field::display),
        audience = row.audience.map(tracing::field::debug),
        audience_id = row.audience_id.map(tracing::field::display),
        address = row.address.as_ref().map(tracing::field::display),
        detail = row.detail.as_ref().map(tracing::field::debug),
    );
}

/// Records an event in the transaction that makes it true. The log has a line of it once that is committed.
pub(super) async fn record(transaction: &Transaction, row: event::Model) -> Result<()> {
    record_all(transaction, vec![row]).await
}

/// The same for several, at least one.
pub(super) async fn record_all(transaction: &Transaction, rows: Vec<event::Model>) -> Result<()> {
    concerns::insert(transaction, rows.clone()).await?;
    transaction.after_commit(move || rows.iter().for_each(log));
    Ok(())
}

/// A user as the trail names them: no name has a colon, so that nobody can be called what another word says.
pub fn name(username: &str) -> String {
    format!("user:{username}")
}

/// A group as the trail names it, whatever it is called.
pub fn group_name(name: &str) -> String {
    format!("group:{name}")
}

/// The row of a change that a user makes, for [`record`] to write. `RATE_LIMITED` when its user has made too many.
///
/// What takes something away (revoking, deleting to the trash) is never refused by this limit: whoever uses up the changes of
/// somebody else's session must not keep the owner from reacting. Each of those follows a change or an upload, which are bounded.
pub(super) fn change(app: &App, event: Event) -> Result<event::Model> {
    if let By::User(user_id) = event.by {
        let per_hour = app.config.users.changes_per_hour;
        app.changes.charge(user_id, app.clock.uptime(), per_hour)?;
    }
    Ok(row(app, event))
}

/// Who hears of a change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    /// Users and groups that it is written down for.
    pub recipients: usize,
    /// All users, the members of those groups among them.
    pub users: usize,
}

/// So many recipients, or users, make a change count as one more.
const RECIPIENTS_AS_ONE: usize = 10;
const USERS_AS_ONE: usize = 250;

/// Counts a change that `user_id` has made as some more, where many hear of it.
pub(super) fn owe(app: &App, user_id: Uuid, heard: Heard) {
    let more = heard.recipients / RECIPIENTS_AS_ONE + heard.users / USERS_AS_ONE;
    let per_hour = app.config.users.changes_per_hour;
    app.changes.owe(user_id, app.clock.uptime(), per_hour, more);
}

/// The row of an event that is limited otherwise, or not at all.
pub(super) fn row(app: &App, event: Event) -> event::Model {
    row_at(event, app.clock.now())
}

/// The same for what turns out in a transaction.
pub(super) fn row_at(event: Event, now: Timestamp) -> event::Model {
    event.into_row(now)
}

/// Of each of these files of one's own, the page of what happened to it.
///
/// One query for [`LISTS_MAX`] files, which reads no more of each than its page.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub async fn of_files(
    app: &App,
    file_ids: &[&Owned<Uuid>],
    page: Page,
) -> Result<HashMap<Uuid, Rows<event::Model>>> {
    let mut by_file: HashMap<_, Vec<_>> = HashMap::new();
    for file_ids in file_ids.chunks(LISTS_MAX) {
        let lists = file_ids.iter().map(|file_id| ids_of_file(***file_id));
        let Some(keys) = page.keys_of_each(lists, event::Column::Id) else {
            continue;
        };
        let events = event::Entity::find().filter(event::Column::Id.in_subquery(keys));
        let events = match page.backward {
            true => events.order_by_asc(event::Column::Id),
            false => events.order_by_desc(event::Column::Id),
        };
        for event in app.db.all(events).await? {
            let file_id = event.object_id.unwrap_or_default();
            by_file.entry(file_id).or_default().push(event);
        }
    }
    let pages = by_file.into_iter();
    Ok(pages.map(|(id, rows)| (id, page.cut(rows))).collect())
}

/// The ids of what happened to a file.
fn ids_of_file(file_id: Uuid) -> SelectStatement {
    Query::select()
        .column((event::Entity, event::Column::Id))
        .from(event::Entity)
        .and_where(event::Column::ObjectId.eq(file_id))
        .and_where(event::Column::ObjectKind.eq(ObjectKind::File))
        .to_owned()
}

/// The event `id`, if it concerns `viewer`, who sees it in their feed, too.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub async fn visible(app: &App, viewer: &Viewer, id: Uuid) -> Result<Option<event::Model>> {
    match feed::concerns(app, viewer, id).await? {
        true => app.db.one(event::Entity::find_by_id(id)).await,
        false => Ok(None),
    }
}

/// Deletes up to `limit` events that have been kept for their time at `now`, and says how many.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub async fn sweep_old(app: &App, now: Timestamp, limit: u64) -> Result<u64> {
    let due = event::Column::At.lte(before(now, app.config.sweeps.event_ttl));
    let id = event::Column::Id;
    app.db.delete_due::<event::Entity>(id, due, limit).await
}
