//! Whom events concern, and their places in the feed.
//!
//! A place says what comes after what, whatever the clocks of instances say and whichever transaction ends first: places are
//! given one after the other, each in a transaction that ends before the next one begins. On SQLite that is the event's own,
//! for there is one at a time. On PostgreSQL events wait for a place until their commit; then [`give_places`] gives them
//! one, to many at once, so that the commits themselves wait for nobody.

use std::collections::{BTreeSet, HashMap};

use entity::{
    concern::{self, Reader},
    drop,
    event::{self, ActorKind, ObjectKind},
    feed_position, file,
    share::Audience,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use crate::{
    db::{Db, Transaction},
    error::Result,
};

/// Events that get a place in one transaction at most.
const EVENTS_MAX: usize = 500;
/// Rows that are looked at to find them: an event has one for each reader.
const WAITING_ROWS: u64 = 2000;
/// Rows of a statement: SQLite takes 32,766 parameters.
const ROWS_MAX: usize = 2000;
/// The one row of the table.
const POSITION: i32 = 1;

/// What wakes the instances, where PostgreSQL tells them that there are events.
pub const CHANNEL: &str = "cloakroom_feed";

/// Whom an event concerns: who did it, whose the thing is that it was done to, and whom a share reaches by name or through a
/// group. Never empty, since the rows of these have the event's place.
fn readers(event: &event::Model) -> BTreeSet<(Reader, Uuid)> {
    let actor = event
        .actor_id
        .filter(|_| event.actor_kind == ActorKind::User);
    let users = [actor, event.owner_id];
    let object = match event.object_kind.zip(event.object_id) {
        Some((ObjectKind::User, id)) => Some((Reader::User, id)),
        Some((ObjectKind::Group, id)) => Some((Reader::Group, id)),
        _ => None,
    };
    let audience = event.audience.zip(event.audience_id);
    let audience = audience.and_then(|(audience, id)| Some((reader(audience)?, id)));
    let users = users.into_iter().flatten().map(|id| (Reader::User, id));
    let mut readers: BTreeSet<_> = users.chain(object).chain(audience).collect();
    if readers.is_empty() {
        readers.insert((Reader::Nobody, Uuid::nil()));
    }
    readers
}

/// Who of an audience hears of what happens to the file. What is shared with everyone tells nobody but its owner: one person could
/// fill the feeds of all.
fn reader(audience: Audience) -> Option<Reader> {
    match audience {
        Audience::User => Some(Reader::User),
        Audience::Group => Some(Reader::Group),
        Audience::Authenticated | Audience::Link => None,
    }
}

/// Writes events, those that are there left out, and whom they concern.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub(super) async fn insert(transaction: &Transaction, mut rows: Vec<event::Model>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    note_owners(transaction, &mut rows).await?;
    let models = rows.iter().cloned().map(event::ActiveModel::from);
    event::Entity::insert_many(models.map(ActiveModelTrait::reset_all))
        // For rows that were written before, when a commit succeeded without our hearing of it.
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?;
    let mut place = match has_places_at_once(transaction) {
        true => Some(take_places(transaction, rows.len()).await?),
        false => None,
    };
    let mut concerns = Vec::new();
    for row in &rows {
        place = place.map(|before| before + 1);
        concerns.extend(concerns_of(row.id, place, readers(row)));
    }
    concern(transaction, concerns).await
}

/// Whether events get their places when they are written: see above.
fn has_places_at_once(transaction: &Transaction) -> bool {
    transaction.get_database_backend() != DbBackend::Postgres
}

/// Notes users whom an event of this transaction concerns beside those that it names itself.
pub(in crate::domain) async fn concern_users(
    transaction: &Transaction,
    event_id: Uuid,
    users: impl IntoIterator<Item = Uuid>,
) -> Result<()> {
    let users = users.into_iter().map(|id| (Reader::User, id));
    concern_more(transaction, event_id, users).await
}

