//! What concerns somebody, in the order of the feed. Whether it does is asked at each reading: who has left a group does not
//! read what concerns it.

use entity::{
    concern::{self, Reader},
    event, group_member,
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Asterisk, Query, SelectStatement, UnionType},
};
use std::{
    collections::{BTreeMap, HashMap},
    iter,
};
use uuid::Uuid;

use crate::{
    app::App,
    auth::Viewer,
    db::{LISTS_MAX, Page, Rows},
    error::Result,
};

/// An event and its place in the feed.
#[derive(Clone, Debug)]
pub struct Entry {
    pub seq: i64,
    pub event: event::Model,
}

/// How many events are looked at to find the place of one that has been swept.
const NEAREST: u64 = 1000;

/// The part of a feed between two places, both excluded.
#[derive(Clone, Copy, Debug)]
struct Range {
    above: Option<i64>,
    below: Option<i64>,
    limit: u64,
    oldest_first: bool,
}

/// As whom somebody reads.
#[derive(Clone, Copy, Debug)]
struct Reading {
    reader: Reader,
    reader_id: Uuid,
    /// The events that are told have later places.
    since: i64,
}

impl Reading {
    fn has(&self, concern: &concern::Model) -> bool {
        (self.reader, self.reader_id) == (concern.reader, concern.reader_id)
            && concern.seq.is_some_and(|seq| seq > self.since)
    }
}

/// As whom `viewer` reads: as themselves, and as a member of each of their groups, since they belong to it.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
async fn readings(app: &App, viewer: &Viewer) -> Result<Vec<Reading>> {
    let groups = group_member::Entity::find().filter(group_member::Column::UserId.eq(viewer.id()));
    let groups = app.db.all(groups).await?.into_iter();
    let groups = groups.map(|member| Reading {
        reader: Reader::Group,
        reader_id: member.group_id,
        since: member.joined_after,
    });
    let alone = Reading {
        reader: Reader::User,
        reader_id: viewer.id(),
        since: 0,
    };
    Ok(iter::once(alone).chain(groups).collect())
}

/// The events in `range` that any of `readings` has, by their places. One scan for each, bounded by the range and
/// by the index of places.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
async fn between(app: &App, readings: &[Reading], range: Range) -> Result<Vec<(i64, Uuid)>> {
    let mut found = BTreeMap::new();
    for readings in readings.chunks(LISTS_MAX) {
        let mut scans = readings.iter().map(|reading| {
            // SQLite lets no part of a union have a limit of its own.
            let mut all = Query::select();
            all.column(Asterisk)
                .from_subquery(scan(reading, range), "scan");
            all
        });
        let Some(mut ids) = scans.next() else {
            continue;
        };
        ids.unions(scans.map(|scan| (UnionType::All, scan)));
        let concerns = concern::Entity::find().filter(concern::Column::Id.in_subquery(ids));
        for concern in app.db.all(concerns).await? {
            if let Some(seq) = concern.seq {
                found.insert(seq, concern.event_id);
            }
        }
    }
    let limit = usize::try_from(range.limit).unwrap_or(usize::MAX);
    let found = found.into_iter();
    Ok(match range.oldest_first {
        true => found.take(limit).collect(),
        false => found.rev().take(limit).collect(),
    })
}

fn scan(reading: &Reading, range: Range) -> SelectStatement {
    let seq = concern::Column::Seq;
    let order = match range.oldest_first {
        true => Order::Asc,
        false => Order::Desc,
    };
    let mut scan = Query::select();
    scan.column(concern::Column::Id)
        .from(concern::Entity)
        .and_where(concern::Column::Reader.eq(reading.reader))
        .and_where(concern::Column::ReaderId.eq(reading.reader_id))
        .and_where(seq.gt(range.above.unwrap_or(0).max(reading.since)))
        .order_by_expr(seq.into_expr(), order)
        .limit(range.limit);
    if let Some(below) = range.below {
        scan.and_where(seq.lt(below));
    }
    scan
}

/// The page of what concerns `viewer`, newest first.
pub async fn of_viewer(app: &App, viewer: &Viewer, page: Page) -> Result<Rows<event::Model>> {
    let bounds = places(app, page.after.into_iter().chain(page.before)).await?;
    let place = |id: Option<Uuid>| id.and_then(|id| bounds.get(&id).copied());
    let range = Range {
        // Newest first: what is after a place is older.
        above: place(page.before).map(|place| place.seq()),
        below: place(page.after).map(|place| place.at_least()),
        limit: page.limit + 1,
        oldest_first: page.backward,
    };
    let readings = readings(app, viewer).await?;
    let found = between(app, &readings, range).await?;
    let mut events = of_ids(app, found.iter().map(|(_, id)| *id)).await?;
    let found = found.into_iter().filter_map(|(_, id)| events.remove(&id));
    Ok(page.cut(found.collect()))
}