/// The same for whom shares reach. Everyone signed in is nobody in particular: see [`readers`].
pub(in crate::domain) async fn concern_audiences(
    transaction: &Transaction,
    event_id: Uuid,
    audiences: &[(Audience, Uuid)],
) -> Result<()> {
    let audiences = audiences.iter();
    let readers = audiences.filter_map(|(audience, id)| Some((reader(*audience)?, *id)));
    concern_more(transaction, event_id, readers).await
}

/// It has one place for all of them.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
async fn concern_more(
    transaction: &Transaction,
    event_id: Uuid,
    readers: impl IntoIterator<Item = (Reader, Uuid)>,
) -> Result<()> {
    let place = match has_places_at_once(transaction) {
        true => {
            let of_event = concern::Entity::find()
                .filter(concern::Column::EventId.eq(event_id))
                .limit(1);
            of_event.one(transaction).await?.and_then(|row| row.seq)
        }
        false => None,
    };
    let concerns = concerns_of(event_id, place, readers);
    concern(transaction, concerns.collect()).await
}

/// Takes up to `limit` events out of the feed of a user who no longer exists, and returns their ids. They keep their places, for
/// those who read all events.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub(super) async fn end_feed(
    transaction: &Transaction,
    user_id: Uuid,
    limit: u64,
) -> Result<Vec<Uuid>> {
    let of_feed = || {
        concern::Column::Reader
            .eq(Reader::User)
            .and(concern::Column::ReaderId.eq(user_id))
    };
    let ids: Vec<Uuid> = concern::Entity::find()
        .select_only()
        .column(concern::Column::EventId)
        .filter(of_feed())
        .limit(limit)
        .into_tuple()
        .all(transaction)
        .await?;
    // Held, in the order in which old events are swept, and then as places are given: or each could wait for rows of the other.
    event::Entity::find()
        .select_only()
        .column(event::Column::Id)
        .filter(event::Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(event::Column::Id)
        .lock_exclusive()
        .into_tuple::<Uuid>()
        .all(transaction)
        .await?;
    let position = feed_position::Entity::find_by_id(POSITION).lock_exclusive();
    position.one(transaction).await?;
    concern::Entity::update_many()
        .col_expr(concern::Column::Reader, Expr::value(Reader::Nobody))
        .filter(concern::Column::EventId.is_in(ids.iter().copied()))
        .filter(of_feed())
        .exec(transaction)
        .await?;
    Ok(ids)
}

fn concerns_of(
    event_id: Uuid,
    place: Option<i64>,
    readers: impl IntoIterator<Item = (Reader, Uuid)>,
) -> impl Iterator<Item = concern::ActiveModel> {
    readers
        .into_iter()
        .map(move |(reader, id)| concern::ActiveModel {
            id: NotSet,
            seq: Set(place),
            reader: Set(reader),
            reader_id: Set(id),
            event_id: Set(event_id),
        })
}

#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
async fn concern(transaction: &Transaction, rows: Vec<concern::ActiveModel>) -> Result<()> {
    for rows in rows.chunks(ROWS_MAX) {
        concern::Entity::insert_many(rows.iter().cloned())
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(transaction)
            .await?;
    }
    transaction.announce();
    Ok(())
}

/// Takes so many places, and says which was the last before them.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
async fn take_places(transaction: &Transaction, number: usize) -> Result<i64> {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let last = feed_position::Column::Last;
    let taken = feed_position::Entity::update_many()
        .col_expr(last, Expr::col(last).add(number))
        .filter(feed_position::Column::Id.eq(POSITION))
        .exec_with_returning(transaction)
        .await?;
    Ok(taken.first().map_or(0, |row| row.last - number))
}

/// The last place of all that has happened, as this transaction sees it: what waits for a place gets the next ones.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub(in crate::domain) async fn last_place(transaction: &Transaction) -> Result<i64> {
    // Before the places that are given: those that are given meanwhile then count twice, and none is missed.
    let waiting = concern::Entity::find()
        .select_only()
        .column_as(Expr::col(concern::Column::EventId).count_distinct(), "n")
        .filter(concern::Column::Seq.is_null())
        .into_tuple::<i64>();
    let waiting = waiting.one(transaction).await?.unwrap_or(0);
    let position = feed_position::Entity::find_by_id(POSITION);
    let position = position.one(transaction).await?;
    Ok(position.map_or(0, |position| position.last) + waiting)
}

/// Whose the files and drops are that events are about, where these do not say it.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
async fn note_owners(transaction: &Transaction, rows: &mut [event::Model]) -> Result<()> {
    let of_kind = |rows: &[event::Model], kind| -> BTreeSet<Uuid> {
        let rows = rows.iter().filter(|row| row.owner_id.is_none());
        let rows = rows.filter(|row| row.object_kind == Some(kind));
        rows.filter_map(|row| row.object_id).collect()
    };
    let mut owners: HashMap<Uuid, Uuid> = HashMap::new();
    let files = of_kind(rows, ObjectKind::File);
    if !files.is_empty() {
        let found: Vec<(Uuid, Uuid)> = file::Entity::find()
            .select_only()
            .columns([file::Column::Id, file::Column::OwnerId])
            .filter(file::Column::Id.is_in(files))
            .into_tuple()
            .all(transaction)
            .await?;
        owners.extend(found);
    }
    let drops = of_kind(rows, ObjectKind::Drop);
    if !drops.is_empty() {
        let found: Vec<(Uuid, Uuid)> = drop::Entity::find()
            .select_only()
            .columns([drop::Column::Id, drop::Column::OwnerId])
            .filter(drop::Column::Id.is_in(drops))
            .into_tuple()
            .all(transaction)
            .await?;
        owners.extend(found);
    }
    for row in rows.iter_mut().filter(|row| row.owner_id.is_none()) {
        row.owner_id = row.object_id.and_then(|id| owners.get(&id).copied());
    }
    Ok(())
}

/// What came of giving places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    /// Whether any event got one.
    pub any: bool,
    /// Whether others may wait still.
    pub more: bool,
}

/// Gives places to events that wait for one, and tells all instances.
pub(super) async fn give_places(db: &Db) -> Result<Given> {
    let given = db.write(|transaction| Box::pin(give(transaction)));
    given.await
}

#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
async fn give(transaction: &Transaction) -> Result<Given> {
    // Held until the commit: nobody gets a later place before those that are given here can be read.
    let position = feed_position::Entity::find_by_id(POSITION).lock_exclusive();
    let Some(position) = position.one(transaction).await? else {
        return Ok(Given::default());
    };
    // In the order of writing: the ids of events are as far apart as the clocks of the instances that made them.
    let rows: Vec<Uuid> = concern::Entity::find()
        .select_only()
        .column(concern::Column::EventId)
        .filter(concern::Column::Seq.is_null())
        .order_by_asc(concern::Column::Id)
        .limit(WAITING_ROWS)
        .into_tuple()
        .all(transaction)
        .await?;
    let (mut seen, is_cut) = (BTreeSet::new(), rows.len() as u64 == WAITING_ROWS);
    let waiting = rows.into_iter().filter(|id| seen.insert(*id));
    let waiting: Vec<_> = waiting.take(EVENTS_MAX).collect();
    let (Some(number), false) = (i64::try_from(waiting.len()).ok(), waiting.is_empty()) else {
        return Ok(Given::default());
    };
    let places = waiting.iter().zip(position.last + 1..);
    let places: Vec<_> = places
        .map(|(id, seq)| format!("('{id}'::uuid, {seq})"))
        .collect();
    transaction
        .execute_unprepared(&format!(
            "UPDATE concern SET seq = places.seq FROM (VALUES {}) AS places (event_id, seq) \
             WHERE concern.event_id = places.event_id AND concern.seq IS NULL; \
             UPDATE feed_position SET last = last + {number}; NOTIFY {CHANNEL}",
            places.join(", ")
        ))
        .await?;
    Ok(Given {
        any: true,
        more: is_cut || waiting.len() == EVENTS_MAX,
    })
}