/// The oldest event that concerns `viewer` and has a later place than `seq`.
pub async fn event_after(app: &App, viewer: &Viewer, seq: i64) -> Result<Option<Entry>> {
    let range = Range {
        above: Some(seq),
        below: None,
        limit: 1,
        oldest_first: true,
    };
    let readings = readings(app, viewer).await?;
    let mut above = range;
    // One whose event was swept at this moment is passed over.
    while let Some((seq, id)) = between(app, &readings, above).await?.pop() {
        if let Some(event) = of_ids(app, [id]).await?.remove(&id) {
            return Ok(Some(Entry { seq, event }));
        }
        above.above = Some(seq);
    }
    Ok(None)
}

/// The events that have later places than `seq`, whomever they concern, oldest first: those of some rows, and so no more than
/// `limit`. One that was swept is left out, and its place tells.
pub(in crate::domain) async fn placed_after(app: &App, seq: i64, limit: u64) -> Result<Vec<Entry>> {
    let mut placed = BTreeMap::new();
    for row in concerned_since(app, seq, limit).await? {
        placed.extend(row.seq.map(|seq| (seq, row.event_id)));
    }
    let mut events = of_ids(app, placed.values().copied()).await?;
    let entries = placed.into_iter().filter_map(|(seq, id)| {
        let event = events.remove(&id)?;
        Some(Entry { seq, event })
    });
    Ok(entries.collect())
}

/// Whether the event `id` concerns `viewer`.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub(super) async fn concerns(app: &App, viewer: &Viewer, id: Uuid) -> Result<bool> {
    let readings = readings(app, viewer).await?;
    let concerned = concern::Entity::find().filter(concern::Column::EventId.eq(id));
    let concerned = app.db.all(concerned).await?;
    let mut readings = readings.iter();
    Ok(readings.any(|reading| concerned.iter().any(|row| reading.has(row))))
}

#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
async fn of_ids(
    app: &App,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, event::Model>> {
    let events = event::Entity::find().filter(event::Column::Id.is_in(ids));
    let events = app.db.all(events).await?.into_iter();
    Ok(events.map(|event| (event.id, event)).collect())
}

/// Where an event is in the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    At(i64),
    /// It has been swept, or is none: it would be just before this place.
    Before(i64),
}

impl Position {
    /// The last place that is not later.
    pub fn seq(self) -> i64 {
        match self {
            Self::At(seq) => seq,
            Self::Before(seq) => seq - 1,
        }
    }

    /// The first place that is not earlier.
    fn at_least(self) -> i64 {
        match self {
            Self::At(seq) | Self::Before(seq) => seq,
        }
    }
}

/// Where these events are in the feed. One that waits for its place still is taken to be the newest.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
async fn places(app: &App, ids: impl IntoIterator<Item = Uuid>) -> Result<HashMap<Uuid, Position>> {
    let mut places = HashMap::new();
    for id in ids {
        let of_event = concern::Entity::find().filter(concern::Column::EventId.eq(id));
        let place = match app.db.one(of_event).await?.and_then(|row| row.seq) {
            Some(seq) => Position::At(seq),
            None => {
                // Events are swept in the order of their ids, which is about that of their places.
                let later = concern::Entity::find()
                    .filter(concern::Column::EventId.gt(id))
                    .filter(concern::Column::Seq.is_not_null())
                    .order_by_asc(concern::Column::EventId)
                    .limit(NEAREST);
                let later = app.db.all(later).await?;
                let first = later.into_iter().filter_map(|row| row.seq).min();
                Position::Before(first.unwrap_or(last(app).await? + 1))
            }
        };
        places.insert(id, place);
    }
    Ok(places)
}

/// The place after which a reader begins: that of the event `after`, or the present end of the feed.
pub async fn begin(app: &App, after: Option<Uuid>) -> Result<i64> {
    match after {
        None => last(app).await,
        Some(id) => {
            let position = places(app, [id]).await?.remove(&id);
            Ok(position.map_or(0, Position::seq))
        }
    }
}

/// The last place that was given.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub(in crate::domain) async fn last(app: &App) -> Result<i64> {
    let position = app.db.one(entity::feed_position::Entity::find()).await?;
    Ok(position.map_or(0, |position| position.last))
}

/// Whom events with later places than `seq` concern, and the last of these places: those of so many rows, and whether there
/// are more.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub(super) async fn concerned_since(
    app: &App,
    seq: i64,
    limit: u64,
) -> Result<Vec<concern::Model>> {
    let since = concern::Entity::find()
        .filter(concern::Column::Seq.gt(seq))
        .order_by_asc(concern::Column::Seq)
        .limit(limit);
    app.db.all(since).await
}

/// The members of these groups.
#[expect(clippy::disallowed_methods, reason = "this is the event table's owner")]
pub(super) async fn members(app: &App, groups: Vec<Uuid>) -> Result<Vec<Uuid>> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let any = Condition::any().add(group_member::Column::GroupId.is_in(groups));
    let members = app
        .db
        .all(group_member::Entity::find().filter(any))
        .await?
        .into_iter();
    Ok(members.map(|member| member.user_id).collect())
}
